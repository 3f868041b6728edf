use std::fs;
use std::time::Duration;

use oneflight_core::{BackOff, EndReason, HolderId, Mark, Secret, State, TokenSet, WallTime};

use super::*;

fn live(refresh: &str) -> Record {
    let mut tokens = TokenSet::new("s3cret-access", WallTime::from_unix_millis(5)).unwrap();
    tokens = tokens
        .refresh_token(refresh)
        .unwrap()
        .expires_in(Duration::from_millis(900));
    tokens = tokens.scope("read write").id_token("s3cret-id");
    tokens.extra = vec![("x".into(), Secret::new("{\"deep\":1}"))];
    Record {
        session: SessionId([1; 16]),
        set: 3,
        state: State::Live {
            tokens: tokens.into(),
            mark: Some(Mark {
                holder: HolderId([0xab; 16]),
                at: WallTime::from_unix_millis(6),
            }),
            back_off: Some(BackOff {
                start: WallTime::from_unix_millis(7),
                length: Duration::from_secs(8),
                step: 9,
            }),
        },
    }
}

fn ended(reason: EndReason) -> Record {
    Record {
        session: SessionId([2; 16]),
        set: 4,
        state: State::Ended(reason),
    }
}

fn shown(record: &Record) -> String {
    let State::Live {
        tokens,
        mark,
        back_off,
    } = &record.state
    else {
        return format!("{record:?}");
    };
    let refresh = tokens.refresh_token.as_ref().unwrap().expose();
    let extra: Vec<_> = tokens
        .extra
        .iter()
        .map(|(name, value)| (name, value.expose()))
        .collect();
    format!(
        "{:?} {} {} {refresh} {:?} {:?} {:?} {:?} {extra:?} {mark:?} {back_off:?}",
        record.session,
        record.set,
        tokens.access_token.expose(),
        tokens.received_at,
        tokens.expires_in,
        tokens.scope,
        tokens.id_token.as_ref().unwrap().expose(),
    )
}

fn key(name: &str, byte: u8) -> Key {
    Key::new(name, [byte; 32]).unwrap()
}

fn codecs() -> [RecordCodec; 2] {
    [
        RecordCodec::dangerously_unencrypted(),
        RecordCodec::encrypted(Keys::new(key("k1", 1))),
    ]
}

const PLACE: &str = "user/1";
const VERSION: Version = Version(7);

#[test]
fn p8_everything_in_a_record_comes_back() {
    for codec in codecs() {
        for record in [
            live("r1"),
            ended(EndReason::SignOut),
            ended(EndReason::GrantDead { after_loss: false }),
            ended(EndReason::GrantDead { after_loss: true }),
            ended(EndReason::Removed),
        ] {
            let line = codec.write(PLACE, VERSION, &record).unwrap();
            assert!(!line.contains(&b'\n'));
            let back = codec.read(PLACE, VERSION, &line).unwrap();
            assert_eq!(shown(&back), shown(&record));
        }
    }
}

#[test]
fn p9_nothing_secret_can_be_read_in_what_is_encrypted() {
    let [plain, encrypted] = codecs();
    let secrets = [
        "s3cret-access",
        "s3cret-refresh",
        "s3cret-id",
        "deep",
        "read write",
    ];
    let text = |codec: &RecordCodec| {
        let line = codec.write(PLACE, VERSION, &live("s3cret-refresh")).unwrap();
        String::from_utf8(line.to_vec()).unwrap()
    };
    for secret in secrets {
        assert!(text(&plain).contains(secret), "{secret} is not in the plain line");
        assert!(!text(&encrypted).contains(secret), "{secret}");
    }
    assert_ne!(
        text(&encrypted),
        text(&encrypted),
        "the nonce is drawn anew for each write"
    );
}

