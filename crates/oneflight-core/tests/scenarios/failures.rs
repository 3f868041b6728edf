//! F: what fails, what lives on, and when it is tried again.

use core::time::Duration;

use oneflight_core::answer::{NotProcessedCause, Setting, Verdict};
use oneflight_core::machine::{Demand, Demanded, Event, Failure, GrantKind, Outcome, TransientCause};
use oneflight_core::retry_after::RetryAfter;
use oneflight_core::{EndReason, State, TokenSet};

use crate::world::{Fault, Ill, Kind, Rotation, World, secs};

const DEAD: EndReason = EndReason::GrantDead { after_loss: false };
const DEAD_AFTER_LOSS: EndReason = EndReason::GrantDead { after_loss: true };

fn unavailable(retry_after: Option<RetryAfter>) -> Fault {
    Fault::Say(Verdict::Transient {
        cause: NotProcessedCause::Unavailable,
        retry_after,
    })
}

/// A session whose access token lasts a minute, of which this much is over.
fn aged(holders: usize, age: u64) -> World {
    let mut world = World::with(holders, |_| {});
    world.server.lasting(secs(60));
    world.sign_in(0);
    world.run();
    world.all_open();
    world.skip(secs(age));
    world
}

fn pause_of(failure: &Failure, world: &World) -> Duration {
    failure
        .retry_at()
        .expect("it may be retried")
        .since(world.now.mono)
}

fn failure(outcome: Outcome) -> Failure {
    match outcome {
        Outcome::Failed(failure) => failure,
        other => panic!("{other:?} is no failure"),
    }
}

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
    world
        .server
        .faults
        .push_back(Fault::Say(Verdict::Dead { code: None }));
    world.run();
    assert_eq!(world.ended(0, attempt), Outcome::Adopted { generation: 2 });
    assert_eq!(world.access(0), world.access(1));
    assert_eq!(world.holders[0].sign_outs(), []);
    assert!(world.server.revoked.is_empty());
}

