//! The way to the tabs of a browser: orders go out with the page's events, answers come back as reports.
//!
//! A page has one stream of events, and hands the orders in it on to its tabs: a stream for each tab would use up the six
//! connections that browsers allow themselves.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::event::{Bus, Holder, Lane, Recorder, RefreshNote};

/// How long a tab may take. The longest that any client waits for is the outage.
const PATIENCE: Duration = Duration::from_secs(20);

/// More tabs than this nobody wants to close again.
pub(crate) const MOST_TABS: usize = 10;

/// Numbers of orders, never used twice: a report about an earlier flight means nothing to this one.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// The tabs that fly, as the page names them.
#[derive(Debug, Deserialize)]
pub(crate) struct Crew {
    /// The page that hands orders on.
    pub(crate) pilot: String,
    pub(crate) tabs: Vec<u32>,
}

/// What a tab says.
#[derive(Debug, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub(crate) enum TabReport {
    /// A call's request was sent.
    Sent { call: u64, at: f64 },
    /// It was refused.
    Refused { call: u64, at: f64 },
    /// A refresh was sent; `call` where that one call sent it for itself.
    RefreshSent {
        flight: u64,
        tab: u32,
        refresh: u32,
        call: Option<u64>,
        at: f64,
    },
    /// A refresh was answered, or failed.
    RefreshEnded {
        flight: u64,
        tab: u32,
        refresh: u32,
        at: f64,
        failure: Option<String>,
    },
    /// An order was carried out.
    Done { call: u64, answer: Answer },
    /// A tab was closed.
    Gone { tab: u32 },
}

/// What came of an order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub(crate) enum Answer {
    Ok,
    Unauthorized,
    #[serde(rename_all = "camelCase")]
    Failed {
        why: String,
        retry_after_ms: Option<u64>,
    },
}

/// The tabs of one flight. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Tabs(Arc<Link>);

#[derive(Debug)]
struct Link {
    bus: Bus,
    crew: Crew,
    recorder: Recorder,
    flight: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    waiting: HashMap<u64, Waiting>,
    refreshes: HashMap<(u32, u32), RefreshNote>,
}

/// An order that is being carried out.
#[derive(Debug)]
struct Waiting {
    tab: u32,
    lane: Option<Lane>,
    answer: oneshot::Sender<Answer>,
}

impl Tabs {
    /// At least one tab.
    pub(crate) fn new(bus: Bus, crew: Crew, recorder: Recorder) -> Self {
        Self(Arc::new(Link {
            bus,
            crew,
            recorder,
            flight: NEXT.fetch_add(1, Ordering::Relaxed),
            state: Mutex::default(),
        }))
    }

    pub(crate) fn numbers(&self) -> &[u32] {
        &self.0.crew.tabs
    }

    pub(crate) fn flight(&self) -> u64 {
        self.0.flight
    }

    pub(crate) fn name(tab: u32) -> String {
        format!("tab {tab}")
    }

    /// The tab that flies this lane. In pairs, as every other request is a late one in one of the scenarios.
    pub(crate) fn of(&self, lane: u32) -> u32 {
        let tabs = self.numbers();
        tabs[lane as usize / 2 % tabs.len()]
    }

    /// Who flies what.
    pub(crate) fn holders(&self, requests: u32) -> Vec<Holder> {
        let lanes_of = |tab| (0..requests).filter(|lane| self.of(*lane) == tab).collect();
        self.numbers()
            .iter()
            .map(|tab| Holder {
                name: Self::name(*tab),
                lanes: lanes_of(*tab),
            })
            .collect()
    }

    /// Orders a tab to do something, and waits for what comes of it.
    pub(crate) async fn ask(&self, tab: u32, order: &str, with: Value, lane: Option<Lane>) -> Answer {
        let call = NEXT.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        self.state().waiting.insert(call, Waiting { tab, lane, answer });
        self.0.bus.whisper(&json!({
            "type": "order", "pilot": self.0.crew.pilot, "tab": tab, "call": call, "order": order, "with": with,
        }));
        if let Ok(Ok(answer)) = tokio::time::timeout(PATIENCE, answered).await {
            return answer;
        }
        self.state().waiting.remove(&call);
        Answer::Failed {
            why: format!(
                "{} did not answer within {} s",
                Self::name(tab),
                PATIENCE.as_secs()
            ),
            retry_after_ms: None,
        }
    }