#[test]
fn p9_an_encrypted_record_opens_only_where_it_belongs() {
    let [_, codec] = codecs();
    let line = codec.write(PLACE, VERSION, &live("r1")).unwrap();
    let text = String::from_utf8(line.to_vec()).unwrap();
    let wrong = RecordError::WrongKey { key: "k1".to_owned() };
    let read = |place, version, text: &str| codec.read(place, version, text.as_bytes()).unwrap_err();
    assert_eq!(read("user/2", VERSION, &text), wrong);
    assert_eq!(read(PLACE, Version(8), &text), wrong);
    let other_session = text.replace(&"01".repeat(16), &"02".repeat(16));
    assert_ne!(other_session, text);
    assert_eq!(read(PLACE, VERSION, &other_session), wrong);
    let other_set = text.replace("\"set\":3", "\"set\":4");
    assert_ne!(other_set, text);
    assert_eq!(read(PLACE, VERSION, &other_set), wrong);
    // The name of the key is bound too: the same bytes under another name do not open it.
    let renamed = RecordCodec::encrypted(Keys::new(key("k2", 1)));
    let other_name = text.replace("\"k1\"", "\"k2\"");
    let error = renamed.read(PLACE, VERSION, other_name.as_bytes()).unwrap_err();
    assert_eq!(error, RecordError::WrongKey { key: "k2".to_owned() });
}

#[test]
fn p9_a_single_wrong_byte_anywhere_in_an_encrypted_record_is_noticed() {
    let [_, codec] = codecs();
    let line = codec.write(PLACE, VERSION, &live("r1")).unwrap();
    for place in 0..line.len() {
        let mut wrong = line.to_vec();
        wrong[place] ^= 1;
        assert!(codec.read(PLACE, VERSION, &wrong).is_err(), "byte {place}");
    }
}

#[test]
fn p9_keys_are_changed_without_a_moment_in_which_somebody_cannot_read() {
    let (k1, k2) = (key("k1", 1), key("k2", 2));
    let steps = [
        Keys::new(k1.clone()),
        Keys::new(k1.clone()).and_old(k2.clone()),
        Keys::new(k2.clone()).and_old(k1),
        Keys::new(k2),
    ]
    .map(RecordCodec::encrypted);
    // While one step is rolled out, holders of two neighbouring steps share the store. After the third step every
    // record has been written with the new key.
    for pair in steps.windows(2) {
        for (writer, reader) in [(0, 1), (1, 0)] {
            let line = pair[writer].write(PLACE, VERSION, &live("r1")).unwrap();
            let between = pair[reader].read(PLACE, VERSION, &line);
            assert_eq!(shown(&between.unwrap()), shown(&live("r1")));
        }
    }
    let first = steps[0].write(PLACE, VERSION, &live("r1")).unwrap();
    let error = steps[3].read(PLACE, VERSION, &first).unwrap_err();
    let known = "k2".to_owned();
    assert_eq!(
        error,
        RecordError::UnknownKey {
            key: "k1".to_owned(),
            known
        }
    );
}

#[test]
fn p9_what_does_not_fit_the_keys_is_an_error_that_says_so() {
    let [plain, encrypted] = codecs();
    let open = plain.write(PLACE, VERSION, &live("r1")).unwrap();
    let sealed = encrypted.write(PLACE, VERSION, &live("r1")).unwrap();
    let error = encrypted.read(PLACE, VERSION, &open).unwrap_err();
    assert_eq!(error, RecordError::NotEncrypted);
    let error = plain.read(PLACE, VERSION, &sealed).unwrap_err();
    assert_eq!(error, RecordError::Encrypted { key: "k1".to_owned() });
    let moving = encrypted.accepting_unencrypted();
    assert_eq!(
        shown(&moving.read(PLACE, VERSION, &open).unwrap()),
        shown(&live("r1"))
    );
    let other = RecordCodec::encrypted(Keys::new(key("k1", 9)));
    let error = other.read(PLACE, VERSION, &sealed).unwrap_err();
    assert_eq!(error, RecordError::WrongKey { key: "k1".to_owned() });
    // Two keys of one name are unwise, and still no reason to lose a record.
    let both = RecordCodec::encrypted(Keys::new(key("k1", 9)).and_old(key("k1", 1)));
    both.read(PLACE, VERSION, &sealed).unwrap();
}

