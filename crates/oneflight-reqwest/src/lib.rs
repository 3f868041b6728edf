//! [oneflight] for [reqwest]: one refresh, however many requests.
//!
//! - [`OneflightMiddleware`] puts the token of a [`Session`](oneflight::Session) on the requests of a
//!   [`reqwest_middleware`] client, and sends those once more that the API refuses for it.
//! - [`ReqwestExchange`] lets token endpoints speak through reqwest.
//!
//! # Quick start
//! ```
//! # use oneflight::{ConfigError, Session, endpoint::OAuthEndpoint};
//! # use oneflight_reqwest::{OneflightMiddleware, ReqwestExchange};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # rustls::crypto::ring::default_provider().install_default().ok();
//! let endpoint = OAuthEndpoint::builder("https://as.example/token", "my-client", ReqwestExchange::new(Default::default())?).build()?;
//! let session = Session::builder().endpoint(endpoint).origins(["https://api.example.com"]).build()?;
//! let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new()).with(OneflightMiddleware::new(session)).build();
//! # let _ = client;
//! # Ok(())
//! # }
//! ```
//! Sign in once ([`Session::sign_in`](oneflight::Session::sign_in)), then use `client` as any other.
//!
//! # TLS
//! The application chooses it, through the features of reqwest, which Cargo unifies: name `reqwest` beside this crate,
//! with `rustls`, `native-tls` or `rustls-no-provider`. Without any, only `http://` works.

mod error;
mod exchange;
mod middleware;

pub use error::{Error, into_refusal, renewal_failed};
pub use exchange::ReqwestExchange;
pub use middleware::OneflightMiddleware;

/// The reqwest that this crate's types are made of.
pub use reqwest;
/// The reqwest-middleware that [`OneflightMiddleware`] is one of.
pub use reqwest_middleware;
