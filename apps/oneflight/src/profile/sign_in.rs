//! Tokens become the session of a profile.

use std::sync::Arc;
use std::time::Duration;

use oneflight::endpoint::TokenEndpoint as _;
use oneflight::{FileStore, TokenSet};
use oneflight_core::machine::Revocation;
use oneflight_reqwest::ReqwestExchange;

use super::{Profile, ProfileError, Settings};
use crate::tls;

/// How long the server may take to take tokens back.
const DEADLINE: Duration = Duration::from_secs(30);

/// Signs in to a profile: its settings are written, then its session, over whatever session stands there.
///
/// Call it inside of a runtime, and let it end: until then the tokens stand nowhere else.
///
/// # Errors
/// [`ProfileError::Unsaved`] if they could not be kept; then they were revoked, if the server could be told.
pub(crate) async fn sign_in(
    profile: &Profile,
    store: FileStore,
    tokens: TokenSet,
) -> Result<(), ProfileError> {
    if let Err(problem) = profile.save() {
        let revocation = revoke(&profile.settings, tokens).await;
        return Err(unsaved(profile, revocation, Some(problem)));
    }
    let session = profile.session_over(store)?;
    let signed_in = session
        .sign_in(tokens)
        .await
        .map_err(|source| ProfileError::Session {
            name: profile.name.clone(),
            source,
        })?;
    if !signed_in.saved {
        let revocation = session.sign_out().await.revocation;
        return Err(unsaved(profile, revocation, None));
    }
    session.close().await;
    Ok(())
}

/// Gives tokens back that nobody will use.
pub(crate) async fn revoke(settings: &Settings, tokens: TokenSet) -> Revocation {
    let endpoint = ReqwestExchange::new(tls::builder())
        .ok()
        .and_then(|http| settings.endpoint(http).ok());
    let Some(endpoint) = endpoint else {
        return Revocation::Failed;
    };
    tokio::time::timeout(DEADLINE, endpoint.revoke(Arc::new(tokens)))
        .await
        .unwrap_or(Revocation::Failed)
}

fn unsaved(profile: &Profile, revocation: Revocation, source: Option<ProfileError>) -> ProfileError {
    ProfileError::Unsaved {
        name: profile.name.clone(),
        revoked: match revocation {
            Revocation::Done => "its tokens were revoked",
            _ => "its tokens could not be revoked either, and last until they expire",
        },
        source: source.map(Box::new),
    }
}
