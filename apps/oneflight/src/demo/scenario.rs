//! The scenarios: what the requests do, and what goes wrong meanwhile.

use std::sync::Arc;
use std::time::{Duration, Instant};

use oneflight_testkit::{Hold, Point};

use super::client::Client;
use super::event::{Event, Lane, Recorder};
use super::expectation::Expectation;
use super::flight::{Landing, Outcome, advised_pause, launch};
use super::kinds::{ClientKind, Scenario};
use super::report::{Report, Tally, millis};
use super::stage::{Pace, Stage};
use super::tabs::Tabs;
use crate::exit::Problem;

/// How long the token endpoint is out of service.
const OUTAGE: Duration = Duration::from_secs(5);

/// In how many bursts requests come during the outage.
const BURSTS: u32 = 5;

/// In how many waves requests come to an API that refuses them all; more than oneflight will refresh for.
const WAVES: u32 = 8;

/// How often the page is told what the server has counted.
const COUNTERS_EVERY: Duration = Duration::from_millis(40);

/// What came of a flight, and what of it was not expected.
#[derive(Debug)]
pub(crate) struct Landed {
    pub(crate) report: Report,
    pub(crate) misses: Vec<String>,
    because: &'static str,
}

/// Flies one scenario with one client, from sign-in to the proof that the session lives, or does not.
pub(crate) async fn fly(
    scenario: Scenario,
    kind: ClientKind,
    requests: u32,
    pace: Pace,
    recorder: &Recorder,
    tabs: Option<&Tabs>,
) -> Result<Landed, Problem> {
    recorder.phase("signing in");
    let stage = Stage::set(scenario, pace, tabs.is_some()).await?;
    let client = Arc::new(match tabs {
        None => stage.client(kind, recorder).await?,
        Some(tabs) => stage.browser(kind, tabs).await?,
    });
    recorder.phase("in flight");
    recorder.take_off();
    let start = Instant::now();
    let landings = tokio::select! {
        landings = run(&stage, &client, requests, recorder) => landings,
        never = count(&stage, recorder) => match never {},
    };
    let elapsed = start.elapsed();
    let counters = stage.counters();
    recorder.tell(|_| Event::Counters(counters));
    recorder.land();

    recorder.phase("letting the token expire once more");
    recorder.tell(|at| Event::Probing { at });
    stage.be_well();
    stage.let_the_token_expire(kind).await;
    let session_alive = client.call(&Lane::unseen()).await == Outcome::Ok;
    client.close().await;
    stage.server.shutdown().await;

    let tally = Tally::of(&landings);
    let report = Report {
        scenario,
        client: kind,
        requests,
        ok: tally.ok,
        unauthorized: tally.unauthorized,
        errors: tally.errors,
        refresh_posts: Some(counters.refresh_posts),
        reuse_detected: Some(counters.reuse_detected),
        session_alive,
        elapsed_ms: millis(elapsed),
        p50_ms: millis(tally.p50),
        p99_ms: millis(tally.p99),
    };
    let tabs = tabs.map_or(1, |tabs| tabs.numbers().len());
    let (mut misses, because) = match Expectation::in_tabs(kind, scenario, tabs) {
        Some(expected) => (expected.misses(&report), expected.because),
        None => (Vec::new(), Expectation::EACH_TAB_FOR_ITSELF),
    };
    if counters.api_ok != u64::from(tally.ok) {
        misses.push(format!(
            "the callers saw {} successes, the server {}",
            tally.ok, counters.api_ok
        ));
    }
    Ok(Landed {
        report,
        misses,
        because,
    })
}

impl Landed {
    /// The end of the story, for the page. It was kind to the user if oneflight could not have done better.
    pub(crate) fn verdict(&self) -> Event {
        let Report { scenario, .. } = self.report;
        let ideal = Report {
            client: ClientKind::Oneflight,
            ..self.report.clone()
        };
        Event::Verdict {
            words: self.report.words(),
            because: self.because,
            kind: Expectation::of(ClientKind::Oneflight, scenario)
                .misses(&ideal)
                .is_empty(),
            as_expected: self.misses.is_empty(),
            report: self.report.clone(),
        }
    }
}

