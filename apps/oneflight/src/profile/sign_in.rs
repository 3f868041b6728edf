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

#[cfg(test)]
mod tests {
    use std::fs;

    use oneflight::{IntoTokens as _, JsonTokens, WallTime};
    use oneflight_testkit::{IssuedSession, TestServer};

    use super::*;
    use crate::profile::Place;

    fn profile(server: &TestServer, folder: &std::path::Path) -> Profile {
        let mut settings = Settings::new(server.issuer().to_owned(), "app".to_owned(), server.token_url());
        settings.revocation_endpoint = Some(server.revocation_url());
        Profile::at(Place::at(folder), settings)
    }

    fn tokens(session: &IssuedSession) -> TokenSet {
        let text = serde_json::json!({
            "access_token": session.access_token, "refresh_token": session.refresh_token(), "token_type": "Bearer",
        });
        JsonTokens(&text.to_string())
            .into_tokens(WallTime::default())
            .unwrap()
    }

    #[tokio::test]
    async fn c6_tokens_that_cannot_be_saved_are_revoked_and_the_error_says_so() {
        let server = TestServer::start().await.unwrap();
        for spoil in [
            // Neither settings nor session can be written; then the session alone.
            (|home: &std::path::Path| fs::remove_dir_all(home).unwrap()) as fn(&std::path::Path),
            |home| fs::create_dir(home.join("default.session")).unwrap(),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let home = folder.path().join("home");
            let profile = profile(&server, &home);
            let store = profile.store().unwrap();
            spoil(&home);
            let session = server.issue_session();
            let problem = sign_in(&profile, store, tokens(&session)).await.unwrap_err();
            assert!(matches!(problem, ProfileError::Unsaved { .. }), "{problem}");
            assert!(problem.to_string().contains("were revoked"), "{problem}");
            assert!(!server.family(session.family()).unwrap().is_alive());
        }
    }
}
