//! Which TLS the HTTP clients speak.

use std::sync::Once;

/// A builder of HTTP clients; the first call chooses rustls with ring for the process.
pub(crate) fn builder() -> reqwest::ClientBuilder {
    static CHOSEN: Once = Once::new();
    CHOSEN.call_once(|| {
        // Refused only if there is one already, and then that one serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder().user_agent(concat!("oneflight/", env!("CARGO_PKG_VERSION")))
}