#[test]
fn f1_interaction_is_told_and_keeps_the_session() {
    let mut world = aged(1, 60);
    world
        .server
        .faults
        .push_back(Fault::Say(Verdict::Interaction { code: None }));
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
fn f2_a_token_that_still_runs_is_served_through_an_outage() {
    let mut world = aged(1, 50);
    world.server.faults.push_back(unavailable(None));
    let attempt = world.join(0, Demand::Due);
    assert_eq!(world.demand(0, Demand::Usable), Demanded::LookAgain);
    world.run();
    let failed = failure(world.ended(0, attempt));
    assert_eq!(world.demand(0, Demand::Usable), Demanded::LookAgain);
    assert_eq!(world.demand(0, Demand::Due), Demanded::Refused(failed));
    assert_eq!(world.posts(), 1);
}

#[test]
fn f4_retry_after_is_honoured_and_capped() {
    for (asked, at_least, at_most) in [(20, 20, 22), (86_400, 300, 300)] {
        let mut world = aged(1, 60);
        let seconds = RetryAfter::parse(asked.to_string().as_bytes(), world.now.wall);
        assert!(seconds.is_some());
        world.server.faults.push_back(unavailable(seconds));
        let attempt = world.join(0, Demand::Usable);
        world.run();
        let pause = pause_of(&failure(world.ended(0, attempt)), &world);
        assert!(pause >= secs(at_least) && pause <= secs(at_most), "{pause:?}");
    }
}

#[test]
fn f4_retry_after_as_a_date_is_counted_from_our_clock() {
    let mut world = aged(1, 60);
    // 2023-11-14T22:13:20Z is when the world begins; it is a minute later now.
    let date = RetryAfter::parse(b"Tue, 14 Nov 2023 22:14:50 GMT", world.now.wall);
    assert!(date.is_some());
    world.server.faults.push_back(unavailable(date));
    let attempt = world.join(0, Demand::Usable);
    world.run();
    let pause = pause_of(&failure(world.ended(0, attempt)), &world);
    assert!(pause >= secs(30) && pause <= secs(33), "{pause:?}");
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
fn f9_a_new_sign_in_ends_the_pause_at_once() {
    let mut world = aged(1, 60);
    world
        .server
        .faults
        .push_back(Fault::Say(Verdict::Interaction { code: None }));
    world.join(0, Demand::Usable);
    world.run();
    world.sign_in(0);
    world.run();
    assert_eq!(world.demand(0, Demand::Usable), Demanded::LookAgain);
    let attempt = world.refused(0);
    world.run();
    assert!(matches!(world.ended(0, attempt), Outcome::Renewed { .. }));
}

#[test]
fn f9_another_holders_success_ends_the_pause() {
    let mut world = aged(2, 60);
    world.server.faults.push_back(unavailable(None));
    world.join(0, Demand::Usable);
    world.run();
    world.skip(secs(1));
    world.join(1, Demand::Usable);
    world.run();
    world.deliver_hints();
    assert_eq!(world.demand(0, Demand::Usable), Demanded::LookAgain);
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
fn f11_a_server_that_swallows_everything_for_ten_minutes_costs_no_sign_in() {
    let mut world = aged(2, 60);
    world.server.swallows = true;
    let start = world.now.mono;
    while world.now.mono.since(start) < secs(600) {
        for h in 0..2 {
            let _ = world.demand(h, Demand::Usable);
        }
        world.run();
        world.skip(secs(1));
    }
    assert!(world.posts() < 25, "{} posts", world.posts());
    world.server.swallows = false;
    world.skip(secs(300));
    let attempt = world.join(0, Demand::Usable);
    world.run();
    assert_eq!(world.ended(0, attempt), Outcome::Renewed { generation: 2 });
    assert_eq!(world.holders[0].sign_outs(), []);
    assert_eq!(world.server.reuse_detected, 0);
}

#[test]
fn f12_the_refused_token_is_passed_over_when_another_holder_had_renewed() {
    let mut world = aged(2, 60);
    world.sound_lock = false;
    world
        .server
        .faults
        .push_back(Fault::Say(Verdict::Dead { code: None }));
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

#[test]
fn f3_f9_an_outage_after_expiry_is_a_retryable_error_and_heals_without_a_sign_in() {
    let mut world = aged(1, 60);
    world.server.faults.push_back(unavailable(None));
    let attempt = world.join(0, Demand::Usable);
    world.run();
    let failed = failure(world.ended(0, attempt));
    let pause = pause_of(&failed, &world);
    assert!(pause > Duration::ZERO && pause <= secs(1), "{pause:?}");
    assert!(!world.store.is_marked(), "surely not processed");
    assert_eq!(world.demand(0, Demand::Usable), Demanded::Refused(failed));
    world.skip(pause);
    let attempt = world.join(0, Demand::Usable);
    world.run();
    assert_eq!(world.ended(0, attempt), Outcome::Renewed { generation: 2 });
    assert_eq!(world.holders[0].sign_outs(), []);
}

#[test]
fn f4_a_hundred_callers_in_an_outage_make_one_post_per_step() {
    let mut world = aged(1, 60);
    let mut pauses = Vec::new();
    for step in 1..=8 {
        world.server.faults.push_back(unavailable(None));
        let attempt = world.join(0, Demand::Usable);
        world.run();
        let failed = failure(world.ended(0, attempt));
        for _ in 0..100 {
            assert_eq!(world.demand(0, Demand::Usable), Demanded::Refused(failed.clone()));
        }
        assert_eq!(world.posts(), step);
        let pause = pause_of(&failed, &world);
        world.skip(pause);
        pauses.push(pause);
    }
    for (step, pause) in pauses.into_iter().enumerate() {
        let longest = secs(1 << step);
        assert!(pause <= longest && pause >= longest / 2, "step {step}: {pause:?}");
    }
}

#[test]
fn f4_p16_all_holders_together_make_one_post_per_step() {
    let mut world = aged(50, 60);
    for step in 1..=5 {
        world.server.faults.push_back(unavailable(None));
        let attempts: Vec<_> = (0..50).map(|h| (h, world.join(h, Demand::Usable))).collect();
        world.run();
        assert_eq!(world.posts(), step);
        let mut longest = Duration::ZERO;
        for (h, attempt) in attempts {
            longest = longest.max(pause_of(&failure(world.ended(h, attempt)), &world));
        }
        world.skip(longest);
    }
}

#[test]
fn f5_a_retry_that_was_not_processed_does_not_make_the_lost_answer_forgotten() {
    let mut world = aged(1, 60);
    world.server.faults.extend([Fault::LoseAfter, unavailable(None)]);
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
fn f12_invalid_grant_while_the_store_is_unreadable_is_decided_later_without_a_post() {
    for grant in [GrantKind::RefreshToken, GrantKind::Ambient] {
        let mut world = World::signed_in_with(1, |policy| policy.grant = grant);
        if grant == GrantKind::Ambient {
            world.sign_in_with(0, TokenSet::new("from-login", world.now.wall).unwrap());
            world.run();
        }
        let refuse = Fault::Say(Verdict::Dead { code: None });
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
