//! Tokens become the session of a profile.

use oneflight::{FileStore, IntoTokens, MemoryStore};
use oneflight_core::machine::Revocation;

use super::{Profile, ProfileError};

/// Signs in to a profile: its settings are written, then its session, over whatever session stands there.
///
/// Call it inside of a runtime, and let it end: until then the tokens stand nowhere else.
///
/// # Errors
/// [`ProfileError::Unsaved`] if they could not be kept; then they were revoked, if the server could be told.
pub(crate) async fn sign_in(
    profile: &Profile,
    store: FileStore,
    tokens: impl IntoTokens,
) -> Result<(), ProfileError> {
    let refused = |source| ProfileError::Session {
        name: profile.name.clone(),
        source,
    };
    if let Err(problem) = profile.save() {
        let lost = profile.session_over(MemoryStore::new())?;
        lost.sign_in(tokens).await.map_err(refused)?;
        let revocation = lost.sign_out().await.revocation;
        return Err(unsaved(profile, revocation, Some(problem)));
    }
    let session = profile.session_over(store)?;
    if !session.sign_in(tokens).await.map_err(refused)?.saved {
        let revocation = session.sign_out().await.revocation;
        return Err(unsaved(profile, revocation, None));
    }
    session.close().await;
    Ok(())
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
