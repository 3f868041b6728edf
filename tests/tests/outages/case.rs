//! Two holders, one of which is in the middle of an attempt when the store falls ill, and what comes of it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use oneflight_testkit::{Gate, Hold, Point, TestServer};

use crate::process::{Lengths, Place, Process};

/// Requests that each holder sends at once.
const REQUESTS: usize = 3;

/// Holders that are not well by then never are.
const WELL_MAX: Duration = Duration::from_secs(60);

/// Where the first holder is when the store falls ill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// It wants the lock, and nobody has it.
    WantsLock,
    /// It has the lock, and wrote no mark yet.
    BeforeMark,
    /// Its request is at the server, processed, and not answered.
    InRequest,
    /// It has the new token, and did not save it.
    BeforeSave,
    /// It has saved, and did not give the lock back.
    BeforeUnlock,
}

impl When {
    pub(crate) const ALL: [Self; 5] = [
        Self::WantsLock,
        Self::BeforeMark,
        Self::InRequest,
        Self::BeforeSave,
        Self::BeforeUnlock,
    ];

    /// For people.
    pub(crate) fn shown(self) -> &'static str {
        match self {
            Self::WantsLock => "before the lock",
            Self::BeforeMark => "before the mark",
            Self::InRequest => "during the request",
            Self::BeforeSave => "before the save",
            Self::BeforeUnlock => "before the unlock",
        }
    }

    /// The point at which the holder stops; during the request it is the server that stops it.
    fn point(self) -> Option<&'static str> {
        match self {
            Self::WantsLock => Some("before-lock"),
            Self::BeforeMark => Some("before-mark"),
            Self::InRequest => None,
            Self::BeforeSave => Some("before-save"),
            Self::BeforeUnlock => Some("before-unlock"),
        }
    }
}

/// Two holders of one grant, signed in.
pub(crate) struct Case {
    pub(crate) server: TestServer,
    pub(crate) first: Process,
    pub(crate) next: Process,
    held: Option<Gate>,
    seen: BTreeSet<String>,
}

/// What a case came to.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Refreshes that the server saw, for one expiry.
    pub(crate) posts: u64,
    /// How often a spent token came back.
    pub(crate) reused: u64,
    /// What callers were told, but for success.
    pub(crate) errors: BTreeSet<String>,
    /// From the store's return until every request of both holders succeeded.
    pub(crate) recovery: Duration,
}

impl Case {
    pub(crate) async fn begin(place: &Place, key: &str, lengths: Lengths) -> Self {
        let server = TestServer::start().await.unwrap();
        let mut first = Process::start(&server, place, key, lengths).await;
        let mut next = Process::start(&server, place, key, lengths).await;
        first.sign_in(&server.issue_session()).await;
        for holder in [&mut first, &mut next] {
            holder.tell(&format!("ask {REQUESTS}"));
            assert_eq!(holder.asked().await, (REQUESTS, "none".to_owned()));
        }
        server.expire_access_tokens();
        Self {
            server,
            first,
            next,
            held: None,
            seen: BTreeSet::new(),
        }
    }

    /// Brings the first holder to where it is to be.
    pub(crate) async fn come_to(&mut self, when: When) {
        match when.point() {
            Some(point) => {
                self.first.tell(&format!("stop {point}"));
                self.first.tell(&format!("ask {REQUESTS}"));
                self.first.hear(&format!("at {point}")).await;
            }
            None => {
                let held = self.server.hold(Hold::answers(Point::Refresh));
                self.first.tell(&format!("ask {REQUESTS}"));
                held.arrived(1).await;
                self.held = Some(held);
            }
        }
    }

    /// Lets the first holder go on, and the other one begin; both come to an end, whatever that is.
    pub(crate) async fn go_on(&mut self) {
        self.first.tell("go");
        drop(self.held.take());
        self.next.tell(&format!("ask {REQUESTS}"));
        for holder in [&mut self.first, &mut self.next] {
            let (_, error) = holder.asked().await;
            self.seen.extend(named(&error));
        }
    }

    /// Both ask once. What each was told, but for success.
    pub(crate) async fn ask(&mut self) -> Vec<String> {
        let mut errors = Vec::new();
        for holder in [&mut self.first, &mut self.next] {
            errors.extend(once(holder).await);
        }
        self.seen.extend(errors.iter().cloned());
        errors
    }

    /// Until all requests of both holders succeed; then one more expiry, which costs one more request.
    pub(crate) async fn recover(mut self) -> Seen {
        let began = Instant::now();
        loop {
            // Who has a token may have to save it yet, and the other one waits for that: both try again.
            let holders = [&mut self.first, &mut self.next];
            let errors: Vec<String> = join_all(holders.map(once)).await.into_iter().flatten().collect();
            let all_well = errors.iter().all(|error| is_over(error));
            self.seen.extend(errors);
            if all_well {
                break;
            }
            assert!(began.elapsed() < WELL_MAX, "never well: {:?}", self.seen);
        }
        let recovery = began.elapsed();
        let counters = self.server.counters();
        if !self.seen.iter().any(|error| is_over(error)) {
            self.server.expire_access_tokens();
            for holder in [&mut self.first, &mut self.next] {
                holder.tell(&format!("ask {REQUESTS}"));
                assert_eq!(holder.asked().await, (REQUESTS, "none".to_owned()));
            }
            assert_eq!(self.server.counters().refresh_posts, counters.refresh_posts + 1);
        }
        Seen {
            posts: counters.refresh_posts,
            reused: counters.reuse_detected,
            errors: self.seen,
            recovery,
        }
    }
}

/// Asks once. What was told, but for success.
async fn once(holder: &mut Process) -> Option<String> {
    holder.tell("retry");
    holder.tell(&format!("ask {REQUESTS}"));
    let (_, error) = holder.asked().await;
    named(&error)
}

fn is_over(error: &str) -> bool {
    error.starts_with("dead") || error.starts_with("SignedOut") || error.starts_with("NeverSignedIn")
}

/// The name of an error, and of its cause; nothing for success.
fn named(error: &str) -> Option<String> {
    let word = |text: &str| -> String {
        text.chars()
            .take_while(|letter| letter.is_alphanumeric() || *letter == '-')
            .collect()
    };
    if error == "none" {
        return None;
    }
    let cause = error.split_once("cause: ").map(|(_, rest)| word(rest));
    Some(match cause {
        Some(cause) => format!("{}: {cause}", word(error)),
        None if error.starts_with("SignedOut(") => error.to_owned(),
        None => word(error),
    })
}

impl Seen {
    /// As a row of the table in the documentation.
    pub(crate) fn row(&self, store: &str, ill: &str, when: &str) {
        let over = self.errors.iter().any(|error| is_over(error));
        let errors = match self.errors.is_empty() {
            true => "none".to_owned(),
            false => self.errors.iter().cloned().collect::<Vec<_>>().join(", "),
        };
        println!(
            "| {store} | {ill} | {when} | {} | {} | {errors} | {:.1} s |",
            self.posts,
            u8::from(over),
            self.recovery.as_secs_f64()
        );
    }

    /// One request for one expiry, and nobody signed out.
    pub(crate) fn assert_harmless(&self, case: &str) {
        assert_eq!((self.posts, self.reused), (1, 0), "{case}: {self:?}");
        let strange = self.errors.iter().find(|error| !error.starts_with("Transient: "));
        assert_eq!(strange, None, "{case}: {self:?}");
    }
}
