//! `oneflight login`: makes a profile, or signs in to one again.

mod browser;
mod code;
mod device;
mod given;
mod how;
mod id_token;
mod landing;
mod problem;
mod wire;
mod wish;

use clap::Args;
use oneflight::endpoint::{Metadata, discover};
use oneflight::{FileStore, State};
use oneflight_reqwest::ReqwestExchange;

use crate::exit::{Exit, Problem};
use crate::interrupt::Interrupts;
use crate::profile::{self, Profile, ProfileArg, Settings};
use crate::tls;
use how::Server;
use id_token::Failed;
use wire::Wire;
use wish::WishArgs;

pub(crate) use given::read_each;
pub(crate) use how::How;
pub(crate) use id_token::Granted;
pub(crate) use problem::LoginError;
pub(crate) use wish::{SECRET_VARIABLE, authentication, client_secret, default_scope};

/// `oneflight login`
#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    #[command(flatten)]
    profile: ProfileArg,
    #[command(flatten)]
    wish: WishArgs,
    #[command(flatten)]
    how: How,
    /// Read a refresh token from standard input, and prove it by one refresh
    #[arg(long, conflicts_with_all = ["device", "no_browser", "port", "prompt", "timeout"])]
    with_refresh_token: bool,
}

/// Signs in.
pub(crate) async fn run(args: LoginArgs) -> Result<Exit, Problem> {
    let mut interrupts = Interrupts::listen().map_err(|source| LoginError::Signals { source })?;
    let given = args.with_refresh_token.then(given::read).transpose()?;
    let login = tokio::select! {
        login = Login::prepare(&args) => login?,
        () = interrupts.next() => return Ok(Exit::Interrupted),
    };
    if let Some(token) = given {
        let done = async {
            let tokens = given::refreshed(&login.profile, token).await?;
            login.finish(Granted { tokens, who: None }).await
        };
        return match interrupts.let_end("the sign-in", done).await {
            Some(done) => done.map(|()| Exit::Well),
            None => Ok(Exit::Interrupted),
        };
    }
    let settings = &login.profile.settings;
    let Some(granted) = obtain(settings, &login.server, &args.how, &mut interrupts).await? else {
        return Ok(Exit::Interrupted);
    };
    match interrupts.let_end("the sign-in", login.finish(granted)).await {
        Some(done) => done.map(|()| Exit::Well),
        None => Ok(Exit::Interrupted),
    }
}

/// Lets somebody sign in at the server, by the browser or on another device; `None`: they were interrupted. Nothing is
/// saved.
///
/// # Errors
/// [`LoginError`] says why nobody did. Tokens that must not be used were revoked.
pub(crate) async fn obtain(
    settings: &Settings,
    metadata: &Metadata,
    how: &How,
    interrupts: &mut Interrupts,
) -> Result<Option<Granted>, Problem> {
    let http = ReqwestExchange::new(tls::builder()).map_err(|source| Problem::HttpClient { source })?;
    let wire = Wire::new(http);
    let server = Server { settings, metadata };
    let done = if how.device {
        tokio::select! {
            done = device::sign_in(&server, how, &wire) => Some(done),
            () = interrupts.next() => None,
        }
    } else {
        let answered = tokio::select! {
            answered = code::ask(&server, how) => answered?,
            () = interrupts.next() => return Ok(None),
        };
        interrupts
            .let_end("the sign-in", answered.redeem(&server, &wire))
            .await
    };
    match done {
        None => Ok(None),
        Some(Ok(granted)) => Ok(Some(granted)),
        Some(Err(Failed { problem, tokens })) => {
            if let Some(tokens) = tokens {
                // That they were not wanted is what has to be said, however this goes.
                profile::revoke(settings, tokens).await;
            }
            Err(problem.into())
        }
    }
}

/// A login that may begin: the server was found, and there is a place for what it gives.
struct Login {
    profile: Profile,
    server: Metadata,
    store: FileStore,
    /// A live session stands there, of the same client at the same server.
    replaces: bool,
}

impl Login {
    async fn prepare(args: &LoginArgs) -> Result<Self, Problem> {
        let name = args.profile.name()?;
        args.wish.encryption()?;
        let old = Profile::find(&name)?;
        let target = args.wish.target(&name, old.as_ref())?;
        let replaces = match &old {
            Some(old) => may_replace(old, &target)?,
            None => false,
        };
        let server = find(&target.0).await?;
        let mut settings = args.wish.settings(target, old.as_ref(), &server)?;
        if settings.scope.is_none() && !args.with_refresh_token {
            settings.scope = wish::default_scope(&server);
        }
        args.how.settle(&mut settings);
        let profile = Profile::make(&name, settings)?;
        // What cannot be written is better known before somebody signs in.
        let store = profile.store_for_login(old.as_ref())?;
        Ok(Self {
            profile,
            server,
            store,
            replaces,
        })
    }

    /// Saves the profile and its new session, and says so.
    async fn finish(self, granted: Granted) -> Result<(), Problem> {
        let renewable = granted.tokens.refresh_token.is_some();
        let name = &self.profile.name;
        profile::sign_in(&self.profile, self.store, granted.tokens).await?;
        let settings = &self.profile.settings;
        let who = granted.who.map(|who| format!(" as {who}")).unwrap_or_default();
        eprintln!(
            "signed in{who}: profile {name}, client {} at {}",
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
                 somebody has to sign in again. Most servers give one for the scope offline_access."
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

/// What the server says of itself.
///
/// # Errors
/// [`Problem::Issuer`].
pub(crate) async fn find(issuer: &str) -> Result<Metadata, Problem> {
    let http = ReqwestExchange::new(tls::builder()).map_err(|source| Problem::HttpClient { source })?;
    discover(issuer, &http).await.map_err(|source| Problem::Issuer {
        issuer: issuer.to_owned(),
        source,
    })
}
