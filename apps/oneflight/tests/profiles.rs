//! Profiles: their names, their files, their encryption; `oneflight profiles`, `status` and `logout`.

mod support;

use std::fs;
use std::path::Path;

use oneflight_testkit::{Fault, Point, RetryAfter, TestServer};
use serde_json::Value;
use support::home::{Home, fed};
use support::{stderr, stdout};

const KEY: &str = "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn server() -> TestServer {
    TestServer::builder().start_in_thread().expect("a server")
}

fn json(home: &Home, args: &[&str]) -> (Value, Option<i32>) {
    let output = home.run(args);
    let text = stdout(&output);
    assert_eq!(
        text.lines().count(),
        1,
        "one object on one line: {text}{}",
        stderr(&output)
    );
    (serde_json::from_str(&text).expect("JSON"), output.status.code())
}

/// Ended with this code, and said each of these.
fn ended(home: &Home, args: &[&str], code: i32, says: &[&str]) -> String {
    let output = home.run(args);
    let err = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {err}");
    for expected in says {
        assert!(err.contains(expected), "{args:?}: {expected:?} in {err}");
    }
    err
}

#[test]
fn c2_x2_a_name_that_leads_elsewhere_is_refused_by_every_command() {
    let home = Home::new();
    for name in ["../evil", "/etc/passwd", "a/../../b", ".hidden", "", "-x", "a\\b"] {
        let profile = format!("--profile={name}");
        for command in ["login", "status", "logout"] {
            ended(&home, &[command, &profile], 2, &["the name of a profile has"]);
        }
        if !name.starts_with('-') {
            ended(
                &home,
                &["profiles", "remove", name],
                2,
                &["the name of a profile has"],
            );
        }
        if !name.is_empty() {
            let output = home.command(&["status"]).env("ONEFLIGHT_PROFILE", name).output();
            let output = output.expect("the command starts");
            assert_eq!(output.status.code(), Some(2));
            assert!(stderr(&output).contains("ONEFLIGHT_PROFILE"));
        }
    }
    assert!(!home.file("default.json").exists());
}

#[test]
fn c7_x2_a_profile_that_is_not_there_says_how_to_make_it() {
    let home = Home::new();
    for command in ["status", "logout"] {
        ended(
            &home,
            &[command, "--profile", "work"],
            4,
            &["no profile work", "oneflight login --profile work"],
        );
    }
    ended(&home, &["profiles", "remove", "work"], 4, &["no profile work"]);
    ended(&home, &["profiles"], 0, &["no profiles in"]);
}

#[test]
fn c7_c9_profiles_are_listed_and_chosen_by_option_or_environment() {
    let (server, home) = (server(), Home::new());
    home.login(&server, "work");
    home.login(&server, "home");
    assert_eq!(home.run(&["logout", "--profile", "home"]).status.code(), Some(0));
    fs::write(home.file("broken.json"), "{").expect("written");
    #[cfg(unix)]
    private(&home.file("broken.json"));
    let (listed, _) = json(&home, &["profiles", "--json"]);
    let of = |at: usize, member: &str| listed["profiles"][at][member].clone();
    assert_eq!(
        (of(0, "profile"), of(1, "profile"), of(2, "profile")),
        ("broken".into(), "home".into(), "work".into())
    );
    assert_eq!(
        (of(1, "signed_in"), of(2, "signed_in")),
        (false.into(), true.into())
    );
    assert!(
        of(0, "error").as_str().expect("why").contains("broken.json"),
        "{listed}"
    );
    let output = home
        .command(&["status", "--json"])
        .env("ONEFLIGHT_PROFILE", "work")
        .output();
    assert!(stdout(&output.expect("the command starts")).contains("\"profile\":\"work\""));
}

#[cfg(unix)]
fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("permissions");
}

#[test]
fn c9_a_profile_is_removed_with_its_session() {
    let (server, home) = (server(), Home::new());
    let session = home.login(&server, "work");
    let (answer, code) = json(&home, &["profiles", "remove", "work", "--json"]);
    assert_eq!(
        (code, &answer["removed"][0]["revocation"]),
        (Some(0), &"done".into())
    );
    assert!(!server.family(session.family()).expect("known").is_alive());
    assert!(!home.file("work.json").exists() && !home.file("work.session").exists());

    // What cannot be read is kept, unless somebody insists.
    home.login(&server, "work");
    fs::write(home.file("work.session"), "garbage").expect("written");
    ended(&home, &["profiles", "remove", "work"], 3, &["work.session"]);
    assert!(home.file("work.json").exists());
    ended(
        &home,
        &["profiles", "remove", "work", "--force"],
        3,
        &["was not revoked"],
    );
    assert!(!home.file("work.json").exists() && !home.file("work.session").exists());
    // The name is free again.
    home.login(&server, "work");
}

