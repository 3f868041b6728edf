//! One refresh, however many requests: single-flight OAuth token renewal.
//!
//! A [`Session`] stands for one sign-in. It hands out the access token, renews it exactly once however many requests
//! find it expired or refused, and outlives lost answers, outages, sign-outs and other processes that share its
//! [`Store`].

pub mod clock;
mod driver;
pub mod endpoint;
pub mod error;
pub mod events;
pub mod intercept;
#[cfg(feature = "metrics")]
pub mod metrics;
mod random;
pub mod session;
pub mod sessions;
pub mod store;
#[cfg(feature = "tower")]
pub mod tower;

use std::pin::Pin;

pub use clock::{Clock, SystemClock, TokioClock};
pub use endpoint::{HttpExchange, TokenEndpoint};
pub use error::{Action, ConfigError, Error};
pub use oneflight_core::machine::{GrantKind, Policy, Renew, Stamp, Status, Swap};
pub use oneflight_core::{
    AccessToken, EndReason, MonoTime, Now, Profile, Record, RefreshToken, Secret, SessionId, State, Stored,
    TokenError, TokenSet, Version, WallTime,
};
#[cfg(feature = "oauth2")]
pub use session::OAuth2Tokens;
#[cfg(feature = "openidconnect")]
pub use session::OpenIdTokens;
pub use session::{
    Authorization, Closed, IntoTokens, JsonTokens, Session, SessionBuilder, SignedIn, SignedOut, Token,
};
pub use sessions::{RegistryFull, Sessions};
pub use store::{MemoryStore, MemoryStores, Store, StoreError};

/// What the methods of object-safe async traits return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
