//! Faults planted on purpose, each of which the search must find: in the machine, or in the world around it.

use std::println;

use super::rules::{Budget, LockKind, Rules, ServerKind, StoreKind};
use super::search;
use super::spaces::NONE;
use crate::machine::mutation::Mutation;

/// More states than any planted fault needs to show.
const MOST_STATES: usize = 400_000;

fn is_caught(rules: &Rules, promise: &str) {
    // A planted fault has to show by itself.
    let rules = &rules.clone().with(|rules| rules.asks_future = false);
    match search::shortest(rules, MOST_STATES) {
        Ok(searched) => panic!("{} was not found: {searched:?}", rules.name),
        Err(found) => {
            println!(
                "{}: found after {} states, {} steps from the start: {}",
                rules.name,
                found.states,
                found.trace.len(),
                found.promise
            );
            assert!(found.promise.contains(promise), "{}", search::tell(rules, &found));
        }
    }
}

fn mutant(name: &'static str, mutation: Mutation, budget: Budget) -> Rules {
    Rules::new(name).with(|rules| {
        rules.mutation = Some(mutation);
        rules.budget = budget;
    })
}

const DEMANDS: Budget = Budget {
    demands: 3,
    ages: 1,
    hints: 1,
    ..NONE
};

#[test]
fn mutation_no_reload_under_lock_is_caught() {
    let rules = mutant("no reload under the lock", Mutation::NoReloadUnderLock, DEMANDS);
    is_caught(&rules, "an older set took the place of a newer one");
}

#[test]
fn mutation_no_compare_and_swap_is_caught() {
    let budget = Budget {
        sign_outs: 1,
        demands: 2,
        ..NONE
    };
    let rules = Rules::new("no compare-and-swap").with(|rules| {
        rules.store = StoreKind::Blind;
        rules.budget = budget;
    });
    is_caught(
        &rules,
        "a session stands in the store again after its sign-out landed",
    );
}

#[test]
fn mutation_unsound_lock_is_caught() {
    let rules = Rules::new("unsound lock").with(|rules| {
        rules.lock = LockKind::Unsound;
        rules.budget = DEMANDS;
    });
    is_caught(&rules, "presented");
}

#[test]
fn mutation_publish_before_save_is_caught() {
    let rules = mutant("publish before save", Mutation::PublishBeforeSave, DEMANDS);
    is_caught(&rules, "a set was published before it was saved");
}

#[test]
fn mutation_unlock_while_unsaved_is_caught() {
    let budget = Budget {
        store_faults: 1,
        ..DEMANDS
    };
    let rules = mutant("unlock while unsaved", Mutation::UnlockWhileUnsaved, budget);
    is_caught(
        &rules,
        "a set that is not stored is no longer being saved under the lock",
    );
}

#[test]
fn mutation_sign_out_waits_is_caught() {
    let budget = Budget {
        sign_outs: 1,
        ..DEMANDS
    };
    let rules = mutant("a sign-out waits for the flight", Mutation::SignOutWaits, budget);
    is_caught(
        &rules,
        "a session is published by a holder that knows that it was signed out",
    );
}

#[test]
fn mutation_blind_tombstone_is_caught() {
    let budget = Budget {
        sign_ins: 1,
        sign_outs: 1,
        demands: 1,
        ..NONE
    };
    let rules = mutant("blind tombstone", Mutation::BlindTombstone, budget);
    is_caught(&rules, "a session was signed out that nobody had signed out");
}

#[test]
fn mutation_keep_late_token_is_caught() {
    let budget = Budget {
        sign_outs: 1,
        ..DEMANDS
    };
    let rules = mutant("keep a late token", Mutation::KeepLateToken, budget);
    is_caught(
        &rules,
        "a session is stored by a holder that knows that it was signed out",
    );
}

#[test]
fn mutation_revoke_superseded_is_caught() {
    let budget = Budget {
        lost_leases: 1,
        ..DEMANDS
    };
    let rules = mutant("revoke a superseded set", Mutation::RevokeSuperseded, budget).with(|rules| {
        rules.lock = LockKind::Leased;
        rules.server = ServerKind::Graceful;
        rules.slow = true;
    });
    is_caught(&rules, "a refresh token of a session that lives was revoked");
}

#[test]
fn mutation_adopt_by_newer_is_caught() {
    let rules = mutant("adopt what is newer", Mutation::AdoptByNewer, DEMANDS);
    is_caught(&rules, "");
}

#[test]
fn mutation_ignore_generation_is_caught() {
    let rules = mutant(
        "ignore the generation of a refusal",
        Mutation::IgnoreGeneration,
        DEMANDS,
    );
    is_caught(&rules, "");
}

#[test]
fn mutation_no_mark_is_caught() {
    let rules = mutant("send without a mark", Mutation::NoMark, DEMANDS);
    is_caught(&rules, "a refresh was sent without a mark");
}

#[test]
fn mutation_believe_invalid_grant_is_caught() {
    let budget = Budget {
        lost_leases: 1,
        ..DEMANDS
    };
    let rules = mutant("believe invalid_grant", Mutation::BelieveInvalidGrant, budget).with(|rules| {
        rules.lock = LockKind::Leased;
        rules.server = ServerKind::Refusing;
        rules.slow = true;
    });
    is_caught(&rules, "a session that could be renewed ended as dead");
}

#[test]
fn mutation_forget_ended_is_caught() {
    let budget = Budget {
        sign_outs: 1,
        store_faults: 1,
        ..DEMANDS
    };
    let rules = mutant("forget what was signed out", Mutation::ForgetEnded, budget);
    is_caught(
        &rules,
        "a session is published by a holder that knows that it was signed out",
    );
}

#[test]
fn mutation_retry_for_ever_is_caught() {
    let budget = Budget { losses: 2, ..DEMANDS };
    let rules = mutant("retry a lost answer for ever", Mutation::RetryForEver, budget);
    is_caught(
        &rules,
        "a refresh token was presented more than twice within one pause",
    );
}
