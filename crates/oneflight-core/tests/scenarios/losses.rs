//! F: answers that are lost, and what can be saved of an answer.

use oneflight_core::machine::{Demand, Demanded, Failure, Outcome, TransientCause};

use crate::told::{DEAD_AFTER_LOSS, aged, cause, failure};
use crate::world::{Fault, Ill, Kind, Rotation, World, secs};

/// An unforgiving server, whose access tokens last a minute.
fn unforgiving(holders: usize) -> World {
    let mut world = World::with(holders, |policy| policy.profile.retry_after_loss = false);
    world.server.lasting(secs(60));
    world.sign_in(0);
    world.run();
    world.all_open();
    world
}

#[test]
fn f1_f13_an_ambiguous_answer_is_retried_once_at_once_then_paused() {
    let mut world = aged(1, 60);
    world.server.swallows = true;
    let attempt = world.join(0, Demand::Usable);
    world.run();
    let failed = failure(world.ended(0, attempt));
    let Failure::Transient { cause, .. } = failed else {
        panic!("{failed:?}")
    };
    assert!(matches!(cause, TransientCause::AnswerLost(_)));
    assert_eq!(world.posts(), 2);
    // The mark stays: the token may be spent.
    assert!(world.store.is_marked());
    for _ in 0..5 {
        world.skip(secs(300));
        let before = world.posts();
        world.join(0, Demand::Usable);
        world.run();
        assert_eq!(world.posts(), before + 1, "once per step of the back-off");
    }
}

#[test]
fn f5_a_lost_answer_on_a_server_with_grace_costs_one_retry_and_no_session() {
    let mut world = aged(1, 60);
    world.server.rotation = Rotation::Grace;
    world.server.faults.push_back(Fault::LoseAfter);
    let attempt = world.join(0, Demand::Usable);
    world.run();
    assert_eq!(world.ended(0, attempt), Outcome::Renewed { generation: 2 });
    assert_eq!(world.posts(), 2);
    assert_eq!(world.server.posts[0], world.server.posts[1]);
    assert!(world.server.lives(world.store.tokens()));
}

#[test]
fn f5_f7_a_lost_answer_on_a_strict_server_signs_out_once_with_that_reason() {
    let mut world = aged(2, 60);
    world.server.faults.push_back(Fault::LoseAfter);
    let attempt = world.join(0, Demand::Usable);
    world.join(1, Demand::Usable);
    world.run();
    world.deliver_hints();
    assert_eq!(
        world.ended(0, attempt),
        Outcome::Failed(Failure::SignedOut(DEAD_AFTER_LOSS))
    );
    assert_eq!(world.posts(), 2);
    for h in 0..2 {
        assert_eq!(world.holders[h].sign_outs(), [DEAD_AFTER_LOSS]);
    }
}

#[test]
fn f5_a_retry_that_was_not_processed_does_not_make_the_lost_answer_forgotten() {
    let mut world = aged(1, 60);
    world
        .server
        .faults
        .extend([Fault::LoseAfter, Fault::unavailable(None)]);
    world.join(0, Demand::Usable);
    world.run();
    assert_eq!(world.posts(), 2);
    assert!(
        world.store.is_marked(),
        "the first request may have been processed"
    );
    world.skip(secs(2));
    // Lost again: it was retried at once before, so now it waits.
    world.server.faults.push_back(Fault::LoseBefore);
    world.join(0, Demand::Usable);
    world.run();
    assert_eq!(world.posts(), 3);
    world.skip(secs(10));
    let attempt = world.join(0, Demand::Usable);
    world.run();
    assert_eq!(
        world.ended(0, attempt),
        Outcome::Failed(Failure::SignedOut(DEAD_AFTER_LOSS))
    );
}

