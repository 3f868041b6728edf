//! TLS for the connections.

use redis::{Client, ClientTlsConfig, TlsCertificates};
use rustls::crypto::CryptoProvider;

use crate::error::RedisStoreError;

#[derive(Default)]
pub(crate) struct Tls {
    pub(crate) authorities: Option<Vec<u8>>,
    /// Certificate and key.
    pub(crate) client: Option<(Vec<u8>, Vec<u8>)>,
}

impl Tls {
    pub(crate) fn client(&self, url: &str) -> Result<Client, RedisStoreError> {
        // Without one, rustls panics when the connection is made.
        if CryptoProvider::get_default().is_none() {
            return Err(RedisStoreError::NoTlsProvider);
        }
        let certificates = TlsCertificates {
            client_tls: self
                .client
                .clone()
                .map(|(client_cert, client_key)| ClientTlsConfig {
                    client_cert,
                    client_key,
                }),
            root_cert: self.authorities.clone(),
        };
        Client::open(url).map_err(|_| RedisStoreError::Url {
            problem: "scheme, host, port or database make no sense",
        })?;
        Client::build_with_tls(url, certificates).map_err(|_| RedisStoreError::Setting {
            setting: "the certificates for TLS",
            value: "used".to_owned(),
            problem: "give PEM text: `BEGIN CERTIFICATE`, and `BEGIN PRIVATE KEY` for the client's key",
        })
    }
}
