//! A store in memory, with a lease and a record that can be removed, and whatever is wrong with it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::StreamExt as _;
use oneflight::store::{Changes, Guard};
use oneflight::{
    BoxFuture, EndReason, MemoryStore, Record, State, Store, StoreError, Stored, Swap, TokenSet, Version,
};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// What is wrong with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    Nothing,
    IgnoresTheVersion,
    WritesBlindly,
    SaysConflictAndWrites,
    ComparesInTwoSteps,
    KeepsARecordPerHolder,
    LocksNobodyOut,
    LocksNobodyOutAndDropsTheMark,
    LetsItsOwnHolderIn,
    ReusesVersions,
    StandsStill,
    DropsTheMark,
    DropsTheBackOff,
    ForgetsTheReason,
    DropsExtras,
    DropsTheIdToken,
    CutsLongTokens,
    RoundsTimes,
    StaysHeldWhenGivenUp,
    StaysHeldWhenDropped,
    ForgetsWhoWaits,
    WritesUnderTheLockOnly,
    SaysNoLease,
    EndsLeasesInSpiteOfRenewal,
    RenewsWhatIsLost,
    ReleasesWhatIsLost,
    NeverEndsALease,
    ShowsTokens,
    ShowsTokensInErrors,
    KeepsTokensInTheOpen,
    AnnouncesTooLow,
    AnnouncesToOne,
}

/// A lease in memory, a record that can be removed, and whatever is wrong.
#[derive(Clone)]
pub(super) struct WrongStore {
    wrong: Wrong,
    lease: Duration,
    cell: Arc<Cell>,
    own: Arc<Mutex<Option<Stored>>>,
}

#[derive(Default)]
pub(super) struct Cell {
    pub(super) content: Mutex<Content>,
    pub(super) freed: Notify,
    /// Announcements are those of a store that is right.
    news: MemoryStore,
}

#[derive(Default)]
pub(super) struct Content {
    pub(super) stored: Option<Stored>,
    highest: u64,
    pub(super) owner: Option<(u64, Instant)>,
    owners: u64,
    pub(super) is_down: bool,
    listens: bool,
}

impl WrongStore {
    pub(super) fn new(wrong: Wrong, lease: Duration, cell: &Arc<Cell>) -> Self {
        Self {
            wrong,
            lease,
            cell: Arc::clone(cell),
            own: Arc::default(),
        }
    }

    fn is(&self, wrong: Wrong) -> bool {
        self.wrong == wrong
    }

    fn locks_nobody_out(&self) -> bool {
        self.is(Wrong::LocksNobodyOut) || self.is(Wrong::LocksNobodyOutAndDropsTheMark)
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.cell.content.lock().unwrap()
    }

    fn up(&self) -> Result<(), StoreError> {
        let content = self.content();
        if !content.is_down {
            return Ok(());
        }
        let shown = match (&content.stored, self.is(Wrong::ShowsTokensInErrors)) {
            (Some(stored), true) => tokens(&stored.record),
            _ => String::new(),
        };
        Err(StoreError::new(format!("it is down {shown}")))
    }

    fn kept(&self) -> Option<Stored> {
        match self.is(Wrong::KeepsARecordPerHolder) {
            true => self.own.lock().unwrap().clone(),
            false => self.content().stored.clone(),
        }
    }

    fn write(&self, expected: Option<Version>, record: Record) -> Version {
        let mut content = self.content();
        let standing = content.stored.as_ref().map(|stored| stored.version);
        let version = match (self.wrong, expected.or(standing)) {
            (Wrong::ReusesVersions, None) => 1,
            (Wrong::StandsStill, Some(Version(number))) => number,
            _ => content.highest + 1,
        };
        content.highest = content.highest.max(version);
        let version = Version(version);
        let stored = Stored {
            version,
            record: self.spoilt(record),
        };
        *self.own.lock().unwrap() = Some(stored.clone());
        content.stored = Some(stored);
        version
    }

