//! The identity cache of the AWS SDK: `aws_smithy_runtime::client::identity::IdentityCache::lazy()`.

use std::time::{Duration, SystemTime};

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime_api::client::identity::http::Token;
use aws_smithy_runtime_api::client::identity::{
    Identity, IdentityFuture, ResolveCachedIdentity, ResolveIdentity, SharedIdentityCache,
    SharedIdentityResolver,
};
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::config_bag::ConfigBag;

/// The crate that is measured.
pub const NAME: &str = "aws-smithy-runtime";

/// A cache that holds a token for an hour.
#[derive(Clone)]
pub struct Cache {
    cache: SharedIdentityCache,
    resolver: SharedIdentityResolver,
    components: RuntimeComponents,
}

#[derive(Debug)]
struct Constant(String);

impl ResolveIdentity for Constant {
    fn resolve_identity<'a>(&'a self, _: &'a RuntimeComponents, _: &'a ConfigBag) -> IdentityFuture<'a> {
        let expires_at = SystemTime::now() + Duration::from_secs(3600);
        let token = Token::new(self.0.clone(), Some(expires_at));
        IdentityFuture::ready(Ok(Identity::new(token, Some(expires_at))))
    }
}

impl Cache {
    /// A cache whose resolver gives this token.
    pub fn new(token: &str) -> Self {
        let components = RuntimeComponentsBuilder::for_tests()
            .with_time_source(Some(SystemTimeSource::new()))
            .with_sleep_impl(Some(TokioSleep::new()))
            .build()
            .expect("all that the cache needs is there");
        Self {
            cache: IdentityCache::lazy().build(),
            resolver: SharedIdentityResolver::new(Constant(token.to_owned())),
            components,
        }
    }

    /// A valid identity, as the SDK's orchestrator asks for it before each request.
    pub async fn identity(&self, bag: &ConfigBag) -> Identity {
        self.cache
            .resolve_cached_identity(self.resolver.clone(), &self.components, bag)
            .await
            .expect("the token is valid")
    }
}

/// What the SDK keeps per client beside the cache.
pub fn bag() -> ConfigBag {
    ConfigBag::base()
}
