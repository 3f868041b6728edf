use super::*;
use alloc::string::String;

const SECOND: Duration = Duration::from_secs(1);

/// 1994-11-06T08:49:30Z, seven seconds before the date in RFC 9110's examples.
fn now() -> WallTime {
    WallTime::from_unix_millis(784_111_770_000)
}

/// The seconds since the epoch that a date means.
fn seconds(date: &str) -> Option<u64> {
    match RetryAfter::parse(date, now())? {
        RetryAfter::At(time) => Some(time.as_unix_millis() / 1_000),
        RetryAfter::Delay(_) => None,
    }
}

#[test]
fn f4_retry_after_in_seconds_is_understood() {
    for (value, wait) in [
        ("0", 0),
        ("120", 120),
        (" 7\t", 7),
        ("007", 7),
        ("18446744073709551615", u64::MAX),
        ("99999999999999999999999999", u64::MAX),
    ] {
        let read = RetryAfter::parse(value, now()).unwrap();
        assert_eq!(read, RetryAfter::Delay(Duration::from_secs(wait)), "{value}");
        assert_eq!(read.delay(now(), Duration::MAX), Duration::from_secs(wait));
    }
}

#[test]
fn f4_retry_after_as_a_date_is_understood_in_its_three_forms() {
    for date in [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun Nov 06 08:49:37 1994",
        "sun, 06 nov 1994 08:49:37 gmt",
    ] {
        let read = RetryAfter::parse(date, now()).unwrap();
        assert_eq!(read.delay(now(), DEFAULT_RETRY_AFTER_CAP), 7 * SECOND, "{date}");
        let later = now().after(8 * SECOND);
        assert_eq!(read.delay(later, DEFAULT_RETRY_AFTER_CAP), Duration::ZERO);
    }
}

#[test]
fn f4_the_calendar_knows_its_leap_days() {
    for (date, expected) in [
        ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
        ("Wed, 31 Dec 1969 23:59:59 GMT", Some(0)),
        ("Sat, 01 Jan 0000 00:00:00 GMT", Some(0)),
        ("Tue, 29 Feb 2000 00:00:00 GMT", Some(951_782_400)),
        ("Wed, 01 Mar 2000 00:00:00 GMT", Some(951_868_800)),
        ("Thu, 29 Feb 2024 12:00:00 GMT", Some(1_709_208_000)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", Some(253_402_300_799)),
        ("Fri, 30 Jun 2034 23:59:60 GMT", Some(2_035_324_800)),
        ("Mon, 29 Feb 2100 00:00:00 GMT", None),
        ("Sun, 29 Feb 1900 00:00:00 GMT", None),
        ("Wed, 29 Feb 2023 00:00:00 GMT", None),
        ("Tue, 31 Apr 2024 00:00:00 GMT", None),
        ("Tue, 00 Apr 2024 00:00:00 GMT", None),
    ] {
        assert_eq!(seconds(date), expected, "{date}");
    }
}

#[test]
fn f4_a_two_digit_year_is_at_most_fifty_years_ahead() {
    let at = |year: &str| {
        let date = alloc::format!("Sunday, 06-Nov-{year} 08:49:37 GMT");
        let received = WallTime::from_unix_millis(1_780_000_000_000); // 2026
        match RetryAfter::parse(date, received).unwrap() {
            RetryAfter::At(time) => 1970 + time.as_unix_millis() / 1_000 / 31_556_952,
            RetryAfter::Delay(_) => 0,
        }
    };
    assert_eq!(at("26"), 2026);
    assert_eq!(at("00"), 2000);
    assert_eq!(at("76"), 2076);
    assert_eq!(at("77"), 1977);
    assert_eq!(at("99"), 1999);
    // And across a century's end.
    assert_eq!(seconds("Monday, 06-Nov-06 08:49:37 GMT"), Some(1_162_802_977));
}

#[test]
fn f4_garbage_is_no_retry_after() {
    let long = "1".repeat(MAX_VALUE_BYTES + 1);
    for garbage in [
        "",
        " ",
        "-1",
        "+1",
        "1.5",
        "1e3",
        "12 0",
        "120, 120",
        "soon",
        "٣",
        "\u{0}",
        &long,
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 06 Nov 1994 08:49:37 GMT x",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Xxx, 06 Nov 1994 08:49:37 GMT",
        "Sun 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sunday, 06-Nov-94-1 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sun Nov 006 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 x",
        "1994-11-06T08:49:37Z",
    ] {
        assert_eq!(RetryAfter::parse(garbage, now()), None, "{garbage:?}");
    }
    assert_eq!(RetryAfter::parse(b"\xff\xfe", now()), None);
}

#[test]
fn t7_no_server_makes_a_client_wait_longer_than_the_cap() {
    let cap = 30 * SECOND;
    for value in ["31", "18446744073709551616", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        assert_eq!(RetryAfter::parse(value, now()).unwrap().delay(now(), cap), cap);
    }
    let past = RetryAfter::parse("Sun, 06 Nov 1994 08:49:37 GMT", now()).unwrap();
    let end_of_time = WallTime::from_unix_millis(u64::MAX);
    assert_eq!(past.delay(end_of_time, cap), Duration::ZERO);
    let at_end = RetryAfter::parse("Sunday, 06-Nov-94 08:49:37 GMT", end_of_time);
    assert!(at_end.is_some(), "a clock gone wild overflows nothing");
}

#[test]
fn f4_every_day_of_four_centuries_is_read_back() {
    let mut expected = 951_868_800; // 2000-03-01
    let (mut year, mut month, mut day) = (2000_u64, 3_u64, 1_u64);
    for _ in 0..146_097 {
        let name = core::str::from_utf8(MONTHS[usize::try_from(month).unwrap() - 1]).unwrap();
        let date: String = alloc::format!("Mon, {day:02} {name} {year} 00:00:00 GMT");
        assert_eq!(seconds(&date), Some(expected), "{date}");
        expected += SECONDS_PER_DAY;
        day += 1;
        if instant(year, month, day, 0).is_none() {
            (month, day) = (month + 1, 1);
        }
        if month == 13 {
            (year, month) = (year + 1, 1);
        }
    }
    assert_eq!((year, month, day), (2400, 3, 1));
}
