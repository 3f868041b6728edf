//! Running the cases.

use std::fmt;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use oneflight::BoxFuture;

use super::cases::ALL;
use super::report::{Outcome, Report, Stop, Verdict, failed};
use super::subject::Subject;

/// A case takes no longer than so many times what one thing may take.
const MOST_PATIENCES: u32 = 10;

/// One thing that a store must do.
pub struct Case {
    pub(super) name: &'static str,
    pub(super) proves: &'static str,
    pub(super) run: for<'a> fn(&'a Subject) -> BoxFuture<'a, Verdict>,
}

impl Case {
    /// Its name: what a test of it is called.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it proves if it passes.
    #[must_use]
    pub fn proves(&self) -> &'static str {
        self.proves
    }

    async fn try_on(&self, subject: &Subject) -> Outcome {
        let limit = subject.patience * MOST_PATIENCES;
        let case = AssertUnwindSafe((self.run)(subject)).catch_unwind();
        let verdict = match tokio::time::timeout(limit, case).await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(panic)) => {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
                Err(failed(
                    "no panic",
                    format!("a panic: {}", text.unwrap_or("of another kind")),
                ))
            }
            Err(_) => Err(failed(
                format!("the case to end within {limit:?}"),
                "it goes on for ever",
            )),
        };
        match verdict {
            Ok(()) => Outcome::Passed,
            Err(Stop::Skipped(why)) => Outcome::Skipped { why: why.to_owned() },
            Err(Stop::Failed(finding)) => Outcome::Failed(finding),
        }
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("name", &self.name)
            .field("proves", &self.proves)
            .finish_non_exhaustive()
    }
}

/// All cases, in the order in which they run.
#[must_use]
pub fn cases() -> &'static [Case] {
    ALL
}

/// The suite over a kind of store.
///
/// # Examples
/// See [the module](crate::store#testing-your-store).
#[must_use = "nothing is tried until it is run"]
pub struct Conformance {
    make: Box<dyn Fn() -> BoxFuture<'static, Option<Subject>> + Send + Sync>,
}

impl Conformance {
    /// `make` makes a [`Subject`], an empty record, for each case; `None`: it cannot be had here.
    pub fn new<M, A>(make: M) -> Self
    where
        M: Fn() -> A + Send + Sync + 'static,
        A: Future + Send + 'static,
        A::Output: Into<Option<Subject>>,
    {
        Self {
            make: Box::new(move || {
                let making = make();
                Box::pin(async move { making.await.into() })
            }),
        }
    }

    /// Runs all cases, one after the other, each on a record of its own. Wants tokio's timers; a store that blocks wants a
    /// runtime of several threads.
    ///
    /// # Panics
    /// Only if what makes the subject does.
    pub async fn run(&self) -> Report {
        self.run_those(|_| true).await
    }

    /// Runs the one case of that name.
    ///
    /// # Panics
    /// If there is no such case.
    pub async fn run_only(&self, name: &str) -> Report {
        let report = self.run_those(|case| case.name == name).await;
        assert!(!report.outcomes.is_empty(), "there is no case {name:?}");
        report
    }

    async fn run_those(&self, wanted: impl Fn(&Case) -> bool) -> Report {
        let mut outcomes = Vec::new();
        for case in cases().iter().filter(|case| wanted(case)) {
            let outcome = match (self.make)().await {
                Some(subject) => case.try_on(&subject).await,
                None => Outcome::Skipped {
                    why: "there is no store to try here".to_owned(),
                },
            };
            outcomes.push((case, outcome));
        }
        Report { outcomes }
    }
}

impl fmt::Debug for Conformance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Conformance")
    }
}

/// One case as a test: on a runtime of its own, told on standard output.
#[doc(hidden)]
#[track_caller]
pub fn run_alone<M, A>(name: &str, make: M)
where
    M: Fn() -> A + Send + Sync + 'static,
    A: Future + Send + 'static,
    A::Output: Into<Option<Subject>>,
{
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build();
    let report = runtime
        .expect("a runtime")
        .block_on(Conformance::new(make).run_only(name));
    println!("{report}");
    report.assert_passed();
}
