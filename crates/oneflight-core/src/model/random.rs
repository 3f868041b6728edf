//! Longer ways through larger worlds, at random: three holders, every fault, every kind of server and lock.

use alloc::rc::Rc;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::rules::{Budget, LockKind, Rules, ServerKind};
use super::search;
use super::world::{Checked, World};

fn any_rules() -> impl Strategy<Value = Rules> {
    let server = prop_oneof![
        3 => Just(ServerKind::Strict),
        1 => Just(ServerKind::Refusing),
        1 => Just(ServerKind::Graceful),
        1 => Just(ServerKind::Constant),
    ];
    let lock = prop_oneof![2 => Just(LockKind::Dying), 1 => Just(LockKind::Leased)];
    let budget = prop::array::uniform15(0u8..3);
    let flags = prop::array::uniform8(any::<bool>());
    (2u8..=3, server, lock, budget, flags).prop_map(|(holders, server, lock, budget, flags)| {
        let [
            sign_ins,
            sign_outs,
            crashes,
            losses,
            throttles,
            store_faults,
            lock_faults,
            ..,
        ] = budget;
        let [
            ..,
            revoke_faults,
            kills,
            lost_leases,
            ages,
            hints,
            demands,
            hurries,
            closes,
        ] = budget;
        let [
            late_answers,
            hints_carry_records,
            slow,
            empty,
            renews_ahead,
            retries,
            reaches,
            timeless,
        ] = flags;
        Rules::new("random").with(|rules| {
            rules.holders = holders;
            (rules.server, rules.lock) = (server, lock);
            (rules.late_answers, rules.hints_carry_records) = (late_answers, hints_carry_records);
            // A holder that sleeps between its mark and its send, and loses its lease, is a loss that is documented.
            rules.slow = slow && !(late_answers && lock == LockKind::Leased);
            (rules.empty, rules.renews_ahead, rules.timeless) = (empty, renews_ahead, timeless);
            rules.policy_mut().profile.retry_after_loss = retries;
            rules.policy_mut().profile.revocation_reaches_beyond_family = reaches;
            rules.budget = Budget {
                sign_ins: sign_ins + u8::from(empty),
                sign_outs,
                demands: 3 + 2 * demands,
                ages: 1 + ages,
                crashes,
                losses,
                throttles,
                store_faults: 2 * store_faults,
                lock_faults,
                revoke_faults,
                kills: kills / 2,
                lost_leases: if lock == LockKind::Leased { lost_leases } else { 0 },
                hints: 2 * hints,
                hurries,
                closes: closes / 2,
                clocks: 0,
            };
        })
    })
}

fn go(world: &mut World, choices: &[u16], gone: &mut Vec<super::action::Action>) -> Checked {
    for choice in choices {
        let actions = world.actions();
        if actions.is_empty() {
            break;
        }
        let action = actions[usize::from(*choice) % actions.len()];
        gone.push(action);
        world.act(action)?;
        if world.is_quiet() {
            world.check_quiet()?;
        }
    }
    world.rest()?;
    world.check_future()
}

/// How many worlds: a thousand for every step of `ONEFLIGHT_MODEL_DEPTH` and one more.
fn cases() -> u32 {
    1000 * (1 + u32::from(super::spaces::depth()).pow(3))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn s1_p3_l1_any_commands_and_faults_of_three_holders_keep_every_promise(
        rules in any_rules(),
        choices in prop::collection::vec(any::<u16>(), 0..160),
    ) {
        let mut gone = Vec::new();
        let mut world = World::new(&Rc::new(rules.clone()));
        if let Err(violation) = go(&mut world, &choices, &mut gone) {
            let told = search::tell_trace(&rules, violation.0, &gone);
            return Err(TestCaseError::fail(told));
        }
    }
}
