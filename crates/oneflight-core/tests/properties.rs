//! Properties of the pure functions, over generated input. The fuzz targets check the same ones.

use oneflight_core::WallTime;
use oneflight_core::answer::{Answer, Body, Members, Value};
use oneflight_core::origin::{AllowList, Origin};
use oneflight_core::retry_after::RetryAfter;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

mod entry_points;

use entry_points::{command_sequences, retry_after, token_answer, www_authenticate};

/// Header values made of what means something in them, and of anything.
fn header_value() -> impl Strategy<Value = Vec<u8>> {
    let telling = select(vec![
        "Bearer",
        "DPoP",
        "Basic",
        "Negotiate",
        " ",
        " ",
        ",",
        "=",
        "\"",
        "\\",
        "\t",
        "\n",
        ";",
        "==",
        "error",
        "error=\"invalid_token\"",
        "=\"insufficient_scope\"",
        "max_age=\"5\"",
        "a/b+c==",
        "realm=",
    ]);
    let fragment = prop_oneof![
        4 => telling.prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..4),
    ];
    vec(fragment, 0..40).prop_map(|fragments| fragments.concat())
}

fn date_like() -> impl Strategy<Value = String> {
    let fragment = select(vec![
        "Sun",
        ",",
        " ",
        " ",
        "06",
        "6",
        "Nov",
        "1994",
        "94",
        "-",
        ":",
        "08",
        "49",
        "37",
        "GMT",
        "Sunday",
        "29",
        "Feb",
        "2000",
        "Sun, 06 Nov 1994 ",
        "08:49:37",
        "06-Nov-94 ",
        "Sun Nov  6 ",
    ]);
    vec(fragment, 0..12).prop_map(|fragments| fragments.concat())
}

/// A date as servers write it (IMF-fixdate), by a calendar that counts day by day.
fn imf_fixdate(seconds: u64) -> String {
    const MONTHS: [(&str, u64); 12] = [
        ("Jan", 31),
        ("Feb", 28),
        ("Mar", 31),
        ("Apr", 30),
        ("May", 31),
        ("Jun", 30),
        ("Jul", 31),
        ("Aug", 31),
        ("Sep", 30),
        ("Oct", 31),
        ("Nov", 30),
        ("Dec", 31),
    ];
    let (mut day, second) = (seconds / 86_400, seconds % 86_400);
    let week = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let name = week[usize::try_from(day % 7).expect("less than seven")];
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while day >= 365 + u64::from(is_leap(year)) {
        day -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    for (month, days) in MONTHS {
        let days = days + u64::from(month == "Feb" && is_leap(year));
        if day < days {
            let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
            let day = day + 1;
            return format!("{name}, {day:02} {month} {year} {hour:02}:{minute:02}:{second:02} GMT");
        }
        day -= days;
    }
    unreachable!("a year has twelve months")
}

/// A JSON value, as an owned text decides its kind.
#[derive(Debug, Clone)]
enum Owned {
    Absent,
    Flag(bool),
    Array,
    Number(f64),
    Object(Option<String>),
    Text(String),
}

impl Owned {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Absent => Value::Absent,
            Self::Flag(flag) => Value::Flag(*flag),
            Self::Array => Value::Array,
            Self::Number(number) => Value::Number(*number),
            Self::Object(code) => Value::Object {
                code: code.as_deref(),
            },
            Self::Text(text) => Value::Text(text),
        }
    }
}

fn member(texts: &'static [&'static str]) -> impl Strategy<Value = Owned> {
    let text = prop_oneof![
        4 => select(texts).prop_map(String::from),
        1 => any::<String>(),
        1 => "[ -~]{0,80}",
    ];
    prop_oneof![
        2 => Just(Owned::Absent),
        6 => text.clone().prop_map(Owned::Text),
        1 => proptest::option::of(text).prop_map(Owned::Object),
        1 => any::<f64>().prop_map(Owned::Number),
        1 => any::<bool>().prop_map(Owned::Flag),
        1 => Just(Owned::Array),
    ]
}

fn host() -> impl Strategy<Value = String> {
    let fragment = select(vec![
        "api",
        "API",
        "example",
        ".",
        ".",
        "com",
        "127.0.0.1",
        "[::1]",
        "[0:0::1]",
        "::1",
        "0x7f.1",
        "localhost",
        "1",
        "[",
        "]",
        "%",
        "@",
        ":",
        "/",
        "ü",
        "-",
        "_",
        " ",
        "xn--bcher-kva",
    ]);
    vec(fragment, 0..5).prop_map(|fragments| fragments.concat())
}

fn parts() -> impl Strategy<Value = (&'static str, String, Option<u16>)> {
    let scheme = select(vec!["https", "HTTPS", "http", "ws", ""]);
    let port = select(vec![None, Some(0), Some(80), Some(443), Some(8443)]);
    (scheme, host(), port)
}

