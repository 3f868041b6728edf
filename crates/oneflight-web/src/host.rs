//! What the outside does for the driver.

use core::time::Duration;

use oneflight_core::Version;
use oneflight_core::machine::{Event, Failure, Revocation, Snapshot};

/// Names an effect that is to be answered, once. Never used twice by one driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u32);

/// Names somebody who waits; the host chose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Waiter(pub u32);

/// How a wait ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// With the token that was published last.
    Token,
    /// A sign-in stands; stored, or for now only here.
    SignedIn {
        /// It is stored.
        saved: bool,
    },
    /// A sign-out took effect.
    Ended {
        /// The other holders will learn of it.
        landed: bool,
        /// What became of the refresh token at the authorization server.
        revocation: Revocation,
    },
    /// It failed.
    Failed(Failure),
    /// It was overtaken again and again.
    Unsettled,
}

/// What was wrong with a record that the store gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// Somebody else's text stands there.
    Foreign,
    /// A later version of this library wrote it.
    Newer,
    /// It is damaged.
    Torn,
}

/// Carries out what the driver asks for. No method may call the driver back before it has returned: answers come later.
///
/// Each method that is given a [`Slot`] is answered by one call of the [`Driver`](crate::Driver)'s method named after it,
/// at the latest when the host's own deadline for it has passed.
pub trait Host {
    /// Takes the lock that all holders of the grant share.
    fn lock(&mut self, slot: Slot);
    /// Gives it back, or gives up waiting for it.
    fn unlock(&mut self);
    /// Reads the record.
    fn load(&mut self, slot: Slot);
    /// Replaces the record if its tag still is `expected`; `None`: if there is none.
    fn save(&mut self, slot: Slot, expected: Option<&str>, record: &str);
    /// Asks the token endpoint for the next set.
    fn refresh(&mut self, slot: Slot, refresh_token: Option<&str>);
    /// Revokes a refresh token.
    fn revoke(&mut self, slot: Slot, refresh_token: &str);
    /// Tells the other holders that the store has moved on.
    fn announce(&mut self, version: Version);
    /// Calls [`Driver::timeout`](crate::Driver::timeout) after this long, instead of when it was asked for before; `None`:
    /// not at all.
    fn timer(&mut self, wait: Option<Duration>);
    /// Tells somebody how the wait ended.
    fn settle(&mut self, waiter: Waiter, settled: &Settled);
    /// Lets requests read this from now on.
    fn publish(&mut self, snapshot: &Snapshot);
    /// Tells the application. `here`: what happened began in this page.
    fn notify(&mut self, event: &Event, here: bool);
    /// Says why the record that was just given could not be read.
    fn trouble(&mut self, trouble: Trouble);
    /// After [`Driver::close`](crate::Driver::close): nothing is under way any more. `unsaved`: something could not be
    /// stored yet, and is tried again.
    fn rest(&mut self, unsaved: bool);
}
