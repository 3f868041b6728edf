//! The interceptor for reqwest-middleware.

use std::fmt;

use http::Extensions;
use http::header::AUTHORIZATION;
use oneflight::intercept::{
    AfterRefusal, Attachment, NoReplay, OnFailure, OptOut, RenewalFailed, Unreplayed, UnreplayedReason, judge,
};
use oneflight::session::Authorization;
use oneflight::{Session, Stamp};
use reqwest::{Request, Response, Url};
use reqwest_middleware::{Middleware, Next};

use crate::Error;

/// Puts the session's token on requests, and sends those once more that the API refuses for it.
///
/// - Requests to origins that the session does not allow, that carry an `Authorization` header already, or that have
///   [`OptOut`] among their extensions, are left alone. (Headers from `ClientBuilder::default_headers` are added
///   later, by reqwest itself: they are not seen here, and do not overwrite the token.)
/// - A 401 that a renewal can help against is followed by a renewal, of which there is one however many requests
///   want it, and by one replay. Every other answer is handed back untouched, and so is the answer to the replay.
/// - Bodies that reqwest can clone (bytes, text, forms, JSON) are replayed; streams are not. Before a stream, a token
///   that is about to expire is renewed; if it is refused all the same, the caller gets the 401, with [`Unreplayed`]
///   among its extensions.
/// - If the renewal fails, so does the request, with an [`Error`] that holds the 401; see
///   [`renewal_failed`](crate::renewal_failed) and [`into_refusal`](crate::into_refusal).
///
/// # Redirects
/// reqwest follows redirects itself, below every middleware, and takes the token off a request that leaves the origin.
/// A 401 from another origin is therefore handed back as it came. A 401 from the same origin after a redirect is
/// replayed only if the method is safe (RFC 9110 §9.2.1): whoever redirects a `POST` may have carried it out. A request
/// that leaves the origin and is led back arrives without the token, and nothing tells us: its refusal costs one renewal
/// in vain. Clients that see such detours do better without redirects, or with the tower layer.
///
/// # Time-outs
/// A request's own time-out counts for each time it is sent, and not while it waits for a token. To bound the whole,
/// put a time-out around it: the renewal goes on for the others.
///
/// # Examples
/// ```
/// use oneflight::Session;
/// use oneflight::intercept::{NoReplay, OptOut};
/// use oneflight_reqwest::OneflightMiddleware;
///
/// # async fn calls(session: Session) -> Result<(), reqwest_middleware::Error> {
/// let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new())
///     .with(OneflightMiddleware::new(session))
///     .build();
/// client.get("https://api.example.com/notes").send().await?;
/// // Without the token, and only once with it:
/// client.get("https://api.example.com/health").with_extension(OptOut).send().await?;
/// client.post("https://api.example.com/pay").with_extension(NoReplay).send().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct OneflightMiddleware {
    session: Option<Session>,
    replays: Replays,
    on_failure: OnFailure,
}

/// Whether refused requests are sent again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Replays {
    Allowed,
    OptedOut,
}

impl OneflightMiddleware {
    /// One session for all requests that do not bring their own.
    #[must_use]
    pub fn new(session: Session) -> Self {
        Self {
            session: Some(session),
            ..Self::per_request()
        }
    }

    /// No session but those that requests bring, as an extension of type [`Session`]: for a client that serves many
    /// users. A request that brings none is left alone.
    ///
    /// ```
    /// # async fn call(ada: oneflight::Session) -> Result<(), reqwest_middleware::Error> {
    /// use oneflight_reqwest::OneflightMiddleware;
    ///
    /// let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new())
    ///     .with(OneflightMiddleware::per_request())
    ///     .build();
    /// client.get("https://api.example.com/notes").with_extension(ada).send().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn per_request() -> Self {
        Self {
            session: None,
            replays: Replays::Allowed,
            on_failure: OnFailure::Error,
        }
    }

    /// Never sends a request a second time. What is refused is handed back, marked, and the token is renewed for the
    /// next request. Single requests opt out by [`NoReplay`].
    #[must_use]
    pub fn without_replays(mut self) -> Self {
        self.replays = Replays::OptedOut;
        self
    }

    /// What to do with a refusal if no newer token can be had. Default: fail with an error that holds it.
    #[must_use]
    pub fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = on_failure;
        self
    }

    /// The session that has a say in this request, and what it says.
    fn decide(&self, request: &Request, extensions: &Extensions) -> Option<(Session, Attachment)> {
        if extensions.get::<OptOut>().is_some() || request.headers().contains_key(AUTHORIZATION) {
            return None;
        }
        let session = extensions.get::<Session>().or(self.session.as_ref())?;
        match attach(session, request.url()) {
            Attachment::NotOurs => None,
            attachment => Some((session.clone(), attachment)),
        }
    }

    /// What is needed to send the request again, or why it will not be.
    fn keep(&self, request: &Request, extensions: &Extensions) -> Result<Kept, UnreplayedReason> {
        if self.replays == Replays::OptedOut || extensions.get::<NoReplay>().is_some() {
            return Err(UnreplayedReason::OptedOut);
        }
        let request = request.try_clone().ok_or(UnreplayedReason::BodyIsAStream)?;
        Ok(Kept {
            request,
            extensions: extensions.clone(),
        })
    }
}

