use std::process::{Command, Stdio};
use std::sync::Barrier;

use keyring_core::mock;

use super::*;

const PLACE: Place<'_> = Place {
    service: "oneflight-tests",
    name: "k1",
};

fn mock_keyring() -> Arc<CredentialStore> {
    mock::Store::new().expect("it is in memory")
}

#[test]
fn p9_a_key_is_made_once_and_found_from_then_on() {
    let folder = tempfile::tempdir().unwrap();
    let keyring = mock_keyring();
    let entry = PLACE.entry(&keyring).unwrap();
    assert!(PLACE.read(&entry).unwrap().is_none());
    let lock = folder.path().join("key.lock");
    let made = PLACE.read_or_make(&keyring, &lock).unwrap();
    let found = PLACE.read_or_make(&keyring, &lock).unwrap();
    assert_eq!(made.name(), "k1");
    assert_eq!(*made.to_text(), *found.to_text());
}

#[test]
fn p9_all_who_make_a_key_at_the_same_time_have_the_same_one() {
    let folder = tempfile::tempdir().unwrap();
    let lock = folder.path().join("key.lock");
    for _ in 0..50 {
        let keyring = mock_keyring();
        let barrier = Barrier::new(4);
        let keys: Vec<String> = std::thread::scope(|scope| {
            let makers = [(); 4].map(|()| {
                scope.spawn(|| {
                    barrier.wait();
                    PLACE.read_or_make(&keyring, &lock).unwrap().to_text().to_string()
                })
            });
            makers.map(|maker| maker.join().unwrap()).into()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }
}

#[test]
fn p9_errors_of_a_keyring_say_the_next_step_and_show_no_secret() {
    let keyring = mock_keyring();
    let entry = PLACE.entry(&keyring).unwrap();
    entry.set_secret(b"s3cret").unwrap();
    let error = PLACE.read(&entry).unwrap_err();
    assert!(matches!(error, KeyError::Text), "{error}");
    let said = |error| {
        let error = PLACE.explain(error);
        let said = format!("{error} {error:?}");
        assert!(!said.contains("s3cret"), "{said}");
        error
    };
    said(Error::BadEncoding(b"s3cret".to_vec()));
    said(Error::BadDataFormat(b"s3cret".to_vec(), "no".into()));
    let denied = said(Error::NoStorageAccess("no".into()));
    assert!(matches!(denied, KeyError::KeyringDenied { .. }), "{denied}");
    let other = said(Error::PlatformFailure("no".into()));
    assert!(other.to_string().contains("oneflight-tests"), "{other}");
}

#[cfg(target_os = "linux")]
#[test]
fn p9_the_errors_of_the_secret_service_are_told_apart() {
    use secret_service::Error as Service;
    let judged = |error| PLACE.explain(Error::PlatformFailure(Box::new(error)));
    assert!(matches!(judged(Service::Locked), KeyError::KeyringLocked { .. }));
    assert!(matches!(judged(Service::Prompt), KeyError::KeyringDenied { .. }));
    assert!(matches!(judged(Service::Unavailable), KeyError::NoKeyring { .. }));
    assert!(matches!(judged(Service::NoResult), KeyError::Keyring { .. }));
}

/// What the children of the tests below do: `make` and `read`.
const CHILD: &str = "ONEFLIGHT_KEYRING_CHILD";
const LOCK: &str = "ONEFLIGHT_KEYRING_LOCK";

/// A child of these tests, in a session bus of its own or in none.
fn child(command: &mut Command, test: &str, task: &str) -> String {
    let output = command
        .env(CHILD, task)
        .stdin(Stdio::null())
        .output()
        .expect("it can be started");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{test}: {said}");
    said
}

fn this(test: &str) -> Vec<String> {
    let program = std::env::current_exe().expect("it is known");
    let name = format!("store::record::keyring::tests::{test}");
    vec![
        program.display().to_string(),
        "--exact".into(),
        "--nocapture".into(),
        name,
    ]
}

#[cfg(target_os = "linux")]
#[test]
fn p9_without_a_keyring_the_error_says_what_else_there_is() {
    let test = "p9_without_a_keyring_the_error_says_what_else_there_is";
    if std::env::var_os(CHILD).is_some() {
        let error = Key::from_keyring("oneflight-tests", "k1").unwrap_err();
        assert!(matches!(error, KeyError::NoKeyring { .. }), "{error:?}");
        assert!(error.to_string().contains("keep the key in a file"), "{error}");
        return;
    }
    let args = this(test);
    let mut command = Command::new(&args[0]);
    command.args(&args[1..]);
    command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere");
    child(&mut command, test, "read");
}

/// With GNOME Keyring and a session bus of its own, where they are installed.
#[cfg(target_os = "linux")]
#[test]
fn p9_a_real_keyring_gives_the_key_that_another_process_made_and_two_make_one() {
    let test = "p9_a_real_keyring_gives_the_key_that_another_process_made_and_two_make_one";
    if std::env::var_os(CHILD).is_some() {
        let lock = std::env::var(LOCK).unwrap();
        let key = Key::from_keyring_or_new("oneflight-tests", "k1", lock).unwrap();
        let again = Key::from_keyring("oneflight-tests", "k1").unwrap();
        assert_eq!(*key.to_text(), *again.to_text());
        let other = Key::from_keyring("oneflight-tests", "k2").unwrap_err();
        assert!(matches!(other, KeyError::NotInKeyring { .. }), "{other:?}");
        println!("the key is {}", *key.to_text());
        return;
    }
    let has = |program: &str| {
        Command::new("which")
            .arg(program)
            .output()
            .is_ok_and(|found| found.status.success())
    };
    if !has("gnome-keyring-daemon") || !has("dbus-run-session") {
        println!("NOT TRIED with a real keyring: gnome-keyring-daemon or dbus-run-session is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = "printf pass | gnome-keyring-daemon --unlock --components=secrets >/dev/null\n\
         \"$@\" & first=$!; \"$@\"; wait $first; \"$@\"";
    let mut command = Command::new("dbus-run-session");
    command.args(["--", "sh", "-ec", script, "sh"]).args(this(test));
    command
        .env("HOME", folder.path())
        .env("XDG_DATA_HOME", folder.path());
    command
        .env("XDG_RUNTIME_DIR", folder.path())
        .env(LOCK, folder.path().join("key.lock"));
    let said = child(&mut command, test, "make");
    let keys: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("the key is k1:"))
        .collect();
    assert_eq!(keys.len(), 3, "{said}");
    let key = |line: &str| line.split("the key is ").nth(1).map(str::to_owned);
    assert!(
        keys.iter().all(|line| key(line) == key(keys[0])),
        "three processes, one key"
    );
}
