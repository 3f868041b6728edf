//! What happens during a flight, as events that a page can draw.
//!
//! A *lane* is one request from the caller's first try to its last answer. A *holder* is who flies it: this process, or
//! a tab of a browser.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use tokio::sync::broadcast;

use super::kinds::{ClientKind, Scenario};
use super::report::Report;

/// The holder of lanes that are not flown in a browser.
pub(crate) const THIS_PROCESS: &str = "this process";

/// How many events a slow page may fall behind before it is told the story from the start.
const BACKLOG_EVENTS: usize = 8192;

/// One thing that happened. Times are milliseconds since the flight began.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(crate) enum Event {
    /// A flight begins; whatever was drawn before is over.
    Begin {
        scenario: Scenario,
        client: ClientKind,
        requests: u32,
        place: Place,
        holders: Vec<Holder>,
    },
    /// A request changed its state.
    Lane {
        holder: String,
        lane: u32,
        at: f64,
        state: LaneState,
        detail: Option<String>,
    },
    /// A refresh was sent or ended.
    Refresh {
        holder: String,
        refresh: u32,
        lane: Option<u32>,
        at: f64,
        state: RefreshState,
        detail: Option<String>,
    },
    /// Something from outside, such as a sign-out or the start of an outage.
    Note { at: f64, text: String },
    /// What the server has counted so far.
    Counters(Counters),
    /// The requests have ended; the session is being tried once more.
    Probing { at: f64 },
    /// The flight is over.
    Verdict {
        words: String,
        because: &'static str,
        kind: bool,
        as_expected: bool,
        report: Report,
    },
    /// The flight could not be flown.
    Trouble { text: String },
}

/// Where the client runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Place {
    Process,
    Browser,
}

/// Who flies, and what.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Holder {
    pub(crate) name: String,
    pub(crate) lanes: Vec<u32>,
}

/// What a request is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LaneState {
    Sent,
    Refused,
    Waiting,
    SentAgain,
    Ok,
    Unauthorized,
    Failed,
}

/// What a refresh is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RefreshState {
    Sent,
    Granted,
    Failed,
}

/// The server's own counters, and whether the family that the run began with is alive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counters {
    pub(crate) refresh_posts: u64,
    pub(crate) reuse_detected: u64,
    pub(crate) family_alive: bool,
    pub(crate) api_ok: u64,
    pub(crate) api_refused: u64,
}

/// Where events go: kept for pages that come later, and sent to those that are there.
#[derive(Debug, Clone)]
pub(crate) struct Bus(Arc<Mutex<Story>>);

#[derive(Debug)]
struct Story {
    told: Vec<Arc<str>>,
    live: broadcast::Sender<Arc<str>>,
}

impl Bus {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Story {
            told: Vec::new(),
            live: broadcast::Sender::new(BACKLOG_EVENTS),
        })))
    }

    /// The story of the present flight so far, and what follows.
    pub(crate) fn listen(&self) -> (Vec<Arc<str>>, broadcast::Receiver<Arc<str>>) {
        let story = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (story.told.clone(), story.live.subscribe())
    }

    /// Sends what is for the pages that are there now, and no part of the story.
    pub(crate) fn whisper(&self, text: &serde_json::Value) {
        let story = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody listening is no error.
        let _ = story.live.send(text.to_string().into());
    }

    pub(crate) fn tell(&self, event: &Event) {
        let Ok(text) = serde_json::to_string(event) else {
            return;
        };
        let text: Arc<str> = text.into();
        let mut story = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(event, Event::Begin { .. }) {
            story.told.clear();
        }
        story.told.push(text.clone());
        // Nobody listening is no error.
        let _ = story.live.send(text);
    }
}

/// Writes down one flight. Clones write the same one.
#[derive(Debug, Clone)]
pub(crate) struct Recorder(Arc<Recording>);

#[derive(Debug)]
struct Recording {
    /// `None` where nobody draws.
    bus: Option<Bus>,
    /// When the first request went out; the picture begins there.
    began: OnceLock<(Instant, SystemTime)>,
    /// What comes after the flight, to try the session, is no part of the picture.
    landed: AtomicBool,
    refreshes: AtomicU32,
    ended: AtomicU64,
    phase: Mutex<&'static str>,
}

impl Recorder {
    pub(crate) fn new(bus: Option<Bus>) -> Self {
        Self(Arc::new(Recording {
            bus,
            began: OnceLock::new(),
            landed: AtomicBool::new(false),
            refreshes: AtomicU32::new(0),
            ended: AtomicU64::new(0),
            phase: Mutex::new("starting"),
        }))
    }

    /// The flight begins now.
    pub(crate) fn take_off(&self) {
        self.0.began.get_or_init(|| (Instant::now(), SystemTime::now()));
    }

    /// The flight is over; how its client goes on is not told.
    pub(crate) fn land(&self) {
        self.0.landed.store(true, Ordering::Relaxed);
    }

    /// Milliseconds since the flight began: now, or when a page's clock showed `wall_ms` (since 1970).
    fn at(&self, wall_ms: Option<f64>) -> f64 {
        let Some((instant, wall)) = self.0.began.get() else {
            return 0.0;
        };
        let began = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = match wall_ms {
            Some(millis) => (millis - began.as_secs_f64() * 1000.0).max(0.0),
            None => instant.elapsed().as_secs_f64() * 1000.0,
        };
        // Tenths are as much as a picture can show.
        (millis * 10.0).round() / 10.0
    }

