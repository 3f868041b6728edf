//! Newtypes for what must never be seen.
//!
//! None of them has `Display` or `PartialEq`; `Debug` says only that there is a secret; each is wiped when dropped.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use zeroize::Zeroizing;

/// What stands before an access token in the `Authorization` header (RFC 6750 §2.1).
const BEARER: &str = "Bearer ";

/// Why a string cannot be a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenError {
    /// The string is empty.
    Empty,
    /// It holds a byte outside `%x20-7E`, the characters that RFC 6749 appendix A allows in a token. A line
    /// break among them would let the authorization server write headers of its own into our requests.
    ForbiddenByte,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the token is empty",
            Self::ForbiddenByte => {
                "the token holds a byte that no token may carry (RFC 6749 appendix A allows %x20-7E)"
            }
        })
    }
}

impl core::error::Error for TokenError {}

fn check(token: &str) -> Result<(), TokenError> {
    if token.is_empty() {
        return Err(TokenError::Empty);
    }
    if token.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) {
        Ok(())
    } else {
        Err(TokenError::ForbiddenByte)
    }
}

/// An access token (RFC 6749 §1.4), kept as the header value it will be sent as.
///
/// Keeping the `Bearer ` prefix in front lets drivers hand the same bytes to every request without a copy.
pub struct AccessToken(Zeroizing<Box<str>>);

impl AccessToken {
    /// Takes a token as the authorization server gave it.
    ///
    /// # Errors
    /// [`TokenError`] if it is empty or holds a byte that no header may carry.
    ///
    /// ```
    /// use oneflight_core::{AccessToken, TokenError};
    ///
    /// let token = AccessToken::new("s3cret")?;
    /// assert_eq!(token.expose(), "s3cret");
    /// assert_eq!(token.authorization(), b"Bearer s3cret");
    /// assert_eq!(format!("{token:?}"), "AccessToken(redacted)");
    /// assert_eq!(AccessToken::new("a\r\nb").unwrap_err(), TokenError::ForbiddenByte);
    /// # Ok::<(), TokenError>(())
    /// ```
    pub fn new(token: &str) -> Result<Self, TokenError> {
        check(token)?;
        // Exactly sized: a growing text would leave unwiped copies behind.
        let mut header = String::with_capacity(BEARER.len() + token.len());
        header.push_str(BEARER);
        header.push_str(token);
        Ok(Self(Zeroizing::new(header.into_boxed_str())))
    }

    /// The token itself. Whoever calls this answers for where it goes.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.get(BEARER.len()..).unwrap_or_default()
    }

    /// The value of the `Authorization` header: `Bearer` and the token (RFC 6750 §2.1).
    #[must_use]
    pub fn authorization(&self) -> &[u8] {
        self.header().as_bytes()
    }

    /// The same as text.
    #[must_use]
    pub fn header(&self) -> &str {
        &self.0
    }

    /// Whether both are the same token. Not in constant time: both sides come from the authorization server.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    /// An owned copy, wiped on its own when dropped. Deliberately not `Clone`: copies of a secret should show.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(redacted)")
    }
}

/// A refresh token (RFC 6749 §1.5): the right to the next access token, often for one use only.
pub struct RefreshToken(Secret);

impl RefreshToken {
    /// Takes a token as the authorization server gave it.
    ///
    /// # Errors
    /// [`TokenError`] if it is empty or holds a byte outside `%x20-7E`.
    pub fn new(token: &str) -> Result<Self, TokenError> {
        check(token)?;
        Ok(Self(Secret::new(token)))
    }

    /// The token itself. Whoever calls this answers for where it goes.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Whether both are the same token. Not in constant time: both sides come from the authorization server.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }

    /// An owned copy, wiped on its own when dropped. Deliberately not `Clone`: copies of a secret should show.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(Secret::new(self.expose()))
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken(redacted)")
    }
}

/// Any other text that must not be seen: an ID token, a client secret, an unknown member of a token response.
pub struct Secret(Zeroizing<Box<str>>);

impl Secret {
    /// Takes any text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself. Whoever calls this answers for where it goes.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// An owned copy, wiped on its own when dropped.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self::new(self.expose())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    #[test]
    fn o3_debug_of_a_secret_never_shows_it() {
        let shown = format!(
            "{:?} {:?} {:?}",
            AccessToken::new("hunter2").unwrap(),
            RefreshToken::new("hunter2").unwrap(),
            Secret::new("hunter2")
        );
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn o4_a_token_that_could_inject_a_header_is_refused() {
        for bad in ["a\r\nX-Evil: 1", "a\nb", "a\0b", "tab\there", "ü"] {
            assert_eq!(AccessToken::new(bad).unwrap_err(), TokenError::ForbiddenByte);
            assert_eq!(RefreshToken::new(bad).unwrap_err(), TokenError::ForbiddenByte);
        }
        assert_eq!(AccessToken::new("").unwrap_err(), TokenError::Empty);
    }

    #[test]
    fn o4_tokens_of_64_kib_are_taken_whole() {
        let long = "x".repeat(64 * 1024);
        assert_eq!(AccessToken::new(&long).unwrap().expose(), long);
        assert_eq!(RefreshToken::new(&long).unwrap().expose(), long);
    }
}
