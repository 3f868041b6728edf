//! The credentials of Google's client libraries: `google_cloud_auth::credentials::Credentials::headers`.

use google_cloud_auth::credentials::service_account::{AccessSpecifier, Builder};
use google_cloud_auth::credentials::{CacheableResource, Credentials};
use http::{Extensions, HeaderMap};
use rsa::pkcs8::{EncodePrivateKey, LineEnding};

/// The crate that is measured.
pub const NAME: &str = "google-cloud-auth";

/// Credentials of a service account: the one kind that makes its tokens without a network.
pub fn credentials() -> Credentials {
    let key = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).expect("a key can be made");
    let pem = key.to_pkcs8_pem(LineEnding::LF).expect("a key can be written");
    let account = serde_json::json!({
        "type": "service_account",
        "client_email": "bench@example.iam.gserviceaccount.com",
        "private_key_id": "bench",
        "private_key": pem.as_str(),
        "project_id": "bench",
    });
    Builder::new(account)
        .with_access_specifier(AccessSpecifier::from_audience("https://api.example.com/"))
        .build()
        .expect("the account is complete")
}

/// The headers of a request, as the client libraries ask for them.
pub async fn headers(credentials: &Credentials) -> HeaderMap {
    match credentials
        .headers(Extensions::new())
        .await
        .expect("the token is valid")
    {
        CacheableResource::New { data, .. } => data,
        CacheableResource::NotModified => unreachable!("no entity tag was sent"),
    }
}