    /// What becomes of a record that is written.
    fn spoilt(&self, mut record: Record) -> Record {
        match &mut record.state {
            State::Ended(reason) if self.is(Wrong::ForgetsTheReason) => *reason = EndReason::SignOut,
            State::Ended(_) => {}
            State::Live {
                tokens,
                mark,
                back_off,
            } => {
                match self.wrong {
                    Wrong::DropsTheMark | Wrong::LocksNobodyOutAndDropsTheMark => *mark = None,
                    Wrong::DropsTheBackOff => *back_off = None,
                    _ => {}
                }
                if let Some(spoilt) = self.spoilt_tokens(tokens) {
                    *tokens = Arc::new(spoilt);
                }
            }
        }
        record
    }

    fn spoilt_tokens(&self, tokens: &TokenSet) -> Option<TokenSet> {
        let mut copy = TokenSet::new(tokens.access_token.expose(), tokens.received_at).unwrap();
        copy.refresh_token = tokens.refresh_token.as_ref().map(|token| token.duplicate());
        copy.expires_in = tokens.expires_in;
        copy.scope.clone_from(&tokens.scope);
        copy.id_token = tokens.id_token.as_ref().map(|token| token.duplicate());
        let extra = tokens.extra.iter();
        copy.extra = extra
            .map(|(name, value)| (name.clone(), value.duplicate()))
            .collect();
        match self.wrong {
            Wrong::DropsExtras => copy.extra.clear(),
            Wrong::DropsTheIdToken => copy.id_token = None,
            Wrong::CutsLongTokens if tokens.access_token.expose().len() > 60_000 => {
                let cut = &tokens.access_token.expose()[..60_000];
                copy.access_token = oneflight::AccessToken::new(cut).unwrap();
            }
            Wrong::RoundsTimes => {
                copy.expires_in = copy
                    .expires_in
                    .map(|length| Duration::from_secs(length.as_secs()));
            }
            _ => return None,
        }
        Some(copy)
    }

    /// When the lease that stands in the way ends.
    fn claim(&self, owner: u64, who: usize) -> Result<(), Instant> {
        let mut content = self.content();
        let now = Instant::now();
        let its_own = self.is(Wrong::LetsItsOwnHolderIn) && owner >> 32 == who as u64;
        match content.owner {
            Some((holder, until)) if until > now || self.is(Wrong::NeverEndsALease) => {
                let lets_in = self.locks_nobody_out() || (its_own && holder >> 32 == who as u64);
                if !lets_in {
                    return Err(until);
                }
            }
            _ => {}
        }
        content.owner = Some((owner, now + self.lease));
        Ok(())
    }

    async fn take(&self) -> WrongGuard {
        // Clones of one holder share this.
        let who = Arc::as_ptr(&self.own).addr() & 0xffff_ffff;
        let owner = {
            let mut content = self.content();
            content.owners += 1;
            (who as u64) << 32 | content.owners
        };
        let mut guard = WrongGuard {
            store: self.clone(),
            owner,
            released: true,
        };
        loop {
            let freed = self.cell.freed.notified();
            match self.claim(owner, who) {
                Ok(()) => break,
                Err(until) => match self.is(Wrong::ForgetsWhoWaits) {
                    true => tokio::time::sleep_until(until).await,
                    false => drop(timeout_at(until, freed).await),
                },
            }
        }
        // Dropped from here on, it gives the lease back, unless that is what is wrong.
        guard.released = self.is(Wrong::StaysHeldWhenGivenUp);
        tokio::task::yield_now().await;
        guard.released = false;
        guard
    }

    fn holds_the_lock(&self) -> bool {
        self.content()
            .owner
            .is_some_and(|(_, until)| until > Instant::now())
    }
}

pub(super) fn tokens(record: &Record) -> String {
    match &record.state {
        State::Live { tokens, .. } => tokens.access_token.expose().to_owned(),
        State::Ended(_) => String::new(),
    }
}

