//! What of a machine decides its future, as a number: the model's way to see that it has been here before.
//!
//! Two machines with the same print behave alike from now on. So names that only count up (versions, tickets, attempts,
//! generations) are printed by their order, times by whether they lie ahead, and what only sets the length of a pause is
//! left out: in the model's world a pause is either running or over.

use alloc::vec::Vec;
use core::hash::{Hash, Hasher};
use core::mem::discriminant;

use super::attempt::Attempt;
use super::effect::{AttemptId, LoadTicket, LockTicket, RefreshTicket, RevokeTicket, SaveTicket};
use super::flight::{Flight, Lost, Phase};
use super::keep::Unsaved;
use super::ledger::{Ledger, Step};
use super::outcome::Failure;
use super::refresh::{Base, Yield, YieldCause};
use super::{Lane, Machine};
use crate::{HolderId, MonoTime, Now, Record, SessionId, State, Stored, TokenSet, Version};

const START: [u64; 2] = [0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210];

/// Collects a print. Knows what the names that are about to be printed stand for.
pub(crate) struct Print {
    mixed: [u64; 2],
    pub(crate) now: Now,
    /// All versions that anybody remembers, in order.
    pub(crate) versions: Vec<Version>,
    /// The attempts that somebody waits for at the machine that is printed, in order.
    pub(crate) attempts: Vec<AttemptId>,
    /// Whose eyes a mark is seen with; `None`: nobody's.
    pub(crate) holder: Option<HolderId>,
}

