//! A store that all holders share, and its lock.

use std::time::Duration;

use oneflight_core::machine::{LockResult, Save, StoreFailed, Swap};
use oneflight_core::{MonoTime, Record, SessionId, State, Stored, TokenSet, Version};

/// What a store does instead of its work, and how many times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Ill {
    #[default]
    No,
    Times(u32),
    ForGood,
}

impl Ill {
    fn strikes(&mut self) -> bool {
        match self {
            Self::No | Self::Times(0) => false,
            Self::Times(left) => {
                *left -= 1;
                true
            }
            Self::ForGood => true,
        }
    }
}

/// How long the lock is kept by a holder that says nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum LockKind {
    #[default]
    DiesWithHolder,
    Lease(Duration),
}

#[derive(Default)]
pub(crate) struct Store {
    pub(crate) stored: Option<Stored>,
    next: u64,
    pub(crate) lock_kind: LockKind,
    held: Option<(usize, Option<MonoTime>)>,
    pub(crate) loads: Ill,
    pub(crate) saves: Ill,
    /// Writes that put a mark there.
    pub(crate) marks: Ill,
    /// Tombstones only.
    pub(crate) burials: Ill,
    /// Writes that land and are reported as failed.
    pub(crate) lies: Ill,
    pub(crate) locks: Ill,
    /// Compare-and-swaps that say "conflict" although nothing changed.
    pub(crate) conflicts: Ill,
    /// Refresh tokens that another one of the same session took the place of.
    pub(super) superseded: Vec<String>,
    pub(crate) writes: u32,
}

impl Store {
    pub(super) fn load(&mut self) -> Result<Option<Stored>, StoreFailed> {
        if self.loads.strikes() {
            return Err(StoreFailed);
        }
        Ok(self.stored.clone())
    }

    pub(super) fn save(&mut self, save: Save) -> Result<Swap, StoreFailed> {
        let failed = match &save.record.state {
            State::Live { mark: Some(_), .. } => self.marks.strikes(),
            State::Live { .. } => false,
            State::Ended(_) => self.burials.strikes(),
        };
        if failed || self.saves.strikes() {
            return Err(StoreFailed);
        }
        let there = self.stored.as_ref().map(|stored| stored.version);
        if there != save.expected || self.conflicts.strikes() {
            return Ok(Swap::Conflict);
        }
        let version = self.put(save.record);
        if self.lies.strikes() {
            return Err(StoreFailed);
        }
        Ok(Swap::Written(version))
    }

    /// Writes a record whatever stands there.
    pub(crate) fn put(&mut self, record: Record) -> Version {
        if let Some(old) = &self.stored
            && old.record.session == record.session
            && let (State::Live { tokens: old, .. }, State::Live { tokens: new, .. }) =
                (&old.record.state, &record.state)
            && let (Some(old), Some(new)) = (&old.refresh_token, &new.refresh_token)
            && !old.same_as(new)
        {
            self.superseded.push(old.expose().into());
        }
        self.writes += 1;
        self.next += 1;
        let version = Version(self.next);
        self.stored = Some(Stored { version, record });
        version
    }

    /// Somebody deletes the record, and with it the count of its writes.
    pub(crate) fn remove(&mut self) {
        (self.stored, self.next) = (None, 0);
    }

    pub(crate) fn record(&self) -> &Record {
        &self.stored.as_ref().expect("a record is stored").record
    }

    pub(crate) fn session(&self) -> SessionId {
        self.record().session
    }

    pub(crate) fn tokens(&self) -> &TokenSet {
        match &self.record().state {
            State::Live { tokens, .. } => tokens,
            State::Ended(reason) => panic!("the stored session ended: {reason}"),
        }
    }

    pub(crate) fn is_marked(&self) -> bool {
        matches!(self.record().state, State::Live { mark: Some(_), .. })
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.held.is_some()
    }

    pub(super) fn is_free_for(&self, holder: usize, now: MonoTime) -> bool {
        match self.held {
            None => true,
            Some((by, until)) => by == holder || until.is_some_and(|until| until <= now),
        }
    }

    pub(super) fn lock(&mut self, holder: usize, now: MonoTime) -> LockResult {
        if self.locks.strikes() {
            return LockResult::Failed;
        }
        if !self.is_free_for(holder, now) {
            return LockResult::TimedOut;
        }
        match self.lock_kind {
            LockKind::DiesWithHolder => {
                self.held = Some((holder, None));
                LockResult::Acquired
            }
            LockKind::Lease(length) => {
                self.held = Some((holder, Some(now.after(length))));
                LockResult::Leased(length)
            }
        }
    }

    /// The driver of this holder renews its lease, if it has one. How long it lasts from now on.
    pub(super) fn renew_lease(&mut self, holder: usize, now: MonoTime) -> Option<Duration> {
        let LockKind::Lease(length) = self.lock_kind else {
            return None;
        };
        let (_, until) = self.held.as_mut().filter(|(by, _)| *by == holder)?;
        *until = Some(now.after(length));
        Some(length)
    }

    /// The lease runs out here and now, whoever has it.
    pub(crate) fn lose_lease(&mut self) {
        self.held = None;
    }

    pub(super) fn unlock(&mut self, holder: usize) {
        self.held.take_if(|(by, _)| *by == holder);
    }

    pub(super) fn died(&mut self, holder: usize) {
        self.held.take_if(|(by, until)| *by == holder && until.is_none());
    }
}
