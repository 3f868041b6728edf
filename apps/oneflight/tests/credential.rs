//! `oneflight credential`: as kubectl, git and docker call it; git and kubectl themselves where they are.
#![cfg(unix)]

mod support;
#[path = "support/tls.rs"]
mod tls;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use oneflight_testkit::TestServer;
use serde_json::Value;
use support::home::{Home, fed};
use support::{stderr, stdout};
use tls::TlsFront;

const PROGRAM: &str = env!("CARGO_BIN_EXE_oneflight");
const MINUTE: Duration = Duration::from_secs(60);

fn signed_in() -> (TestServer, Home) {
    let server = TestServer::builder().start_in_thread().expect("a server");
    let home = Home::new();
    home.login(&server, "default");
    (server, home)
}

fn token(home: &Home) -> String {
    home.tokens("default").access_token.expose().to_owned()
}

fn well(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    stdout(output)
}

fn allow(home: &Home, args: &[&str]) {
    well(&home.run(&[&["credential", "allow"], args].concat()));
}

/// git, with this command as its only helper and nobody to ask.
fn git(home: &Home, helper: &str, args: &[&str]) -> Command {
    let mut command = Command::new("git");
    command
        .args(["-c", &format!("credential.helper={helper}")])
        .args(args)
        .envs([
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_ASKPASS", "true"),
        ])
        .env("HOME", home.file(""))
        .env("ONEFLIGHT_HOME", home.file(""))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn helper() -> String {
    format!("!'{PROGRAM}' credential git")
}

#[test]
fn c15_kubernetes_is_answered_as_the_environment_asks() {
    let (_server, home) = signed_in();
    let asked = |info: Option<&str>| {
        let mut command = home.command(&["credential", "kubernetes"]);
        command.env_remove("KUBERNETES_EXEC_INFO");
        command.envs(info.map(|info| ("KUBERNETES_EXEC_INFO", info)));
        command.output().expect("it starts")
    };
    let beta = r#"{"apiVersion":"client.authentication.k8s.io/v1beta1","kind":"ExecCredential","spec":{}}"#;
    for (info, version) in [(None, "v1"), (Some(beta), "v1beta1")] {
        let answer: Value = serde_json::from_str(&well(&asked(info))).expect("JSON");
        assert_eq!(
            answer["apiVersion"],
            format!("client.authentication.k8s.io/{version}")
        );
        assert_eq!(answer["kind"], "ExecCredential");
        assert_eq!(answer["status"]["token"], token(&home));
        assert_eq!(
            answer["status"]["expirationTimestamp"].as_str().map(str::len),
            Some(20)
        );
    }
    let old = asked(Some(&beta.replace("v1beta1", "v1alpha1")));
    assert_eq!(old.status.code(), Some(5));
    assert!(
        stderr(&old).contains("v1alpha1") && stdout(&old).is_empty(),
        "{}",
        stderr(&old)
    );
}

#[test]
fn c15_kubectl_itself_sends_the_token() {
    let Some(kubectl) = std::env::var_os("ONEFLIGHT_KUBECTL") else {
        assert!(
            std::env::var_os("ONEFLIGHT_REQUIRE_REAL").is_none(),
            "ONEFLIGHT_KUBECTL is not set"
        );
        eprintln!("skipped: it needs kubectl, which `cargo xtask test` installs");
        return;
    };
    let (server, home) = signed_in();
    // Without TLS it does not even ask.
    let address = server.api_origin().trim_start_matches("http://").parse();
    let front = TlsFront::before(address.expect("an address"));
    let config = home.file("../kubeconfig");
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
         clusters: [{{name: k, cluster: {{server: 'https://{}', insecure-skip-tls-verify: true}}}}]\n\
         contexts: [{{name: c, context: {{cluster: k, user: u}}}}]\n\
         users:\n- name: u\n  user:\n    exec:\n      apiVersion: client.authentication.k8s.io/v1beta1\n      \
         command: '{PROGRAM}'\n      args: [credential, kubernetes]\n      provideClusterInfo: true\n      \
         interactiveMode: Never\n",
        front.address
    );
    fs::write(&config, text).expect("written");
    let get = || {
        let output = Command::new(&kubectl)
            .arg("--kubeconfig")
            .arg(&config)
            .args(["get", "--raw", "/api/anything"])
            .env("HOME", home.file(""))
            .env("ONEFLIGHT_HOME", home.file(""))
            .output();
        output.expect("kubectl starts")
    };
    well(&get());
    home.age("default", MINUTE * 15);
    well(&get());
    assert_eq!(server.counters().api_by_status.get(&200), Some(&2));
    assert_eq!(server.counters().refresh_posts, 2);
}

