//! A folder for profiles, and commands that use it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use oneflight::record::RecordCodec;
use oneflight::{FileStore, Record, RefreshToken, State, Store as _, Stored, TokenSet};
use oneflight_core::machine::Swap;
use oneflight_testkit::{IssuedSession, TestServer};
use tempfile::TempDir;

use super::oneflight;

/// The folder of one test's profiles.
pub(crate) struct Home {
    folder: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder for the test"),
        }
    }

    /// A file of a profile: `default.json`, `default.session`.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("home").join(name)
    }

    /// The command with these arguments, for the profiles of this folder, not yet started.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = oneflight(args);
        command
            .env("ONEFLIGHT_HOME", self.folder.path().join("home"))
            .env_remove("ONEFLIGHT_PROFILE")
            .env_remove("ONEFLIGHT_CLIENT_SECRET");
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("the command starts")
    }

    /// Runs it to its end, with this on its standard input.
    pub(crate) fn run_with(&self, args: &[&str], input: &str) -> Output {
        fed(self.command(args), input)
    }

    /// Makes a profile by a refresh token of the server. Costs one refresh, so the token of `session` is spent.
    pub(crate) fn login(&self, server: &TestServer, profile: &str) -> IssuedSession {
        let session = server.issue_session();
        let args = [
            "login",
            "--with-refresh-token",
            "--client-id",
            "app",
            "--profile",
            profile,
        ];
        let output = self.run_with(
            &[&args[..], &["--issuer", server.issuer()]].concat(),
            session.refresh_token(),
        );
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        session
    }
}

/// Runs a command to its end, with this on its standard input.
pub(crate) fn fed(mut command: Command, input: &str) -> Output {
    let mut child = command.stdin(Stdio::piped()).spawn().expect("the command starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    // A command that ends without reading has closed it.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("the command ends")
}

impl Home {
    /// What the session of a profile holds.
    pub(crate) fn tokens(&self, profile: &str) -> TokenSet {
        let State::Live { tokens, .. } = self.stored(profile).record.state else {
            panic!("the session of {profile} has ended")
        };
        copy(&tokens)
    }

    /// Changes the token set that a profile holds, behind everybody's back.
    pub(crate) fn change(&self, profile: &str, change: impl FnOnce(&mut TokenSet)) {
        let stored = self.stored(profile);
        let mut tokens = self.tokens(profile);
        change(&mut tokens);
        let record = Record {
            state: State::Live {
                tokens: tokens.into(),
                mark: None,
                back_off: None,
            },
            ..stored.record
        };
        let store = FileStore::open(self.file(&format!("{profile}.session"))).expect("the session");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let swapped = runtime.block_on(store.compare_and_swap(Some(stored.version), record));
        assert!(matches!(swapped, Ok(Swap::Written(_))), "{swapped:?}");
    }

    /// Makes the token set of a profile older.
    pub(crate) fn age(&self, profile: &str, by: Duration) {
        self.change(profile, |tokens| {
            tokens.received_at = tokens.received_at.before(by);
        });
    }

    fn stored(&self, profile: &str) -> Stored {
        let path = self.file(&format!("{profile}.session"));
        FileStore::peek(path, &RecordCodec::dangerously_unencrypted())
            .expect("it can be read")
            .expect("there is one")
    }
}

fn copy(tokens: &TokenSet) -> TokenSet {
    let mut copy = TokenSet::new(tokens.access_token.expose(), tokens.received_at).expect("it was one");
    copy.refresh_token = tokens.refresh_token.as_ref().map(RefreshToken::duplicate);
    copy.expires_in = tokens.expires_in;
    copy.scope = tokens.scope.clone();
    copy
}
