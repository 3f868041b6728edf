//! What every interceptor does, for any HTTP stack: decide whether a request is ours, attach the token, judge the
//! answer, and say what became of it.
//!
//! 1. [`Session::attach`] decides: leave the request alone, send it with this header, or wait for a token first.
//! 2. [`Session::authorization`] waits.
//! 3. [`judge`] decides whether an answer is a refusal that a renewal can help against.
//! 4. [`Session::after_refusal`] demands a newer token than the one refused; the request is sent once more.
//! 5. Every other answer is handed back untouched. A 401 that a renewal could have helped against, but whose request
//!    was not sent again, is marked with [`Unreplayed`]; a renewal that failed is a [`RenewalFailed`], which keeps the
//!    401.
//!
//! A request that cannot be sent again, because its body is a stream, has no second chance: before it is sent,
//! [`Session::renew_if_due`] renews what is about to expire, and after a refusal
//! [`Session::renew_for_the_next`] begins the renewal that it calls for.
//!
//! Requests speak to interceptors through their extensions: [`OptOut`], [`NoReplay`], and a [`Session`] of their own
//! where one client serves many users.

use std::error::Error as StdError;
use std::fmt;

use futures_util::FutureExt as _;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, StatusCode, Uri};
use oneflight_core::challenge::{Challenges, Refusal, SentCredential, refusal};

pub use oneflight_core::challenge::{NotRenewable, grpc_refusal};

use crate::session::Authorization;
use crate::{Action, Error, Session, Stamp};

/// What to do with a request before it is sent.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Attachment {
    /// Leave it alone: its origin may not see the token.
    NotOurs,
    /// Send it with this header.
    Ready(Authorization),
    /// Ask [`Session::authorization`] for a header first: there is no usable token now.
    Wait,
}

impl Session {
    /// Decides what a request to this URL gets. Never waits, locks or allocates.
    ///
    /// The origin is compared as the parser of [`Uri`] found it. If the HTTP client parses URLs with something else,
    /// use [`attach_parts`](Self::attach_parts) with the parts that *it* found. A relative URL is not ours.
    ///
    /// Where a renewal is due, but the token may still be sent, this also starts the renewal.
    #[must_use]
    #[inline]
    pub fn attach(&self, uri: &Uri) -> Attachment {
        if !self.allows_uri(uri) {
            return Attachment::NotOurs;
        }
        self.attach_allowed()
    }

    /// The same, for a URL that another parser took apart.
    #[must_use]
    pub fn attach_parts(&self, scheme: &str, host: &str, port: Option<u16>) -> Attachment {
        if !self.allows(scheme, host, port) {
            return Attachment::NotOurs;
        }
        self.attach_allowed()
    }

    pub(crate) fn allows_uri(&self, uri: &Uri) -> bool {
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return false;
        };
        // Most requests write the origin just as the list does; taking the authority apart costs several times as much.
        self.is_written(scheme, authority.as_str())
            || self.allows(scheme, authority.host(), authority.port_u16())
    }

    #[inline]
    fn attach_allowed(&self) -> Attachment {
        match self.ready() {
            Some(authorization) => Attachment::Ready(authorization),
            None => Attachment::Wait,
        }
    }

    /// Demands a newer token than the one refused, and says what is to become of the request.
    ///
    /// # Cancel safety
    /// Dropping this leaves the renewal under way.
    pub async fn after_refusal(&self, refused: Stamp, on_failure: OnFailure) -> AfterRefusal {
        match self.newer_than(refused).await {
            Ok(token) => {
                #[cfg(feature = "metrics")]
                crate::metrics::replayed();
                AfterRefusal::Replay(token.authorization())
            }
            Err(Error::RejectionBudget { .. }) => AfterRefusal::HandBack(UnreplayedReason::RejectionBudget),
            Err(error) => match on_failure {
                OnFailure::Error => AfterRefusal::Fail(error),
                OnFailure::HandBack => AfterRefusal::HandBack(UnreplayedReason::RenewalFailed(error)),
            },
        }
    }

    /// Begins the renewal that a refusal calls for, if nobody has, without waiting for it: the refused request is not
    /// sent again, but the next one finds the new token.
    pub fn renew_for_the_next(&self, refused: Stamp) {
        // Asking once is enough: from then on the renewal is the driver's.
        let _ = self.newer_than(refused).now_or_never();
    }
}

