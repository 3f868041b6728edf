//! ID tokens (OpenID Connect Core §2): HS256 for clients with a secret, unsigned for the others.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::clients::Client;
use super::grants::{Pair, Terms};

/// The ID token of a pair. Only the first of a sign-in carries the nonce (OpenID Connect Core §12.2).
pub(crate) fn make(client: &Client, terms: &Terms, pair: &Pair, issuer: &str, now: Duration) -> String {
    let mut claims = json!({
        "iss": issuer,
        "sub": terms.subject,
        "aud": client.id,
        "iat": now.as_secs(),
        "exp": now.saturating_add(pair.lifetime).as_secs(),
    });
    if let Some(nonce) = terms.nonce.as_ref().filter(|_| pair.id.sequence == 1) {
        claims["nonce"] = nonce.as_str().into();
    }
    match &client.secret {
        None => format!("{}.", unsigned("none", &claims)),
        Some(secret) => {
            let text = unsigned("HS256", &claims);
            let mut mac =
                Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
            mac.update(text.as_bytes());
            let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
            format!("{text}.{signature}")
        }
    }
}

fn unsigned(algorithm: &str, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({ "alg": algorithm, "typ": "JWT" });
    format!("{}.{}", part(&header), part(claims))
}
