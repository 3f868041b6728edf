//! Authorization codes and PKCE (RFC 7636).

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::grants::Terms;
use super::tokens;

/// How long a code works (RFC 6749 §4.1.2 recommends ten minutes at most).
const CODE_LIFETIME_SECS: u64 = 60;

/// What a code stands for.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) terms: Terms,
    /// As it was sent to the authorization endpoint, if it was.
    pub(crate) redirect_uri: Option<String>,
    pub(crate) challenge: Option<String>,
    pub(crate) issued_at: Duration,
    /// The family it was traded for.
    pub(crate) family: Option<u64>,
}

/// Why a code is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CodeRefusal {
    /// This family goes with it (RFC 6749 §4.1.2).
    Replayed(u64),
    Invalid(&'static str),
}

/// All codes ever issued.
#[derive(Debug, Default)]
pub(crate) struct Codes(HashMap<String, Code>);

impl Codes {
    pub(crate) fn issue(&mut self, code: Code) -> String {
        let value = tokens::code();
        self.0.insert(value.clone(), code);
        value
    }

    /// What the code stands for, if it may be traded now.
    pub(crate) fn check(
        &self,
        value: &str,
        client: &str,
        redirect_uri: Option<&str>,
        verifier: Option<&str>,
        now: Duration,
    ) -> Result<&Code, CodeRefusal> {
        let invalid = |why| Err(CodeRefusal::Invalid(why));
        let Some(code) = self.0.get(value) else {
            return invalid("the code is unknown");
        };
        if code.terms.client != client {
            return invalid("the code was issued to another client");
        }
        if let Some(family) = code.family {
            return Err(CodeRefusal::Replayed(family));
        }
        if now >= code.issued_at + Duration::from_secs(CODE_LIFETIME_SECS) {
            return invalid("the code has expired");
        }
        if code.redirect_uri.as_deref() != redirect_uri {
            return invalid("redirect_uri is not the one of the authorization request");
        }
        match (&code.challenge, verifier) {
            (None, None) => Ok(code),
            (None, Some(_)) => invalid("a code_verifier came, but there was no code_challenge"),
            (Some(_), None) => invalid("code_verifier is missing"),
            (Some(challenge), Some(verifier)) if s256(verifier) == *challenge => Ok(code),
            (Some(_), Some(_)) => invalid("code_verifier does not match the code_challenge"),
        }
    }

    pub(crate) fn spend(&mut self, value: &str, family: u64) {
        if let Some(code) = self.0.get_mut(value) {
            code.family = Some(family);
        }
    }
}

/// The challenge of a verifier (RFC 7636 §4.2).
fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_rfc() {
        // RFC 7636, appendix B.
        assert_eq!(
            s256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }
}
