//! The token endpoint as hand-written clients use it (RFC 6749 §6, public client).

use std::fmt;

use serde::Deserialize;
use url::Url;

use crate::demo::event::Recorder;

/// What a refresh gives.
#[derive(Clone, Deserialize)]
pub(crate) struct Tokens {
    #[serde(rename = "access_token")]
    pub(crate) access: String,
    #[serde(rename = "refresh_token")]
    pub(crate) refresh: Option<String>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(redacted)")
    }
}

/// Trades refresh tokens for new tokens, as often as it is asked to.
#[derive(Debug)]
pub(crate) struct Desk {
    http: reqwest::Client,
    token_endpoint: Url,
    client_id: String,
    recorder: Recorder,
}

impl Desk {
    pub(crate) fn new(
        http: reqwest::Client,
        token_endpoint: Url,
        client_id: &str,
        recorder: &Recorder,
    ) -> Self {
        Self {
            http,
            token_endpoint,
            client_id: client_id.to_owned(),
            recorder: recorder.clone(),
        }
    }

    /// One refresh. `lane` names the request that does it for itself alone.
    pub(crate) async fn refresh(&self, refresh_token: &str, lane: Option<u32>) -> Result<Tokens, String> {
        let note = self.recorder.refresh(lane);
        match self.exchange(refresh_token).await {
            Ok(tokens) => {
                note.granted();
                Ok(tokens)
            }
            Err(why) => {
                note.failed(&why);
                Err(why)
            }
        }
    }

    async fn exchange(&self, refresh_token: &str) -> Result<Tokens, String> {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", &self.client_id),
            ("refresh_token", refresh_token),
        ];
        let answer = self
            .http
            .post(self.token_endpoint.clone())
            .form(&form)
            .send()
            .await
            .map_err(|_| "the token endpoint's answer was lost".to_owned())?;
        let status = answer.status();
        if !status.is_success() {
            return Err(format!("the token endpoint answered {status}"));
        }
        let mut tokens: Tokens = answer
            .json()
            .await
            .map_err(|_| "the token endpoint's answer was lost".to_owned())?;
        // RFC 6749 §6: no new one means that the old one stays.
        tokens.refresh.get_or_insert_with(|| refresh_token.to_owned());
        Ok(tokens)
    }
}