    /// Takes in what a tab says.
    pub(crate) fn hear(&self, report: TabReport) {
        let mut state = self.state();
        match report {
            TabReport::Sent { call, at } => {
                if let Some(lane) = state.lane(call) {
                    lane.sent_at(at);
                }
            }
            TabReport::Refused { call, at } => {
                if let Some(lane) = state.lane(call) {
                    lane.refused_at(at);
                }
            }
            TabReport::RefreshSent {
                flight,
                tab,
                refresh,
                call,
                at,
            } if flight == self.0.flight => {
                let lane = call.and_then(|call| state.lane(call)).map(Lane::number);
                let note = self.0.recorder.refresh_by(Self::name(tab), lane, Some(at));
                state.refreshes.insert((tab, refresh), note);
            }
            TabReport::RefreshEnded {
                flight,
                tab,
                refresh,
                at,
                failure,
            } if flight == self.0.flight => {
                if let Some(note) = state.refreshes.remove(&(tab, refresh)) {
                    note.ended_at(at, failure);
                }
            }
            TabReport::RefreshSent { .. } | TabReport::RefreshEnded { .. } => {}
            TabReport::Done { call, answer } => {
                if let Some(waiting) = state.waiting.remove(&call) {
                    // Whoever asked may have given up.
                    let _ = waiting.answer.send(answer);
                }
            }
            TabReport::Gone { tab } => {
                let lost: Vec<u64> = state
                    .waiting
                    .iter()
                    .filter_map(|(call, waiting)| (waiting.tab == tab).then_some(*call))
                    .collect();
                for waiting in lost.iter().filter_map(|call| state.waiting.remove(call)) {
                    let _ = waiting.answer.send(Answer::Failed {
                        why: format!("{} was closed", Self::name(tab)),
                        retry_after_ms: None,
                    });
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn lane(&self, call: u64) -> Option<&Lane> {
        self.waiting.get(&call)?.lane.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tabs(numbers: &[u32]) -> Tabs {
        let bus = Bus::new();
        let crew = Crew {
            pilot: "p".to_owned(),
            tabs: numbers.to_vec(),
        };
        Tabs::new(bus.clone(), crew, Recorder::new(Some(bus)))
    }

    #[test]
    fn x2_every_lane_has_one_tab_and_every_tab_prompt_and_late_ones() {
        let holders = tabs(&[1, 2, 4]).holders(50);
        let mut lanes: Vec<u32> = holders.iter().flat_map(|holder| holder.lanes.clone()).collect();
        lanes.sort_unstable();
        assert_eq!(lanes, (0..50).collect::<Vec<_>>());
        for Holder { name, lanes } in holders {
            assert!(lanes.iter().any(|lane| lane % 2 == 1), "{name}");
            assert!(lanes.iter().any(|lane| lane % 2 == 0), "{name}");
        }
    }

    #[tokio::test]
    async fn x2_a_closed_tab_keeps_nobody_waiting() {
        let tabs = tabs(&[1, 2]);
        let (asked, ()) = tokio::join!(tabs.ask(2, "call", json!(null), None), async {
            tokio::task::yield_now().await;
            tabs.hear(TabReport::Gone { tab: 2 });
        });
        assert_eq!(
            asked,
            Answer::Failed {
                why: "tab 2 was closed".to_owned(),
                retry_after_ms: None
            }
        );
        assert!(tabs.state().waiting.is_empty());
    }

    #[test]
    fn x2_reports_are_read_as_the_page_writes_them() {
        let read = |text: &str| serde_json::from_str::<TabReport>(text).expect("a report");
        let done =
            read(r#"{"what":"done","call":7,"answer":{"outcome":"failed","why":"no","retryAfterMs":250}}"#);
        let TabReport::Done { call: 7, answer } = done else {
            panic!("{done:?}");
        };
        let why = "no".to_owned();
        assert_eq!(
            answer,
            Answer::Failed {
                why,
                retry_after_ms: Some(250)
            }
        );
        assert!(matches!(
            read(r#"{"what":"refresh-sent","flight":1,"tab":2,"refresh":0,"at":1.5}"#),
            TabReport::RefreshSent { call: None, .. }
        ));
    }
}
