//! Token endpoints made of a function.

use std::fmt;

use oneflight_core::machine::GrantKind;

use super::{RefreshRequest, Reply, TokenEndpoint};
use crate::BoxFuture;

/// A token endpoint made of a function, for back ends that speak neither OAuth nor JSON over HTTP.
///
/// # Examples
/// ```
/// use oneflight::endpoint::{RefreshRequest, Reply, Verdict, endpoint_fn};
/// use oneflight::TokenSet;
///
/// let endpoint = endpoint_fn(async |request: RefreshRequest| {
///     let old = request.refresh_token().expect("refresh by token").expose();
///     // Ask the back end with `old`, then say what came of it:
///     match TokenSet::new("new-access", request.now()).and_then(|set| set.refresh_token("new-refresh")) {
///         Ok(set) => Reply::new(Verdict::Renewed(set)),
///         Err(_) => Reply::new(Verdict::Dead { code: None }),
///     }
/// });
/// # let _ = endpoint;
/// ```
pub fn endpoint_fn<F, A>(function: F) -> EndpointFn<F>
where
    F: Fn(RefreshRequest) -> A + Send + Sync + 'static,
    A: Future<Output = Reply> + Send + 'static,
{
    EndpointFn {
        function,
        grant: GrantKind::RefreshToken,
    }
}

/// See [`endpoint_fn`].
#[derive(Clone, Copy)]
pub struct EndpointFn<F> {
    function: F,
    grant: GrantKind,
}

impl<F> EndpointFn<F> {
    /// Says what buys a new token. Default: the refresh token.
    #[must_use]
    pub fn grant(mut self, grant: GrantKind) -> Self {
        self.grant = grant;
        self
    }
}

impl<F, A> TokenEndpoint for EndpointFn<F>
where
    F: Fn(RefreshRequest) -> A + Send + Sync + 'static,
    A: Future<Output = Reply> + Send + 'static,
{
    fn grant(&self) -> GrantKind {
        self.grant
    }

    fn refresh(&self, request: RefreshRequest) -> BoxFuture<'_, Reply> {
        Box::pin((self.function)(request))
    }
}

impl<F> fmt::Debug for EndpointFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointFn")
            .field("grant", &self.grant)
            .finish_non_exhaustive()
    }
}
