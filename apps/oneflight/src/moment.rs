//! Times as people and programs read them.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat};
use oneflight::{Clock as _, SystemClock, TokenSet, WallTime};

/// The wall clock of this machine.
pub(crate) fn now() -> WallTime {
    SystemClock::default().wall()
}

/// How long the access token is valid from now on, and until when; `None`: the server did not say.
pub(crate) fn validity(tokens: &TokenSet, now: WallTime) -> Option<(Duration, WallTime)> {
    let until = tokens.expires_at(now)?;
    Some((until.since(now), until))
}

/// RFC 3339, in UTC and whole seconds; a time that it cannot say is the last it can.
pub(crate) fn rfc3339(at: WallTime) -> String {
    let millis = i64::try_from(at.as_unix_millis()).unwrap_or(i64::MAX);
    DateTime::from_timestamp_millis(millis)
        .filter(|time| time.timestamp() <= END)
        .unwrap_or(DateTime::from_timestamp(END, 0).unwrap_or_default())
        .to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// 9999-12-31T23:59:59Z: years have four digits (RFC 3339 §5.6).
const END: i64 = 253_402_300_799;

/// Days, hours, minutes and seconds: the two largest that are not zero.
pub(crate) fn in_words(length: Duration) -> String {
    let seconds = length.as_secs();
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let first = parts.iter().position(|(count, _)| *count > 0).unwrap_or(3);
    let shown = parts.iter().skip(first).take(2).filter(|(count, _)| *count > 0);
    let words: Vec<String> = shown.map(|(count, unit)| format!("{count} {unit}")).collect();
    if words.is_empty() {
        "0 s".to_owned()
    } else {
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_readable() {
        assert_eq!(
            rfc3339(WallTime::from_unix_millis(1_700_000_000_999)),
            "2023-11-14T22:13:20Z"
        );
        assert_eq!(
            rfc3339(WallTime::from_unix_millis(u64::MAX)),
            "9999-12-31T23:59:59Z"
        );
        for (seconds, words) in [
            (0, "0 s"),
            (59, "59 s"),
            (852, "14 min 12 s"),
            (3600, "1 h"),
            (90_000, "1 d 1 h"),
            (86_401, "1 d"),
        ] {
            assert_eq!(in_words(Duration::from_secs(seconds)), words);
        }
    }
}
