//! Words that several plays share.

use core::time::Duration;

use oneflight_core::machine::{Failure, Outcome, Revocation, TransientCause};
use oneflight_core::{EndReason, State};

use crate::world::{Kind, World, secs};

pub(crate) const DEAD: EndReason = EndReason::GrantDead { after_loss: false };
pub(crate) const DEAD_AFTER_LOSS: EndReason = EndReason::GrantDead { after_loss: true };
pub(crate) const REPLACED: Outcome = Outcome::Failed(Failure::Replaced);
pub(crate) const SIGNED_OUT: Failure = Failure::SignedOut(EndReason::SignOut);

/// Every point of a flight where something can come in between.
pub(crate) const POINTS: [Kind; 5] = [Kind::Lock, Kind::Load, Kind::Mark, Kind::Refresh, Kind::Keep];

/// A session whose access token lasts a minute, of which this much is over.
pub(crate) fn aged(holders: usize, age: u64) -> World {
    let mut world = World::with(holders, |_| {});
    world.server.lasting(secs(60));
    world.sign_in(0);
    world.run();
    world.all_open();
    world.skip(secs(age));
    world
}

pub(crate) fn failure(outcome: Outcome) -> Failure {
    match outcome {
        Outcome::Failed(failure) => failure,
        other => panic!("{other:?} is no failure"),
    }
}

pub(crate) fn cause(outcome: Outcome) -> TransientCause {
    match outcome {
        Outcome::Failed(Failure::Transient { cause, .. }) => cause,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn pause_of(failure: &Failure, world: &World) -> Duration {
    failure
        .retry_at()
        .expect("it may be retried")
        .since(world.now.mono)
}

pub(crate) fn ended(revocation: Revocation) -> Outcome {
    Outcome::Ended {
        landed: true,
        revocation,
    }
}

pub(crate) fn assert_signed_out_everywhere(world: &World) {
    assert!(matches!(
        world.store.record().state,
        State::Ended(EndReason::SignOut)
    ));
    assert!(world.server.all_revoked(), "{:?}", world.server.revoked);
    assert!(!world.store.is_locked());
    for h in 0..world.holders.len() {
        assert!(!world.is_signed_in(h));
    }
}