#[test]
fn c9_a_profile_is_renamed_with_its_session_encrypted_or_not() {
    let (server, home) = (server(), Home::new());
    let plain = home.login(&server, "plain");
    let sealed = server.issue_session();
    let args = [
        "login",
        "--with-refresh-token",
        "--client-id",
        "app",
        "--profile",
        "sealed",
    ];
    let more = ["--issuer", server.issuer(), "--encrypt", "env", "TEST_KEY"];
    let with_key = |args: &[&str]| {
        let mut command = home.command(args);
        command.env("TEST_KEY", KEY);
        command
    };
    let output = fed(with_key(&[&args[..], &more].concat()), sealed.refresh_token());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));

    ended(
        &home,
        &["profiles", "rename", "plain", "sealed"],
        2,
        &["is a profile sealed already"],
    );
    for (old, new) in [("plain", "first"), ("sealed", "second")] {
        let before = server.counters().token_posts;
        let output = with_key(&["profiles", "rename", old, new])
            .output()
            .expect("it starts");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(
            !home.file(&format!("{old}.json")).exists() && !home.file(&format!("{old}.session")).exists()
        );
        let output = with_key(&["status", "--profile", new])
            .output()
            .expect("it starts");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let output = with_key(&["logout", "--profile", new])
            .output()
            .expect("it starts");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(server.counters().token_posts, before, "nothing was refreshed");
    }
    for session in [plain, sealed] {
        assert!(
            !server.family(session.family()).expect("known").is_alive(),
            "the right grant was revoked"
        );
    }
}

#[test]
fn c1_p9_an_encrypted_profile_needs_its_key_and_is_never_left_readable() {
    let (server, home) = (server(), Home::new());
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("key");
    fs::write(&key, KEY).expect("written");
    #[cfg(unix)]
    private(&key);
    let given = server.issue_session();
    let args = [
        "login",
        "--with-refresh-token",
        "--client-id",
        "app",
        "--issuer",
        server.issuer(),
    ];
    let encrypt = ["--encrypt", "key-file", key.to_str().expect("UTF-8")];
    let output = home.run_with(&[&args[..], &encrypt].concat(), given.refresh_token());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let held = fs::read_to_string(home.file("default.session")).expect("the session");
    assert!(
        held.contains("\"sealed\"") && !held.contains("refresh_token"),
        "{held}"
    );
    let (status, code) = json(&home, &["status", "--json"]);
    assert_eq!((&status["encrypted"], code), (&true.into(), Some(0)));

    let again = server.issue_session();
    let output = home.run_with(
        &["login", "--with-refresh-token", "--encrypt", "none"],
        again.refresh_token(),
    );
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("leave it readable"),
        "{}",
        stderr(&output)
    );

    fs::remove_file(&key).expect("removed");
    for command in ["status", "logout"] {
        ended(
            &home,
            &[command],
            5,
            &["key of profile default", "next: provide the key"],
        );
    }
    // Another key of the same name does not open it, and nothing is overwritten.
    fs::write(&key, KEY.replace("AAEC", "BBEC")).expect("written");
    #[cfg(unix)]
    private(&key);
    ended(&home, &["status"], 5, &["does not open with the key"]);
    assert_eq!(
        fs::read_to_string(home.file("default.session")).expect("there"),
        held
    );

    for nonsense in [&["--encrypt", "vault"][..], &["--encrypt", "env"]] {
        let output = home.run_with(&[&args[..], nonsense].concat(), again.refresh_token());
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    }
    assert_eq!(server.counters().refresh_posts, 1, "nothing more was sent");
}

#[cfg(target_os = "linux")]
#[test]
fn c1_p9_where_there_is_no_keyring_a_login_that_wants_one_spends_nothing_and_says_what_else_there_is() {
    let (server, home) = (server(), Home::new());
    let given = server.issue_session();
    let args = [
        "login",
        "--with-refresh-token",
        "--client-id",
        "app",
        "--encrypt",
        "keyring",
    ];
    let mut command = home.command(&[&args[..], &["--issuer", server.issuer()]].concat());
    command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere");
    let output = fed(command, given.refresh_token());
    assert_eq!(output.status.code(), Some(5), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("there is no keyring here"),
        "{}",
        stderr(&output)
    );
    assert!(!home.file("default.json").exists() && !home.file("default.session").exists());
    assert_eq!(server.counters().refresh_posts, 0);
}

#[test]
fn c1_a_session_that_was_readable_is_encrypted_by_the_next_login() {
    let (server, home) = (server(), Home::new());
    home.login(&server, "default");
    let next = server.issue_session();
    let mut command = home.command(&["login", "--with-refresh-token", "--encrypt", "env", "TEST_KEY"]);
    command.env("TEST_KEY", KEY);
    let output = fed(command, next.refresh_token());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let held = fs::read_to_string(home.file("default.session")).expect("the session");
    assert!(held.contains("\"sealed\""), "{held}");
    ended(&home, &["status"], 5, &["TEST_KEY"]);
}

