//! F: what an answer of the server means, and what follows from it.

use oneflight_core::answer::{Setting, Verdict};
use oneflight_core::machine::{Demand, Demanded, Event, Failure, GrantKind, Outcome, TransientCause};
use oneflight_core::{State, TokenSet};

use crate::told::{DEAD, DEAD_AFTER_LOSS, aged, failure};
use crate::world::{Fault, Ill, Kind, Rotation, World, secs};

#[test]
fn f1_renewed_is_saved_published_and_announced() {
    let mut world = aged(2, 60);
    let attempt = world.join(0, Demand::Usable);
    world.run();
    assert_eq!(world.ended(0, attempt), Outcome::Renewed { generation: 2 });
    assert_eq!(world.store.tokens().access_token.expose(), world.access(0));
    world.deliver_hints();
    assert_eq!(world.access(1), world.access(0));
}

#[test]
fn f1_f7_a_dead_grant_signs_out_once_with_the_reason() {
    let mut world = aged(2, 60);
    world.server.kill_all();
    let attempt = world.join(0, Demand::Usable);
    let second = world.join(1, Demand::Usable);
    for _ in 0..10 {
        assert_eq!(world.join(0, Demand::Usable), attempt);
    }
    world.run();
    let told = Outcome::Failed(Failure::SignedOut(DEAD));
    assert_eq!(world.ended(0, attempt), told);
    assert_eq!(world.ended(1, second), told);
    assert_eq!(world.posts(), 1);
    world.deliver_hints();
    world.hint(0);
    world.run();
    for h in 0..2 {
        assert_eq!(world.holders[h].sign_outs(), [DEAD]);
    }
    assert!(matches!(world.store.record().state, State::Ended(DEAD)));
    // Nothing is left to revoke.
    assert!(world.server.revoked.is_empty());
}

#[test]
fn f1_p4_a_superseded_token_is_not_believed_dead_the_newer_record_is_adopted() {
    let mut world = aged(2, 60);
    world.sound_lock = false;
    let attempt = world.join(0, Demand::Usable);
    world.run_until(0, Kind::Refresh);
    // A lock that is none: another holder renews meanwhile.
    world.store.lose_lease();
    world.server.rotation = Rotation::Grace;
    world.join(1, Demand::Usable);
    world.run_only(1);
    world.server.faults.push_back(Fault::dead());
    world.run();
    assert_eq!(world.ended(0, attempt), Outcome::Adopted { generation: 2 });
    assert_eq!(world.access(0), world.access(1));
    assert_eq!(world.holders[0].sign_outs(), []);
    assert!(world.server.revoked.is_empty());
}

#[test]
fn f1_interaction_is_told_and_keeps_the_session() {
    let mut world = aged(1, 60);
    world.server.faults.push_back(Fault::interaction());
    let attempt = world.join(0, Demand::Usable);
    world.run();
    let failed = failure(world.ended(0, attempt));
    assert!(matches!(failed, Failure::Interaction { .. }), "{failed:?}");
    assert!(world.holders[0].events.contains(&Event::RenewalFailed {
        failure: failed.clone()
    }));
    assert!(world.is_signed_in(0));
    assert_eq!(world.demand(0, Demand::Usable), Demanded::Refused(failed));
    assert!(!world.store.is_marked());
}

#[test]
fn f1_f8_a_refused_configuration_names_the_setting_and_waits_for_a_change() {
    let mut world = aged(1, 60);
    let refuse = || {
        Fault::Say(Verdict::Configuration {
            setting: Setting::ClientAuthentication,
            code: None,
        })
    };
    world.server.faults.push_back(refuse());
    let attempt = world.join(0, Demand::Usable);
    world.run();
    let failed = failure(world.ended(0, attempt));
    let Failure::Configuration { setting, .. } = failed else {
        panic!("{failed:?}")
    };
    assert_eq!(setting, Setting::ClientAuthentication);
    assert!(world.is_signed_in(0));
    world.skip(secs(299));
    assert!(matches!(world.demand(0, Demand::Usable), Demanded::Refused(_)));
    // The application says that it is mended.
    world.tell(0, |machine, now| machine.retry_now(now));
    let attempt = world.join(0, Demand::Usable);
    world.run();
    assert_eq!(world.ended(0, attempt), Outcome::Renewed { generation: 2 });
    assert_eq!(world.posts(), 2);
}

#[test]
fn f7_a_death_that_two_holders_see_differently_is_one_sign_out_each() {
    let mut world = aged(2, 60);
    world.server.kill_all();
    // One holder cannot write its tombstone; the other finds its mark, and cannot know what became of the answer.
    world.store.burials = Ill::ForGood;
    world.join(0, Demand::Usable);
    world.run();
    world.store.burials = Ill::No;
    world.join(1, Demand::Usable);
    world.run_only(1);
    assert!(matches!(
        world.store.record().state,
        State::Ended(DEAD_AFTER_LOSS)
    ));
    world.pass(secs(300));
    world.deliver_hints();
    world.skip(secs(2));
    world.join(0, Demand::Usable);
    world.run();
    assert_eq!(world.holders[0].sign_outs(), [DEAD]);
    assert_eq!(world.holders[1].sign_outs(), [DEAD_AFTER_LOSS]);
}

