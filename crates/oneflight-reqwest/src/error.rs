//! Our errors, and how to find them among those of reqwest-middleware.

use oneflight::intercept::RenewalFailed;
use oneflight::{Action, Error as TokenError};
use reqwest::Response;

/// Why [`OneflightMiddleware`](crate::OneflightMiddleware) did not send a request, or not again.
///
/// reqwest-middleware erases the types of its middlewares' errors: [`Error::of`] finds this one again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no token to send the request with. Nothing was sent.
    #[error("the request was not sent, for want of a token")]
    NoToken(#[source] TokenError),
    /// The API refused the token, and no newer one could be had. Holds the API's answer.
    #[error(transparent)]
    Renewal(RenewalFailed<Response>),
}

impl Error {
    /// Finds our error in one of reqwest-middleware, if it is one of ours.
    ///
    /// # Examples
    /// ```
    /// use oneflight_reqwest::Error;
    /// use oneflight::Action;
    ///
    /// fn explain(error: &reqwest_middleware::Error) {
    ///     match Error::of(error).map(Error::action) {
    ///         Some(Action::SignIn) => println!("please sign in"),
    ///         Some(Action::Retry { after }) => println!("again in {after:?}"),
    ///         Some(_) => println!("giving up: {error}"),
    ///         None => println!("the network, or another middleware: {error}"),
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn of(error: &reqwest_middleware::Error) -> Option<&Self> {
        match error {
            reqwest_middleware::Error::Middleware(error) => error.downcast_ref(),
            reqwest_middleware::Error::Reqwest(_) => None,
        }
    }

    /// What the caller can do.
    #[must_use]
    pub fn action(&self) -> Action {
        self.cause().action()
    }

    /// Why there is no token.
    #[must_use]
    pub fn cause(&self) -> &TokenError {
        match self {
            Self::NoToken(error) => error,
            Self::Renewal(failed) => &failed.error,
        }
    }
}

impl From<Error> for reqwest_middleware::Error {
    fn from(error: Error) -> Self {
        Self::middleware(error)
    }
}

/// The failed renewal in an error of reqwest-middleware, if it is one: why it failed, and the API's refusal.
#[must_use]
pub fn renewal_failed(error: &reqwest_middleware::Error) -> Option<&RenewalFailed<Response>> {
    match Error::of(error) {
        Some(Error::Renewal(failed)) => Some(failed),
        _ => None,
    }
}

/// Takes the API's refusal out of the error of a failed renewal, as if there had been no middleware.
///
/// # Errors
/// Every other error comes back as it was.
///
/// # Examples
/// ```
/// # async fn call(client: &reqwest_middleware::ClientWithMiddleware) -> Result<(), reqwest_middleware::Error> {
/// let answer = match client.get("https://api.example.com/notes").send().await {
///     Ok(answer) => answer,
///     Err(error) => oneflight_reqwest::into_refusal(error)?,
/// };
/// println!("{}", answer.status());
/// # Ok(())
/// # }
/// ```
pub fn into_refusal(error: reqwest_middleware::Error) -> Result<Response, reqwest_middleware::Error> {
    let error = match error {
        reqwest_middleware::Error::Middleware(error) => error.downcast::<Error>(),
        other @ reqwest_middleware::Error::Reqwest(_) => return Err(other),
    };
    match error {
        Ok(Error::Renewal(failed)) => Ok(failed.response),
        Ok(other) => Err(other.into()),
        Err(foreign) => Err(reqwest_middleware::Error::Middleware(foreign)),
    }
}
