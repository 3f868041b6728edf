//! The three clients, and the wire they share.

mod desk;
mod naive;
mod textbook;
mod wire;

use super::event::Lane;
use super::flight::Outcome;

pub(crate) use desk::{Desk, Tokens};
pub(crate) use naive::Naive;
pub(crate) use textbook::Textbook;
pub(crate) use wire::{Api, Wire};

/// Whoever flies.
#[derive(Debug)]
pub(crate) enum Client {
    Naive(Naive),
    Textbook(Textbook),
}

impl Client {
    /// One call of the API, as an application makes it.
    pub(crate) async fn call(&self, lane: &Lane) -> Outcome {
        match self {
            Self::Naive(client) => client.call(lane).await,
            Self::Textbook(client) => client.call(lane).await,
        }
    }

    /// What happens when the user presses "sign out".
    pub(crate) async fn sign_out(&self) {
        match self {
            Self::Naive(client) => client.sign_out(),
            Self::Textbook(client) => client.sign_out(),
        }
    }

    /// Ends what is under way and saves it.
    pub(crate) async fn close(&self) {}
}
