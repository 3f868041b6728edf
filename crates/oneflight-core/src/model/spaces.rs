//! The worlds that are searched to their end, and what they prove.
//!
//! By default every search ends within seconds. `ONEFLIGHT_MODEL_DEPTH=1` (or more) lets more go wrong in each of them:
//! minutes and gigabytes, for a search by hand.

use std::println;
use std::time::Instant;

use super::rules::{Budget, LockKind, Rules, ServerKind};
use super::search;
use crate::machine::Renew;

/// Nothing at all.
pub(super) const NONE: Budget = Budget {
    sign_ins: 0,
    sign_outs: 0,
    demands: 0,
    ages: 0,
    crashes: 0,
    losses: 0,
    throttles: 0,
    store_faults: 0,
    lock_faults: 0,
    revoke_faults: 0,
    kills: 0,
    lost_leases: 0,
    hints: 0,
    hurries: 0,
    closes: 0,
    clocks: 0,
};

/// A token runs out while several requests come.
const STORM: Budget = Budget {
    demands: 3,
    ages: 1,
    hints: 1,
    ..NONE
};

/// The same while somebody signs in and somebody signs out.
const COMMANDS: Budget = Budget {
    sign_ins: 1,
    sign_outs: 1,
    demands: 2,
    ages: 1,
    hints: 1,
    ..NONE
};

/// How much more than by default is searched.
pub(super) fn depth() -> u8 {
    let depth = std::env::var("ONEFLIGHT_MODEL_DEPTH").ok();
    depth.and_then(|depth| depth.parse().ok()).unwrap_or(0)
}

/// Two holders, a strict server and a sound lock, with this budget, and so much more of it at every further depth.
fn space(name: &'static str, budget: Budget, more: Budget) -> Rules {
    let budget = (0..depth()).fold(budget, |budget, _| budget.and(&more));
    Rules::new(name).with(|rules| rules.budget = budget)
}

#[expect(clippy::disallowed_methods, reason = "only to say how long a search took")]
fn search(rules: &Rules) {
    let started = Instant::now();
    match search::exhaust(rules, usize::MAX) {
        Ok(searched) => println!(
            "{}: {} states, {} steps, {} at rest, at most {} deep, in {:?}",
            rules.name,
            searched.states,
            searched.steps,
            searched.quiet,
            searched.deepest,
            started.elapsed()
        ),
        Err(found) => {
            let short = search::shortest(rules, 3_000_000).err().unwrap_or(found);
            panic!("{}", search::tell(rules, &short));
        }
    }
}

#[test]
fn s1_s3_one_refresh_for_any_demands_of_two_holders() {
    let budget = Budget {
        demands: 4,
        ages: 2,
        ..STORM
    };
    let more = Budget {
        demands: 1,
        hints: 1,
        ..NONE
    };
    search(&space("calm", budget, more));
}

#[test]
fn s2_s13_one_refresh_however_late_the_store_answers() {
    let more = Budget {
        demands: 1,
        hints: 1,
        ages: 1,
        ..NONE
    };
    let rules = space("late answers", STORM.and(&Budget { hints: 1, ..NONE }), more);
    search(&rules.with(|rules| {
        rules.late_answers = true;
        rules.slow = true;
    }));
}

#[test]
fn s13_one_refresh_however_late_the_hints_come() {
    let budget = STORM.and(&Budget {
        ages: 1,
        hints: 1,
        ..NONE
    });
    let more = Budget {
        demands: 1,
        hints: 1,
        ..NONE
    };
    search(&space("hints with records", budget, more).with(|rules| {
        rules.hints_carry_records = true;
        rules.late_answers = true;
    }));
}

#[test]
fn t2_a_renewal_ahead_of_time_is_one_refresh() {
    let budget = Budget {
        ages: 3,
        losses: 1,
        ..STORM
    };
    let more = Budget {
        demands: 1,
        ages: 1,
        store_faults: 1,
        ..NONE
    };
    let rules = space("ahead on use", budget, more);
    search(&rules.with(|rules| rules.renews_ahead = true));
}

