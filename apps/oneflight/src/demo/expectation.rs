//! How each scenario should end for each client, and why.

use std::fmt::Write as _;

use super::kinds::{ClientKind, Scenario};
use super::report::Report;

/// Below this many requests too little happens at once for the naive client's races to be certain.
const CROWD: u32 = 16;

/// How many rejection-driven refreshes oneflight spends in 30 s.
const REJECTION_BUDGET: u64 = 5;

/// How a scenario should end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expectation {
    ok: Share,
    /// The least and the most refresh POSTs.
    posts: (u64, u64),
    reuse: bool,
    alive: bool,
    /// Why it ends so, in a sentence or two for the page and the table.
    pub(crate) because: &'static str,
}

/// How many of the requests should succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Share {
    All,
    HalfAtLeast,
    NotAll,
    None,
    Any,
}

const MANY: u64 = u64::MAX;

impl Expectation {
    const fn new(ok: Share, posts: (u64, u64), reuse: bool, alive: bool, because: &'static str) -> Self {
        Self {
            ok,
            posts,
            reuse,
            alive,
            because,
        }
    }

    /// What should happen when this client flies this scenario.
    pub(crate) const fn of(client: ClientKind, scenario: Scenario) -> Self {
        match client {
            ClientKind::Naive => Self::of_naive(scenario),
            ClientKind::Textbook => Self::of_textbook(scenario),
            ClientKind::Oneflight => Self::of_oneflight(scenario),
        }
    }

    /// What should happen when it is flown in this many tabs of a browser; `None` where that is a matter of which tab is
    /// first.
    pub(crate) const fn in_tabs(client: ClientKind, scenario: Scenario, tabs: usize) -> Option<Self> {
        match client {
            ClientKind::Textbook if tabs > 1 => None,
            ClientKind::Oneflight if tabs > 1 && matches!(scenario, Scenario::Storm) => Some(Self {
                because: "One tab refreshed, under a lock that all tabs share; the others waited and took over what it had stored.",
                ..Self::of(client, scenario)
            }),
            _ => Some(Self::of(client, scenario)),
        }
    }

    /// What can be said of a client whose end in several tabs cannot be told.
    pub(crate) const EACH_TAB_FOR_ITSELF: &str = "The flag of one tab says nothing to the others: each refreshed for itself, with the one refresh token that all of them keep.";

    const fn of_naive(scenario: Scenario) -> Self {
        use Scenario::{Always401, Late401, LostAnswer, Outage, SignOut, Storm};
        match scenario {
            Storm => Self::new(
                Share::NotAll,
                (2, MANY),
                true,
                false,
                "Every refused call presented the same refresh token. The server saw it a second time, took it for stolen and ended the session.",
            ),
            Late401 => Self::new(
                Share::NotAll,
                (2, MANY),
                true,
                false,
                "The early refusals alone were enough: two calls presented one refresh token, and the server ended the session.",
            ),
            LostAnswer => Self::new(
                Share::NotAll,
                (2, MANY),
                false,
                true,
                "Only the server's grace of 10 s saved the session: within it a spent token still works. The call whose answer was lost failed.",
            ),
            Outage => Self::new(
                Share::Any,
                (2, MANY),
                true,
                false,
                "Each call knocked at the failing endpoint on its own. When it recovered they raced, and the server ended the session.",
            ),
            SignOut => Self::new(
                Share::NotAll,
                (2, MANY),
                true,
                false,
                "The refreshes under way did not care that the user had signed out, and raced each other until the server ended the session.",
            ),
            Always401 => Self::new(
                Share::None,
                (2, MANY),
                true,
                false,
                "A refresh for every refusal, each racing the others, though no token could have helped.",
            ),
        }
    }

    const fn of_textbook(scenario: Scenario) -> Self {
        use Scenario::{Always401, Late401, LostAnswer, Outage, SignOut, Storm};
        match scenario {
            Storm => Self::new(
                Share::All,
                (1, MANY),
                false,
                true,
                "The flag held the others back. A refusal that arrives after it is down again starts another refresh: see late 401s.",
            ),
            Late401 => Self::new(
                Share::All,
                (2, MANY),
                false,
                true,
                "A late refusal finds the flag down and refreshes again, though the new token was already there. It costs refreshes, not yet the session.",
            ),
            LostAnswer => Self::new(
                Share::None,
                (1, 1),
                false,
                false,
                "One lost answer counted as the end: it signed the user out, and all who waited for the subject would have waited for ever.",
            ),
            Outage => Self::new(
                Share::None,
                (1, 1),
                false,
                false,
                "The first 503 signed the user out, though the session was alive and the server soon well again. The waiters hung.",
            ),
            SignOut => Self::new(
                Share::Any,
                (1, MANY),
                false,
                true,
                "The refresh ended after the sign-out and stored its tokens: the user pressed \u{201c}sign out\u{201d} and is signed in.",
            ),
            Always401 => Self::new(
                Share::None,
                (REJECTION_BUDGET + 1, MANY),
                false,
                true,
                "Each wave of refusals bought another refresh that could not help, without any limit.",
            ),
        }
    }

