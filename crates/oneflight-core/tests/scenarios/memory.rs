//! O5: nothing grows without bound, and what is idle is small.

use oneflight_core::machine::{Demand, Machine};

use crate::world::{Ill, World, secs};

/// How much a machine remembers, roughly: what there is to print of it.
fn remembered(world: &World) -> usize {
    format!("{:?}", world.holders[0].machine).len()
}

#[test]
fn o5_a_machine_is_small() {
    let size = size_of::<Machine>();
    println!("a machine takes {size} bytes");
    assert!(size <= 500, "{size} bytes");
}

#[test]
fn o5_a_machine_at_rest_remembers_no_more_than_before() {
    let mut world = World::signed_in(1);
    world.refused(0);
    world.run();
    world.skip(secs(60));
    let _ = world.demand(0, Demand::Usable);
    let before = remembered(&world);
    for _ in 0..100 {
        world.refused(0);
        world.run();
        world.hint(0);
        world.skip(secs(10));
    }
    world.run();
    // Numbers have more digits; lists have no more items.
    assert!(
        remembered(&world) <= before + 100,
        "{} > {before}",
        remembered(&world)
    );
}

#[test]
fn o5_sign_ins_and_sign_outs_over_a_store_that_is_ill_for_long_stay_bounded() {
    let mut world = World::signed_in(1);
    world.store.saves = Ill::ForGood;
    for round in 0..800 {
        for _ in 0..3 {
            world.sign_in(0);
        }
        world.run();
        if round % 2 == 0 {
            world.sign_out(0);
            world.run();
        }
    }
    assert!(remembered(&world) < 30_000, "{}", remembered(&world));
    world.sign_in(0);
    world.store.saves = Ill::No;
    world.pass(secs(300));
    assert_eq!(world.store.session(), world.current(0).session);
    assert!(world.holders[0].machine.is_idle());
}