#[cfg(unix)]
#[test]
fn c1_files_and_folders_that_others_may_use_are_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let (server, home) = (server(), Home::new());
    home.login(&server, "default");
    let open = |name: &str, mode| {
        let path = home.file(name);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions");
    };
    open("default.session", 0o644);
    ended(&home, &["status"], 3, &["default.session", "chmod 600"]);
    open("default.session", 0o600);
    open("default.json", 0o640);
    ended(&home, &["status"], 3, &["default.json", "chmod 600"]);
    open("default.json", 0o600);
    open("", 0o770);
    ended(
        &home,
        &["status"],
        3,
        &["others than its owner may write", "chmod go-w"],
    );
    open("", 0o700);
    ended(&home, &["status"], 0, &[]);
}

#[test]
fn c1_a_damaged_newer_or_foreign_file_is_named_and_left_as_it_is() {
    let (server, home) = (server(), Home::new());
    home.login(&server, "default");
    let whole = fs::read_to_string(home.file("default.session")).expect("there");
    for (text, says) in [
        ("", "empty"),
        ("not ours\n", "default.session"),
        (&whole[..whole.len() - 9], "bytes long"),
        ("{\"oneflight_file\":2}\n", "newer"),
    ] {
        fs::write(home.file("default.session"), text).expect("written");
        for command in ["status", "logout"] {
            let said = ended(&home, &[command], 3, &[says, "next: "]);
            assert!(!said.contains("refresh_token"), "{said}");
        }
        assert_eq!(
            fs::read_to_string(home.file("default.session")).expect("there"),
            text
        );
    }
}

#[test]
fn c8_a_logout_that_the_server_does_not_hear_ends_the_session_here_and_says_so() {
    let (server, home) = (server(), Home::new());
    home.login(&server, "default");
    home.login(&server, "other");
    server.inject(Point::Revoke, Fault::unavailable(RetryAfter::Absent));
    let (answer, code) = json(&home, &["logout", "--json"]);
    assert_eq!(code, Some(3), "{answer}");
    let one = &answer["profiles"][0];
    assert_eq!(
        (&one["signed_out"], &one["revocation"]),
        (&true.into(), &"failed".into())
    );
    assert_eq!(json(&home, &["status", "--json"]).1, Some(4));

    // All of them, those that are out already too.
    let (answer, code) = json(&home, &["logout", "--all", "--json"]);
    assert_eq!(code, Some(0), "{answer}");
    assert_eq!(answer["profiles"][0]["was_signed_in"], false);
    assert_eq!(answer["profiles"][1]["revocation"], "done");
    ended(
        &home,
        &["logout", "--all", "--profile", "other"],
        2,
        &["--profile"],
    );
}

#[tokio::test]
async fn c7_status_tells_of_a_renewal_that_began_and_of_a_pause_after_a_failure() {
    use oneflight::{Clock as _, FileStore, State, Store as _, SystemClock};
    use oneflight_core::{BackOff, HolderId, Mark};
    let (server, home) = (server(), Home::new());
    home.login(&server, "default");
    let text = stdout(&home.run(&["status"]));
    for line in [
        "profile:       default",
        "signed in:     yes",
        "access token:  valid for",
        "refresh token: there",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(!text.contains("renewal"), "{text}");

    // As a process leaves it that failed, and then died in its next try.
    let store = FileStore::open(home.file("default.session")).expect("the session");
    let stored = store.load().await.expect("read").expect("there");
    let mut record = stored.record;
    let now = SystemClock::default().wall();
    if let State::Live { mark, back_off, .. } = &mut record.state {
        *mark = Some(Mark {
            holder: HolderId([7; 16]),
            at: now,
        });
        *back_off = Some(BackOff {
            start: now,
            length: std::time::Duration::from_secs(100),
            step: 3,
        });
    }
    store
        .compare_and_swap(Some(stored.version), record)
        .await
        .expect("written");
    let text = stdout(&home.run(&["status"]));
    assert!(
        text.contains("renewal:       begun at") && text.contains("none is tried for"),
        "{text}"
    );
    let (status, code) = json(&home, &["status", "--json"]);
    let left = status["renewal"]["paused_for_seconds"].as_u64().expect("a pause");
    assert!((1..=100).contains(&left) && code == Some(0), "{status}");
    assert!(status["renewal"]["sent_at"].is_string(), "{status}");
}

#[test]
fn c1_x2_a_home_that_cannot_be_is_an_error_with_a_next_step() {
    let home = Home::new();
    let with = |name: &str, value: &str| {
        let mut command = home.command(&["status"]);
        command
            .env_remove("ONEFLIGHT_HOME")
            .env_remove("XDG_STATE_HOME")
            .env_remove("HOME");
        command.env(name, value);
        command.output().expect("the command starts")
    };
    let output = with("ONEFLIGHT_HOME", "relative");
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("set ONEFLIGHT_HOME to an absolute path"));
    // The environment of nobody.
    assert_eq!(with("NOTHING", "1").status.code(), Some(3));
    let folder = tempfile::tempdir().expect("a folder");
    let output = with("HOME", folder.path().to_str().expect("UTF-8"));
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
}
