//! Gates: requests wait at a point until the test lets them go.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, watch};

use super::fault::Point;

/// Where, on a request's way through the server, it is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stage {
    /// On arrival, before anything is judged or processed.
    Arrival,
    /// When it was judged and processed, before the answer is sent.
    Answer,
    /// Between the first chunk and the rest of a streamed body (`/api/stream/…`).
    Body,
}

/// Which requests a [`Gate`] holds, and where.
///
/// # Examples
///
/// Hold the API's refusals until fifty have come together:
///
/// ```
/// use oneflight_testkit::{Hold, Point};
///
/// let hold = Hold::answers(Point::Api).with_status(401).until_arrived(50);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    point: Point,
    stage: Stage,
    #[serde(default)]
    status: Option<u16>,
    #[serde(default)]
    path: String,
    #[serde(default)]
    until_arrived: Option<usize>,
}

impl Hold {
    fn new(point: Point, stage: Stage) -> Self {
        Self {
            point,
            stage,
            status: None,
            path: String::new(),
            until_arrived: None,
        }
    }

    /// Holds requests when they arrive, before they are judged or processed.
    pub fn arrivals(point: Point) -> Self {
        Self::new(point, Stage::Arrival)
    }

    /// Holds answers: the request was judged on arrival, and a refresh has rotated.
    pub fn answers(point: Point) -> Self {
        Self::new(point, Stage::Answer)
    }

    /// Holds the rest of streamed bodies after their first chunk.
    pub fn bodies(point: Point) -> Self {
        Self::new(point, Stage::Body)
    }

    /// Only answers with this status.
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Only requests whose path starts so.
    pub fn on_path(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.path);
        self
    }

    /// A barrier: opens by itself, for good, when this many are waiting.
    pub fn until_arrived(mut self, count: usize) -> Self {
        self.until_arrived = Some(count);
        self
    }

    fn fits(&self, points: &[Point], path: &str, stage: Stage, status: Option<u16>) -> bool {
        self.stage == stage
            && points.contains(&self.point)
            && path.starts_with(&self.path)
            && (self.status.is_none() || self.status == status)
    }
}

#[derive(Debug)]
struct Inner {
    hold: Hold,
    /// Closed when the gate is open: then nothing waits.
    permits: Semaphore,
    arrived: watch::Sender<usize>,
}

/// A closed gate. Dropping it opens it, so a test that fails does not leave requests hanging.
#[derive(Debug)]
#[must_use = "dropping the gate opens it"]
pub struct Gate {
    inner: Arc<Inner>,
    all: Gates,
}

impl Gate {
    pub(crate) fn hold(&self) -> &Hold {
        &self.inner.hold
    }

    /// How many requests have come to the gate so far.
    pub fn arrivals(&self) -> usize {
        *self.inner.arrived.borrow()
    }

    /// Waits until `count` requests have come to the gate. Cancel safe.
    pub async fn arrived(&self, count: usize) {
        let mut arrived = self.inner.arrived.subscribe();
        // The sender lives in `inner`, which `self` holds: this cannot fail.
        let _ = arrived.wait_for(|now| *now >= count).await;
    }

    /// Lets `count` requests pass, in the order they came; those still to come count too.
    pub fn release(&self, count: usize) {
        self.inner.permits.add_permits(count);
    }

    /// Opens the gate for good.
    pub fn open(self) {}
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.inner.permits.close();
        self.all.lock().retain(|other| !Arc::ptr_eq(other, &self.inner));
    }
}

/// All closed gates of a server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gates(Arc<Mutex<Vec<Arc<Inner>>>>);

impl Gates {
    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Inner>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn close(&self, hold: Hold) -> Gate {
        let inner = Arc::new(Inner {
            hold,
            permits: Semaphore::new(0),
            arrived: watch::Sender::new(0),
        });
        self.lock().push(inner.clone());
        Gate {
            inner,
            all: self.clone(),
        }
    }

    /// Goes through every gate that fits, one after the other.
    pub(crate) async fn pass(&self, points: &[Point], path: &str, stage: Stage, status: Option<u16>) {
        let fitting: Vec<Arc<Inner>> = self
            .lock()
            .iter()
            .filter(|gate| gate.hold.fits(points, path, stage, status))
            .cloned()
            .collect();
        for gate in fitting {
            gate.arrived.send_modify(|count| *count += 1);
            let full = gate.hold.until_arrived;
            if full.is_some_and(|full| *gate.arrived.borrow() >= full) {
                gate.permits.close();
            }
            if let Ok(permit) = gate.permits.acquire().await {
                permit.forget();
            }
        }
    }
}