    pub(crate) fn tell(&self, event: impl FnOnce(f64) -> Event) {
        self.tell_when(None, event);
    }

    fn tell_when(&self, wall_ms: Option<f64>, event: impl FnOnce(f64) -> Event) {
        if let Some(bus) = &self.0.bus {
            bus.tell(&event(self.at(wall_ms)));
        }
    }

    pub(crate) fn note(&self, text: impl Into<String>) {
        self.tell(|at| Event::Note {
            at,
            text: text.into(),
        });
    }

    /// What is being done from now on, in words for a person who waits.
    pub(crate) fn phase(&self, phase: &'static str) {
        *self.0.phase.lock().unwrap_or_else(PoisonError::into_inner) = phase;
    }

    /// What is being done.
    pub(crate) fn now_in(&self) -> &'static str {
        *self.0.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many lanes have ended.
    pub(crate) fn ended(&self) -> u64 {
        self.0.ended.load(Ordering::Relaxed)
    }

    /// How many refreshes this process has sent.
    pub(crate) fn refreshes(&self) -> u32 {
        self.0.refreshes.load(Ordering::Relaxed)
    }

    /// This process sends a refresh; `lane` names the request that owns it where it is not shared.
    pub(crate) fn refresh(&self, lane: Option<u32>) -> RefreshNote {
        self.refresh_by(THIS_PROCESS.to_owned(), lane, None)
    }

    /// A holder sends, or sent at `wall_ms`, a refresh.
    pub(crate) fn refresh_by(&self, holder: String, lane: Option<u32>, wall_ms: Option<f64>) -> RefreshNote {
        let note = RefreshNote {
            recorder: self.clone(),
            holder,
            refresh: self.0.refreshes.fetch_add(1, Ordering::Relaxed),
            lane,
        };
        note.tell(RefreshState::Sent, None, wall_ms);
        note
    }
}

/// A refresh under way.
#[derive(Debug)]
pub(crate) struct RefreshNote {
    recorder: Recorder,
    holder: String,
    refresh: u32,
    lane: Option<u32>,
}

impl RefreshNote {
    pub(crate) fn granted(self) {
        self.tell(RefreshState::Granted, None, None);
    }

    pub(crate) fn failed(self, why: &str) {
        self.tell(RefreshState::Failed, Some(why.to_owned()), None);
    }

    /// It ended when a page's clock showed `wall_ms`, granted or for the reason given.
    pub(crate) fn ended_at(self, wall_ms: f64, failure: Option<String>) {
        let state = if failure.is_none() {
            RefreshState::Granted
        } else {
            RefreshState::Failed
        };
        self.tell(state, failure, Some(wall_ms));
    }

    fn tell(&self, state: RefreshState, detail: Option<String>, wall_ms: Option<f64>) {
        if self.recorder.0.landed.load(Ordering::Relaxed) {
            return;
        }
        let (refresh, lane) = (self.refresh, self.lane);
        self.recorder.tell_when(wall_ms, |at| Event::Refresh {
            holder: self.holder.clone(),
            refresh,
            lane,
            at,
            state,
            detail,
        });
    }
}

/// One request on its way. Clones are the same request.
#[derive(Debug, Clone)]
pub(crate) struct Lane(Arc<LaneRecording>);

#[derive(Debug)]
struct LaneRecording {
    recorder: Option<Recorder>,
    holder: String,
    number: u32,
    sends: AtomicU32,
}

impl Lane {
    pub(crate) fn new(recorder: &Recorder, holder: String, number: u32) -> Self {
        Self::of(Some(recorder.clone()), holder, number)
    }

    /// A request that is not part of the picture.
    pub(crate) fn unseen() -> Self {
        Self::of(None, String::new(), 0)
    }

    fn of(recorder: Option<Recorder>, holder: String, number: u32) -> Self {
        Self(Arc::new(LaneRecording {
            recorder,
            holder,
            number,
            sends: AtomicU32::new(0),
        }))
    }

    pub(crate) fn number(&self) -> u32 {
        self.0.number
    }

    pub(crate) fn sent(&self) {
        self.sent_when(None);
    }

    /// It was sent when a page's clock showed `wall_ms`.
    pub(crate) fn sent_at(&self, wall_ms: f64) {
        self.sent_when(Some(wall_ms));
    }

    /// It was refused when a page's clock showed `wall_ms`.
    pub(crate) fn refused_at(&self, wall_ms: f64) {
        self.tell_when(Some(wall_ms), LaneState::Refused, None);
    }

    fn sent_when(&self, wall_ms: Option<f64>) {
        let again = self.0.sends.fetch_add(1, Ordering::Relaxed) > 0;
        let state = if again {
            LaneState::SentAgain
        } else {
            LaneState::Sent
        };
        self.tell_when(wall_ms, state, None);
    }

    pub(crate) fn tell(&self, state: LaneState, detail: Option<String>) {
        self.tell_when(None, state, detail);
    }

    fn tell_when(&self, wall_ms: Option<f64>, state: LaneState, detail: Option<String>) {
        let Some(recorder) = &self.0.recorder else { return };
        if matches!(state, LaneState::Ok | LaneState::Unauthorized | LaneState::Failed) {
            recorder.0.ended.fetch_add(1, Ordering::Relaxed);
        }
        recorder.tell_when(wall_ms, |at| Event::Lane {
            holder: self.0.holder.clone(),
            lane: self.0.number,
            at,
            state,
            detail,
        });
    }
}
