//! Values that cannot be guessed.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::settings::TokenShape;

/// 128 bits, spelled in base64url.
const SHORTEST_TOKEN_BYTES: usize = 22;

/// An access token of the given shape.
pub(crate) fn access(shape: &TokenShape) -> Arc<str> {
    let mut token = text(shape.length);
    if shape.line_breaks {
        token.push_str("\r\nX-Injected: by-the-token");
    }
    token.into()
}

/// A refresh token of the given shape.
pub(crate) fn refresh(shape: &TokenShape) -> Arc<str> {
    text(shape.length).into()
}

/// An authorization code.
pub(crate) fn code() -> String {
    text(43)
}

fn text(length: usize) -> String {
    let length = length.max(SHORTEST_TOKEN_BYTES);
    let mut bytes = vec![0; length.div_ceil(4) * 3];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    let mut text = URL_SAFE_NO_PAD.encode(bytes);
    text.truncate(length);
    text
}
