//! What one can sign in with.

use oneflight_core::answer::{LossCause, Verdict};
use oneflight_core::{TokenSet, WallTime};

use crate::Error;
use crate::endpoint::answer;

/// Tokens, in whatever form a sign-in gave them.
pub trait IntoTokens {
    /// Makes a token set of them, received at this time if they do not know better.
    ///
    /// # Errors
    /// [`Error::BadToken`] or [`Error::BadResponse`] if they hold no usable token.
    fn into_tokens(self, received_at: WallTime) -> Result<TokenSet, Error>;
}

impl IntoTokens for TokenSet {
    fn into_tokens(self, _received_at: WallTime) -> Result<TokenSet, Error> {
        Ok(self)
    }
}

/// The token response of a sign-in, as JSON text (RFC 6749 §5.1).
#[derive(Clone, Copy)]
pub struct JsonTokens<'a>(pub &'a str);

impl IntoTokens for JsonTokens<'_> {
    fn into_tokens(self, received_at: WallTime) -> Result<TokenSet, Error> {
        match answer::read_sign_in(self.0, received_at) {
            Verdict::Renewed(tokens) => Ok(tokens),
            Verdict::Ambiguous { cause, .. } => Err(Error::BadResponse(cause)),
            // An error, with the status of a success that it was taken for.
            _ => Err(Error::BadResponse(LossCause::ErrorInSuccess)),
        }
    }
}

impl std::fmt::Debug for JsonTokens<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JsonTokens(redacted)")
    }
}