/// What an interceptor does with a refusal if no newer token can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum OnFailure {
    /// It fails, with an error that says why and keeps the refusal.
    #[default]
    Error,
    /// It hands the refusal back, marked with [`UnreplayedReason::RenewalFailed`].
    HandBack,
}

/// What is to become of a request that was refused.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum AfterRefusal {
    /// Send it once more, with this header.
    Replay(Authorization),
    /// Hand the refusal back, marked [`Unreplayed`] for this reason.
    HandBack(UnreplayedReason),
    /// Fail with a [`RenewalFailed`] that holds this error and the refusal.
    Fail(Error),
}

/// Whether an answer to a request that carried our token is a refusal that a renewal can help against.
///
/// gRPC refuses within a 200: see [`grpc_refusal`].
///
/// # Errors
/// [`NotRenewable`] says why it is not; hand the answer back as it came.
///
/// ```
/// use http::{HeaderMap, StatusCode};
/// use oneflight::intercept::{NotRenewable, judge};
///
/// let mut headers = HeaderMap::new();
/// assert_eq!(judge(StatusCode::UNAUTHORIZED, &headers), Ok(()));
/// assert_eq!(judge(StatusCode::FORBIDDEN, &headers), Err(NotRenewable::Status));
/// headers.insert("www-authenticate", "Bearer error=\"insufficient_scope\"".parse()?);
/// assert_eq!(judge(StatusCode::UNAUTHORIZED, &headers), Err(NotRenewable::InsufficientScope));
/// # Ok::<(), http::header::InvalidHeaderValue>(())
/// ```
pub fn judge(status: StatusCode, headers: &HeaderMap) -> Result<(), NotRenewable> {
    // Most answers are no refusals, and their headers need no look.
    if status != StatusCode::UNAUTHORIZED {
        return Err(NotRenewable::Status);
    }
    let challenges = Challenges::parse(
        headers
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .map(AsRef::<[u8]>::as_ref),
    );
    match refusal(status.as_u16(), &challenges, SentCredential::Ours) {
        Refusal::Renewable => Ok(()),
        Refusal::NotRenewable(reason) => Err(reason),
    }
}

/// A request extension: leave this request alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct OptOut;

/// A request extension: attach the token, but never send this request a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct NoReplay;

/// A response extension: the API refuses the token, yet the request was not sent again.
#[derive(Debug, Clone)]
pub struct Unreplayed {
    /// Why not.
    pub reason: UnreplayedReason,
}

/// Why a refused request was not sent again.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum UnreplayedReason {
    /// Its body was a stream, and is gone. The token is being renewed for the next request.
    BodyIsAStream,
    /// Its body is longer than what is kept for a replay. The token is being renewed for the next request.
    BodyTooLong,
    /// The request, or the client, asked for no replays. The token is being renewed for the next request.
    OptedOut,
    /// The client had followed a redirect by itself, so the first server may have carried the request out before the
    /// second refused the token. The token is being renewed for the next request.
    Redirected,
    /// The API refused so many fresh tokens that renewals because of refusals are paused.
    RejectionBudget,
    /// The token could not be renewed, and the client asked for the refusal rather than for an error.
    RenewalFailed(Error),
}

impl fmt::Display for UnreplayedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BodyIsAStream => "its body was a stream",
            Self::BodyTooLong => "its body is longer than what is kept for a replay",
            Self::OptedOut => "replays were opted out of",
            Self::Redirected => "a redirect had been followed, so it may have been carried out",
            Self::RejectionBudget => "the API refuses fresh tokens",
            Self::RenewalFailed(error) => return write!(f, "no newer token could be had: {error}"),
        })
    }
}

/// The API refused the token, and no newer one could be had. Keeps the API's answer.
pub struct RenewalFailed<R> {
    /// Why there is no newer token.
    pub error: Error,
    /// The 401, as it came.
    pub response: R,
}

impl<R> RenewalFailed<R> {
    /// What the caller can do.
    #[must_use]
    pub fn action(&self) -> Action {
        self.error.action()
    }
}

impl<R> fmt::Debug for RenewalFailed<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RenewalFailed")
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

impl<R> fmt::Display for RenewalFailed<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the API refused the token and it could not be renewed")
    }
}

impl<R> StdError for RenewalFailed<R> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.error)
    }
}
