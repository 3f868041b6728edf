//! `oneflight login --with-refresh-token`: the token comes from somewhere else.

use std::io::{IsTerminal as _, Read as _};
use std::time::Duration;

use oneflight::{MemoryStore, RefreshToken, State, Store as _, TokenSet, WallTime};
use zeroize::Zeroizing;

use super::LoginError;
use crate::exit::Problem;
use crate::profile::Profile;

/// No refresh token is longer, in bytes.
const MOST_BYTES: u64 = 1024 * 1024;

/// Stands where the access token will.
const NONE_YET: &str = "none-yet";

/// Reads the refresh token from standard input. Blocks until that ends.
///
/// # Errors
/// [`LoginError`] if there is none, or if people would see it while they type.
pub(super) fn read() -> Result<RefreshToken, LoginError> {
    let text = text()?;
    match text.trim() {
        "" => Err(LoginError::NoToken { what: "is empty" }),
        token => RefreshToken::new(token).map_err(|source| LoginError::BadToken { source }),
    }
}

/// The same for several, one on each line. Every one stands in a set that has no access token yet.
///
/// # Errors
/// [`LoginError`] as above; it may also be that there are none.
pub(crate) fn read_each() -> Result<Vec<TokenSet>, LoginError> {
    let text = text()?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|token| spent(token).map_err(|source| LoginError::BadToken { source }))
        .collect()
}

fn text() -> Result<Zeroizing<String>, LoginError> {
    let input = std::io::stdin();
    if input.is_terminal() {
        return Err(LoginError::NoToken {
            what: "is a terminal, which would show it",
        });
    }
    let mut text = Zeroizing::new(String::with_capacity(8 * 1024));
    input
        .take(MOST_BYTES)
        .read_to_string(&mut text)
        .map_err(|source| LoginError::Input { source })?;
    Ok(text)
}

/// A set whose access token has expired.
fn spent(refresh_token: &str) -> Result<TokenSet, oneflight::TokenError> {
    let tokens = TokenSet::new(NONE_YET, WallTime::default())?.refresh_token(refresh_token)?;
    Ok(tokens.expires_in(Duration::ZERO))
}

/// The token set that the refresh token buys: so it works, and a refresh token that was spent is not kept.
///
/// # Errors
/// [`LoginError::Unproved`].
pub(super) async fn refreshed(profile: &Profile, token: RefreshToken) -> Result<TokenSet, Problem> {
    let bad = |source| LoginError::BadToken { source };
    let unproved = |source| LoginError::Unproved { source };
    let store = MemoryStore::new();
    let session = profile.session_over(store.clone())?;
    let spent = spent(token.expose()).map_err(bad)?;
    session.sign_in(spent).await.map_err(unproved)?;
    session.token().await.map_err(unproved)?;
    let stored = store.load().await.ok().flatten();
    match stored.map(|stored| stored.record.state) {
        Some(State::Live { tokens, .. }) => Ok(duplicate(&tokens).map_err(bad)?),
        _ => Err(unproved(oneflight::Error::Unsettled).into()),
    }
}

/// A copy for another session.
fn duplicate(tokens: &TokenSet) -> Result<TokenSet, oneflight::TokenError> {
    let mut copy = TokenSet::new(tokens.access_token.expose(), tokens.received_at)?;
    copy.refresh_token = tokens.refresh_token.as_ref().map(RefreshToken::duplicate);
    copy.expires_in = tokens.expires_in;
    copy.scope = tokens.scope.clone();
    copy.id_token = tokens.id_token.as_ref().map(oneflight::Secret::duplicate);
    let extra = tokens.extra.iter();
    copy.extra = extra
        .map(|(name, value)| (name.clone(), value.duplicate()))
        .collect();
    Ok(copy)
}