#[test]
fn c16_git_itself_is_given_the_token_for_the_servers_that_are_allowed() {
    let (server, home) = signed_in();
    allow(&home, &["git.example.com"]);
    allow(&home, &["git.other.example", "--username", "robot"]);
    let fill = |host: &str, protocol: &str| {
        let input = format!("protocol={protocol}\nhost={host}\n\n");
        fed(git(&home, &helper(), &["credential", "fill"]), &input)
    };
    let token = token(&home);
    let filled = well(&fill("git.example.com", "https"));
    assert!(filled.contains("username=oauth2\n"), "{filled}");
    assert!(filled.contains(&format!("password={token}\n")), "{filled}");
    assert!(well(&fill("git.other.example", "https")).contains("username=robot\n"));
    for (host, protocol) in [
        ("git.example.com", "http"),
        ("git.example.com:8443", "https"),
        ("git.example.com.evil.example", "https"),
        ("github.com", "https"),
    ] {
        let output = fill(host, protocol);
        // Without a terminal it ends there, or with what the empty answers of `true` are.
        assert!(!stdout(&output).contains(&token), "{host}: {}", stdout(&output));
    }
    // What git is told to store is nothing to us.
    let approve = format!("protocol=https\nhost=git.example.com\nusername=u\npassword={token}\n\n");
    well(&fed(git(&home, &helper(), &["credential", "approve"]), &approve));
    well(&home.run(&["credential", "forbid", "git.example.com"]));
    assert!(!stdout(&fill("git.example.com", "https")).contains(&token));
    assert_eq!(server.counters().refresh_posts, 1);
}

#[test]
fn c16_a_token_that_git_saw_refused_is_renewed_and_nobody_is_signed_out() {
    let (server, home) = signed_in();
    allow(&home, &["git.example.com"]);
    let refused = token(&home);
    home.age("default", MINUTE);
    let reject = |password: &str| {
        let input = format!("protocol=https\nhost=git.example.com\nusername=oauth2\n{password}\n");
        well(&fed(git(&home, &helper(), &["credential", "reject"]), &input))
    };
    // Nobody says which.
    reject("");
    assert_eq!(token(&home), refused);
    reject(&format!("password={refused}\n"));
    let second = token(&home);
    assert_ne!(second, refused);
    // Another git saw the same; and somebody speaks of a token that never was ours.
    reject(&format!("password={refused}\n"));
    reject("password=something-else\n");
    assert_eq!(token(&home), second);
    assert_eq!(server.counters().refresh_posts, 2);
    assert!(server.families().iter().all(|family| family.is_alive()));
}

#[test]
fn c16_git_and_a_server_that_refuses_the_token_lead_to_one_renewal() {
    let (server, home) = signed_in();
    allow(&home, &[server.api_origin()]);
    server.reject_everything(true);
    home.age("default", MINUTE);
    let first = token(&home);
    // git asks, is given the token, sends it, is refused, and says so.
    let output = git(
        &home,
        &helper(),
        &["ls-remote", &server.api_url("/api/repository")],
    )
    .output()
    .expect("git starts");
    assert!(!output.status.success());
    assert_ne!(token(&home), first, "{}", stderr(&output));
    assert_eq!(server.counters().refresh_posts, 2);
    assert!(server.counters().api_by_status.get(&401) >= Some(&2));
    assert!(server.families().iter().all(|family| family.is_alive()));
}

