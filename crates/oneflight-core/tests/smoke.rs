//! The main path, step by step: every effect in its order.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use oneflight_core::answer::Verdict;
use oneflight_core::machine::{
    Config, Demand, Demanded, Effect, LockResult, Machine, Outcome, Policy, Stamp, Status, Swap,
};
use oneflight_core::{HolderId, MonoTime, Now, SessionId, State, Stored, TokenSet, Version, WallTime};

fn at(secs: u64) -> Now {
    Now {
        wall: WallTime::from_unix_millis(1_000_000_000 + secs * 1000),
        mono: MonoTime::from_millis(secs * 1000),
    }
}

fn set(n: u32, now: Now) -> TokenSet {
    TokenSet::new(&format!("access-{n}"), now.wall)
        .unwrap()
        .refresh_token(&format!("refresh-{n}"))
        .unwrap()
        .expires_in(Duration::from_secs(60))
}

fn drain(machine: &mut Machine) -> Vec<Effect> {
    std::iter::from_fn(|| machine.poll_effect())
        .filter(|effect| !matches!(effect, Effect::Notify(_)))
        .collect()
}

#[test]
fn s1_a_refusal_runs_lock_load_mark_refresh_save_publish_unlock_in_this_order() {
    let config = Config {
        policy: Arc::new(Policy::default()),
        holder: HolderId([1; 16]),
        seed: [1, 2],
    };
    let mut machine = Machine::new(config);
    let session = SessionId([7; 16]);

    let signing_in = machine.sign_in(at(0), session, set(1, at(0)));
    let [Effect::Load(ticket)] = <[_; 1]>::try_from(drain(&mut machine)).unwrap() else {
        panic!()
    };
    machine.loaded(at(0), ticket, Ok(None));
    let [Effect::Save(ticket, save)] = <[_; 1]>::try_from(drain(&mut machine)).unwrap() else {
        panic!()
    };
    assert_eq!(save.expected, None);
    machine.saved(at(0), ticket, Ok(Swap::Written(Version(1))));
    let [
        Effect::Announce(Version(1)),
        Effect::Publish(snapshot),
        Effect::Settle(id, outcome),
    ] = <[_; 3]>::try_from(drain(&mut machine)).unwrap()
    else {
        panic!()
    };
    assert_eq!(
        (id, outcome),
        (
            signing_in,
            Outcome::SignedIn {
                generation: 1,
                saved: true
            }
        )
    );
    assert_eq!(snapshot.status, Status::SignedIn);
    assert!(machine.is_idle());

    assert_eq!(machine.demand(at(1), Demand::Usable), Demanded::LookAgain);
    let stamp = Stamp {
        session,
        generation: 1,
    };
    let Demanded::Joined(attempt) = machine.demand(at(1), Demand::NewerThan(stamp)) else {
        panic!()
    };
    assert_eq!(
        machine.demand(at(1), Demand::NewerThan(stamp)),
        Demanded::Joined(attempt)
    );

    let [Effect::Lock(ticket)] = <[_; 1]>::try_from(drain(&mut machine)).unwrap() else {
        panic!()
    };
    machine.locked(at(1), ticket, LockResult::Acquired);
    let [Effect::Load(ticket)] = <[_; 1]>::try_from(drain(&mut machine)).unwrap() else {
        panic!()
    };
    machine.loaded(
        at(1),
        ticket,
        Ok(Some(Stored {
            version: Version(1),
            record: save.record,
        })),
    );
    let [Effect::Save(ticket, save)] = <[_; 1]>::try_from(drain(&mut machine)).unwrap() else {
        panic!()
    };
    assert!(matches!(save.record.state, State::Live { mark: Some(_), .. }));
    machine.saved(at(1), ticket, Ok(Swap::Written(Version(2))));
    let [Effect::Refresh(ticket, refresh)] = <[_; 1]>::try_from(drain(&mut machine)).unwrap() else {
        panic!()
    };
    let sent = refresh.base.unwrap();
    assert_eq!(sent.refresh_token.as_ref().unwrap().expose(), "refresh-1");
    machine.refreshed(at(2), ticket, Verdict::Renewed(set(2, at(2))));
    let [Effect::Save(ticket, save)] = <[_; 1]>::try_from(drain(&mut machine)).unwrap() else {
        panic!()
    };
    assert_eq!((save.expected, save.record.set), (Some(Version(2)), 1));
    machine.saved(at(2), ticket, Ok(Swap::Written(Version(3))));
    let [
        Effect::Publish(_),
        Effect::Settle(id, outcome),
        Effect::Announce(Version(3)),
        Effect::Unlock,
    ] = <[_; 4]>::try_from(drain(&mut machine)).unwrap()
    else {
        panic!()
    };
    assert_eq!((id, outcome), (attempt, Outcome::Renewed { generation: 2 }));
    assert!(machine.is_idle());
    // A late refusal of the old token costs nothing.
    assert_eq!(
        machine.demand(at(3), Demand::NewerThan(stamp)),
        Demanded::LookAgain
    );
}
