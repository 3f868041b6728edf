//! The interceptor for reqwest-middleware.

use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;

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
    fn decide(&self, request: &Request, extensions: &Extensions) -> Option<(Cow<'_, Session>, Attachment)> {
        if extensions.get::<OptOut>().is_some() || request.headers().contains_key(AUTHORIZATION) {
            return None;
        }
        let session = match extensions.get::<Session>() {
            Some(session) => Cow::Owned(session.clone()),
            None => Cow::Borrowed(self.session.as_ref()?),
        };
        match attach(&session, request.url()) {
            Attachment::NotOurs => None,
            attachment => Some((session, attachment)),
        }
    }

    /// What is needed to send the request again, or why it will not be.
    fn keep(&self, request: &Request, extensions: &Extensions) -> Result<Box<Kept>, Box<NotKept>> {
        if self.replays == Replays::OptedOut || extensions.get::<NoReplay>().is_some() {
            return Err(NotKept::new(request, UnreplayedReason::OptedOut));
        }
        match request.try_clone() {
            Some(request) => Ok(Box::new(Kept {
                request,
                extensions: extensions.clone(),
            })),
            None => Err(NotKept::new(request, UnreplayedReason::BodyIsAStream)),
        }
    }
}

/// A request, to be sent again.
struct Kept {
    request: Request,
    extensions: Extensions,
}

/// What is to be known of a request that will not be sent again.
struct NotKept {
    reason: UnreplayedReason,
    url: Url,
    safe: bool,
}

impl NotKept {
    fn new(request: &Request, reason: UnreplayedReason) -> Box<Self> {
        Box::new(Self {
            reason,
            url: request.url().clone(),
            safe: request.method().is_safe(),
        })
    }
}

/// The parts of the URL are reqwest's own: no second parser has a say.
fn attach(session: &Session, url: &Url) -> Attachment {
    match url.host_str() {
        Some(host) => session.attach_parts(url.scheme(), host, url.port()),
        None => Attachment::NotOurs,
    }
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

/// One request on its way through the middleware.
struct Passage<'a> {
    session: Cow<'a, Session>,
    kept: Result<Box<Kept>, Box<NotKept>>,
    on_failure: OnFailure,
    extensions: &'a mut Extensions,
    next: Next<'a>,
}

impl<'a> Passage<'a> {
    /// Waits for a token to send the request with; for a fresh one, if the request has only one try.
    async fn wait(self, request: Request) -> reqwest_middleware::Result<Response> {
        if self.kept.is_err() {
            self.session.renew_if_due().await;
        }
        let authorization = self.session.authorization().await.map_err(Error::NoToken)?;
        self.send(request, authorization).await
    }

    /// Sends the request.
    ///
    /// A block that captures, and not an `async fn`, which would hold its arguments twice: every request has one of these.
    fn send(
        self,
        mut request: Request,
        authorization: Authorization,
    ) -> impl Future<Output = reqwest_middleware::Result<Response>> + Send + 'a {
        let stamp = authorization.stamp();
        request
            .headers_mut()
            .insert(AUTHORIZATION, authorization.into_header());
        async move {
            let response = self.next.clone().run(request, self.extensions).await?;
            if judge(response.status(), response.headers()).is_err() {
                return Ok(response);
            }
            // Few requests come here: the others need not make room for it.
            Box::pin(self.resolve(stamp, response)).await
        }
    }

    /// After a refusal: renews the token and sends the request again, or says why not.
    async fn resolve(self, refused: Stamp, response: Response) -> reqwest_middleware::Result<Response> {
        let (sent_to, safe) = match &self.kept {
            Ok(kept) => (kept.request.url(), kept.request.method().is_safe()),
            Err(not_kept) => (&not_kept.url, not_kept.safe),
        };
        let kept = match (hops(sent_to, safe, &response), self.kept) {
            (Hops::LeftTheOrigin, _) => return Ok(response),
            (Hops::MayBeCarriedOut, _) => Err(UnreplayedReason::Redirected),
            (Hops::Replayable, kept) => kept.map_err(|not_kept| not_kept.reason),
        };
        let mut kept = match kept {
            Ok(kept) => kept,
            Err(reason) => {
                self.session.renew_for_the_next(refused);
                return Ok(marked(response, reason));
            }
        };
        let authorization = match self.session.after_refusal(refused, self.on_failure).await {
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
        *self.extensions = kept.extensions;
        self.next.run(kept.request, self.extensions).await
    }
}

fn marked(mut response: Response, reason: UnreplayedReason) -> Response {
    response.extensions_mut().insert(Unreplayed { reason });
    response
}

impl Middleware for OneflightMiddleware {
    // Written out where `async_trait` would do, so that what needs no waiting takes no room in the future.
    fn handle<'middleware, 'extensions, 'next, 'all>(
        &'middleware self,
        request: Request,
        extensions: &'extensions mut Extensions,
        next: Next<'next>,
    ) -> Pin<Box<dyn Future<Output = reqwest_middleware::Result<Response>> + Send + 'all>>
    where
        'middleware: 'all,
        'extensions: 'all,
        'next: 'all,
        Self: 'all,
    {
        let Some((session, attachment)) = self.decide(&request, extensions) else {
            return next.run(request, extensions);
        };
        let passage = Passage {
            session,
            kept: self.keep(&request, extensions),
            on_failure: self.on_failure,
            extensions,
            next,
        };
        match attachment {
            Attachment::Ready(authorization) if passage.kept.is_ok() => {
                Box::pin(passage.send(request, authorization))
            }
            _ => Box::pin(passage.wait(request)),
        }
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
