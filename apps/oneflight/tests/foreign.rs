//! `oneflight demo --issuer …`: the storm against a server that the command knows nothing of but its issuer.

mod support;

use std::fs;
use std::io::BufRead;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Output;

use oneflight_testkit::{Fault, Hold, Point, TestServer};
use serde_json::Value;
use support::{oneflight, stderr, stdout};

/// A server, and a file with a refresh token of it.
struct Foreign {
    server: TestServer,
    family: u64,
    file: PathBuf,
}

impl Foreign {
    async fn new(name: &str) -> Self {
        let server = TestServer::start().await.expect("the server starts");
        let session = server.issue_session();
        let file = folder(name).join("token");
        fs::write(&file, session.refresh_token()).expect("the file is written");
        Self {
            server,
            family: session.family(),
            file,
        }
    }

    fn arguments(&self) -> Vec<String> {
        let file = self.file.to_str().expect("UTF-8");
        let api = self.server.api_url("/api/orders");
        [
            "demo",
            "--issuer",
            self.server.issuer(),
            "--client-id",
            "app",
            "--refresh-token-file",
            file,
            "--api",
            &api,
        ]
        .iter()
        .map(ToString::to_string)
        .collect()
    }

    /// Runs the command to its end, while the server of this very process answers it.
    async fn fly(&self, more: &[&str]) -> Output {
        fly(&self.arguments(), more).await
    }

    /// What the file holds, as JSON.
    fn held(&self) -> Value {
        serde_json::from_slice(&fs::read(&self.file).expect("the file is there")).expect("a record")
    }
}

async fn fly(arguments: &[String], more: &[&str]) -> Output {
    let whole: Vec<String> = arguments
        .iter()
        .cloned()
        .chain(more.iter().map(ToString::to_string))
        .collect();
    tokio::task::spawn_blocking(move || {
        let whole: Vec<&str> = whole.iter().map(String::as_str).collect();
        oneflight(&whole).output().expect("the command starts")
    })
    .await
    .expect("the command ends")
}

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("foreign-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder for the test");
    folder
}

