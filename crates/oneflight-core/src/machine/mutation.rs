//! Faults planted on purpose, so that the model can show that it finds them. Compiled for this crate's tests only.

/// One planted fault.
#[cfg(test)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Mutation {
    /// Refresh from what is published instead of from what is stored.
    NoReloadUnderLock,
    /// Publish a new set before it is saved.
    PublishBeforeSave,
    /// Give the lock back although the new set is not saved.
    UnlockWhileUnsaved,
    /// Let a sign-out wait for the flight.
    SignOutWaits,
    /// Write a tombstone over whatever stands there.
    BlindTombstone,
    /// Save and publish a token set whose session has ended.
    KeepLateToken,
    /// Revoke a set that another set of the same session has superseded.
    RevokeSuperseded,
    /// Adopt what is newer than ours, whether it serves or not, and nothing else.
    AdoptByNewer,
    /// Treat every refusal as one of the current generation.
    IgnoreGeneration,
    /// Send without a mark in the record.
    NoMark,
    /// Believe `invalid_grant` without a compare-and-swap.
    BelieveInvalidGrant,
    /// Adopt a session that was ended here.
    ForgetEnded,
    /// Retry a lost answer for ever.
    RetryForEver,
}

/// Whether a fault is planted in this machine: never, outside this crate's tests.
#[cfg(test)]
macro_rules! mutated {
    ($machine:expr, $mutation:ident) => {
        $machine.mutation == Some($crate::machine::mutation::Mutation::$mutation)
    };
}
#[cfg(not(test))]
macro_rules! mutated {
    ($machine:expr, $mutation:ident) => {
        false
    };
}
pub(super) use mutated;

#[cfg(test)]
impl super::Machine {
    /// Puts a sign-out off until the flight has landed, if that is the fault.
    pub(super) fn defers_sign_out(&mut self, id: super::AttemptId) -> bool {
        let defers = mutated!(self, SignOutWaits) && self.flight.is_some();
        self.deferred_sign_out = defers.then_some(id);
        defers
    }

    /// Takes a refusal of any generation for one of the newest, if that is the fault.
    pub(super) fn mutant_demand(&self, demand: super::Demand) -> super::Demand {
        match demand {
            super::Demand::NewerThan(stamp) if mutated!(self, IgnoreGeneration) => {
                super::Demand::NewerThan(super::Stamp {
                    generation: self.generation,
                    ..stamp
                })
            }
            demand => demand,
        }
    }

    pub(super) fn begin_deferred_sign_out(&mut self, now: crate::Now) {
        if let Some(id) = self.deferred_sign_out.take() {
            self.end_sessions(now, id);
        }
    }
}
