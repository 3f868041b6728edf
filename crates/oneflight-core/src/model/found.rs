//! What searches found, each as the shortest way there.

use alloc::rc::Rc;

use super::action::Action::{self, Age, Demand, Go, Hint, LoseLease, SignIn, SignOut, Stray, Tick, Timeout};
use super::action::How::{Fail, FailLanded, Late, Lose, Well};
use super::action::Want;
use super::rules::{Budget, LockKind, Rules};
use super::search;
use super::world::World;

/// Whatever a trace needs.
const PLENTY: Budget = Budget {
    sign_ins: 9,
    sign_outs: 9,
    demands: 9,
    ages: 9,
    crashes: 9,
    losses: 9,
    throttles: 9,
    store_faults: 9,
    lock_faults: 9,
    revoke_faults: 9,
    kills: 9,
    lost_leases: 9,
    hints: 9,
    hurries: 9,
    closes: 9,
    clocks: 0,
};

/// Goes this way once more, lets everything come to rest, and asks whether the session lives on.
fn replay(name: &'static str, trace: &[Action]) {
    replay_in(Rules::new(name), trace);
}

fn replay_in(rules: Rules, trace: &[Action]) {
    let rules = rules.with(|rules| rules.budget = PLENTY);
    let mut world = World::new(&Rc::new(rules.clone()));
    let mut gone = alloc::vec::Vec::new();
    for action in trace {
        gone.push(*action);
        if let Err(violation) = world.act(*action) {
            panic!("{}", search::tell_trace(&rules, violation.0, &gone));
        }
    }
    if let Err(violation) = world.rest().and_then(|()| world.check_future()) {
        panic!("{}", search::tell_trace(&rules, violation.0, &gone));
    }
}

#[test]
fn l1_l4_a_sign_out_revokes_its_own_session_and_not_the_one_that_a_sign_in_replaced() {
    replay(
        "the unsaved set of the session before",
        &[
            Demand(0, Want::Usable),
            Go(0, 0, Well),
            Demand(0, Want::Newer),
            Go(0, 0, Well),
            Go(0, 0, Well),
            Go(0, 0, Well),
            Go(0, 0, Well),
            Go(0, 0, Well),
            // The new set is on its way to the store.
            SignIn(0),
            Go(0, 1, Well),
            Go(0, 1, Well),
            SignOut(0),
        ],
    );
}

#[test]
fn l4_a_sign_out_whose_tombstone_landed_unheard_revokes_the_set_that_it_buried() {
    replay(
        "the set that was read",
        &[
            Demand(0, Want::Usable),
            Go(0, 0, Well),
            Demand(0, Want::Newer),
            Go(0, 0, Well),
            Go(0, 0, Well),
            Go(0, 0, Well),
            Go(0, 0, Well),
            Go(0, 0, Well),
            SignIn(0),
            // The new set of the session before lands, but nobody is told of it.
            Go(0, 0, Well),
            SignOut(0),
            Go(0, 0, Well),
            Go(0, 0, FailLanded),
        ],
    );
}

#[test]
fn l11_a_sign_in_that_could_not_be_saved_outlives_the_tombstone_of_the_sign_out_before_it() {
    replay(
        "the tombstone before the sign-in",
        &[
            SignOut(0),
            Go(0, 0, Well),
            SignIn(0),
            // The tombstone lands, and the store is ill.
            Go(0, 0, FailLanded),
            Tick,
            Timeout(0),
            Go(0, 0, Well),
        ],
    );
}

#[test]
fn l11_a_sign_in_that_could_not_be_saved_outlives_a_tombstone_that_was_there_before() {
    replay(
        "the tombstone of another holder",
        &[
            SignOut(0),
            Go(0, 0, Well),
            Go(0, 0, Well),
            Go(0, 0, Well),
            SignIn(1),
            Go(1, 0, Fail),
            Tick,
            Timeout(1),
            Go(1, 0, Well),
        ],
    );
}

#[test]
fn l5_a_sign_in_that_was_signed_out_elsewhere_is_not_published_when_its_answer_comes() {
    let sign_in = [SignIn(0), Go(0, 0, Well), Go(0, 0, Late)];
    let sign_out = [SignOut(1), Go(1, 0, Well), Go(1, 0, Well)];
    let hint = [Hint(0), Go(0, 1, Well), Go(0, 0, Well)];
    replay("a hint before the answer", &[sign_in, sign_out, hint].concat());
}

#[test]
fn l5_the_read_of_a_flight_that_a_sign_in_overtook_is_news_all_the_same() {
    replay(
        "an orphan reads a tombstone",
        &[
            SignOut(0),
            Demand(1, Want::Usable),
            SignIn(1),
            Go(1, 1, Well),
            Go(1, 1, Late),
            Go(0, 0, Well),
            Go(0, 0, Well),
            Go(1, 0, Well),
            Go(1, 0, Well),
        ],
    );
}

#[test]
fn l11_a_sign_out_ends_what_its_unsaved_sign_in_was_to_replace_though_nobody_had_read_it() {
    replay("a sign-in that had read nothing", &[SignIn(0), SignOut(0)]);
}

#[test]
fn l5_what_a_sign_out_reads_ends_the_session_that_came_after_it() {
    let sign_in = [SignIn(0), Go(0, 0, Well), SignOut(0)];
    let sign_out = [SignOut(1), Go(1, 0, Well), Go(0, 0, Well), Go(1, 0, Well)];
    let renewal = [Hint(1), Go(1, 1, Well), Demand(1, Want::Newer), Go(1, 1, Well)];
    let mark = [Go(1, 1, Well), Go(1, 1, Well), Go(0, 0, Well), Go(0, 0, Well)];
    let answer = [Go(1, 0, Well), Go(1, 0, Well), Go(1, 0, Well)];
    let trace = [&sign_in[..], &sign_out, &renewal, &mark, &answer].concat();
    replay("a tombstone read by the ledger", &trace);
}

