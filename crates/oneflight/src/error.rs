//! What can go wrong, in terms of what the caller can do about it.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use oneflight_core::answer::{ErrorCode, LossCause, Setting};
use oneflight_core::machine::{Failure, TransientCause};
use oneflight_core::origin::{AllowListError, Origin, OriginError};
use oneflight_core::{EndReason, MonoTime, TokenError};

/// Why there is no token.
///
/// Match on [`action`](Self::action) to decide what to do; no text needs to be looked at.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store holds no session.
    #[error("nobody is signed in; sign in first")]
    NeverSignedIn,
    /// The session has ended.
    #[error("the session has ended: {0}; sign in again")]
    SignedOut(EndReason),
    /// The access token has run out, and there is nothing to renew it with.
    #[error("the access token has expired and came without a refresh token; sign in again")]
    NoRefreshToken,
    /// Another sign-in took the place of the session that the request belonged to.
    #[error(
        "another sign-in replaced the session that this request belonged to; its token must not be used here"
    )]
    Replaced,
    /// The token endpoint, the store or the way to them is ill. The session lives on.
    #[error("{cause}; the session is kept, try again in {} s", retry_after.as_secs_f32().ceil())]
    #[non_exhaustive]
    Transient {
        /// What happened.
        cause: TransientCause,
        /// When the next attempt is allowed, from when the error was made.
        retry_after: Duration,
        /// What the token endpoint or the store had to say.
        source: Option<Source>,
    },
    /// The authorization server wants to see the user (OpenID Connect Core §3.1.2.6).
    #[error(
        "the authorization server wants the user ({}); send them through the sign-in",
        shown(code)
    )]
    #[non_exhaustive]
    Interaction {
        /// The server's `error` code, if it can be shown.
        code: Option<ErrorCode>,
        /// When the next attempt is allowed, from when the error was made.
        retry_after: Duration,
    },
    /// The authorization server refuses this client or what it asks for (RFC 6749 §5.2).
    #[error("the token endpoint refuses the configuration ({}); {setting}", shown(code))]
    #[non_exhaustive]
    Configuration {
        /// Which setting to look at.
        setting: Setting,
        /// The server's `error` code, if it gave one that can be shown.
        code: Option<ErrorCode>,
        /// When the next attempt is allowed, from when the error was made.
        retry_after: Duration,
    },
    /// The refresh gave back the very token that the API had refused.
    #[error(
        "the token endpoint gave back the token that the API refuses; check that both speak of the same audience"
    )]
    SameToken,
    /// The API refused so many fresh tokens that renewals because of refusals are paused.
    #[error("the API refuses fresh tokens; renewing again is paused for {} s", retry_after.as_secs_f32().ceil())]
    #[non_exhaustive]
    RejectionBudget {
        /// When a refusal may cause a renewal again, from when the error was made.
        retry_after: Duration,
    },
    /// The session was closed by the application.
    #[error("the session is closed")]
    Closed,
    /// The runtime that carried out the renewal has ended. See [`Session`](crate::Session#the-runtime).
    #[error("the tokio runtime of the session has ended; keep it running, or call from another one")]
    RuntimeGone,
    /// The call was made by the very work that it would have to wait for: by the token endpoint or the store of this
    /// session.
    #[error("the token endpoint or the store of a session must not wait for a token of that session")]
    Reentered,
    /// What was found kept changing for as long as one call may go on looking.
    #[error("the session kept changing; try again")]
    Unsettled,
    /// The tokens to sign in with are no tokens.
    #[error("the tokens cannot be used: {0}; sign in again")]
    BadToken(#[from] TokenError),
    /// The token response to sign in with is none.
    #[error("the token response cannot be used: {0}; sign in again")]
    BadResponse(LossCause),
}

/// What a token endpoint or a store had to say, shared by everybody who waited.
#[derive(Clone)]
pub struct Source(Arc<dyn StdError + Send + Sync>);

