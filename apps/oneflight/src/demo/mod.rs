//! `oneflight demo`: three clients, one expired token.
//!
//! A *scenario* ([`scenario`]) is flown by a *client* ([`client`]) against a *stage* ([`stage`]), the test server and
//! its API. What happens is written down as *events* ([`event`]) that the page ([`page`]) draws and the terminal
//! ([`terminal`]) counts; what came of it is a *report* ([`report`]), judged by a table of *expectations*
//! ([`expectation`]).

mod client;
mod event;
pub(crate) mod expectation;
mod flight;
mod foreign;
mod kinds;
mod page;
mod report;
mod scenario;
mod stage;
mod tabs;
mod terminal;

pub(crate) use kinds::{ClientKind, Scenario};

use crate::cli::DemoPlan;
use crate::exit::{Exit, Problem};

/// Does what was asked for.
pub(crate) async fn run(plan: DemoPlan) -> Result<Exit, Problem> {
    match plan {
        DemoPlan::Page { port, web_package } => page::serve(port, web_package).await,
        DemoPlan::Headless {
            scenario,
            client,
            requests,
            json,
        } => terminal::fly(scenario, client, requests, json).await,
        DemoPlan::Foreign(plan) => foreign::fly(*plan).await,
    }
}
