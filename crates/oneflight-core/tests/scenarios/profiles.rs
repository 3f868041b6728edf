//! What the profile of a server and the kind of grant change.

use oneflight_core::machine::{Demand, Event, Failure, GrantKind, Outcome, Revocation};
use oneflight_core::{EndReason, State, TokenSet};

use crate::world::{Fault, Ill, Kind, LockKind, World, secs};

fn client_credentials(holders: usize) -> World {
    let mut world = World::with(holders, |policy| policy.grant = GrantKind::ClientCredentials);
    world.server.client_credentials = true;
    world.server.lasting(secs(60));
    world
}

#[test]
fn f1_an_ambient_grant_that_died_signs_out() {
    let mut world = World::with(1, |policy| policy.grant = GrantKind::Ambient);
    world.sign_in_with(0, TokenSet::new("from-login", world.now.wall).unwrap());
    world.run();
    world.server.faults.push_back(Fault::dead());
    world.refused(0);
    world.run();
    assert_eq!(
        world.holders[0].sign_outs(),
        [EndReason::GrantDead { after_loss: false }]
    );
}

#[test]
fn f8_client_credentials_that_are_refused_are_a_matter_of_configuration() {
    let mut world = client_credentials(1);
    world.all_open();
    world.skip(secs(60));
    world.server.faults.push_back(Fault::dead());
    let attempt = world.join(0, Demand::Usable);
    world.run();
    assert!(matches!(
        world.ended(0, attempt),
        Outcome::Failed(Failure::Configuration { .. })
    ));
    assert!(world.is_signed_in(0));
}

#[test]
fn l1_where_revocation_reaches_beyond_the_family_a_late_token_is_spared_while_a_session_lives() {
    for reaches in [false, true] {
        let mut world = World::signed_in_with(2, |policy| {
            policy.profile.revocation_reaches_beyond_family = reaches
        });
        world.refused(0);
        world.run_until(0, Kind::Keep);
        world.sign_in(1);
        world.run_only(1);
        world.run();
        assert_eq!(world.server.revoked.len(), usize::from(!reaches));
        // The same at a sign-out of a session that another one took the place of.
        let revoked = world.server.revoked.len();
        world.sign_in(0);
        world.run_only(0);
        world.sign_out(1);
        world.run();
        assert_eq!(world.server.revoked.len(), revoked + usize::from(!reaches));
        // And a sign-out of the stored session revokes it, whatever the profile says.
        let newest = world.server.newest().to_owned();
        world.sign_out(0);
        world.run();
        assert_eq!(world.server.revoked.last(), Some(&newest));
    }
}

#[test]
fn l1_a_sign_out_while_client_credentials_start_wins() {
    for point in [Kind::Load, Kind::Lock, Kind::Refresh, Kind::Keep] {
        for carried_out in [false, true] {
            let mut world = client_credentials(1);
            let attempt = world.join(0, Demand::Usable);
            world.run_until(0, point);
            let answer = carried_out.then(|| world.perform(0, point));
            let sign_out = world.sign_out(0);
            let told = Failure::SignedOut(EndReason::SignOut);
            assert_eq!(
                world.ended(0, attempt),
                Outcome::Failed(told.clone()),
                "{point:?}"
            );
            if let Some(answer) = answer {
                world.answer(0, answer);
            }
            world.run();
            assert!(matches!(
                world.ended(0, sign_out),
                Outcome::Ended { landed: true, .. }
            ));
            assert!(!world.is_signed_in(0), "{point:?}");
            // It does not come back by itself.
            world.skip(secs(2));
            let posts = world.posts();
            let again = world.join(0, Demand::Usable);
            world.run();
            assert_eq!(
                world.ended(0, again),
                Outcome::Failed(told),
                "{point:?} {carried_out}"
            );
            assert_eq!(world.posts(), posts);
        }
    }
}

#[test]
fn l6_without_a_refresh_token_nothing_is_sent_and_a_sign_in_helps_at_once() {
    let mut world = World::of(1);
    let set = TokenSet::new("lonely", world.now.wall).unwrap();
    world.sign_in_with(0, set);
    world.run();
    let attempt = world.refused(0);
    world.run();
    assert_eq!(world.ended(0, attempt), Outcome::Failed(Failure::NoRefreshToken));
    assert!(world.is_signed_in(0));
    assert_eq!(world.posts(), 0);
    world.sign_in(0);
    world.run();
    world.refused(0);
    world.run();
    assert_eq!(world.posts(), 1);
}

#[test]
fn p13_client_credentials_spend_nothing_and_need_no_mark() {
    let mut world = client_credentials(1);
    world.all_open();
    world.skip(secs(60));
    world.store.saves = Ill::ForGood;
    let attempt = world.join(0, Demand::Usable);
    world.run();
    assert_eq!(world.ended(0, attempt), Outcome::Renewed { generation: 2 });
    assert!(world.holders[0].machine.has_unsaved());
}