impl Store for WrongStore {
    fn load(&self) -> BoxFuture<'_, Result<Option<Stored>, StoreError>> {
        Box::pin(async move {
            self.up()?;
            Ok(self.kept())
        })
    }

    fn lock(&self) -> BoxFuture<'_, Result<Box<dyn Guard>, StoreError>> {
        Box::pin(async move {
            self.up()?;
            let guard: Box<dyn Guard> = Box::new(self.take().await);
            Ok(guard)
        })
    }

    fn compare_and_swap(
        &self,
        expected: Option<Version>,
        record: Record,
    ) -> BoxFuture<'_, Result<Swap, StoreError>> {
        Box::pin(async move {
            self.up()?;
            if self.is(Wrong::WritesUnderTheLockOnly) {
                while self.holds_the_lock() {
                    tokio::task::yield_now().await;
                }
            }
            let standing = self.kept().map(|stored| stored.version);
            let fits = match self.wrong {
                Wrong::IgnoresTheVersion => standing.is_some() == expected.is_some(),
                Wrong::WritesBlindly => true,
                _ => standing == expected,
            };
            if self.is(Wrong::ComparesInTwoSteps) {
                tokio::task::yield_now().await;
            }
            if !fits && !self.is(Wrong::SaysConflictAndWrites) {
                return Ok(Swap::Conflict);
            }
            let version = self.write(expected, record);
            Ok(if fits {
                Swap::Written(version)
            } else {
                Swap::Conflict
            })
        })
    }

    fn lease(&self) -> Option<Duration> {
        (!self.is(Wrong::SaysNoLease)).then_some(self.lease)
    }

    fn announce(&self, version: Version) -> BoxFuture<'_, ()> {
        let low = u64::from(self.is(Wrong::AnnouncesTooLow));
        // Zero is no announcement to a memory store.
        self.cell.news.announce(Version(version.0 * 2 - low))
    }

    fn changes(&self) -> Option<Changes> {
        if std::mem::replace(&mut self.content().listens, true) && self.is(Wrong::AnnouncesToOne) {
            return Some(Box::pin(futures_util::stream::pending()));
        }
        let news = self.cell.news.changes()?;
        let halved = news.map(|Version(number)| Version(number / 2));
        Some(Box::pin(halved))
    }
}

impl fmt::Debug for WrongStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = match (self.kept(), self.is(Wrong::ShowsTokens)) {
            (Some(stored), true) => tokens(&stored.record),
            _ => String::new(),
        };
        write!(f, "WrongStore({shown})")
    }
}

struct WrongGuard {
    store: WrongStore,
    owner: u64,
    released: bool,
}

impl WrongGuard {
    fn give_back(&mut self) {
        if std::mem::replace(&mut self.released, true) {
            return;
        }
        let mut content = self.store.content();
        let ours = content.owner.is_some_and(|(owner, _)| owner == self.owner);
        if ours || self.store.is(Wrong::ReleasesWhatIsLost) {
            content.owner = None;
        }
        drop(content);
        self.store.cell.freed.notify_waiters();
    }
}

impl Guard for WrongGuard {
    fn lease(&self) -> Option<Duration> {
        Some(self.store.lease)
    }

    fn renew(&mut self) -> BoxFuture<'_, Result<Duration, StoreError>> {
        Box::pin(async move {
            let (owner, lease) = (self.owner, self.store.lease);
            if self.store.is(Wrong::EndsLeasesInSpiteOfRenewal) {
                return Ok(lease);
            }
            let mut content = self.store.content();
            match &mut content.owner {
                Some((standing, until)) if *standing == owner => *until = Instant::now() + lease,
                _ if self.store.is(Wrong::RenewsWhatIsLost) => {}
                _ => return Err(StoreError::new("the lease was lost")),
            }
            Ok(lease)
        })
    }

    fn release(mut self: Box<Self>) -> BoxFuture<'static, ()> {
        self.give_back();
        Box::pin(std::future::ready(()))
    }
}

impl Drop for WrongGuard {
    fn drop(&mut self) {
        match self.store.is(Wrong::StaysHeldWhenDropped) {
            true => self.released = true,
            false => self.give_back(),
        }
    }
}