/// A request, to be sent again.
struct Kept {
    request: Request,
    extensions: Extensions,
}

/// The parts of the URL are reqwest's own: no second parser has a say.
fn attach(session: &Session, url: &Url) -> Attachment {
    match url.host_str() {
        Some(host) => session.attach_parts(url.scheme(), host, url.port()),
        None => Attachment::NotOurs,
    }
}

/// A token to send the request with; a fresh one, if the request has only one try.
async fn authorization(
    session: &Session,
    attachment: Attachment,
    has_second_try: bool,
) -> Result<Authorization, Error> {
    if !has_second_try {
        session.renew_if_due().await;
    } else if let Attachment::Ready(authorization) = attachment {
        return Ok(authorization);
    }
    session.authorization().await.map_err(Error::NoToken)
}

/// What the redirects that reqwest followed mean for a refusal.
enum Hops {
    /// None were followed, or none that matter.
    Replayable,
    /// The request may have been carried out where it was redirected.
    MayBeCarriedOut,
    /// The answer comes from where the token was not sent.
    LeftTheOrigin,
}

fn hops(sent_to: &Url, safe: bool, response: &Response) -> Hops {
    let answered = response.url();
    if answered.origin() != sent_to.origin() {
        Hops::LeftTheOrigin
    } else if safe || answered == sent_to {
        Hops::Replayable
    } else {
        Hops::MayBeCarriedOut
    }
}

/// A request that went out with our token.
struct Sent<'a> {
    session: &'a Session,
    stamp: Stamp,
    url: Url,
    safe: bool,
}

impl Sent<'_> {
    /// Hands a refusal back, marked, and has the token renewed for the next request.
    fn hand_back(&self, response: Response, reason: UnreplayedReason) -> Response {
        self.session.renew_for_the_next(self.stamp);
        marked(response, reason)
    }
}

fn marked(mut response: Response, reason: UnreplayedReason) -> Response {
    response.extensions_mut().insert(Unreplayed { reason });
    response
}

#[async_trait::async_trait]
impl Middleware for OneflightMiddleware {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let Some((session, attachment)) = self.decide(&request, extensions) else {
            return next.run(request, extensions).await;
        };
        let kept = self.keep(&request, extensions);
        let authorization = authorization(&session, attachment, kept.is_ok()).await?;
        let sent = Sent {
            session: &session,
            stamp: authorization.stamp(),
            url: request.url().clone(),
            safe: request.method().is_safe(),
        };
        request
            .headers_mut()
            .insert(AUTHORIZATION, authorization.into_header());
        let response = next.clone().run(request, extensions).await?;
        if judge(response.status(), response.headers()).is_err() {
            return Ok(response);
        }
        match hops(&sent.url, sent.safe, &response) {
            Hops::LeftTheOrigin => return Ok(response),
            Hops::MayBeCarriedOut => return Ok(sent.hand_back(response, UnreplayedReason::Redirected)),
            Hops::Replayable => {}
        }
        let mut kept = match kept {
            Ok(kept) => kept,
            Err(reason) => return Ok(sent.hand_back(response, reason)),
        };
        let authorization = match session.after_refusal(sent.stamp, self.on_failure).await {
            AfterRefusal::Replay(authorization) => authorization,
            AfterRefusal::Fail(error) => return Err(Error::Renewal(RenewalFailed { error, response }).into()),
            AfterRefusal::HandBack(reason) => return Ok(marked(response, reason)),
            // What a newer kit may say: the refusal is the caller's.
            _ => return Ok(response),
        };
        // Its connection can serve the replay.
        drop(response);
        kept.request
            .headers_mut()
            .insert(AUTHORIZATION, authorization.into_header());
        *extensions = kept.extensions;
        next.run(kept.request, extensions).await
    }
}

impl fmt::Debug for OneflightMiddleware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneflightMiddleware")
            .field("session", &self.session)
            .field("on_failure", &self.on_failure)
            .finish_non_exhaustive()
    }
}