#[test]
fn t5_two_timers_are_one_refresh() {
    let budget = Budget {
        demands: 2,
        ages: 3,
        losses: 1,
        hints: 1,
        ..NONE
    };
    let more = Budget {
        demands: 1,
        crashes: 1,
        store_faults: 1,
        ..NONE
    };
    search(&space("keep fresh", budget, more).with(|rules| {
        rules.renews_ahead = true;
        rules.policy_mut().renew = Renew::KeepFresh;
    }));
}

#[test]
fn p2_p14_crashes_anywhere_cost_at_most_one_sign_in() {
    let budget = Budget {
        crashes: 2,
        losses: 1,
        ..STORM
    };
    let more = Budget {
        crashes: 1,
        losses: 1,
        ..NONE
    };
    search(&space("crashes", budget, more));
}

#[test]
fn p3_p2_three_holders_share_one_refresh_and_outlive_a_crash() {
    let budget = Budget { crashes: 1, ..STORM };
    let more = Budget {
        losses: 1,
        hints: 1,
        ..NONE
    };
    search(&space("three holders", budget, more).with(|rules| rules.holders = 3));
}

#[test]
fn p7_p11_p12_an_ill_store_and_an_ill_lock_end_no_session() {
    let budget = Budget {
        store_faults: 3,
        lock_faults: 1,
        ..STORM
    };
    let more = Budget {
        store_faults: 1,
        losses: 1,
        lock_faults: 1,
        ..NONE
    };
    search(&space("ill store", budget, more));
}

#[test]
fn p7_p2_an_ill_store_and_a_crash_and_a_lost_answer() {
    let budget = Budget {
        store_faults: 1,
        crashes: 1,
        losses: 1,
        ..STORM
    };
    let more = Budget {
        store_faults: 1,
        losses: 1,
        ..NONE
    };
    search(&space("ill store and crashes", budget, more));
}

#[test]
fn f3_f4_an_outage_and_a_dead_grant() {
    let budget = Budget {
        throttles: 2,
        losses: 1,
        kills: 1,
        ..STORM
    };
    let more = Budget {
        throttles: 1,
        store_faults: 1,
        ..NONE
    };
    search(&space("outage", budget, more));
}

#[test]
fn f5_lost_answers_of_a_server_that_only_refuses() {
    let budget = Budget {
        losses: 2,
        throttles: 1,
        store_faults: 1,
        ..STORM
    };
    let more = Budget {
        losses: 1,
        crashes: 1,
        ..NONE
    };
    let rules = space("refusing server", budget, more);
    search(&rules.with(|rules| rules.server = ServerKind::Refusing));
}

#[test]
fn f5_lost_answers_of_a_server_with_a_grace_window() {
    let budget = Budget {
        losses: 2,
        crashes: 1,
        ..STORM
    };
    let more = Budget {
        store_faults: 1,
        ..NONE
    };
    let rules = space("graceful server", budget, more);
    search(&rules.with(|rules| rules.server = ServerKind::Graceful));
}

#[test]
fn w3_lost_answers_of_a_server_that_does_not_rotate() {
    let budget = Budget {
        losses: 1,
        crashes: 1,
        store_faults: 1,
        ..STORM
    };
    let more = Budget {
        losses: 1,
        throttles: 1,
        ..NONE
    };
    let rules = space("constant server", budget, more);
    search(&rules.with(|rules| rules.server = ServerKind::Constant));
}

#[test]
fn f5_a_token_that_may_be_spent_is_not_presented_while_another_still_serves() {
    let budget = Budget {
        losses: 2,
        crashes: 1,
        ..STORM
    };
    let more = Budget {
        throttles: 1,
        store_faults: 1,
        ..NONE
    };
    let rules = space("no retry after a loss", budget, more);
    search(&rules.with(|rules| rules.policy_mut().profile.retry_after_loss = false));
}

