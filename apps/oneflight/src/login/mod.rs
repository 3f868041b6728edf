//! `oneflight login`: makes a profile, or signs in to one again.

mod given;
mod problem;
mod wish;

use clap::Args;
use oneflight::endpoint::{Metadata, discover};
use oneflight::{FileStore, State, TokenSet};
use oneflight_reqwest::ReqwestExchange;

use crate::exit::{Exit, Problem};
use crate::interrupt::Interrupts;
use crate::profile::{self, Profile, ProfileArg};
use crate::tls;
use wish::WishArgs;

pub(crate) use given::read_each;
pub(crate) use problem::LoginError;
pub(crate) use wish::{authentication, client_secret};

/// `oneflight login`
#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    #[command(flatten)]
    profile: ProfileArg,
    #[command(flatten)]
    wish: WishArgs,
    /// Read a refresh token from standard input, and prove it by one refresh
    #[arg(long, required = true)]
    with_refresh_token: bool,
}

/// Signs in.
pub(crate) async fn run(args: LoginArgs) -> Result<Exit, Problem> {
    let mut interrupts = Interrupts::listen().map_err(|source| LoginError::Signals { source })?;
    let token = given::read()?;
    let login = tokio::select! {
        login = Login::prepare(&args) => login?,
        () = interrupts.next() => return Ok(Exit::Interrupted),
    };
    let done = async {
        let tokens = given::refreshed(&login.profile, token).await?;
        login.finish(tokens).await
    };
    match interrupts.let_end("the sign-in", done).await {
        Some(done) => done.map(|()| Exit::Well),
        None => Ok(Exit::Interrupted),
    }
}

/// A login that may begin: the server was found, and there is a place for what it gives.
struct Login {
    profile: Profile,
    store: FileStore,
    /// A live session stands there, of the same client at the same server.
    replaces: bool,
}

impl Login {
    async fn prepare(args: &LoginArgs) -> Result<Self, Problem> {
        let name = args.profile.name()?;
        let old = Profile::find(&name)?;
        let target = args.wish.target(&name, old.as_ref())?;
        let replaces = match &old {
            Some(old) => may_replace(old, &target)?,
            None => false,
        };
        let server = find(&target.0).await?;
        let settings = args.wish.settings(target, old.as_ref(), &server)?;
        let profile = Profile::make(&name, settings)?;
        // What cannot be written is better known before somebody signs in.
        let store = profile.store_for_login(old.as_ref())?;
        Ok(Self {
            profile,
            store,
            replaces,
        })
    }

    /// Saves the profile and its new session, and says so.
    async fn finish(self, tokens: TokenSet) -> Result<(), Problem> {
        let renewable = tokens.refresh_token.is_some();
        let name = &self.profile.name;
        profile::sign_in(&self.profile, self.store, tokens).await?;
        let settings = &self.profile.settings;
        eprintln!(
            "signed in: profile {name}, client {} at {}",
            settings.client_id, settings.issuer
        );
        if self.replaces {
            eprintln!(
                "The session that was there before is replaced. Its refresh token was not revoked: at the server it lasts \
                 until it expires."
            );
        }
        if !renewable {
            eprintln!(
                "warning: the server gave no refresh token, so this session ends when its access token expires, and then \
                 somebody has to sign in again"
            );
        }
        Ok(())
    }
}

/// Whether a live session stands there. One of another client or server is not written over: whoever has the profile open
/// would present the new tokens where the old ones came from.
fn may_replace(old: &Profile, (issuer, client_id): &(String, String)) -> Result<bool, Problem> {
    let live = old
        .record()?
        .is_some_and(|stored| matches!(stored.record.state, State::Live { .. }));
    let settings = &old.settings;
    if live && (&settings.issuer, &settings.client_id) != (issuer, client_id) {
        return Err(LoginError::OtherServer {
            name: old.name.clone(),
            issuer: settings.issuer.clone(),
            client_id: settings.client_id.clone(),
        }
        .into());
    }
    Ok(live)
}

async fn find(issuer: &str) -> Result<Metadata, Problem> {
    let http = ReqwestExchange::new(tls::builder()).map_err(|source| Problem::HttpClient { source })?;
    discover(issuer, &http).await.map_err(|source| Problem::Issuer {
        issuer: issuer.to_owned(),
        source,
    })
}
