//! The way of one request through gates and faults, the same for every endpoint.

use axum::response::Response;
use http::StatusCode;

use super::fault::{Delivery, Fault, Point, Process, Wait};
use super::gate::Stage;
use super::log::What;
use super::reply::Reply;
use super::shared::Shared;

/// What was answered.
pub(crate) struct Outcome {
    pub(crate) response: Response,
    /// The status that was sent; `None` if the answer was lost.
    pub(crate) status: Option<u16>,
}

/// What the fault point asks of the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Do what you do.
    Normal,
    /// Refreshes: give the pair that the family already has.
    Repeat,
}

/// Takes a request through: arrival gates, the fault's wait, `process`, answer gates, the fault's
/// spoiling. `process` runs at most once.
pub(crate) async fn exchange(
    shared: &Shared,
    points: &[Point],
    path: &str,
    process: impl FnOnce(Task) -> Reply,
) -> Outcome {
    let fault = shared
        .write(|state| {
            let fault = state.script.take(points, path)?;
            state.counters.faults += 1;
            state.log(What::FaultStruck {
                point: points[0],
                fault: fault.name.to_string(),
            });
            Some(fault)
        })
        .unwrap_or_else(Fault::none);
    shared.gates.pass(points, path, Stage::Arrival, None).await;
    wait(shared, fault.before).await;
    let mut reply = match fault.process {
        Process::Normal => Some(process(Task::Normal)),
        Process::Repeat => Some(process(Task::Repeat)),
        Process::Skip => None,
    };
    if let Some(canned) = &fault.canned {
        reply = Some(Reply::canned(canned, &shared.clock));
    }
    let mut reply = reply.unwrap_or_else(|| Reply::empty(StatusCode::INTERNAL_SERVER_ERROR));
    for change in &fault.changes {
        reply.change(change);
    }
    let status = reply.status.as_u16();
    shared.gates.pass(points, path, Stage::Answer, Some(status)).await;
    wait(shared, fault.after).await;
    let lost = matches!(fault.delivery, Delivery::Reset | Delivery::Close);
    Outcome {
        response: reply.deliver(fault.delivery, &shared.clock),
        status: (!lost).then_some(status),
    }
}

async fn wait(shared: &Shared, wait: Wait) {
    match wait {
        Wait::None => {}
        Wait::Delay(span) => shared.clock.sleep(span).await,
        Wait::Hang => {
            let mut released = std::pin::pin!(shared.hung.notified());
            // Listen before being counted: who sees the count may release at once.
            released.as_mut().enable();
            shared.write(|state| state.counters.hung += 1);
            released.await;
            shared.write(|state| state.counters.hung -= 1);
        }
    }
}
