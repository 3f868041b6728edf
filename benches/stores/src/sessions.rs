//! Sessions to measure, and the processes they run in.

use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use oneflight::endpoint::{RefreshRequest, Reply, TokenEndpoint, Verdict, endpoint_fn};
use oneflight::{Clock as _, Policy, Session, Store, SystemClock, TokenSet};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

const ACCESS_TOKEN_BYTES: usize = 900;
const REFRESH_TOKEN_BYTES: usize = 100;

/// Tokens of the usual length that live for an hour; no two are the same.
pub fn tokens() -> TokenSet {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let token = |letter: &str, length: usize| format!("{number:020}{}", letter.repeat(length - 20));
    TokenSet::new(&token("a", ACCESS_TOKEN_BYTES), SystemClock::default().wall())
        .and_then(|set| set.refresh_token(&token("r", REFRESH_TOKEN_BYTES)))
        .expect("these are tokens")
        .expires_in(Duration::from_secs(3600))
}

/// An endpoint that answers at once.
pub fn at_once() -> impl TokenEndpoint {
    endpoint_fn(async |_request: RefreshRequest| Reply::new(Verdict::Renewed(tokens())))
}

/// A session; refusals may cause as many renewals as there are.
pub fn session(endpoint: impl TokenEndpoint, store: impl Store) -> Session {
    let mut policy = Policy::default();
    policy.rejection_budget = u8::MAX;
    policy.rejection_window = Duration::from_millis(1);
    Session::builder()
        .endpoint(endpoint)
        .store(store)
        .without_origins()
        .policy(policy)
        .build()
        .expect("the settings are complete")
}

/// This program in another process, talked to by lines.
pub struct Other {
    child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Other {
    pub fn start(args: &[&str]) -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("it can be run again");
        let input = child.stdin.take().expect("it is piped");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        Self { child, input, lines }
    }

    pub fn id(&self) -> String {
        self.child.id().expect("it runs").to_string()
    }

    pub async fn tell(&mut self, line: &str) {
        let line = format!("{line}\n");
        self.input.write_all(line.as_bytes()).await.expect("it reads");
    }

    /// The next line, which begins so; what follows.
    pub async fn hear(&mut self, beginning: &str) -> String {
        let line = self.lines.next_line().await.expect("it writes");
        let line = line.unwrap_or_else(|| panic!("it ended before it said {beginning:?}"));
        match line.strip_prefix(beginning) {
            Some(rest) => rest.trim().to_owned(),
            None => panic!("it said {line:?}, not {beginning:?}"),
        }
    }
}
