//! `Retry-After` (RFC 9110 §10.2.3), in both its forms.

use core::time::Duration;

use crate::WallTime;

/// The longest wait that a server is obeyed in, unless the caller of [`RetryAfter::delay`] says otherwise: one hour.
///
/// A server that asks for more has made a mistake, or has forgotten that somebody waits.
pub const DEFAULT_RETRY_AFTER_CAP: Duration = Duration::from_secs(60 * 60);

/// The longest header value that is looked at, in bytes. The longest legal date has 33.
const MAX_VALUE_BYTES: usize = 128;

const MILLIS_PER_SECOND: u64 = 1_000;
const SECONDS_PER_DAY: u64 = 86_400;

/// When a server wants to be asked again.
///
/// ```
/// use core::time::Duration;
/// use oneflight_core::retry_after::{DEFAULT_RETRY_AFTER_CAP, RetryAfter};
/// use oneflight_core::WallTime;
///
/// let now = WallTime::from_unix_millis(784_111_770_000);
/// let seconds = RetryAfter::parse("120", now).expect("the first form");
/// let date = RetryAfter::parse("Sun, 06 Nov 1994 08:49:37 GMT", now).expect("the second form");
/// assert_eq!(seconds.delay(now, DEFAULT_RETRY_AFTER_CAP), Duration::from_secs(120));
/// assert_eq!(date.delay(now, DEFAULT_RETRY_AFTER_CAP), Duration::from_secs(7));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RetryAfter {
    /// This long after the answer came.
    Delay(Duration),
    /// At this time, by the server's clock.
    At(WallTime),
}

impl RetryAfter {
    /// Reads a header value; `None` for anything that is neither form.
    ///
    /// `received` is when the answer came. It decides the century of an obsolete date with a two-digit year
    /// (RFC 9110 §5.6.7), and nothing else.
    ///
    /// Dates are read in the three forms that RFC 9110 §5.6.7 asks recipients to accept. A number of seconds too large
    /// to count is the largest that can be counted; a date before 1970 is 1970.
    #[must_use]
    pub fn parse(value: impl AsRef<[u8]>, received: WallTime) -> Option<Self> {
        let value = value.as_ref().trim_ascii();
        if value.is_empty() || value.len() > MAX_VALUE_BYTES {
            return None;
        }
        if value.iter().all(u8::is_ascii_digit) {
            return Some(Self::Delay(Duration::from_secs(number(value))));
        }
        http_date(value, received).map(Self::At)
    }

    /// How long to wait from `now` on, `cap` at most; nothing for a time that has passed.
    #[must_use]
    pub fn delay(self, now: WallTime, cap: Duration) -> Duration {
        match self {
            Self::Delay(delay) => delay,
            Self::At(time) => time.since(now),
        }
        .min(cap)
    }
}

/// The value of ASCII digits, or the largest number there is.
fn number(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |value: u64, digit| {
        value.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
    })
}

/// The same for a field of exactly so many digits.
fn field(bytes: &[u8], digits: usize) -> Option<u64> {
    let legal = bytes.len() == digits && bytes.iter().all(u8::is_ascii_digit);
    legal.then(|| number(bytes))
}

