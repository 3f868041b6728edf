//! Everyone refreshes: each refused call trades the refresh token for itself.

use std::sync::{Mutex, PoisonError};

use http::StatusCode;

use super::wire::outcome;
use super::{Desk, Tokens, Wire};
use crate::demo::event::Lane;
use crate::demo::flight::Outcome;

/// The client one writes first.
#[derive(Debug)]
pub(crate) struct Naive {
    wire: Wire,
    desk: Desk,
    tokens: Mutex<Option<Tokens>>,
}

impl Naive {
    pub(crate) fn new(wire: Wire, desk: Desk, tokens: Tokens) -> Self {
        Self {
            wire,
            desk,
            tokens: Mutex::new(Some(tokens)),
        }
    }

    pub(crate) async fn call(&self, lane: &Lane) -> Outcome {
        let Some(access) = self.access_token() else {
            return Outcome::Unauthorized;
        };
        match self.wire.get(lane, &access).await {
            Ok(StatusCode::UNAUTHORIZED) => {}
            other => return outcome(other),
        }
        let Some(refresh) = self.tokens().and_then(|tokens| tokens.refresh) else {
            return Outcome::Unauthorized;
        };
        match self.desk.refresh(&refresh, Some(lane.number())).await {
            Ok(tokens) => {
                let access = tokens.access.clone();
                *self.tokens.lock().unwrap_or_else(PoisonError::into_inner) = Some(tokens);
                outcome(self.wire.get(lane, &access).await)
            }
            Err(why) => Outcome::Failed {
                why,
                retry_after: None,
            },
        }
    }

    /// Forgets the tokens; whatever is under way brings new ones.
    pub(crate) fn sign_out(&self) {
        *self.tokens.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(crate) fn access_token(&self) -> Option<String> {
        self.tokens().map(|tokens| tokens.access)
    }

    fn tokens(&self) -> Option<Tokens> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