impl Hasher for Print {
    fn finish(&self) -> u64 {
        let [a, b] = self.mixed;
        (a ^ b.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn write(&mut self, bytes: &[u8]) {
        for bytes in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        let [a, b] = self.mixed;
        let a = (a ^ word).wrapping_mul(0xff51_afd7_ed55_8ccd);
        let b = b.wrapping_add(word).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        self.mixed = [a ^ (a >> 32), (b ^ (b >> 29)).wrapping_add(a.rotate_left(17))];
    }

    fn write_u8(&mut self, word: u8) {
        self.write_u64(u64::from(word));
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(u64::from(word));
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn write_isize(&mut self, word: isize) {
        // What discriminants are written as.
        self.write_u64(word.cast_unsigned() as u64);
    }
}

impl Print {
    pub(crate) fn new(now: Now, versions: Vec<Version>) -> Self {
        Self {
            mixed: START,
            now,
            versions,
            attempts: Vec::new(),
            holder: None,
        }
    }

    /// Prints something by itself, with the same names and times.
    pub(crate) fn apart(&mut self, each: impl FnOnce(&mut Self)) -> u64 {
        let mixed = core::mem::replace(&mut self.mixed, START);
        each(self);
        let print = self.finish();
        self.mixed = mixed;
        print
    }

    pub(crate) fn load(&mut self, ticket: LoadTicket) {
        self.put(ticket.lane);
    }

    pub(crate) fn save(&mut self, ticket: SaveTicket) {
        self.put(ticket.lane);
    }

    pub(crate) fn put(&mut self, value: impl Hash) {
        value.hash(self);
    }

    pub(crate) fn version(&mut self, version: Option<Version>) {
        let rank = version.map(|version| self.versions.binary_search(&version).unwrap_or(usize::MAX));
        self.put(rank);
    }

    pub(crate) fn attempt(&mut self, attempt: Option<AttemptId>) {
        let rank = attempt.map(|id| self.attempts.iter().position(|known| *known == id));
        self.put(rank);
    }

    fn ahead(&mut self, at: MonoTime) {
        let ahead = at > self.now.mono;
        self.put(ahead);
    }

    pub(crate) fn tokens(&mut self, tokens: &TokenSet) {
        self.write(tokens.access_token.expose().as_bytes());
        if let Some(token) = &tokens.refresh_token {
            self.write(token.expose().as_bytes());
        }
        self.put(age(tokens, self.now));
    }

    pub(crate) fn state(&mut self, state: &State) {
        match state {
            State::Live {
                tokens,
                mark,
                back_off,
            } => {
                self.put(0u8);
                self.tokens(tokens);
                let mark = mark.map(|mark| Some(mark.holder) == self.holder);
                self.put(mark);
                let pause = back_off.is_some_and(|pause| pause.start.after(pause.length) > self.now.wall);
                self.put(pause);
            }
            State::Ended(reason) => {
                self.put(1u8);
                self.put(reason);
            }
        }
    }

    pub(crate) fn record(&mut self, record: &Record) {
        self.put((record.session, record.set));
        self.state(&record.state);
    }

    pub(crate) fn stored(&mut self, stored: Option<&Stored>) {
        self.put(stored.is_some());
        if let Some(stored) = stored {
            self.version(Some(stored.version));
            self.record(&stored.record);
        }
    }

    fn failure(&mut self, failure: &Failure) {
        self.put(discriminant(failure));
        match failure {
            Failure::SignedOut(reason) => self.put(reason),
            Failure::Transient { cause, .. } => self.put(cause),
            Failure::Configuration { setting, .. } => self.put(setting),
            _ => {}
        }
    }
}

/// Whether a read is that of a sign-in or a sign-out on its way to the store.
pub(crate) fn is_of_ledger(ticket: LoadTicket) -> bool {
    ticket.lane == Lane::Ledger
}

pub(crate) fn is_of_flight(ticket: LoadTicket) -> bool {
    ticket.lane == Lane::Flight
}

/// How far a set is into its life: 0 fresh, 1 due for renewal, 2 expired.
pub(crate) fn age(tokens: &TokenSet, now: Now) -> u8 {
    let Some(lifetime) = tokens.expires_in else {
        return 0;
    };
    let age = now.wall.since(tokens.received_at);
    match age {
        _ if age >= lifetime => 2,
        _ if age >= lifetime.mul_f32(0.75) => 1,
        _ => 0,
    }
}

impl Machine {
    /// Prints all that decides this machine's future.
    pub(crate) fn print(&self, print: &mut Print) {
        print.put(self.status);
        print.put(self.published.is_some());
        if let Some(published) = &self.published {
            print.put((published.session, published.set));
            print.tokens(&published.tokens);
        }
        print.version(self.known);
        print_option(print, self.flight.as_deref(), Flight::print);
        print_option(print, self.queued.as_deref(), Attempt::print);
        print_option(print, self.ledger.as_deref(), Ledger::print);
        let mut ended = self.ended.clone();
        ended.sort_unstable();
        print.put(ended);
        let cooling = self
            .cooldown
            .as_ref()
            .filter(|pause| pause.until > print.now.mono);
        print_option(print, cooling.map(|pause| &pause.failure), |failure, print| {
            print.failure(failure);
        });
        print.put(self.retried_at.is_some());
        print_option(print, self.refused.as_deref(), |refused, print| {
            print.tokens(&refused.tokens);
            print.put(refused.after_loss);
        });
        let window = self.config.policy.rejection_window;
        let rejections = self.rejections.iter();
        print.put(
            rejections
                .filter(|at| print.now.mono.since(**at) < window)
                .count(),
        );
        print.ahead(self.next_look);
        let mut revoking: Vec<_> = self.revoking.iter().map(|revoking| revoking.sign_out).collect();
        revoking.sort_unstable();
        print.put(revoking.len());
        for sign_out in revoking {
            print.attempt(sign_out);
        }
        print.put(self.signing_out.len());
        for sign_out in self.signing_out.iter() {
            print.attempt(Some(sign_out.attempt));
            print.put((sign_out.landed, sign_out.revocation));
        }
        let looking = self.looking.as_ref();
        print.put(looking.map(|look| (look.writes == self.writes, look.again)));
        print.put(self.closed);
    }

    /// Adds every version this machine remembers and may compare.
    pub(crate) fn remembered(&self, versions: &mut Vec<Version>) {
        versions.extend(self.known);
        if let Some(flight) = &self.flight {
            versions.extend(flight.waited);
            versions.extend(flight.doubted);
            versions.extend(match &flight.phase {
                Phase::Marking(base)
                | Phase::Refreshing(base)
                | Phase::Rereading(base, _)
                | Phase::Burying(base)
                | Phase::Doubting(base) => base.version,
                Phase::Saving(unsaved) | Phase::Resolving(unsaved) | Phase::Unsaved(unsaved, _) => {
                    unsaved.expected
                }
                _ => None,
            });
        }
        versions.extend(self.ledger.as_ref().and_then(|ledger| ledger.doubted));
        if let Some(sign_in) = self.ledger.as_ref().and_then(|ledger| ledger.sign_in.as_ref()) {
            versions.extend(sign_in.seen);
        }
    }

    /// Whether time alone may change what it does.
    pub(crate) fn pauses(&self, now: Now) -> bool {
        let window = self.config.policy.rejection_window;
        self.cooling(now).is_some()
            || self.next_look > now.mono
            || self.rejections.iter().any(|at| now.mono.since(*at) < window)
            || self.poll_timeout(now).is_some_and(|wait| !wait.is_zero())
    }

    pub(crate) fn awaits_lock(&self, ticket: LockTicket) -> bool {
        let flight = self.flight.as_ref();
        flight.is_some_and(|flight| flight.serial == ticket.serial && matches!(flight.phase, Phase::Locking))
    }

    pub(crate) fn awaits_refresh(&self, ticket: RefreshTicket) -> bool {
        let flight = self.flight.as_ref();
        flight.is_some_and(|flight| {
            flight.serial == ticket.serial && matches!(flight.phase, Phase::Refreshing(_))
        })
    }

    pub(crate) fn awaits_load(&self, ticket: LoadTicket) -> bool {
        match ticket.lane {
            Lane::Flight => self
                .flight
                .as_ref()
                .is_some_and(|flight| flight.serial == ticket.serial),
            Lane::Ledger => self.ledger.as_ref().is_some_and(
                |ledger| matches!(ledger.step, Step::Loading(serial) if serial == ticket.serial),
            ),
            Lane::Look => self
                .looking
                .as_ref()
                .is_some_and(|look| look.serial == ticket.serial),
        }
    }

    pub(crate) fn awaits_save(&self, ticket: SaveTicket) -> bool {
        match ticket.lane {
            Lane::Flight => self
                .flight
                .as_ref()
                .is_some_and(|flight| flight.serial == ticket.serial),
            Lane::Ledger | Lane::Look => self.ledger.as_ref().is_some_and(
                |ledger| matches!(ledger.step, Step::Saving(serial, _) if serial == ticket.serial),
            ),
        }
    }

    /// For whose sign-out a revocation is under way; `None` if it is not awaited.
    pub(crate) fn awaits_revocation(&self, ticket: RevokeTicket) -> Option<Option<AttemptId>> {
        let mut revoking = self.revoking.iter();
        let found = revoking.find(|revoking| revoking.serial == ticket.serial);
        found.map(|revoking| revoking.sign_out)
    }
}

fn print_option<T>(print: &mut Print, value: Option<T>, each: impl FnOnce(T, &mut Print)) {
    print.put(value.is_some());
    if let Some(value) = value {
        each(value, print);
    }
}

impl Attempt {
    fn print(&self, print: &mut Print) {
        print.attempt(Some(self.id));
        print.put((self.cause, self.due));
        print_option(print, self.refused.as_deref(), |tokens, print| {
            print.tokens(tokens)
        });
    }
}

impl Flight {
    fn print(&self, print: &mut Print) {
        print_option(print, self.attempt.as_ref(), Attempt::print);
        print.put((
            self.orphan,
            self.revoked_by_sign_out,
            self.retried,
            self.reloads,
            self.doubted,
        ));
        let leased = self
            .held
            .map(|held| held.lease_until.map(|until| until > print.now.mono));
        print.put(leased);
        print.version(self.waited);
        print.version(self.doubted);
        print.put(discriminant(&self.phase));
        match &self.phase {
            Phase::Opening | Phase::Locking | Phase::Loading => {}
            Phase::LastLook(Lost::Lock(cause)) => print.put(cause),
            Phase::LastLook(Lost::Refresh(failure)) | Phase::Yielding(failure) => print.failure(failure),
            Phase::WaitingOut(until) => print.ahead(*until),
            Phase::Marking(base) | Phase::Refreshing(base) | Phase::Burying(base) | Phase::Doubting(base) => {
                base.print(print)
            }
            Phase::Rereading(base, done) => {
                base.print(print);
                done.print(print);
            }
            Phase::Saving(unsaved) | Phase::Resolving(unsaved) => unsaved.print(print),
            Phase::Unsaved(unsaved, until) => {
                unsaved.print(print);
                print.ahead(*until);
            }
        }
    }
}

impl Base {
    fn print(&self, print: &mut Print) {
        print.version(self.version);
        print.put((self.session, self.set, self.carried_mark));
        print_option(print, self.tokens.as_deref(), |tokens, print| {
            print.tokens(tokens)
        });
    }
}

impl Yield {
    fn print(&self, print: &mut Print) {
        print.put(discriminant(&self.cause));
        match &self.cause {
            YieldCause::NotProcessed(cause) => print.put(cause),
            YieldCause::AnswerLost(cause) => print.put(cause),
            YieldCause::Configuration(setting, _) => print.put(setting),
            YieldCause::Interaction(_) | YieldCause::LeaseTooShort => {}
        }
    }
}

impl Unsaved {
    fn print(&self, print: &mut Print) {
        print.put((self.session, self.set, self.published));
        print.tokens(&self.tokens);
        print.version(self.expected);
        print_option(print, self.failure.as_ref(), |failure, print| {
            print.failure(failure)
        });
    }
}

impl Ledger {
    fn print(&self, print: &mut Print) {
        print_option(print, self.sign_in.as_ref(), |sign_in, print| {
            print.attempt(sign_in.attempt);
            print.put(sign_in.session);
            print.tokens(&sign_in.tokens);
            let mut replaces: Vec<SessionId> = sign_in.replaces.clone();
            replaces.sort_unstable();
            replaces.dedup();
            print.put(replaces);
            print.version(sign_in.seen);
            print.put(sign_in.read);
        });
        print.put(self.endings.len());
        for ending in &self.endings {
            print.attempt(ending.attempt);
            print.put((ending.reason, ending.came_late));
            for target in &ending.targets {
                print.put((target.session, target.set, target.revoked));
                print_option(print, target.newest.as_deref(), |tokens, print| {
                    print.tokens(tokens)
                });
            }
        }
        print.version(self.doubted);
        print.put((self.again, discriminant(&self.step)));
        match &self.step {
            Step::Idle | Step::Loading(_) => {}
            Step::Saving(_, sign_in) => print.put(sign_in),
            Step::Waiting(until) => print.ahead(*until),
        }
    }
}