/// A date in one of the three forms of RFC 9110 §5.6.7, told apart by what follows the day's name.
fn http_date(value: &[u8], received: WallTime) -> Option<WallTime> {
    let mut parts = value.split(|byte| *byte == b' ').filter(|part| !part.is_empty());
    let day_name = parts.next()?;
    match day_name.strip_suffix(b",") {
        None => {
            // asctime: Sun Nov  6 08:49:37 1994
            one_of(day_name, &SHORT_DAYS)?;
            let month = one_of(parts.next()?, &MONTHS)?;
            let day = parts.next()?;
            let day = field(day, day.len().min(2))?;
            let time = time_of_day(parts.next()?)?;
            let year = field(parts.next()?, 4)?;
            parts.next().is_none().then_some(())?;
            instant(year, month, day, time)
        }
        Some(name) => {
            let date = parts.next()?;
            let (year, month, day) = if date.len() == 2 {
                // IMF-fixdate: Sun, 06 Nov 1994 08:49:37 GMT
                one_of(name, &SHORT_DAYS)?;
                let month = one_of(parts.next()?, &MONTHS)?;
                (field(parts.next()?, 4)?, month, field(date, 2)?)
            } else {
                // RFC 850: Sunday, 06-Nov-94 08:49:37 GMT
                one_of(name, &LONG_DAYS)?;
                let mut date = date.split(|byte| *byte == b'-');
                let day = field(date.next()?, 2)?;
                let month = one_of(date.next()?, &MONTHS)?;
                let year = century(field(date.next()?, 2)?, received);
                date.next().is_none().then_some(())?;
                (year, month, day)
            };
            let time = time_of_day(parts.next()?)?;
            parts.next()?.eq_ignore_ascii_case(b"GMT").then_some(())?;
            parts.next().is_none().then_some(())?;
            instant(year, month, day, time)
        }
    }
}

const SHORT_DAYS: [&[u8]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
const LONG_DAYS: [&[u8]; 7] = [
    b"Monday",
    b"Tuesday",
    b"Wednesday",
    b"Thursday",
    b"Friday",
    b"Saturday",
    b"Sunday",
];
const MONTHS: [&[u8]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// The place of a name in its list, from 1 on. Case does not matter: nothing else could be meant.
fn one_of(name: &[u8], names: &[&[u8]]) -> Option<u64> {
    (1..)
        .zip(names)
        .find(|(_, known)| known.eq_ignore_ascii_case(name))
        .map(|(place, _)| place)
}

/// Seconds since midnight of `08:49:37`; a leap second counts as the second after.
fn time_of_day(time: &[u8]) -> Option<u64> {
    let mut fields = time.split(|byte| *byte == b':');
    let (hour, minute, second) = (
        field(fields.next()?, 2)?,
        field(fields.next()?, 2)?,
        field(fields.next()?, 2)?,
    );
    let legal = fields.next().is_none() && hour < 24 && minute < 60 && second <= 60;
    legal.then_some(hour * 3_600 + minute * 60 + second)
}

/// A two-digit year: the one that is at most 50 years after the receipt, and else lies in the past.
fn century(two_digits: u64, received: WallTime) -> u64 {
    const DAYS_PER_400_YEARS: u64 = 146_097;
    let days = received.as_unix_millis() / MILLIS_PER_SECOND / SECONDS_PER_DAY;
    let this_year = 1970 + days * 400 / DAYS_PER_400_YEARS;
    let candidate = this_year - this_year % 100 + two_digits;
    if candidate > this_year + 50 {
        candidate - 100
    } else if candidate + 50 <= this_year {
        candidate + 100
    } else {
        candidate
    }
}

/// The moment, or the epoch for any moment before it: past is past.
fn instant(year: u64, month: u64, day: u64, second_of_day: u64) -> Option<WallTime> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days_in_month = match month {
        2 => 28 + u64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if day == 0 || day > days_in_month {
        return None;
    }
    let millis = days_since_epoch(year, month, day).map_or(0, |days| {
        (days * SECONDS_PER_DAY + second_of_day) * MILLIS_PER_SECOND
    });
    Some(WallTime::from_unix_millis(millis))
}

/// Days from 1970-01-01 to this day of the proleptic Gregorian calendar; `None` for a day before.
///
/// Years are counted from March, so that the leap day is the last of its year.
fn days_since_epoch(year: u64, month: u64, day: u64) -> Option<u64> {
    /// From the first of March of the year 0.
    const EPOCH: u64 = 719_468;
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year.checked_sub(1)?, month + 9)
    };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year;
    days.checked_sub(EPOCH)
}

#[cfg(test)]
mod tests;
