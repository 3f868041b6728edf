//! The worlds that are searched.

use std::println;
use std::time::Instant;

use super::rules::{Budget, LockKind, Rules, ServerKind};
use super::search;

#[expect(clippy::disallowed_methods, reason = "only to say how long a search took")]
fn search(rules: &Rules) {
    let started = Instant::now();
    match search::exhaust(rules, usize::MAX) {
        Ok(searched) => println!("{}: {searched:?} in {:?}", rules.name, started.elapsed()),
        Err(found) => {
            let short = search::shortest(rules, 2_000_000).err().unwrap_or(found);
            panic!("{}", search::tell(rules, &short));
        }
    }
}

fn space(name: &'static str, budget: Budget) -> Rules {
    Rules::new(name).with(|rules| rules.budget = budget)
}

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
};

#[test]
fn s1_s3_one_refresh_for_any_demands_of_two_holders() {
    search(&space(
        "calm",
        Budget {
            demands: 4,
            ages: 2,
            hints: 1,
            ..NONE
        },
    ));
}
#[test]
fn s1_one_refresh_however_late_the_store_answers() {
    search(
        &space(
            "calm late",
            Budget {
                demands: 3,
                ages: 1,
                hints: 2,
                ..NONE
            },
        )
        .with(|r| {
            r.late_answers = true;
            r.slow = true;
        }),
    );
}
#[test]
fn s1_one_refresh_however_late_the_hints_come() {
    search(
        &space(
            "calm carried",
            Budget {
                demands: 3,
                ages: 1,
                hints: 2,
                ..NONE
            },
        )
        .with(|r| {
            r.late_answers = true;
            r.hints_carry_records = true;
        }),
    );
}
#[test]
fn p2_p14_a_crash_anywhere_costs_at_most_one_sign_in() {
    search(&space(
        "crash",
        Budget {
            demands: 3,
            ages: 1,
            hints: 1,
            crashes: 2,
            losses: 1,
            ..NONE
        },
    ));
}
#[test]
fn p7_p11_an_ill_store_ends_no_session() {
    search(&space(
        "store",
        Budget {
            demands: 3,
            ages: 1,
            hints: 1,
            store_faults: 2,
            lock_faults: 1,
            ..NONE
        },
    ));
}
#[test]
fn p7_p2_an_ill_store_and_a_crash_and_a_lost_answer() {
    search(&space(
        "store crash",
        Budget {
            demands: 3,
            ages: 1,
            hints: 1,
            store_faults: 2,
            losses: 1,
            crashes: 1,
            ..NONE
        },
    ));
}
#[test]
fn f5_lost_answers_of_a_server_that_only_refuses() {
    search(
        &space(
            "refusing",
            Budget {
                demands: 3,
                ages: 1,
                hints: 1,
                losses: 2,
                throttles: 1,
                store_faults: 1,
                ..NONE
            },
        )
        .with(|r| r.server = ServerKind::Refusing),
    );
}
#[test]
fn f5_lost_answers_of_a_server_with_a_grace_window() {
    search(
        &space(
            "graceful",
            Budget {
                demands: 3,
                ages: 1,
                hints: 1,
                losses: 2,
                crashes: 1,
                ..NONE
            },
        )
        .with(|r| r.server = ServerKind::Graceful),
    );
}
#[test]
fn p5_p15_a_lease_outlives_its_holder_or_is_lost() {
    search(
        &space(
            "leased",
            Budget {
                demands: 3,
                ages: 1,
                hints: 1,
                lost_leases: 1,
                losses: 1,
                crashes: 1,
                ..NONE
            },
        )
        .with(|r| r.lock = LockKind::Leased),
    );
}
#[test]
fn t2_renewal_ahead_of_time_is_one_refresh() {
    search(
        &space(
            "ahead",
            Budget {
                demands: 3,
                ages: 3,
                hints: 1,
                losses: 1,
                ..NONE
            },
        )
        .with(|r| r.renews_ahead = true),
    );
}
