//! The interceptor of the lessons: a flag that says "somebody is refreshing", and a subject that hands on the result.
//!
//! Its holes are kept as they are taught: a refusal that arrives when the flag is down again starts another refresh;
//! when the refresh fails, any failure is a sign-out and the subject never speaks, so that the waiters wait for ever;
//! and a refresh that ends after a sign-out signs in again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use tokio::sync::watch;

use super::wire::outcome;
use super::{Desk, Tokens, Wire};
use crate::demo::event::{Lane, LaneState};
use crate::demo::flight::Outcome;

/// How long a waiter may hang before the demo takes it out of its misery. The lessons know no such limit.
const MERCY: Duration = Duration::from_secs(2);

/// The client one writes second.
#[derive(Debug)]
pub(crate) struct Textbook {
    wire: Wire,
    desk: Desk,
    state: Mutex<State>,
    subject: watch::Sender<Option<String>>,
}

#[derive(Debug)]
struct State {
    is_refreshing: bool,
    tokens: Option<Tokens>,
}

impl Textbook {
    pub(crate) fn new(wire: Wire, desk: Desk, tokens: Tokens) -> Self {
        let state = Mutex::new(State {
            is_refreshing: false,
            tokens: Some(tokens),
        });
        Self {
            wire,
            desk,
            state,
            subject: watch::Sender::new(None),
        }
    }

    pub(crate) async fn call(&self, lane: &Lane) -> Outcome {
        let Some(access) = self.access_token() else {
            return Outcome::Unauthorized;
        };
        match self.wire.get(lane, &access).await {
            Ok(StatusCode::UNAUTHORIZED) => self.handle_401(lane).await,
            other => outcome(other),
        }
    }

    async fn handle_401(&self, lane: &Lane) -> Outcome {
        let leads = !std::mem::replace(&mut self.state().is_refreshing, true);
        if !leads {
            return self.wait_for_the_subject(lane).await;
        }
        self.subject.send_replace(None);
        let refresh = self
            .state()
            .tokens
            .as_ref()
            .and_then(|tokens| tokens.refresh.clone());
        let Some(refresh) = refresh else {
            self.state().is_refreshing = false;
            return Outcome::Unauthorized;
        };
        lane.tell(LaneState::Waiting, None);
        let refreshed = self.desk.refresh(&refresh, None).await;
        let access = {
            let mut state = self.state();
            state.is_refreshing = false;
            match refreshed {
                Ok(tokens) => {
                    let access = tokens.access.clone();
                    state.tokens = Some(tokens);
                    access
                }
                Err(why) => {
                    state.tokens = None;
                    return Outcome::Failed {
                        why: format!("{why}, so it signs out"),
                        retry_after: None,
                    };
                }
            }
        };
        self.subject.send_replace(Some(access.clone()));
        outcome(self.wire.get(lane, &access).await)
    }

    async fn wait_for_the_subject(&self, lane: &Lane) -> Outcome {
        lane.tell(LaneState::Waiting, None);
        let mut subject = self.subject.subscribe();
        let access = match tokio::time::timeout(MERCY, subject.wait_for(Option::is_some)).await {
            Ok(Ok(access)) => access.clone(),
            Ok(Err(_)) => None,
            Err(_) => {
                let why = format!(
                    "would have hung for ever; ended by the demo after {} s",
                    MERCY.as_secs()
                );
                return Outcome::Failed {
                    why,
                    retry_after: None,
                };
            }
        };
        match access {
            Some(access) => outcome(self.wire.get(lane, &access).await),
            None => Outcome::Unauthorized,
        }
    }

    /// Forgets the tokens; a refresh under way brings new ones.
    pub(crate) fn sign_out(&self) {
        self.state().tokens = None;
    }

    pub(crate) fn access_token(&self) -> Option<String> {
        self.state().tokens.as_ref().map(|tokens| tokens.access.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
