//! A client in the tabs of a browser: one of the same three, in JavaScript and WASM, commanded from here.

use serde::Serialize;
use serde_json::json;

use super::Api;
use crate::demo::event::Lane;
use crate::demo::flight::Outcome;
use crate::demo::kinds::ClientKind;
use crate::demo::tabs::{Answer, Tabs};
use crate::exit::Problem;

/// What the tabs need to know of the stage.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Orders {
    pub(crate) client: ClientKind,
    pub(crate) token_endpoint: String,
    pub(crate) revocation_url: String,
    pub(crate) api_origin: String,
    pub(crate) client_id: String,
}

/// The tabs, ready to fly.
#[derive(Debug)]
pub(crate) struct Browser {
    tabs: Tabs,
    api: Api,
}

impl Browser {
    /// Makes the client in each tab. The first is given the tokens, and the others find them where that one keeps them.
    ///
    /// # Errors
    /// A tab does not answer, or cannot run the client.
    pub(crate) async fn prepare(
        tabs: Tabs,
        api: Api,
        orders: &Orders,
        tokens: serde_json::Value,
    ) -> Result<Self, Problem> {
        let mut tokens = Some(tokens);
        for tab in tabs.numbers() {
            let with = json!({ "orders": orders, "flight": tabs.flight(), "tokens": tokens.take() });
            if let Answer::Failed { why, .. } = tabs.ask(*tab, "prepare", with, None).await {
                return Err(Problem::Tab { tab: *tab, why });
            }
        }
        Ok(Self { tabs, api })
    }

    pub(crate) fn holder(&self, lane: u32) -> String {
        Tabs::name(self.tabs.of(lane))
    }

    pub(crate) async fn call(&self, lane: &Lane) -> Outcome {
        let with = json!({ "url": self.api.url(lane).as_str() });
        let tab = self.tabs.of(lane.number());
        match self.tabs.ask(tab, "call", with, Some(lane.clone())).await {
            Answer::Ok => Outcome::Ok,
            Answer::Unauthorized => Outcome::Unauthorized,
            Answer::Failed { why, retry_after_ms } => Outcome::Failed {
                why,
                retry_after: retry_after_ms.map(std::time::Duration::from_millis),
            },
        }
    }

    /// In one tab: the others hear of it, or do not.
    pub(crate) async fn sign_out(&self) {
        if let Some(first) = self.tabs.numbers().first() {
            // Whether it landed shows in what the server counts.
            let _ = self.tabs.ask(*first, "sign-out", json!(null), None).await;
        }
    }

    pub(crate) async fn close(&self) -> bool {
        for tab in self.tabs.numbers() {
            // One that was closed meanwhile keeps nothing.
            let _ = self.tabs.ask(*tab, "close", json!(null), None).await;
        }
        true
    }
}