proptest! {
    #[test]
    fn r1_o5_any_challenges_are_read_within_bounds(value in header_value()) {
        www_authenticate::check(&value);
    }

    #[test]
    fn r1_o5_any_bytes_are_read_as_challenges(value in vec(any::<u8>(), 0..600)) {
        www_authenticate::check(&value);
    }

    #[test]
    fn f4_any_bytes_are_read_as_retry_after(
        value in prop_oneof![
            date_like().prop_map(String::into_bytes),
            "[0-9]{0,140}".prop_map(String::into_bytes),
            vec(any::<u8>(), 0..40),
        ],
        received in any::<u64>(),
    ) {
        retry_after::check(&value, received);
    }

    #[test]
    fn f4_any_date_is_read_back(seconds in 0_u64..253_402_300_800) {
        let date = imf_fixdate(seconds);
        let read = RetryAfter::parse(&date, WallTime::default());
        let time = WallTime::from_unix_millis(seconds * 1_000);
        prop_assert_eq!(read, Some(RetryAfter::At(time)), "{}", date);
        retry_after::check(date.as_bytes(), seconds);
    }

    #[test]
    fn f1_w4_any_answer_has_one_verdict_and_loses_no_token(
        status in prop_oneof![0_u16..1000, Just(200), Just(400), Just(403)],
        access_token in member(&["~access~token~", "short"]),
        refresh_token in member(&["~refresh~token~", "short", "a\r\nb"]),
        token_type in member(&["Bearer", "bearer", "bot", "DPoP", "mac"]),
        expires_in in member(&["3600", "-1", "3600.5", "soon"]),
        scope in member(&["read write"]),
        id_token in member(&["~identity~token~"]),
        error in member(&[
            "invalid_grant", "bad_refresh_token", "invalid_client", "login_required", "mfa_required", "slow_down",
            "server_error", "~refresh~token~", "~access~token~ is dead", token_answer::SENT, "",
        ]),
        error_description in member(&["AADSTS50196", "~refresh~token~"]),
    ) {
        let members = Members {
            access_token: access_token.value(),
            refresh_token: refresh_token.value(),
            token_type: token_type.value(),
            expires_in: expires_in.value(),
            scope: scope.value(),
            id_token: id_token.value(),
            error: error.value(),
            error_description: error_description.value(),
        };
        token_answer::check(&Answer { status, retry_after: None, body: Body::Json(members) });
    }

    #[test]
    fn f1_o5_any_bytes_make_an_answer(bytes in vec(any::<u8>(), 0..400)) {
        token_answer::check_bytes(&bytes);
    }

    #[test]
    fn s7_l1_p11_any_commands_and_faults_lose_no_session(program in vec(any::<u8>(), 0..300)) {
        command_sequences::check(&program);
    }

    #[test]
    fn o1_what_is_allowed_without_allocation_is_what_compares_equal(
        allowed in vec(parts(), 1..4),
        asked in parts(),
    ) {
        let origin = |(scheme, host, port): &(&str, String, Option<u16>)| {
            Origin::from_parts(scheme, host, *port).ok()
        };
        let origins: Vec<Origin> = allowed.iter().filter_map(origin).collect();
        let known = origin(&asked).is_some_and(|asked| origins.contains(&asked));
        if let Ok(list) = AllowList::dangerously_with_plain_http(origins.clone()) {
            prop_assert_eq!(list.allows(asked.0, &asked.1, asked.2), known);
        }
        if let Ok(list) = AllowList::new(origins) {
            prop_assert!(list.origins().iter().all(Origin::is_secure_or_loopback));
        }
    }

    #[test]
    fn o1_an_origin_survives_being_written_and_read(parts in parts()) {
        if let Ok(origin) = Origin::from_parts(parts.0, &parts.1, parts.2) {
            let shown = origin.host();
            let again = Origin::from_parts(origin.scheme().as_str(), shown, Some(origin.port()));
            prop_assert_eq!(again, Ok(origin.clone()));
        }
    }
}

/// Found by fuzzing.
#[test]
fn x1_one_failure_of_the_store_is_told_once_however_many_sign_outs_wait() {
    let mut program = vec![100, 15, 170];
    program.extend([209; 42]);
    program.extend([
        255, 255, 255, 81, 17, 128, 255, 255, 255, 255, 255, 255, 249, 15, 42, 255, 255, 255, 195, 17,
    ]);
    command_sequences::check(&program);
}

/// Found by the property above: somebody signs in between the command and the read that learns what it ends.
#[test]
fn l8_l9_a_sign_out_from_before_anything_was_read_revokes_what_it_finds() {
    command_sequences::check(&[
        0, 6, 0, 0, 64, 61, 0, 0, 0, 144, 15, 0, 134, 0, 142, 0, 56, 6, 0, 0, 173, 0, 0, 0, 47, 0, 0, 0, 238,
        0, 0, 0, 121, 0, 0, 0, 48, 0, 160, 0, 18, 18, 0,
    ]);
}
