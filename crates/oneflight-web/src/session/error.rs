//! What went wrong, and what can be done about it.

use std::fmt;
use std::time::Duration;

use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::Response;

use super::page::{self, Problem};
use super::view::EndReason;

/// Everything that a [`Session`](super::Session) fails with.
///
/// ```
/// use oneflight_web::session::{Action, Error};
///
/// fn advise(error: &Error) -> String {
///     match error.action() {
///         Action::Retry { after } => format!("again in {} s", after.as_secs()),
///         Action::SignIn => "please sign in".to_owned(),
///         _ => error.to_string(),
///     }
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    retry_after: Option<Duration>,
    response: Option<Response>,
    js: Option<JsValue>,
}

/// Kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Nobody has signed in yet.
    NotSignedIn,
    /// The session is over.
    SignedOut(EndReason),
    /// Another sign-in took the place of the session that this call belonged to.
    Replaced,
    /// The token could not be renewed now; the session is kept.
    Transient,
    /// The answer to the refresh was lost; the session is kept.
    Ambiguous,
    /// The authorization server refuses the client or its parameters; the session is kept.
    Configuration,
    /// The server wants the user to interact (OpenID Connect Core §3.1.2.6); the session is kept.
    Interaction,
    /// The refresh gave back the very token that the API refuses.
    SameToken,
    /// The API refuses fresh tokens, so renewing is paused.
    RejectionBudget,
    /// The session was [closed](super::Session::close).
    Closed,
    /// A token is empty, or holds characters that no header may carry.
    BadToken,
    /// An option makes no sense; the message says which.
    InvalidOption,
    /// This code does not run in a page.
    NoBrowser,
    /// `fetch` itself failed: no connection, or the answer may not be read (CORS). Nothing was decided about the token.
    Fetch,
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
    /// What happened.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What the caller can do.
    #[must_use]
    pub fn action(&self) -> Action {
        match self.kind {
            ErrorKind::NotSignedIn | ErrorKind::SignedOut(_) | ErrorKind::Interaction => Action::SignIn,
            ErrorKind::Transient | ErrorKind::Ambiguous | ErrorKind::RejectionBudget => Action::Retry {
                after: self.retry_after.unwrap_or_default(),
            },
            ErrorKind::Configuration
            | ErrorKind::SameToken
            | ErrorKind::BadToken
            | ErrorKind::InvalidOption => Action::FixConfiguration,
            ErrorKind::Replaced | ErrorKind::Closed | ErrorKind::NoBrowser | ErrorKind::Fetch => {
                Action::Nothing
            }
        }
    }

    /// How long another try is not worth while, if that is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The refusal that could not be healed, from [`fetch`](super::Session::fetch).
    #[must_use]
    pub fn response(&self) -> Option<&Response> {
        self.response.as_ref()
    }

    /// What JavaScript threw, for instance `fetch`'s `TypeError`.
    #[must_use]
    pub fn as_js(&self) -> Option<&JsValue> {
        self.js.as_ref()
    }

    /// As the glue rejected with it.
    pub(super) fn from_js(thrown: JsValue) -> Self {
        if !page::is_ours(&thrown) {
            let problem = thrown.unchecked_ref::<js_sys::Error>();
            let message = if thrown.is_object() {
                String::from(problem.message())
            } else {
                String::new()
            };
            return Self {
                kind: ErrorKind::Fetch,
                message: format!("fetch failed: {message}"),
                retry_after: None,
                response: None,
                js: Some(thrown),
            };
        }
        let problem = thrown.unchecked_ref::<Problem>();
        Self {
            kind: kind_of(&problem.code(), problem.reason().as_deref()),
            message: problem.message(),
            retry_after: problem
                .retry_after()
                .map(|millis| Duration::from_millis(millis as u64)),
            response: problem.response(),
            js: Some(thrown),
        }
    }

    pub(super) fn no_browser() -> Self {
        Self {
            kind: ErrorKind::NoBrowser,
            message: "oneflight-web works in pages only; this code runs elsewhere".to_owned(),
            retry_after: None,
            response: None,
            js: None,
        }
    }
}

fn kind_of(code: &str, reason: Option<&str>) -> ErrorKind {
    match code {
        "not-signed-in" => ErrorKind::NotSignedIn,
        "signed-out" => ErrorKind::SignedOut(EndReason::named(reason)),
        "replaced" => ErrorKind::Replaced,
        "ambiguous" => ErrorKind::Ambiguous,
        "configuration" => ErrorKind::Configuration,
        "interaction" => ErrorKind::Interaction,
        "same-token" => ErrorKind::SameToken,
        "rejection-budget" => ErrorKind::RejectionBudget,
        "closed" => ErrorKind::Closed,
        "bad-token" => ErrorKind::BadToken,
        "invalid-option" => ErrorKind::InvalidOption,
        "no-browser" => ErrorKind::NoBrowser,
        // What it cannot say more about may pass.
        _ => ErrorKind::Transient,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f10_what_to_do_follows_from_the_kind() {
        let error = |code, reason| Error {
            kind: kind_of(code, reason),
            message: String::new(),
            retry_after: Some(Duration::from_secs(2)),
            response: None,
            js: None,
        };
        let ended = error("signed-out", Some("rejected"));
        assert_eq!(ended.kind(), ErrorKind::SignedOut(EndReason::Rejected));
        assert_eq!(ended.action(), Action::SignIn);
        let after = Duration::from_secs(2);
        assert_eq!(error("transient", None).action(), Action::Retry { after });
        assert_eq!(error("same-token", None).action(), Action::FixConfiguration);
        assert_eq!(error("closed", None).action(), Action::Nothing);
    }
}