#[test]
fn p5_p15_a_lease_outlives_its_holder_or_is_lost() {
    let budget = Budget {
        lost_leases: 1,
        losses: 1,
        crashes: 1,
        ..STORM
    };
    let more = Budget {
        lost_leases: 1,
        store_faults: 1,
        ..NONE
    };
    let rules = space("leases", budget, more);
    search(&rules.with(|rules| rules.lock = LockKind::Leased));
}

#[test]
fn p5_a_holder_that_slept_through_its_lease_adopts() {
    let budget = Budget {
        lost_leases: 1,
        ..STORM
    };
    let more = Budget {
        store_faults: 1,
        lost_leases: 1,
        ..NONE
    };
    search(&space("frozen holders", budget, more).with(|rules| {
        rules.lock = LockKind::Leased;
        rules.server = ServerKind::Graceful;
        rules.slow = true;
    }));
}

#[test]
fn l1_l2_l3_l5_l7_l8_l10_sign_in_and_sign_out_meet_renewals() {
    let more = Budget {
        sign_outs: 1,
        hints: 1,
        ..NONE
    };
    search(&space("commands", COMMANDS, more));
}

#[test]
fn l5_l8_sign_in_and_sign_out_while_the_store_answers_late() {
    let budget = Budget {
        demands: 1,
        ..COMMANDS
    };
    let more = Budget {
        demands: 1,
        hints: 1,
        ..NONE
    };
    search(&space("commands, late answers", budget, more).with(|rules| rules.late_answers = true));
}

#[test]
fn l9_l11_sign_in_and_sign_out_while_the_store_is_ill() {
    let budget = Budget {
        demands: 1,
        store_faults: 2,
        ..COMMANDS
    };
    let more = Budget {
        demands: 1,
        revoke_faults: 1,
        ..NONE
    };
    search(&space("commands, ill store", budget, more));
}

#[test]
fn l1_l2_sign_in_and_sign_out_and_a_crash_and_a_lost_answer() {
    let budget = Budget {
        demands: 1,
        crashes: 1,
        losses: 1,
        ..COMMANDS
    };
    let more = Budget { demands: 1, ..NONE };
    search(&space("commands, crashes", budget, more));
}

#[test]
fn l2_l8_l10_two_sign_ins_into_an_empty_store() {
    let budget = Budget {
        sign_ins: 2,
        sign_outs: 1,
        demands: 1,
        hints: 1,
        ..NONE
    };
    let more = Budget {
        store_faults: 1,
        ..NONE
    };
    search(&space("empty store", budget, more).with(|rules| {
        rules.empty = true;
        rules.hints_carry_records = true;
    }));
}

#[test]
fn l4_a_revocation_that_reaches_beyond_its_family_spares_a_session_that_lives() {
    let more = Budget {
        store_faults: 1,
        ..NONE
    };
    let rules = space("revocation beyond the family", COMMANDS, more);
    search(&rules.with(|rules| rules.policy_mut().profile.revocation_reaches_beyond_family = true));
}

#[test]
fn r1_s3_s12_tokens_whose_lifetime_nobody_knows_are_renewed_when_they_are_refused() {
    let budget = Budget {
        ages: 0,
        losses: 1,
        crashes: 1,
        ..STORM
    };
    let more = Budget {
        demands: 1,
        store_faults: 1,
        ..NONE
    };
    search(&space("timeless tokens", budget, more).with(|rules| rules.timeless = true));
}

#[test]
fn f9_p7_a_hurry_ends_pauses_and_a_close_lets_what_is_under_way_end() {
    let budget = Budget {
        hurries: 1,
        closes: 1,
        store_faults: 1,
        losses: 1,
        ..STORM
    };
    let more = Budget {
        throttles: 1,
        crashes: 1,
        ..NONE
    };
    search(&space("hurried and closed", budget, more));
}

#[test]
fn l9_l11_a_close_lets_a_sign_in_and_a_sign_out_be_written() {
    let budget = Budget {
        closes: 1,
        store_faults: 1,
        demands: 1,
        ..COMMANDS
    };
    let more = Budget { hurries: 1, ..NONE };
    search(&space("commands, closed", budget, more));
}
