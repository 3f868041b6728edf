//! Work that waits for a disk, on a thread of its own.

use std::collections::VecDeque;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::oneshot;

/// How many jobs may wait. A driver has a few at a time, so more means that one does not end.
const MOST_JOBS: usize = 64;

type Job = Box<dyn FnOnce() + Send>;

/// A few threads at most, one by default, which are there while there is something to do.
///
/// Not tokio's threads for blocking work: a runtime that is shut down waits for those, and a disk may hang for ever.
#[derive(Clone)]
pub(super) struct Lane {
    most_threads: usize,
    most_jobs: usize,
    queue: Arc<Mutex<Queue>>,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    threads: usize,
}

impl Default for Lane {
    fn default() -> Self {
        Self::wide(1, MOST_JOBS)
    }
}

/// Nobody will do it.
pub(super) struct Stuck;

impl Lane {
    /// With so many threads at most, for which so many jobs may wait.
    pub(super) fn wide(most_threads: usize, most_jobs: usize) -> Self {
        Self {
            most_threads,
            most_jobs,
            queue: Arc::default(),
        }
    }

    /// Does the work; what was begun before begins before it. It is done even if nobody waits for it any more; `wanted` tells it.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Fn() -> bool) -> T + Send + 'static,
    ) -> Result<T, Stuck> {
        let (sender, receiver) = oneshot::channel();
        self.push(Box::new(move || {
            let done = work(&|| !sender.is_closed());
            // Whoever asked may have gone.
            let _ = sender.send(done);
        }))?;
        receiver.await.map_err(|_| Stuck)
    }

    fn push(&self, job: Job) -> Result<(), Stuck> {
        let mut queue = self.queue();
        if queue.jobs.len() >= self.most_jobs {
            return Err(Stuck);
        }
        queue.jobs.push_back(job);
        if queue.threads == self.most_threads {
            return Ok(());
        }
        let lane = self.clone();
        let thread = thread::Builder::new().name("oneflight-file".to_owned());
        match thread.spawn(move || lane.work()) {
            Ok(_) => queue.threads += 1,
            // Another one will come to it.
            Err(_) if queue.threads > 0 => {}
            Err(_) => {
                queue.jobs.pop_back();
                return Err(Stuck);
            }
        }
        Ok(())
    }

    fn work(&self) {
        loop {
            let job = {
                let mut queue = self.queue();
                let job = queue.jobs.pop_front();
                if job.is_none() {
                    queue.threads -= 1;
                }
                job
            };
            match job {
                // A panic drops the sender, so whoever asked hears of it; the next job is done all the same.
                Some(job) => drop(panic::catch_unwind(AssertUnwindSafe(job))),
                None => return,
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing below can panic half-way through a change.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn p7_work_that_panics_fails_alone() {
        let lane = Lane::default();
        assert!(
            lane.run(|_| panic!("as the test wants"))
                .await
                .map(|(): ()| ())
                .is_err()
        );
        assert!(matches!(lane.run(|_| 7).await, Ok(7)));
    }

    #[tokio::test]
    async fn p7_work_that_does_not_end_is_not_waited_for_without_bound() {
        let lane = Lane::default();
        let (release, blocked) = std::sync::mpsc::channel::<()>();
        let first = lane.run(move |_| blocked.recv().is_ok());
        let mut first = Box::pin(first);
        assert!(futures_util::poll!(&mut first).is_pending());
        let mut waiting = Vec::new();
        let refused = loop {
            let mut next = Box::pin(lane.run(|_| ()));
            match futures_util::poll!(&mut next) {
                std::task::Poll::Pending => waiting.push(next),
                std::task::Poll::Ready(done) => break done,
            }
            assert!(waiting.len() <= MOST_JOBS + 1, "the queue has a bound");
        };
        assert!(refused.is_err());
        release.send(()).unwrap();
        assert!(matches!(first.await, Ok(true)));
        for next in waiting {
            assert!(next.await.is_ok());
        }
    }
}