#[test]
fn l11_a_sign_in_that_landed_unheard_and_was_replaced_does_not_come_back() {
    let sign_in = [SignIn(0), Go(0, 0, Well), Go(0, 0, FailLanded)];
    let replaced = [SignIn(1), Go(1, 0, Well), SignOut(1)];
    let buried = [Go(1, 0, Well), Go(1, 0, Well), Go(1, 0, Well)];
    let retried = [Go(1, 0, Well), Tick, Timeout(0)];
    let rules = Rules::new("a sign-in that was replaced").with(|rules| rules.empty = true);
    replay_in(rules, &[sign_in, replaced, buried, retried].concat());
}

#[test]
fn l4_a_tombstone_that_fails_costs_no_other_session_its_token() {
    let trace = [SignOut(0), Go(0, 0, Well), SignIn(0), Go(0, 0, Fail)];
    let rules = Rules::new("a revocation that reaches far")
        .with(|rules| rules.policy_mut().profile.revocation_reaches_beyond_family = true);
    replay_in(rules, &trace);
}

#[test]
fn l5_l8_a_sign_out_during_the_write_of_another_is_written_as_well() {
    let shown = [Demand(0, Want::Usable), Go(0, 0, Well)];
    let sign_out = [SignOut(0), Go(0, 0, Well), Go(0, 0, Late)];
    let sign_in = [SignIn(1), Go(1, 0, Well), Go(1, 0, Well)];
    let seen = [Hint(0), Go(0, 1, Well), SignOut(0), Go(0, 0, Well)];
    replay(
        "two sign-outs of two sessions",
        &[&shown[..], &sign_out, &sign_in, &seen].concat(),
    );
}

#[test]
fn l5_a_late_read_does_not_bring_a_session_back_whose_end_was_read_meanwhile() {
    let unsaved = [SignIn(0), Go(0, 0, Fail)];
    let overtaken = [SignIn(1), Go(1, 0, Well), Go(1, 0, Well)];
    let read = [Tick, Timeout(0), Go(0, 0, Late)];
    let sign_out = [SignOut(1), Go(1, 0, Well), Go(1, 0, Well)];
    let told = [Hint(0), Go(0, 1, Well), Go(0, 0, Well)];
    replay(
        "a late read of an unsaved sign-in",
        &[&unsaved[..], &overtaken, &read, &sign_out, &told].concat(),
    );
}

#[test]
fn l1_a_late_read_does_not_bring_back_what_stood_there_before_a_sign_out() {
    let read = [SignOut(0), Tick, Demand(0, Want::Usable), Go(0, 1, Late)];
    let replaced = [SignIn(1), Go(1, 0, Well), Go(1, 0, Well)];
    let told = [Go(0, 0, Well), Go(0, 0, Well)];
    replay("a late first read", &[&read[..], &replaced, &told].concat());
}

#[test]
fn p4_a_token_that_was_refused_stays_refused_when_its_set_is_read_again() {
    let shown = [Demand(1, Want::Usable), Go(1, 0, Well), Demand(0, Want::Usable)];
    let renewed = [
        Demand(1, Want::Newer),
        Go(1, 0, Well),
        Go(1, 0, Well),
        Go(1, 0, Well),
        Go(0, 0, Well),
        Go(1, 0, Well),
        Go(1, 0, Well),
        Go(1, 0, Well),
    ];
    // The answer to the next renewal is lost, and the retry is refused; then the store can be neither written nor read.
    let refused = [
        Age,
        Demand(0, Want::Due),
        Go(0, 0, Well),
        Go(0, 0, Well),
        Go(0, 0, Well),
        Go(0, 0, Lose),
        Stray(0),
        Go(0, 0, Well),
        Go(0, 0, Well),
        Go(0, 0, Well),
        Go(0, 0, Fail),
        Hint(0),
        Go(0, 0, Fail),
        Go(0, 0, Well),
    ];
    let rules = Rules::new("a refused token that is read again").with(|rules| rules.renews_ahead = true);
    replay_in(rules, &[&shown[..], &renewed, &refused].concat());
}

#[test]
fn l1_l5_a_sign_out_also_buries_a_verdict_that_a_holder_without_its_lease_would_take_back() {
    let shown = [
        SignOut(2),
        Demand(1, Want::Usable),
        Demand(0, Want::Usable),
        Go(0, 0, Well),
    ];
    let loses_its_lease = [
        Demand(0, Want::Newer),
        Go(1, 0, Well),
        Age,
        Go(0, 0, Well),
        LoseLease(0),
        Demand(1, Want::Newer),
        Go(1, 0, Well),
        Go(0, 0, Well),
        Go(0, 0, Well),
        Go(1, 0, Well),
        Tick,
        Go(0, 0, Well),
    ];
    // The next holder presents the token that was spent meanwhile, and believes the answer.
    let verdict = [
        Timeout(1),
        Go(1, 0, Well),
        Go(1, 0, Well),
        Go(1, 0, Well),
        Go(1, 0, Well),
        Go(1, 0, Well),
        Go(2, 0, Well),
    ];
    let rules = Rules::new("a sign-out that reads a verdict").with(|rules| {
        rules.holders = 3;
        rules.lock = LockKind::Leased;
        (rules.slow, rules.renews_ahead) = (true, true);
    });
    replay_in(rules, &[&shown[..], &loses_its_lease, &verdict].concat());
}