#[test]
fn p15_client_credentials_do_not_wait_for_a_lost_answer_of_another_holder() {
    let mut world = client_credentials(2);
    world.all_open();
    world.store.lock_kind = LockKind::Lease(secs(100));
    world.skip(secs(60));
    world.server.swallows = true;
    world.join(0, Demand::Usable);
    world.run();
    world.server.swallows = false;
    world.skip(secs(2));
    let attempt = world.join(1, Demand::Usable);
    world.run();
    assert_eq!(world.ended(1, attempt), Outcome::Renewed { generation: 2 });
}

#[test]
fn w1_client_credentials_start_by_themselves_once_for_all_holders() {
    let mut world = client_credentials(2);
    let attempts = [world.join(0, Demand::Usable), world.join(1, Demand::Usable)];
    world.run();
    assert_eq!(world.ended(0, attempts[0]), Outcome::Renewed { generation: 1 });
    assert_eq!(world.ended(1, attempts[1]), Outcome::Adopted { generation: 1 });
    assert_eq!(world.posts(), 1);
    let told = |event: &Event| matches!(event, Event::SignedIn { .. });
    assert!(world.holders[0].events.iter().any(told));
    world.skip(secs(60));
    world.join(1, Demand::Usable);
    world.run();
    assert_eq!(world.posts(), 2);
}

#[test]
fn w1_client_credentials_start_again_after_every_end_but_a_sign_out() {
    for reason in [
        EndReason::GrantDead { after_loss: false },
        EndReason::Removed,
        EndReason::SignOut,
    ] {
        let mut world = client_credentials(1);
        world.all_open();
        let mut record = world.store.record().clone();
        record.state = State::Ended(reason);
        world.store.put(record);
        world.crash(0);
        let attempt = world.join(0, Demand::Usable);
        world.run();
        let expected = match reason {
            EndReason::SignOut => Outcome::Failed(Failure::SignedOut(reason)),
            _ => Outcome::Renewed { generation: 1 },
        };
        assert_eq!(world.ended(0, attempt), expected);
    }
}

#[test]
fn w1_client_credentials_stay_signed_out_until_somebody_signs_in() {
    let mut world = client_credentials(1);
    world.all_open();
    world.sign_out(0);
    world.run();
    world.skip(secs(300));
    let attempt = world.join(0, Demand::Usable);
    world.run();
    let told = Outcome::Failed(Failure::SignedOut(EndReason::SignOut));
    assert_eq!(world.ended(0, attempt), told);
    assert_eq!(world.posts(), 1);
    let set = TokenSet::new("handed-over", world.now.wall)
        .unwrap()
        .expires_in(secs(60));
    world.sign_in_with(0, set);
    world.run();
    world.refused(0);
    world.run();
    assert_eq!(world.posts(), 2);
}

#[test]
fn w1_an_ambient_grant_needs_no_refresh_token_and_begins_with_a_sign_in() {
    let mut world = World::with(1, |policy| policy.grant = GrantKind::Ambient);
    world.server.client_credentials = true;
    let attempt = world.join(0, Demand::Usable);
    world.run();
    assert_eq!(world.ended(0, attempt), Outcome::Failed(Failure::NeverSignedIn));
    let set = TokenSet::new("from-login", world.now.wall).unwrap();
    world.sign_in_with(0, set);
    world.run();
    let attempt = world.refused(0);
    world.run();
    assert_eq!(world.ended(0, attempt), Outcome::Renewed { generation: 2 });
    // The cookie may have been rotated by a lost answer: its use is marked like a token's.
    assert!(world.holders[0].trace.contains(&"mark"));
    let sign_out = world.sign_out(0);
    world.run();
    assert_eq!(
        world.ended(0, sign_out),
        Outcome::Ended {
            landed: true,
            revocation: Revocation::NotOffered
        }
    );
}

#[test]
fn w1_client_credentials_go_on_when_their_record_is_removed() {
    let mut world = client_credentials(1);
    let attempt = world.join(0, Demand::Usable);
    world.store.conflicts = Ill::Times(1);
    world.run();
    assert_eq!(world.ended(0, attempt), Outcome::Renewed { generation: 1 });
    world.skip(secs(60));
    let attempt = world.join(0, Demand::Usable);
    world.run_until(0, Kind::Keep);
    world.store.remove();
    world.run();
    assert_eq!(world.ended(0, attempt), Outcome::Renewed { generation: 2 });
    assert_eq!(world.store.session(), world.current(0).session);
    assert_eq!(world.holders[0].sign_outs(), []);
}

#[test]
fn l1_a_sign_out_that_read_before_the_first_set_landed_buries_it_all_the_same() {
    for lies in [Ill::No, Ill::Times(1)] {
        for answered_first in [false, true] {
            let mut world = client_credentials(1);
            world.join(0, Demand::Usable);
            world.run_until(0, Kind::Keep);
            let sign_out = world.sign_out(0);
            let nothing = world.perform(0, Kind::Load);
            world.store.lies = lies;
            let landed = world.perform(0, Kind::Keep);
            let answers = match answered_first {
                false => [landed, nothing],
                true => [nothing, landed],
            };
            for answer in answers {
                world.answer(0, answer);
            }
            world.run();
            assert!(matches!(
                world.ended(0, sign_out),
                Outcome::Ended { landed: true, .. }
            ));
            assert!(matches!(
                world.store.record().state,
                State::Ended(EndReason::SignOut)
            ));
        }
    }
}
