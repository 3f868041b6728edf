//! The driver with a host that only writes down what it was asked for.

use std::sync::Arc;
use std::time::Duration;

use oneflight_core::answer::{AnswerRules, Loss};
use oneflight_core::machine::{Config, Demand, Event, Failure, Snapshot};
use oneflight_core::{HolderId, MonoTime, Now, SessionId, TokenSet, Version, WallTime};
use oneflight_web::reply::{BodyKind, Held, Reply};
use oneflight_web::{Driver, Host, Loaded, Locked, Settled, Slot, Trouble, Waiter};

#[derive(Default)]
struct Page {
    asked: Vec<Asked>,
    settled: Vec<(u32, Settled)>,
    troubles: Vec<Trouble>,
    locked: bool,
    posts: usize,
    rested: Option<bool>,
}

enum Asked {
    Lock(Slot),
    Load(Slot),
    Save(Slot, Option<String>, String),
    Refresh(Slot),
    Revoke(Slot),
}

impl Host for Page {
    fn lock(&mut self, slot: Slot) {
        self.asked.push(Asked::Lock(slot));
    }
    fn unlock(&mut self) {
        self.locked = false;
    }
    fn load(&mut self, slot: Slot) {
        self.asked.push(Asked::Load(slot));
    }
    fn save(&mut self, slot: Slot, expected: Option<&str>, record: &str) {
        self.asked
            .push(Asked::Save(slot, expected.map(Into::into), record.into()));
    }
    fn refresh(&mut self, slot: Slot, _refresh_token: Option<&str>) {
        self.posts += 1;
        self.asked.push(Asked::Refresh(slot));
    }
    fn revoke(&mut self, slot: Slot, _refresh_token: &str) {
        self.asked.push(Asked::Revoke(slot));
    }
    fn announce(&mut self, _version: Version) {}
    fn timer(&mut self, _wait: Option<Duration>) {}
    fn settle(&mut self, waiter: Waiter, settled: &Settled) {
        self.settled.push((waiter.0, settled.clone()));
    }
    fn publish(&mut self, _snapshot: &Snapshot) {}
    fn notify(&mut self, _event: &Event, _here: bool) {}
    fn trouble(&mut self, trouble: Trouble) {
        self.troubles.push(trouble);
    }
    fn rest(&mut self, unsaved: bool) {
        self.rested = Some(unsaved);
    }
}

/// A driver and the store that its page has.
struct World {
    driver: Driver<Page>,
    stored: Option<(String, String)>,
    writes: u32,
    now: Now,
}

impl World {
    fn new() -> Self {
        let config = Config {
            policy: Arc::default(),
            holder: HolderId([1; 16]),
            seed: [2, 3],
        };
        Self {
            driver: Driver::new(config, AnswerRules::default(), Page::default()),
            stored: None,
            writes: 0,
            now: Now {
                wall: WallTime::from_unix_millis(1_700_000_000_000),
                mono: MonoTime::from_millis(1),
            },
        }
    }

    fn sign_in(&mut self) {
        let tokens = TokenSet::new("access-0", self.now.wall)
            .and_then(|tokens| tokens.refresh_token("refresh-0"))
            .expect("tokens")
            .expires_in(Duration::from_secs(60));
        self.driver
            .sign_in(self.now, Waiter(0), SessionId([7; 16]), tokens);
        self.work();
        assert_eq!(self.take_settled(), [(0, Settled::SignedIn { saved: true })]);
    }

    /// Answers everything but refreshes, until nothing else is left; the refreshes that are under way.
    fn work(&mut self) -> Vec<Slot> {
        let mut refreshes = Vec::new();
        while !self.driver.host().asked.is_empty() {
            for asked in std::mem::take(&mut self.driver.host_mut().asked) {
                match asked {
                    Asked::Lock(slot) => self.driver.locked(self.now, slot, Locked::Acquired),
                    Asked::Load(slot) => {
                        let stored = self.stored.clone();
                        let loaded = stored
                            .as_ref()
                            .map_or(Loaded::Nothing, |(tag, record)| Loaded::Record { tag, record });
                        self.driver.loaded(self.now, slot, loaded);
                    }
                    Asked::Save(slot, expected, record) => {
                        let stands = self.stored.as_ref().map(|(tag, _)| tag.clone());
                        let tag = (stands == expected).then(|| {
                            self.writes += 1;
                            let tag = format!("tag {}", self.writes);
                            self.stored = Some((tag.clone(), record));
                            tag
                        });
                        self.driver.saved(self.now, slot, Ok(tag));
                    }
                    Asked::Refresh(slot) => refreshes.push(slot),
                    Asked::Revoke(slot) => {
                        let revocation = oneflight_core::machine::Revocation::Done;
                        self.driver.revoked(self.now, slot, revocation);
                    }
                }
            }
        }
        refreshes
    }