impl Source {
    pub(crate) fn new(error: impl StdError + Send + Sync + 'static) -> Self {
        Self(Arc::new(error))
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Source {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

/// What the caller can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// Try again, not before this has passed. No new sign-in is needed.
    Retry {
        /// How long to wait.
        after: Duration,
    },
    /// Send the user through the sign-in.
    SignIn,
    /// Fix the configuration: of the client, of the authorization server, or of the API.
    FixConfiguration,
    /// Nothing: give the request up.
    Nothing,
}

impl Error {
    /// What the caller can do.
    ///
    /// ```
    /// use oneflight::{Action, Error};
    ///
    /// match Error::NeverSignedIn.action() {
    ///     Action::Retry { after } => println!("again in {after:?}"),
    ///     Action::SignIn => println!("please sign in"),
    ///     _ => println!("giving up"),
    /// }
    /// ```
    #[must_use]
    pub fn action(&self) -> Action {
        match self {
            Self::Transient { retry_after, .. } | Self::RejectionBudget { retry_after } => {
                Action::Retry { after: *retry_after }
            }
            Self::Unsettled => Action::Retry {
                after: Duration::ZERO,
            },
            Self::NeverSignedIn
            | Self::SignedOut(_)
            | Self::NoRefreshToken
            | Self::Interaction { .. }
            | Self::BadToken(_)
            | Self::BadResponse(_) => Action::SignIn,
            Self::Configuration { .. } | Self::SameToken | Self::Reentered => Action::FixConfiguration,
            Self::Replaced | Self::Closed | Self::RuntimeGone => Action::Nothing,
        }
    }

    /// The machine's failure, with its time to retry counted from now on.
    pub(crate) fn from_failure(failure: Failure, now: MonoTime, source: Option<Source>) -> Self {
        let from_now = |at: MonoTime| at.since(now);
        match failure {
            Failure::NeverSignedIn => Self::NeverSignedIn,
            Failure::SignedOut(reason) => Self::SignedOut(reason),
            Failure::NoRefreshToken => Self::NoRefreshToken,
            Failure::Replaced => Self::Replaced,
            Failure::Transient { cause, retry_at } => Self::Transient {
                cause,
                retry_after: from_now(retry_at),
                source,
            },
            Failure::Interaction { code, retry_at } => Self::Interaction {
                code,
                retry_after: from_now(retry_at),
            },
            Failure::Configuration {
                setting,
                code,
                retry_at,
            } => Self::Configuration {
                setting,
                code,
                retry_after: from_now(retry_at),
            },
            Failure::SameToken => Self::SameToken,
            Failure::RejectionBudget { retry_at } => Self::RejectionBudget {
                retry_after: from_now(retry_at),
            },
            Failure::Closed => Self::Closed,
            // What a newer core may say: not known to be permanent.
            _ => Self::Unsettled,
        }
    }
}

fn shown(code: &Option<ErrorCode>) -> &str {
    code.as_ref().map_or("no error code", ErrorCode::as_str)
}

/// A setting that cannot work, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The builder was given no token endpoint.
    #[error("a session needs a token endpoint; give the builder one with `.endpoint(…)`")]
    NoEndpoint,
    /// No origin may see the token.
    #[error(
        "the list of allowed origins is empty, so no request would carry the token; name the API's origin with \
         `.origins([\"https://…\"])`, or say `.without_origins()` if no interceptor uses this session"
    )]
    EmptyAllowList,
    /// An origin of the allow-list is none.
    #[error(
        "{origin:?} is no origin: {cause}; write scheme, host and port only, as in https://api.example.com"
    )]
    #[non_exhaustive]
    BadOrigin {
        /// What was given.
        origin: String,
        /// What is wrong with it.
        cause: UrlProblem,
    },
    /// A URL of the authorization server cannot be used.
    #[error("the URL of the {what} cannot be used: {cause}")]
    #[non_exhaustive]
    BadUrl {
        /// Which one.
        what: &'static str,
        /// What is wrong with it.
        cause: UrlProblem,
    },
    /// Tokens would travel unencrypted.
    #[error(
        "{what} {origin} would get secrets unencrypted; use https (plain http is for loopback only), or call \
         `dangerously_allow_plain_http` and answer for it"
    )]
    #[non_exhaustive]
    PlainHttp {
        /// Which one.
        what: &'static str,
        /// Where it lies.
        origin: Origin,
    },
    /// The client id is empty.
    #[error("the client id is missing; the authorization server gave you one when the client was registered")]
    MissingClientId,
    /// The client secret is empty.
    #[error("the client secret is empty; a client without one uses `ClientAuth::None`")]
    MissingClientSecret,
    /// A parameter or field that is set elsewhere, or has no name.
    #[error("{name:?} cannot be an extra parameter: {cause}")]
    #[non_exhaustive]
    BadParameter {
        /// Its name.
        name: String,
        /// Why not.
        cause: &'static str,
    },
    /// A number of the policy cannot work.
    #[error("{setting} cannot be {value}; {range}")]
    #[non_exhaustive]
    BadPolicy {
        /// Its name.
        setting: &'static str,
        /// Its value.
        value: String,
        /// What would do.
        range: &'static str,
    },
    /// The store's lock could end while its holder still waits for the token endpoint.
    #[error(
        "the store's lease of {lease:?} is too short: a request may take {request:?} and saving its answer {save:?}; give the \
         store a longer lease, or the policy a shorter `request_deadline`"
    )]
    #[non_exhaustive]
    LeaseTooShort {
        /// The lease of the store.
        lease: Duration,
        /// The policy's `request_deadline`.
        request: Duration,
        /// The policy's `save_deadline`.
        save: Duration,
    },
    /// There is no tokio runtime here, and none was given.
    #[error(
        "a session needs a tokio runtime for its driver; build it inside one, or give the builder a handle with \
         `.runtime(…)`"
    )]
    NoRuntime,
    /// The tokio runtime has no timers.
    #[error("the session's tokio runtime has no timers; build it with `enable_time()` or `enable_all()`")]
    NoTimers,
}

/// What is wrong with a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum UrlProblem {
    /// It does not parse.
    #[error("it is no URL")]
    NotAUrl,
    /// It has no scheme or host.
    #[error("it is not absolute; begin with https://")]
    NotAbsolute,
    /// It carries a user name or a password.
    #[error("it carries user information before the host; client credentials have settings of their own")]
    UserInfo,
    /// It carries a fragment (RFC 6749 §3.2 forbids one).
    #[error("it carries a fragment (#…)")]
    Fragment,
    /// It has a path or a query where only an origin is meant.
    #[error("it has a path or a query")]
    NotOnlyOrigin,
    /// Scheme, host or port cannot be used.
    #[error(transparent)]
    Origin(#[from] OriginError),
}

impl From<AllowListError> for ConfigError {
    fn from(error: AllowListError) -> Self {
        match error {
            AllowListError::PlainHttp(origin) => Self::PlainHttp {
                what: "the API at",
                origin,
            },
            _ => Self::EmptyAllowList,
        }
    }
}