/// Ended with this code, and said each of these.
fn ended(output: &Output, code: i32, says: &[&str]) {
    let err = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{}{err}", stdout(output));
    for expected in says {
        assert!(err.contains(expected), "{expected:?} in {err}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s1_p1_x2_a_foreign_server_sees_one_refresh_per_expiry_and_the_grant_is_kept() {
    let foreign = Foreign::new("storm").await;
    for round in 1..=2 {
        let output = foreign.fly(&["--requests", "100", "--json"]).await;
        ended(&output, 0, &[]);
        let report: Value = serde_json::from_str(&stdout(&output)).expect("one JSON object");
        assert_eq!(
            (&report["ok"], &report["session_alive"]),
            (&100.into(), &true.into())
        );
        assert_eq!(
            (&report["refresh_posts"], &report["reuse_detected"]),
            (&Value::Null, &Value::Null)
        );
        // The first token (of the first round; the second finds it in the file), the storm, and the proof of life.
        assert_eq!(foreign.server.counters().refresh_posts, 1 + 2 * round);
    }
    assert_eq!(foreign.server.counters().reuse_detected, 0);
    assert!(foreign.server.family(foreign.family).expect("known").is_alive());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            fs::metadata(&foreign.file).expect("there").permissions().mode() & 0o777,
            0o600
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p1_the_file_holds_the_new_token_before_a_request_carries_it() {
    let foreign = Foreign::new("durable").await;
    let gate = foreign.server.hold(Hold::arrivals(Point::Api));
    let look = async {
        gate.arrived(1).await;
        let held = foreign.held();
        gate.open();
        held
    };
    let (output, held) = tokio::join!(foreign.fly(&["--requests", "5"]), look);
    ended(&output, 0, &[]);
    assert_eq!(
        held["set"], 1,
        "the first renewal was in the file when the first request arrived"
    );
    assert_eq!(foreign.held()["set"], 3);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p1_x2_an_interrupt_during_a_refresh_saves_the_new_token_first() {
    let foreign = Foreign::new("interrupt").await;
    let gate = foreign.server.hold(Hold::answers(Point::Refresh));
    let arguments = foreign.arguments();
    let mut child = oneflight(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
        .spawn()
        .expect("it starts");
    gate.arrived(1).await;
    let kill = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.expect("kill is there").success());
    // It says so when it has understood; only then may the answer come.
    let mut heard = std::io::BufReader::new(child.stderr.take().expect("piped")).lines();
    while !heard
        .next()
        .expect("it says so")
        .expect("UTF-8")
        .starts_with("interrupted:")
    {}
    gate.open();
    let status = tokio::task::spawn_blocking(move || child.wait())
        .await
        .expect("waited")
        .expect("waited");
    assert_eq!(status.code(), Some(130));
    assert_eq!(foreign.held()["set"], 1);
    ended(&foreign.fly(&["--requests", "5"]).await, 0, &[]);
    assert_eq!(foreign.server.counters().reuse_detected, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f5_a_foreign_server_that_loses_an_answer_ends_the_grant_and_the_command_says_so() {
    let foreign = Foreign::new("lost").await;
    foreign.server.inject(Point::Refresh, Fault::lose_answer());
    let output = foreign.fly(&["--requests", "5"]).await;
    ended(&output, 4, &["sign in again"]);
    assert_eq!(foreign.held()["ended"], "grant_dead_after_loss");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x2_naive_destroys_a_grant_only_when_it_is_allowed_to() {
    let foreign = Foreign::new("naive").await;
    ended(
        &foreign.fly(&["--client", "naive"]).await,
        2,
        &["--let-this-client-destroy-my-grant"],
    );
    assert_eq!(foreign.server.counters().token_posts, 0, "nothing was sent");
    foreign.server.inject_always(
        Point::Refresh,
        Fault::delayed(std::time::Duration::from_millis(50)),
    );
    let armed = [
        "--client",
        "naive",
        "--requests",
        "50",
        "--json",
        "--let-this-client-destroy-my-grant",
    ];
    let output = foreign.fly(&armed).await;
    ended(&output, 1, &["the session is dead"]);
    assert!(foreign.server.counters().reuse_detected > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p1_textbook_keeps_the_newest_token_in_the_file_too() {
    let foreign = Foreign::new("textbook").await;
    let armed = [
        "--client",
        "textbook",
        "--requests",
        "20",
        "--let-this-client-destroy-my-grant",
    ];
    ended(&foreign.fly(&armed).await, 0, &[]);
    ended(&foreign.fly(&["--requests", "20"]).await, 0, &[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x2_a_dead_grant_says_sign_in_again() {
    let foreign = Foreign::new("dead").await;
    foreign.server.revoke_family(foreign.family);
    ended(
        &foreign.fly(&[]).await,
        4,
        &["no longer accepts the refresh token", "next: sign in again"],
    );
    // And says it again from the file, without asking the server.
    let asked = foreign.server.counters().refresh_posts;
    ended(&foreign.fly(&[]).await, 4, &["next: sign in again"]);
    assert_eq!(foreign.server.counters().refresh_posts, asked);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x2_an_unknown_client_id_is_named() {
    let foreign = Foreign::new("client").await;
    let mut arguments = foreign.arguments();
    arguments[4] = "stranger".to_owned();
    ended(&fly(&arguments, &[]).await, 5, &["--client-id"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p6_a_token_file_that_is_none_is_named_and_nothing_is_sent() {
    let foreign = Foreign::new("garbage").await;
    for garbage in [
        "",
        "this is no token",
        "{\"access_token\": \"alone\"}",
        "{\"refresh_token\": ",
    ] {
        fs::write(&foreign.file, garbage).expect("written");
        ended(
            &foreign.fly(&[]).await,
            3,
            &["no token file", "next: put the refresh token into it"],
        );
        assert_eq!(fs::read_to_string(&foreign.file).expect("there"), garbage);
    }
    fs::remove_file(&foreign.file).expect("removed");
    ended(
        &foreign.fly(&[]).await,
        3,
        &["cannot be read", "next: check the path"],
    );
    let counters = foreign.server.counters();
    assert_eq!((counters.token_posts, counters.metadata_requests), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x2_an_issuer_that_does_not_answer_is_named() {
    let foreign = Foreign::new("silent").await;
    let closed = TcpListener::bind("127.0.0.1:0")
        .expect("a free port")
        .local_addr()
        .expect("bound");
    let mut arguments = foreign.arguments();
    arguments[2] = format!("http://{closed}");
    ended(
        &fly(&arguments, &[]).await,
        3,
        &["could not be found", &closed.to_string(), "next: check --issuer"],
    );
    assert_eq!(foreign.server.counters().token_posts, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x2_what_is_no_issuer_is_named() {
    let foreign = Foreign::new("no-issuer").await;
    let mut arguments = foreign.arguments();
    arguments[2] = foreign.server.issuer().replace("127.0.0.1", "localhost");
    ended(
        &fly(&arguments, &[]).await,
        5,
        &[
            "could not be found",
            "not to http://localhost",
            "next: check --issuer",
        ],
    );
    arguments[2] = foreign.server.issuer().to_owned() + "/tenant";
    ended(&fly(&arguments, &[]).await, 5, &["could not be found", "404"]);
    foreign.server.inject_always(Point::Metadata, Fault::html_200());
    ended(
        &foreign.fly(&[]).await,
        5,
        &["could not be found", "holds no metadata"],
    );
    assert_eq!(foreign.server.counters().token_posts, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x2_an_api_that_refuses_or_is_not_there_is_named_and_the_grant_is_kept() {
    let foreign = Foreign::new("api").await;
    foreign.server.reject_everything(true);
    ended(&foreign.fly(&[]).await, 5, &["refuses the token", "audience"]);
    foreign.server.reject_everything(false);
    let closed = TcpListener::bind("127.0.0.1:0")
        .expect("a free port")
        .local_addr()
        .expect("bound");
    let mut arguments = foreign.arguments();
    arguments[8] = format!("http://{closed}/");
    ended(&fly(&arguments, &[]).await, 3, &["next: check --api"]);
    ended(&foreign.fly(&["--requests", "5"]).await, 0, &[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o3_no_token_is_shown() {
    let foreign = Foreign::new("secret").await;
    let before = fs::read_to_string(&foreign.file).expect("there");
    let output = foreign.fly(&["--requests", "5"]).await;
    let after = foreign.held();
    let shown = stdout(&output) + &stderr(&output);
    for secret in [
        before.as_str(),
        after["refresh_token"].as_str().expect("there"),
        after["access_token"].as_str().expect("there"),
    ] {
        assert!(!shown.contains(secret));
    }
}