async fn run(stage: &Stage, client: &Arc<Client>, requests: u32, recorder: &Recorder) -> Vec<Landing> {
    match stage.scenario {
        Scenario::Storm => storm(stage, client, requests, recorder).await,
        Scenario::Late401 => late_401(stage, client, requests, recorder).await,
        Scenario::LostAnswer => {
            stage.lose_next_refresh();
            storm(stage, client, requests, recorder).await
        }
        Scenario::Outage => outage(stage, client, requests, recorder).await,
        Scenario::SignOut => sign_out(stage, client, requests, recorder).await,
        Scenario::Always401 => always_401(stage, client, requests, recorder).await,
    }
}

async fn storm(stage: &Stage, client: &Arc<Client>, requests: u32, recorder: &Recorder) -> Vec<Landing> {
    stage.server.expire_access_tokens();
    launch(client, 0..requests, stage.pace.spread, recorder).await
}

/// The refusals of every other request are held back until the refresh has ended.
async fn late_401(stage: &Stage, client: &Arc<Client>, requests: u32, recorder: &Recorder) -> Vec<Landing> {
    let gate = stage.server.hold(
        Hold::answers(Point::Api)
            .with_status(401)
            .on_path("/api/calls/late"),
    );
    let release = async {
        stage
            .server
            .wait_until(|counters| counters.refreshes_granted > 0)
            .await;
        tokio::time::sleep(stage.pace.moment).await;
        recorder.note("the late 401s arrive");
        drop(gate);
    };
    tokio::join!(storm(stage, client, requests, recorder), release).0
}

/// Half of the requests come in bursts while the token endpoint is out of service, the other half when it is back.
async fn outage(stage: &Stage, client: &Arc<Client>, requests: u32, recorder: &Recorder) -> Vec<Landing> {
    stage.server.expire_access_tokens();
    stage.be_out_of_service();
    recorder.note("token endpoint: 503");
    let during = requests / 2;
    let bursts = BURSTS.min(during.max(1));
    let began = Instant::now();
    let mut landings = Vec::new();
    let mut flying = tokio::task::JoinSet::new();
    for burst in 0..bursts {
        tokio::time::sleep((OUTAGE / bursts * burst).saturating_sub(began.elapsed())).await;
        let lanes = during * burst / bursts..during * (burst + 1) / bursts;
        let (client, recorder, spread) = (Arc::clone(client), recorder.clone(), stage.pace.spread);
        flying.spawn(async move { launch(&client, lanes, spread, &recorder).await });
    }
    tokio::time::sleep(OUTAGE.saturating_sub(began.elapsed())).await;
    stage.be_well();
    recorder.note("well again");
    for burst in flying.join_all().await {
        landings.extend(burst);
    }
    // Well-behaved callers come again when they were told to.
    tokio::time::sleep(advised_pause(&landings).max(stage.pace.moment)).await;
    landings.extend(launch(client, during..requests, stage.pace.spread, recorder).await);
    landings
}

/// The user signs out when the server has rotated the token and its answer is still on its way.
async fn sign_out(stage: &Stage, client: &Arc<Client>, requests: u32, recorder: &Recorder) -> Vec<Landing> {
    let gate = stage.server.hold(Hold::answers(Point::Refresh));
    let user = async {
        stage.server.wait_for_api_requests(u64::from(requests)).await;
        gate.arrived(1).await;
        tokio::time::sleep(stage.pace.moment).await;
        recorder.note("the user signs out");
        let answer = async {
            tokio::time::sleep(stage.pace.moment).await;
            drop(gate);
        };
        tokio::join!(client.sign_out(), answer);
        tokio::time::sleep(stage.pace.moment).await;
    };
    tokio::join!(storm(stage, client, requests, recorder), user).0
}

/// The API refuses whatever comes, in waves.
async fn always_401(stage: &Stage, client: &Arc<Client>, requests: u32, recorder: &Recorder) -> Vec<Landing> {
    stage.server.reject_everything(true);
    let waves = WAVES.min(requests);
    let mut landings = Vec::new();
    for wave in 0..waves {
        let lanes = requests * wave / waves..requests * (wave + 1) / waves;
        landings.extend(launch(client, lanes, stage.pace.spread / 4, recorder).await);
    }
    stage.server.reject_everything(false);
    landings
}

/// Tells what the server has counted whenever it has changed.
async fn count(stage: &Stage, recorder: &Recorder) -> std::convert::Infallible {
    let mut told = None;
    loop {
        let counters = stage.counters();
        if told.replace(counters) != Some(counters) {
            recorder.tell(|_| Event::Counters(counters));
        }
        tokio::time::sleep(COUNTERS_EVERY).await;
    }
}