#[test]
fn f7_a_sign_out_after_a_death_is_no_second_event() {
    let mut world = aged(1, 60);
    world.server.kill_all();
    world.store.burials = Ill::ForGood;
    world.join(0, Demand::Usable);
    world.run();
    let sign_out = world.sign_out(0);
    world.store.burials = Ill::No;
    world.run();
    let told = world.ended(0, sign_out);
    assert!(matches!(told, Outcome::Ended { landed: true, .. }), "{told:?}");
    assert_eq!(world.holders[0].sign_outs(), [DEAD]);
}

#[test]
fn f10_each_failure_says_whether_and_when_to_retry() {
    let mut world = aged(1, 60);
    let at = world.now.mono;
    let pause = Some(at);
    let transient = |cause| Failure::Transient { cause, retry_at: at };
    for (failure, retry_at) in [
        (transient(TransientCause::LockBusy), pause),
        (
            Failure::Interaction {
                code: None,
                retry_at: at,
            },
            pause,
        ),
        (Failure::RejectionBudget { retry_at: at }, pause),
        (Failure::NeverSignedIn, None),
        (Failure::SignedOut(DEAD), None),
        (Failure::NoRefreshToken, None),
        (Failure::Replaced, None),
        (Failure::SameToken, None),
        (Failure::Closed, None),
    ] {
        assert_eq!(failure.retry_at(), retry_at, "{failure:?}");
    }
    world.run();
}

#[test]
fn f12_the_refused_token_is_passed_over_when_another_holder_had_renewed() {
    let mut world = aged(2, 60);
    world.sound_lock = false;
    world.server.faults.push_back(Fault::dead());
    world.join(0, Demand::Usable);
    world.run_until(0, Kind::Refresh);
    (world.store.loads, world.store.saves) = (Ill::ForGood, Ill::ForGood);
    world.run_only(0);
    (world.store.loads, world.store.saves) = (Ill::No, Ill::No);
    world.join(1, Demand::Usable);
    world.run();
    world.skip(secs(2));
    let attempt = world.join(0, Demand::Usable);
    world.run();
    assert_eq!(world.ended(0, attempt), Outcome::Adopted { generation: 2 });
    assert_eq!(world.holders[0].sign_outs(), []);
}

#[test]
fn f12_invalid_grant_while_the_store_is_unreadable_is_decided_later_without_a_post() {
    for grant in [GrantKind::RefreshToken, GrantKind::Ambient] {
        let mut world = World::signed_in_with(1, |policy| policy.grant = grant);
        if grant == GrantKind::Ambient {
            world.sign_in_with(0, TokenSet::new("from-login", world.now.wall).unwrap());
            world.run();
        }
        let refuse = Fault::dead();
        world.server.faults.push_back(refuse);
        let attempt = world.refused(0);
        world.run_until(0, Kind::Refresh);
        (world.store.loads, world.store.saves) = (Ill::ForGood, Ill::ForGood);
        world.run();
        let failed = failure(world.ended(0, attempt));
        assert!(failed.retry_at().is_some(), "{failed:?}");
        assert!(world.is_signed_in(0));
        assert_eq!(world.holders[0].sign_outs(), []);
        (world.store.loads, world.store.saves) = (Ill::No, Ill::No);
        world.skip(secs(2));
        let attempt = world.refused(0);
        world.run();
        // No answer was lost, and the reason does not claim it.
        assert_eq!(world.ended(0, attempt), Outcome::Failed(Failure::SignedOut(DEAD)));
        assert_eq!(world.posts(), 1);
        assert_eq!(world.holders[0].sign_outs(), [DEAD]);
    }
}

#[test]
fn p7_a_grant_that_died_over_a_read_only_store_ends_here_and_its_tombstone_is_retried() {
    let mut world = aged(1, 60);
    world.server.kill_all();
    world.store.burials = Ill::ForGood;
    let attempt = world.join(0, Demand::Usable);
    world.run();
    assert_eq!(world.ended(0, attempt), Outcome::Failed(Failure::SignedOut(DEAD)));
    assert!(world.holders[0].machine.has_unsaved());
    // It is not taken up again from the record that still stands.
    world.skip(secs(2));
    let again = world.join(0, Demand::Usable);
    world.run();
    assert_eq!(world.ended(0, again), Outcome::Failed(Failure::SignedOut(DEAD)));
    world.store.burials = Ill::No;
    world.pass(secs(5));
    assert!(matches!(world.store.record().state, State::Ended(DEAD)));
    assert!(!world.holders[0].machine.has_unsaved());
    assert_eq!(world.posts(), 1);
    assert_eq!(world.holders[0].sign_outs(), [DEAD]);
}