#[test]
fn f5_where_a_replay_is_forbidden_the_token_is_presented_again_only_after_expiry() {
    let mut world = unforgiving(2);
    world.skip(secs(50));
    world.server.faults.push_back(Fault::LoseBefore);
    let attempt = world.join(0, Demand::Due);
    world.run();
    assert!(matches!(
        cause(world.ended(0, attempt)),
        TransientCause::AnswerLost(_)
    ));
    assert_eq!(world.posts(), 1);
    for _ in 0..9 {
        world.skip(secs(1));
        for h in 0..2 {
            assert_eq!(world.demand(h, Demand::Usable), Demanded::LookAgain);
            if let Demanded::Joined(attempt) = world.demand(h, Demand::Due) {
                world.run();
                let cause = cause(world.ended(h, attempt));
                let paused = matches!(cause, TransientCause::WaitingForExpiry | TransientCause::BackOff);
                assert!(paused, "{cause:?}");
            }
        }
    }
    assert_eq!(world.posts(), 1);
    world.skip(secs(1));
    let attempt = world.join(0, Demand::Usable);
    world.run();
    assert_eq!(world.ended(0, attempt), Outcome::Renewed { generation: 2 });
    assert_eq!(world.posts(), 2);
}

#[test]
fn f5_where_a_replay_is_forbidden_a_refusal_that_was_not_processed_changes_nothing() {
    let mut world = unforgiving(1);
    world.skip(secs(60));
    // Lost, after expiry; then surely not processed. The first may have been, all the same.
    world.server.faults.push_back(Fault::LoseBefore);
    world.join(0, Demand::Usable);
    world.run();
    world.skip(secs(2));
    world.server.faults.push_back(Fault::unavailable(None));
    world.join(0, Demand::Usable);
    world.run();
    assert!(world.store.is_marked());
}

#[test]
fn f6_the_answer_of_a_request_that_was_given_up_is_ambiguous() {
    let mut world = aged(1, 60);
    world.server.faults.push_back(Fault::LoseBefore);
    let attempt = world.join(0, Demand::Usable);
    world.run_until(0, Kind::Refresh);
    let hangs = world.perform(0, Kind::Refresh);
    world.skip(secs(30));
    assert_eq!(world.outcome(0, attempt), None);
    world.answer(0, hangs);
    world.run();
    assert_eq!(world.ended(0, attempt), Outcome::Renewed { generation: 2 });
}

#[test]
fn w3_an_absent_refresh_token_keeps_the_old_one_and_a_new_one_replaces_it() {
    let mut world = World::signed_in(1);
    world.server.rotation = Rotation::Never;
    world.server.keeps_silent = true;
    let old = world.server.newest().to_owned();
    world.refused(0);
    world.run();
    let kept = world.store.tokens().refresh_token.as_ref().unwrap();
    assert_eq!(kept.expose(), old);
    world.server.keeps_silent = false;
    world.server.rotation = Rotation::Strict;
    world.refused(0);
    world.run();
    let replaced = world.store.tokens().refresh_token.as_ref().unwrap();
    assert_ne!(replaced.expose(), old);
    assert_eq!(replaced.expose(), world.server.newest());
}

#[test]
fn w4_a_refresh_token_is_saved_from_an_answer_that_is_of_no_other_use() {
    let mut world = World::signed_in(1);
    let before = world.stamp(0);
    world.server.faults.push_back(Fault::Garble);
    let attempt = world.refused(0);
    world.run();
    assert!(matches!(
        cause(world.ended(0, attempt)),
        TransientCause::AnswerLost(_)
    ));
    assert_eq!(world.posts(), 1);
    let saved = world.store.tokens().refresh_token.as_ref().unwrap();
    assert_eq!(saved.expose(), world.server.newest());
    assert!(!world.store.is_marked());
    // Requests go on with the old access token, under its old number.
    assert_eq!(world.stamp(0), before);
    world.skip(secs(2));
    let attempt = world.refused(0);
    world.run();
    assert_eq!(world.ended(0, attempt), Outcome::Renewed { generation: 2 });
    assert_eq!(world.server.reuse_detected, 0);
}

#[test]
fn w4_p7_a_salvaged_refresh_token_survives_a_store_that_is_ill() {
    let mut world = World::signed_in(1);
    world.server.faults.push_back(Fault::Garble);
    let attempt = world.refused(0);
    world.run_until(0, Kind::Keep);
    world.store.saves = Ill::Times(3);
    world.run();
    assert!(matches!(
        cause(world.ended(0, attempt)),
        TransientCause::AnswerLost(_)
    ));
    world.pass(secs(60));
    let saved = world.store.tokens().refresh_token.as_ref().unwrap();
    assert_eq!(saved.expose(), world.server.newest());
}
