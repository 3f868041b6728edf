//! One refresh, however many requests: single-flight OAuth token renewal.
//!
//! A [`Session`] stands for one sign-in. It hands out the access token, renews it exactly once however many requests
//! find it expired or refused, and outlives lost answers, outages, sign-outs and other processes that share its
//! [`Store`].
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use oneflight::endpoint::{OAuthEndpoint, exchange_fn};
//! use oneflight::{Error, JsonTokens, Session};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Any HTTP client will do that follows no redirects and repeats nothing by itself; `oneflight-reqwest` has one.
//! let http = exchange_fn(async |_request: Request<Bytes>, _body_limit_bytes| {
//!     let granted = r#"{"access_token":"second","refresh_token":"r2","expires_in":900}"#;
//!     Ok(Response::new(Bytes::from(granted)))
//! });
//! let session = Session::builder()
//!     .endpoint(OAuthEndpoint::builder("https://as.example/token", "my-client", http).build()?)
//!     .origins(["https://api.example.com"])
//!     .build()?;
//! session.sign_in(JsonTokens(r#"{"access_token":"first","refresh_token":"r1","expires_in":900}"#)).await?;
//!
//! let token = session.token().await?;
//! assert_eq!(token.header(), "Bearer first");
//!
//! // The API answered 401. However many callers say so, there is one refresh.
//! let (one, two) = tokio::join!(session.newer_than(token.stamp()), session.newer_than(token.stamp()));
//! assert_eq!(one?.header(), "Bearer second");
//! assert_eq!(two?.header(), "Bearer second");
//! # Ok(())
//! # }
//! ```
//!
//! # Where to go
//! - Requests through an HTTP client: the `tower` module (feature `tower`), the crate `oneflight-reqwest`, or the
//!   pieces that both are made of, [`intercept`].
//! - Where tokens come from: [`endpoint`]. OAuth 2.0, client credentials, JSON of home-grown back ends, a function.
//! - Where they are kept: [`store`]. In memory, in a file (feature `file`), or wherever a [`Store`] is written for.
//! - A back end with many users: [`Sessions`].
//! - What goes wrong, and what to do about it: [`Error::action`].
//! - What happens: [`Session::events`], [`Session::status_changes`], `tracing`, and numbers (feature `metrics`).
//! - In which runtime the work is done: [`Session`](Session#the-runtime).
//!
//! # Features
//! | feature | what it adds |
//! |---|---|
//! | `file` | a store in a file, or in a folder of them, for sessions that outlive the process and are shared by several |
//! | `keyring` | the key that records are encrypted with, in the keyring of the operating system |
//! | `record` | the record as bytes, encrypted or not, for stores outside of the process |
//! | `tower` | a layer for HTTP clients and for gRPC |
//! | `metrics` | numbers, through the facade of the `metrics` crate |
//! | `oauth2` | sign-in with the token responses of the `oauth2` crate |
//! | `openidconnect` | the same for the `openidconnect` crate |

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
    AccessToken, BackOff, EndReason, HolderId, Mark, MonoTime, Now, Profile, Record, RefreshToken, Secret,
    SessionId, State, Stored, TokenError, TokenSet, Version, WallTime,
};
#[cfg(feature = "oauth2")]
pub use session::OAuth2Tokens;
#[cfg(feature = "openidconnect")]
pub use session::OpenIdTokens;
pub use session::{
    Authorization, Closed, IntoTokens, JsonTokens, Session, SessionBuilder, SignedIn, SignedOut, Token,
};
pub use sessions::{RegistryFull, Sessions};
#[cfg(feature = "record")]
pub use store::record;
#[cfg(feature = "file")]
pub use store::{FileStore, FileStoreError, FileStores};
pub use store::{MemoryStore, MemoryStores, Store, StoreError};

/// What the methods of object-safe async traits return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