#[test]
fn p8_a_record_from_the_future_is_told_from_one_that_never_was_one() {
    let [plain, _] = codecs();
    let read = |text: &str| plain.read(PLACE, VERSION, text.as_bytes()).unwrap_err();
    assert_eq!(
        read("{\"oneflight_record\":2,\"new\":[]}"),
        RecordError::Newer { format: 2 }
    );
    for foreign in [
        "",
        "hello",
        "{}",
        "{\"oneflight_record\":0}",
        "{\"refresh_token\":\"r\"}",
        "[1]",
    ] {
        assert_eq!(read(foreign), RecordError::Foreign, "{foreign}");
    }
    let session = "0".repeat(32);
    for nonsense in [
        "{\"oneflight_record\":1}".to_owned(),
        format!("{{\"oneflight_record\":1,\"session\":\"{session}\",\"set\":1}}"),
        format!("{{\"oneflight_record\":1,\"session\":\"+{session}\",\"set\":1,\"ended\":\"removed\"}}"),
        format!("{{\"oneflight_record\":1,\"session\":\"{session}\",\"set\":1,\"key\":\"k1\"}}"),
    ] {
        assert_eq!(read(&nonsense), RecordError::Nonsense, "{nonsense}");
    }
}

#[test]
fn p9_keys_come_as_text_from_the_environment_or_from_a_file_of_their_own() {
    let bytes = [0xfb; 32];
    let key = Key::new("k.1-a_B", bytes).unwrap();
    let text = key.to_text();
    assert_eq!(Key::parse(&text).unwrap().bytes(), &bytes);
    // As `openssl rand -base64 32` writes it.
    let standard = base64::engine::general_purpose::STANDARD.encode(bytes);
    assert!(standard.contains('+') && standard.ends_with('='));
    let parsed = Key::parse(&format!(" k1:{standard}\n")).unwrap();
    assert_eq!(parsed.bytes(), &bytes);
    assert_ne!(
        Key::generate("k").unwrap().bytes(),
        Key::generate("k").unwrap().bytes()
    );

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    fs::write(&path, text.as_bytes()).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = Key::from_file(&path).unwrap_err();
        assert!(matches!(error, KeyError::Exposed { mode: 0o640, .. }), "{error}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    assert_eq!(Key::from_file(&path).unwrap().bytes(), &bytes);
    let error = Key::from_file(folder.path().join("none")).unwrap_err();
    assert!(error.to_string().contains("none"), "{error}");
    let error = Key::from_env("ONEFLIGHT_NO_SUCH_VARIABLE").unwrap_err();
    assert!(
        error.to_string().contains("ONEFLIGHT_NO_SUCH_VARIABLE"),
        "{error}"
    );
}

#[test]
fn p9_a_wrong_key_is_refused_without_being_shown() {
    let short = base64::engine::general_purpose::STANDARD.encode([1; 31]);
    let cases = [
        "s3cret".to_owned(),
        "k1:s3cret!".to_owned(),
        format!("k1:{short}"),
        format!(":{short}"),
        format!("a b:{short}"),
        format!("{}:{short}", "k".repeat(65)),
    ];
    for text in cases {
        let error = Key::parse(&text).unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(!said.contains("s3cret") && !said.contains(&short), "{said}");
    }
    let shown = format!("{:?}", RecordCodec::encrypted(Keys::new(key("k1", 0x41))));
    assert!(
        shown.contains("k1") && !shown.contains("41") && !shown.contains("65"),
        "{shown}"
    );
}

#[test]
fn p4_versions_begin_at_the_time_so_a_record_made_anew_has_others() {
    assert!(next_version(None).0 > 1_000_000_000_000);
    assert_eq!(next_version(Some(Version(7))), Version(8));
}