    const fn of_oneflight(scenario: Scenario) -> Self {
        use Scenario::{Always401, Late401, LostAnswer, Outage, SignOut, Storm};
        match scenario {
            Storm => Self::new(
                Share::All,
                (1, 1),
                false,
                true,
                "The first refusal started one refresh, all others waited for it, and each call was sent again with the new token.",
            ),
            Late401 => Self::new(
                Share::All,
                (1, 1),
                false,
                true,
                "Each call knows which token it was refused with. The late ones saw that a newer one was there and were sent again at once.",
            ),
            LostAnswer => Self::new(
                Share::All,
                (2, 2),
                false,
                true,
                "The loss was ambiguous, so the same token was presented once more, at once. The server's grace allowed it; nobody noticed.",
            ),
            Outage => Self::new(
                Share::HalfAtLeast,
                (2, 7),
                false,
                true,
                "Callers got an error that says when to retry, and the session was kept. One refresh per step of the back-off, and one that worked.",
            ),
            SignOut => Self::new(
                Share::None,
                (1, 1),
                false,
                false,
                "Sign-out won: the waiting calls ended at once, and the token that still arrived was not kept but revoked.",
            ),
            Always401 => Self::new(
                Share::None,
                (1, REJECTION_BUDGET),
                false,
                true,
                "After a few refreshes that did not help it stopped asking. The callers got their 401s, and the session was kept.",
            ),
        }
    }

    /// What a report shows that was not expected; empty if all is as it should be.
    pub(crate) fn misses(&self, report: &Report) -> Vec<String> {
        let mut misses = Vec::new();
        // Too few requests at once: races may or may not happen, so what hangs on them is not judged.
        let certain = report.requests >= CROWD || report.client == ClientKind::Oneflight;
        let ok = match self.ok {
            Share::All => report.ok == report.requests,
            Share::HalfAtLeast => report.ok * 2 >= report.requests,
            Share::NotAll => !certain || report.ok < report.requests,
            Share::None => report.ok == 0,
            Share::Any => true,
        };
        if !ok {
            misses.push(format!(
                "{} of {} requests succeeded; expected: {}",
                report.ok,
                report.requests,
                self.ok.words()
            ));
        }
        if let Some(posts) = report.refresh_posts
            && (posts > self.posts.1 || (certain && posts < self.posts.0))
        {
            misses.push(format!("{posts} refresh POSTs; expected: {}", range(self.posts)));
        }
        if let Some(reuse) = report.reuse_detected
            && certain
            && (reuse > 0) != self.reuse
        {
            misses.push(format!(
                "{reuse} times reuse detected; expected: {}",
                if self.reuse { "some" } else { "none" }
            ));
        }
        if certain && report.session_alive != self.alive {
            let [is, should] = if self.alive {
                ["dead", "alive"]
            } else {
                ["alive", "dead"]
            };
            misses.push(format!("the session is {is}; expected: {should}"));
        }
        misses
    }
}

impl Share {
    const fn words(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::HalfAtLeast => "half",
            Self::NotAll => "not all",
            Self::None => "none",
            Self::Any => "any",
        }
    }
}

fn range((least, most): (u64, u64)) -> String {
    match (least, most) {
        (least, most) if least == most => least.to_string(),
        (least, MANY) => format!("{least}+"),
        (least, most) => format!("{least}-{most}"),
    }
}

/// The table as `oneflight demo --help` prints it.
pub(crate) fn help() -> String {
    let mut text = String::from("Exit code 0 means that the scenario ended as it should for the client:\n\n");
    let _ = writeln!(
        text,
        "  {:<12} {:<10} {:<8} {:<13} {:<6} session",
        "scenario", "client", "ok", "refresh POSTs", "reuse"
    );
    for scenario in Scenario::ALL {
        for client in ClientKind::ALL {
            let expected = Expectation::of(client, scenario);
            let _ = writeln!(
                text,
                "  {:<12} {:<10} {:<8} {:<13} {:<6} {}",
                scenario.name(),
                client.name(),
                expected.ok.words(),
                range(expected.posts),
                if expected.reuse { "yes" } else { "no" },
                if expected.alive { "alive" } else { "dead" },
            );
        }
    }
    let _ = write!(
        text,
        "
Below {CROWD} requests too little happens at once for the races of naive and textbook to be certain; what hangs on them is then not judged. sign-out should end the session: alive means that it came back.

{}",
        crate::exit::TABLE
    );
    text
}
