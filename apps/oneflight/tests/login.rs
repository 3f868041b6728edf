//! `oneflight login` by the browser and on another device, at a certified OpenID provider.

mod support;

use std::fs;

use serde_json::Value;
use support::home::Home;
use support::provider::{Decision, Provider, walk};
use support::signing_in::SigningIn;
use support::{stderr, stdout};

const SECRET: &str = "the-secret-of-oneflight-secret";

fn begin(home: &Home, provider: &Provider, client: &str, more: &[&str]) -> SigningIn {
    let args = ["login", "--issuer", &provider.issuer, "--client-id", client];
    SigningIn::start(home.command(&[&args[..], more].concat()))
}

/// What `status --json` says, and how it ended.
fn status(home: &Home) -> (Value, Option<i32>) {
    let output = home.run(&["status", "--json"]);
    let json = serde_json::from_str(&stdout(&output)).unwrap_or_else(|_| panic!("{}", stderr(&output)));
    (json, output.status.code())
}

/// The refresh token that the profile's file holds.
fn refresh_token(home: &Home) -> String {
    let file = fs::read_to_string(home.file("default.session")).expect("the session");
    let record: Value = serde_json::from_str(file.lines().nth(1).expect("two lines")).expect("JSON");
    record["live"]["refresh_token"]
        .as_str()
        .expect("a refresh token")
        .to_owned()
}

#[tokio::test]
async fn c3_c8_a_user_signs_in_by_the_browser_and_out_again() {
    let (Some(provider), home) = (Provider::start(), Home::new()) else {
        return;
    };
    let mut login = begin(&home, &provider, "oneflight-test", &["--no-browser"]);
    let address = login.address();
    for part in [
        "code_challenge_method=S256",
        "nonce=",
        "state=",
        "prompt=consent",
        "offline_access",
    ] {
        assert!(address.contains(part), "{part} in {address}");
    }
    let (page, text) = walk(&address, Decision::Consent).await;
    assert_eq!(page, 200, "{text}");
    assert!(text.contains("close this page"), "{text}");
    let (code, said) = login.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("signed in as ada") && !said.contains("warning"),
        "{said}"
    );
    let token = refresh_token(&home);
    assert!(!said.contains(&token), "{said}");

    let (now, code) = status(&home);
    assert_eq!(code, Some(0), "{now}");
    assert_eq!(
        (&now["signed_in"], &now["refresh_token"]),
        (&true.into(), &true.into())
    );
    assert_eq!(now["scope"], "openid offline_access");
    assert!(!now.to_string().contains(&token));

    assert_eq!(home.run(&["logout"]).status.code(), Some(0));
    assert_eq!(provider.counter("revocations").await, 1);
    assert_eq!(status(&home).1, Some(4));
    // Settings are kept: the next login needs no words.
    let mut login = SigningIn::start(home.command(&["login", "--no-browser"]));
    assert_eq!(walk(&login.address(), Decision::Consent).await.0, 200);
    assert_eq!(login.end().0, Some(0));
}