    fn take_settled(&mut self) -> Vec<(u32, Settled)> {
        std::mem::take(&mut self.driver.host_mut().settled)
    }

    fn expire(&mut self) {
        self.now.wall = self.now.wall.after(Duration::from_secs(120));
        self.now.mono = self.now.mono.after(Duration::from_secs(120));
    }
}

fn renewed() -> Reply {
    let text = |text: &str| Held::Text(text.to_owned().into());
    let mut reply = Reply {
        status: 200,
        body: BodyKind::Json,
        ..Reply::default()
    };
    reply.members[0] = text("access-1");
    reply.members[1] = text("refresh-1");
    reply.members[3] = Held::Number(60.0);
    reply
}

#[test]
fn s4_fifty_waiters_of_an_expired_token_share_one_refresh() {
    let mut world = World::new();
    world.sign_in();
    world.expire();
    for waiter in 1..=50 {
        world.driver.demand(world.now, Waiter(waiter), Demand::Usable);
    }
    let refreshes = world.work();
    assert_eq!(refreshes.len(), 1);
    world.driver.replied(world.now, refreshes[0], &renewed());
    world.work();
    let settled = world.take_settled();
    assert_eq!(settled.len(), 50);
    assert!(settled.iter().all(|(_, settled)| *settled == Settled::Token));
    assert_eq!(world.driver.host().posts, 1);
}

#[test]
fn s5_a_waiter_that_gave_up_is_not_told_and_the_refresh_goes_on() {
    let mut world = World::new();
    world.sign_in();
    world.expire();
    world.driver.demand(world.now, Waiter(1), Demand::Usable);
    world.driver.demand(world.now, Waiter(2), Demand::Usable);
    world.driver.forget(Waiter(1));
    let refreshes = world.work();
    world.driver.replied(world.now, refreshes[0], &renewed());
    world.work();
    assert_eq!(world.take_settled(), [(2, Settled::Token)]);
}

#[test]
fn p6_a_foreign_record_is_named_and_never_overwritten() {
    let mut world = World::new();
    world.stored = Some(("theirs".into(), "{\"not\": \"ours\"}".into()));
    world.driver.demand(world.now, Waiter(1), Demand::Usable);
    world.work();
    let settled = world.take_settled();
    assert!(
        matches!(&settled[..], [(1, Settled::Failed(Failure::Transient { .. }))]),
        "{settled:?}"
    );
    assert_eq!(world.driver.host().troubles[0], Trouble::Foreign);
    assert_eq!(world.stored.unwrap().0, "theirs");
}

#[test]
fn f6_an_answer_that_comes_after_it_was_given_up_on_changes_nothing() {
    let mut world = World::new();
    world.sign_in();
    world.expire();
    world.driver.demand(world.now, Waiter(1), Demand::Usable);
    let first = world.work()[0];
    world.driver.lost(world.now, first, Loss::TimedOut);
    // Presented once more; the late answer to the first is nobody's.
    let second = world.work()[0];
    world.driver.replied(world.now, first, &renewed());
    assert_eq!(world.take_settled(), []);
    world.driver.replied(world.now, second, &renewed());
    world.work();
    assert_eq!(world.take_settled(), [(1, Settled::Token)]);
}

#[test]
fn p3_another_page_s_renewal_is_adopted_without_a_post() {
    let mut one = World::new();
    one.sign_in();
    let mut other = World::new();
    other.stored = one.stored.clone();
    one.expire();
    one.driver.demand(one.now, Waiter(1), Demand::Usable);
    let refreshes = one.work();
    one.driver.replied(one.now, refreshes[0], &renewed());
    one.work();
    other.now = one.now;
    other.stored = one.stored.clone();
    other.driver.demand(other.now, Waiter(2), Demand::Usable);
    other.work();
    assert_eq!(other.take_settled(), [(2, Settled::Token)]);
    assert_eq!(other.driver.host().posts, 0);
}

#[test]
fn s6_closing_ends_when_what_is_under_way_has_ended() {
    let mut world = World::new();
    world.sign_in();
    world.expire();
    world.driver.demand(world.now, Waiter(1), Demand::Usable);
    let refreshes = world.work();
    world.driver.close(world.now);
    assert_eq!(world.driver.host().rested, None);
    world.driver.replied(world.now, refreshes[0], &renewed());
    world.work();
    assert_eq!(world.driver.host().rested, Some(false));
}
