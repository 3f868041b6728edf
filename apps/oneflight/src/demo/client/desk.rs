//! The token endpoint as hand-written clients use it (RFC 6749 §6, public client).

use std::fmt;

use serde::Deserialize;
use url::Url;

use crate::demo::event::Recorder;
use crate::exit::Problem;
use crate::token_file::TokenFile;

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
    /// Where new tokens are kept before they are used.
    file: Option<TokenFile>,
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
            file: None,
        }
    }

    /// Keeps each new token in this file before it is used.
    pub(crate) fn keeping(mut self, file: TokenFile) -> Self {
        self.file = Some(file);
        self
    }

    /// The first tokens, for what the file holds.
    pub(crate) async fn begin(&self) -> Result<Tokens, Problem> {
        let held = match &self.file {
            Some(file) => file.refresh_token()?,
            None => None,
        };
        let refresh_token = held.ok_or(Problem::Session {
            source: oneflight::Error::NeverSignedIn,
        })?;
        self.refresh(&refresh_token, None)
            .await
            .map_err(|cause| Problem::TokenEndpoint { cause })
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
        let refresh = tokens
            .refresh
            .get_or_insert_with(|| refresh_token.to_owned())
            .clone();
        self.keep(&tokens.access, &refresh).await?;
        Ok(tokens)
    }

    async fn keep(&self, access: &str, refresh: &str) -> Result<(), String> {
        let Some(file) = self.file.clone() else {
            return Ok(());
        };
        let (access, refresh) = (access.to_owned(), refresh.to_owned());
        match tokio::task::spawn_blocking(move || file.keep(&access, &refresh)).await {
            Ok(kept) => kept.map_err(|error| error.to_string()),
            Err(_) => Err("the token file could not be worked on".to_owned()),
        }
    }
}