#[cfg(unix)]
#[tokio::test]
async fn c3_the_browser_that_the_user_names_is_opened_and_told_no_secret() {
    use std::os::unix::fs::PermissionsExt as _;
    let (Some(provider), home) = (Provider::start(), Home::new()) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let (browser, opened) = (folder.path().join("browser"), folder.path().join("opened"));
    let script = format!(
        "#!/bin/sh\nprintf %s \"$2$ONEFLIGHT_CLIENT_SECRET\" > {0}.new && mv {0}.new {0}\n",
        opened.display()
    );
    fs::write(&browser, script).expect("written");
    fs::set_permissions(&browser, fs::Permissions::from_mode(0o700)).expect("executable");
    let args = [
        "login",
        "--issuer",
        &provider.issuer,
        "--client-id",
        "oneflight-secret",
    ];
    let mut command = home.command(&args);
    command.env("ONEFLIGHT_CLIENT_SECRET", SECRET);
    command.env(
        "BROWSER",
        format!("/no/such/browser:{} --new-window %s", browser.display()),
    );
    let mut login = SigningIn::start(command);
    let address = login.address();
    login.line("waiting");
    let mut seen = String::new();
    for _ in 0..500 {
        if let Ok(text) = fs::read_to_string(&opened) {
            seen = text;
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(seen, address, "the browser was asked to open it");
    assert_eq!(walk(&seen, Decision::Consent).await.0, 200);
    assert_eq!(login.end().0, Some(0));
}

#[tokio::test]
async fn c3_a_client_with_a_secret_reads_it_from_a_file_and_shows_it_nowhere() {
    let (Some(provider), home) = (Provider::start(), Home::new()) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("secret");
    let path = file.to_str().expect("UTF-8");
    fs::write(&file, "not-it\n").expect("written");
    let mut login = begin(
        &home,
        &provider,
        "oneflight-secret",
        &["--no-browser", "--client-secret-file", path],
    );
    walk(&login.address(), Decision::Consent).await;
    let (code, said) = login.end();
    assert_eq!(code, Some(5), "{said}");
    assert!(
        said.contains("invalid_client") && !said.contains("not-it"),
        "{said}"
    );
    assert!(!home.file("default.json").exists(), "nothing was changed");

    fs::write(&file, format!("{SECRET}\n")).expect("written");
    let mut login = begin(
        &home,
        &provider,
        "oneflight-secret",
        &["--no-browser", "--client-secret-file", path],
    );
    walk(&login.address(), Decision::Consent).await;
    let (code, said) = login.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains(SECRET), "{said}");
    // The profile has it now.
    let output = home.run(&["logout"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(provider.counter("revocations").await, 1);
    for args in [["status", "--json"], ["profiles", "--json"]] {
        assert!(!stdout(&home.run(&args)).contains(SECRET));
    }
}

#[tokio::test]
async fn c3_a_user_who_says_no_and_a_client_nobody_knows_sign_nobody_in() {
    let (Some(provider), home) = (Provider::start(), Home::new()) else {
        return;
    };
    let mut login = begin(&home, &provider, "oneflight-test", &["--no-browser"]);
    let (page, text) = walk(&login.address(), Decision::Abort).await;
    assert_eq!(page, 403, "{text}");
    let (code, said) = login.end();
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("access_denied"), "{said}");

    // The provider shows its user an error, and never comes back: the wait is bounded.
    let mut login = begin(&home, &provider, "stranger", &["--no-browser", "--timeout", "1s"]);
    let (page, _) = walk(&login.address(), Decision::Consent).await;
    assert_eq!(page, 400);
    let (code, said) = login.end();
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("within 1 s"), "{said}");
    assert!(!home.file("default.json").exists(), "nothing was changed");
}

#[tokio::test]
async fn c4_a_user_signs_in_on_another_device() {
    let (Some(provider), home) = (Provider::start(), Home::new()) else {
        return;
    };
    let mut login = begin(&home, &provider, "oneflight-device", &["--device"]);
    let plain = login.address();
    let code = login.line("enter the code");
    let whole = login.address();
    let user_code = code.rsplit(' ').next().expect("a code");
    assert!(whole.starts_with(&plain) && whole.contains(user_code), "{whole}");
    let (page, text) = walk(&whole, Decision::Consent).await;
    assert_eq!(page, 200, "{text}");
    let (code, said) = login.end();
    assert_eq!(code, Some(0), "{said}");
    let (now, code) = status(&home);
    assert_eq!((&now["refresh_token"], code), (&true.into(), Some(0)));
    assert!(!said.contains(&refresh_token(&home)), "{said}");
}

#[tokio::test]
async fn c4_a_user_who_says_no_on_the_other_device_ends_the_wait() {
    let (Some(provider), home) = (Provider::start(), Home::new()) else {
        return;
    };
    let mut login = begin(&home, &provider, "oneflight-device", &["--device"]);
    login.address();
    let whole = login.address();
    walk(&whole, Decision::Abort).await;
    let (code, said) = login.end();
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("access_denied"), "{said}");

    // And a client that may not sign in so is told at once.
    let login = begin(&home, &provider, "oneflight-test", &["--device"]);
    let (code, said) = login.end();
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains("not allowed for this client"), "{said}");
}
