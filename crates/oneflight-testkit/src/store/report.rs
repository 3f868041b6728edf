//! What came of the cases.

use std::fmt;

use super::run::Case;

/// What was expected of a store, and what it did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What the store should have done.
    pub expected: String,
    /// What it did.
    pub found: String,
}

/// What came of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The store does it.
    Passed,
    /// It was not tried.
    Skipped {
        /// Why not.
        why: String,
    },
    /// The store does something else.
    Failed(Finding),
}

/// Why a case did not come to its end.
#[derive(Debug)]
pub(super) enum Stop {
    Failed(Finding),
    Skipped(&'static str),
}

/// What a case comes to.
pub(super) type Verdict<T = ()> = Result<T, Stop>;

pub(super) fn failed(expected: impl Into<String>, found: impl Into<String>) -> Stop {
    Stop::Failed(Finding {
        expected: expected.into(),
        found: found.into(),
    })
}

/// Fails the case unless it is so.
pub(super) fn expect(so: bool, expected: &str, found: impl FnOnce() -> String) -> Verdict {
    if so {
        Ok(())
    } else {
        Err(failed(expected, found()))
    }
}

/// What came of all cases that were run.
#[derive(Debug, Clone)]
pub struct Report {
    pub(super) outcomes: Vec<(&'static Case, Outcome)>,
}

impl Report {
    /// Each case and what came of it, in the order in which they ran.
    pub fn outcomes(&self) -> impl Iterator<Item = (&'static Case, &Outcome)> {
        self.outcomes.iter().map(|(case, outcome)| (*case, outcome))
    }

    /// The names of the cases that failed.
    #[must_use]
    pub fn failed(&self) -> Vec<&'static str> {
        let failed = self
            .outcomes()
            .filter(|(_, outcome)| matches!(outcome, Outcome::Failed(_)));
        failed.map(|(case, _)| case.name()).collect()
    }

    /// The names of the cases that were not tried.
    #[must_use]
    pub fn skipped(&self) -> Vec<&'static str> {
        let skipped = self
            .outcomes()
            .filter(|(_, outcome)| matches!(outcome, Outcome::Skipped { .. }));
        skipped.map(|(case, _)| case.name()).collect()
    }

    /// Nothing failed.
    ///
    /// # Panics
    /// If a case failed, with the whole report.
    #[track_caller]
    pub fn assert_passed(&self) {
        assert!(self.failed().is_empty(), "the store does not conform\n{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (case, outcome) in self.outcomes() {
            match outcome {
                Outcome::Passed => writeln!(f, "{}: passed\n  proves    {}", case.name(), case.proves())?,
                Outcome::Skipped { why } => writeln!(f, "{}: skipped, {why}", case.name())?,
                Outcome::Failed(finding) => writeln!(
                    f,
                    "{}: failed\n  proves    {}\n  expected  {}\n  found     {}",
                    case.name(),
                    case.proves(),
                    finding.expected,
                    finding.found
                )?,
            }
        }
        Ok(())
    }
}