/// The command under a name of a helper.
fn link(home: &Home, name: &str) -> PathBuf {
    let link = home.file("..").join(name);
    std::os::unix::fs::symlink(PROGRAM, &link).expect("a link");
    link
}

fn docker(home: &Home, program: &Path, action: &str, input: &str) -> Output {
    let mut command = Command::new(program);
    command
        .arg(action)
        .env("ONEFLIGHT_HOME", home.file(""))
        .env_remove("ONEFLIGHT_PROFILE")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    fed(command, input)
}

#[test]
fn c17_docker_is_answered_under_the_name_it_calls_its_helper_by() {
    let (server, home) = signed_in();
    allow(
        &home,
        &["registry.example.com", "--username", "oauth2accesstoken"],
    );
    let program = link(&home, "docker-credential-oneflight");
    let get = |input: &str| docker(&home, &program, "get", input);
    let answer: Value = serde_json::from_str(&well(&get("registry.example.com\n"))).expect("JSON");
    assert_eq!(answer["ServerURL"], "registry.example.com");
    assert_eq!(answer["Username"], "oauth2accesstoken");
    assert_eq!(answer["Secret"], token(&home));
    assert_eq!(
        well(&docker(&home, &program, "list", "unused")),
        "{\"https://registry.example.com\":\"oauth2accesstoken\"}\n"
    );
    assert!(well(&docker(&home, &program, "version", "")).starts_with("oneflight "));
    for (input, text) in [
        (
            "https://index.docker.io/v1/",
            "credentials not found in native keychain",
        ),
        ("", "no credentials server URL"),
    ] {
        let output = get(input);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(stdout(&output), format!("{text}\n"));
    }
    // Neither `docker login` nor `docker logout` touches the session, and both are told.
    let credentials = r#"{"ServerURL":"registry.example.com","Username":"u","Secret":"s3cret"}"#;
    for (action, input) in [("store", credentials), ("erase", "registry.example.com")] {
        let output = docker(&home, &program, action, input);
        assert_eq!(output.status.code(), Some(1));
        assert!(stdout(&output).contains("oneflight log"), "{}", stdout(&output));
        assert!(!stdout(&output).contains("s3cret") && !stderr(&output).contains("s3cret"));
    }
    assert_eq!(server.counters().revocation_posts, 0);
}

#[test]
fn c17_a_link_names_the_profile_and_docker_reads_what_is_wrong_with_it() {
    let (server, home) = signed_in();
    home.login(&server, "work");
    allow(&home, &["--profile", "work", "registry.example.com"]);
    let work = link(&home, "docker-credential-oneflight-work");
    let answer = well(&docker(&home, &work, "get", "registry.example.com"));
    assert!(
        answer.contains(home.tokens("work").access_token.expose()),
        "{answer}"
    );
    well(&home.run(&["logout", "--profile", "work"]));
    let output = docker(&home, &work, "get", "registry.example.com");
    assert_eq!(output.status.code(), Some(4));
    assert!(stdout(&output).contains("profile work"), "{}", stdout(&output));
    assert!(
        stderr(&output).contains("oneflight login --profile work"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn c16_c17_the_servers_that_are_allowed_outlive_a_new_login() {
    let (server, home) = signed_in();
    allow(&home, &["git.example.com"]);
    allow(&home, &["--username", "x", "https://git.example.com:443"]);
    home.login(&server, "default");
    let hosts = well(&home.run(&["credential", "hosts"]));
    assert_eq!(hosts, "https://git.example.com  as x\n");
    let json: Value =
        serde_json::from_str(&well(&home.run(&["credential", "hosts", "--json"]))).expect("JSON");
    assert_eq!(json["hosts"][0]["origin"], "https://git.example.com");
    for bad in ["http://git.example.com", "git.example.com/group"] {
        assert_eq!(
            home.run(&["credential", "allow", bad]).status.code(),
            Some(2),
            "{bad}"
        );
    }
}
