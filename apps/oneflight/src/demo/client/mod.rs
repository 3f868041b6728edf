//! The three clients, in this process and in a browser, and the wire they share.

mod browser;
mod desk;
mod naive;
mod oneflight;
mod textbook;
mod wire;

use super::event::{Lane, THIS_PROCESS};
use super::flight::Outcome;

pub(crate) use browser::{Browser, Orders};
pub(crate) use desk::{Desk, Tokens};
pub(crate) use naive::Naive;
pub(crate) use oneflight::{Noted, Oneflight};
pub(crate) use textbook::Textbook;
pub(crate) use wire::{Api, Wire, Witness};

/// Whoever flies.
#[derive(Debug)]
pub(crate) enum Client {
    Naive(Naive),
    Textbook(Textbook),
    Oneflight(Oneflight),
    Browser(Browser),
}

impl Client {
    /// One call of the API, as an application makes it.
    pub(crate) async fn call(&self, lane: &Lane) -> Outcome {
        match self {
            Self::Naive(client) => client.call(lane).await,
            Self::Textbook(client) => client.call(lane).await,
            Self::Oneflight(client) => client.call(lane).await,
            Self::Browser(client) => client.call(lane).await,
        }
    }

    /// Who flies this lane.
    pub(crate) fn holder(&self, lane: u32) -> String {
        match self {
            Self::Browser(client) => client.holder(lane),
            _ => THIS_PROCESS.to_owned(),
        }
    }

    /// What happens when the user presses "sign out".
    pub(crate) async fn sign_out(&self) {
        match self {
            Self::Naive(client) => client.sign_out(),
            Self::Textbook(client) => client.sign_out(),
            Self::Oneflight(client) => client.sign_out().await,
            Self::Browser(client) => client.sign_out().await,
        }
    }

    /// The access token that the next request would carry.
    pub(crate) fn access_token(&self) -> Option<String> {
        match self {
            Self::Naive(client) => client.access_token(),
            Self::Textbook(client) => client.access_token(),
            Self::Oneflight(client) => client.access_token(),
            // Tokens do not leave the browser.
            Self::Browser(_) => None,
        }
    }

    /// Ends what is under way; says whether the newest tokens are stored.
    pub(crate) async fn close(&self) -> bool {
        match self {
            Self::Naive(_) | Self::Textbook(_) => true,
            Self::Oneflight(client) => client.close().await,
            Self::Browser(client) => client.close().await,
        }
    }
}
