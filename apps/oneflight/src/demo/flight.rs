//! Requests in parallel, each timed from its caller's point of view.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::client::Client;
use super::event::{Lane, LaneState, Recorder};

/// How one request ended, as its caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The API answered with success.
    Ok,
    /// The caller was left with a 401.
    Unauthorized,
    /// The caller got an error instead of an answer.
    Failed {
        why: String,
        retry_after: Option<Duration>,
    },
}

/// One request that has ended.
#[derive(Debug, Clone)]
pub(crate) struct Landing {
    pub(crate) outcome: Outcome,
    pub(crate) took: Duration,
}

/// Sends these requests, spread evenly over `spread`, and waits for all of them.
pub(crate) async fn launch(
    client: &Arc<Client>,
    lanes: Range<u32>,
    spread: Duration,
    recorder: &Recorder,
) -> Vec<Landing> {
    let count = lanes.len().try_into().unwrap_or(u32::MAX).max(1);
    let mut flying = JoinSet::new();
    for (position, number) in (0u32..).zip(lanes) {
        let client = Arc::clone(client);
        let lane = Lane::new(recorder, client.holder(number), number);
        flying.spawn(async move {
            tokio::time::sleep(spread * position / count).await;
            let start = Instant::now();
            let outcome = client.call(&lane).await;
            let took = start.elapsed();
            match &outcome {
                Outcome::Ok => lane.tell(LaneState::Ok, None),
                Outcome::Unauthorized => lane.tell(LaneState::Unauthorized, None),
                Outcome::Failed { why, .. } => lane.tell(LaneState::Failed, Some(why.clone())),
            }
            Landing { outcome, took }
        });
    }
    flying.join_all().await
}

/// The longest pause that a failed request was advised to make before the next try.
pub(crate) fn advised_pause(landings: &[Landing]) -> Duration {
    landings
        .iter()
        .filter_map(|landing| match landing.outcome {
            Outcome::Failed { retry_after, .. } => retry_after,
            Outcome::Ok | Outcome::Unauthorized => None,
        })
        .max()
        .unwrap_or_default()
}
