//! The storm against a server that is not ours: what a client can see of it, and the grant kept whatever happens.

use std::sync::Arc;
use std::time::{Duration, Instant};

use oneflight::Session;
use oneflight::endpoint::{OAuthEndpoint, discover};
use oneflight_reqwest::ReqwestExchange;
use url::Url;

use super::client::{Api, Client, Desk, Naive, Noted, Oneflight, Textbook, Wire, Witness};
use super::event::{Lane, Recorder};
use super::flight::{Outcome, launch};
use super::kinds::{ClientKind, Scenario};
use super::report::{Report, Tally, millis};
use super::stage::http_client;
use super::terminal;
use crate::cli::ForeignPlan;
use crate::exit::{Exit, Problem};
use crate::token_file::TokenFile;

/// How long one answer of the API may take: a storm must end.
const API_DEADLINE: Duration = Duration::from_secs(30);

/// A client at a foreign server, and how to let its token expire.
struct Visitor {
    client: Arc<Client>,
    witness: Witness,
    session: Option<Session>,
}

/// Flies, and says what could be seen of it.
pub(crate) async fn fly(plan: ForeignPlan) -> Result<Exit, Problem> {
    let recorder = Recorder::new(None);
    // Before anything is sent: a grant that cannot be saved must not be touched.
    let file = TokenFile::open(&plan.token_file)?;
    let visitor = arrive(&plan, &file, &recorder).await?;
    let report = tokio::select! {
        report = storm(&plan, &visitor, &recorder) => report,
        never = terminal::show_progress(&recorder, plan.requests) => match never {},
        _ = tokio::signal::ctrl_c() => {
            terminal::end_progress();
            eprintln!("interrupted: ending and saving what is under way; once more to leave at once");
            return tokio::select! {
                left = leave(&visitor) => left.map(|()| Exit::Interrupted),
                _ = tokio::signal::ctrl_c() => Err(Problem::Unsaved),
            };
        }
    };
    terminal::end_progress();
    let left = leave(&visitor).await;
    let report = report?;
    left?;
    let misses = misses(&report);
    terminal::print(&report, &misses, None, plan.json)?;
    eprintln!(
        "refreshes sent by this client: {}; {} holds the newest token",
        recorder.refreshes(),
        plan.token_file.display()
    );
    Ok(if misses.is_empty() {
        Exit::Well
    } else {
        Exit::NotAsExpected
    })
}

/// Whatever the client: nobody should have noticed anything.
fn misses(report: &Report) -> Vec<String> {
    let mut misses = Vec::new();
    if report.ok < report.requests {
        misses.push(format!(
            "{} of {} requests succeeded; expected: all",
            report.ok, report.requests
        ));
    }
    if !report.session_alive {
        misses.push("the session is dead; expected: alive".to_owned());
    }
    misses
}

async fn arrive(plan: &ForeignPlan, file: &TokenFile, recorder: &Recorder) -> Result<Visitor, Problem> {
    recorder.phase("asking the issuer where its token endpoint is");
    let bare =
        ReqwestExchange::new(crate::tls::builder()).map_err(|source| Problem::HttpClient { source })?;
    let metadata = discover(&plan.issuer, &bare)
        .await
        .map_err(|source| Problem::Issuer {
            issuer: plan.issuer.clone(),
            source,
        })?;
    // `discover` has checked it.
    let token_endpoint = Url::parse(&metadata.token_endpoint).expect("a sound URL");
    let http = crate::tls::builder()
        .timeout(API_DEADLINE)
        .build()
        .map_err(|source| Problem::HttpClient { source })?;
    let (api, witness) = (Api::Same(plan.api.clone()), Witness::default());
    if plan.client == ClientKind::Oneflight {
        let session = session(plan, file, bare, token_endpoint, recorder)?;
        let client = Client::Oneflight(Oneflight::new(http, api, &witness, session.clone()));
        return Ok(Visitor {
            client: Arc::new(client),
            witness,
            session: Some(session),
        });
    }
    let wire = Wire::new(http, api, &witness);
    let desk = Desk::new(http_client()?, token_endpoint, &plan.client_id, recorder).keeping(file.clone());
    let tokens = desk.begin().await?;
    let client = match plan.client {
        ClientKind::Naive => Client::Naive(Naive::new(wire, desk, tokens)),
        _ => Client::Textbook(Textbook::new(wire, desk, tokens)),
    };
    Ok(Visitor {
        client: Arc::new(client),
        witness,
        session: None,
    })
}

fn session(
    plan: &ForeignPlan,
    file: &TokenFile,
    exchange: ReqwestExchange,
    token_endpoint: Url,
    recorder: &Recorder,
) -> Result<Session, Problem> {
    let settings = |source| Problem::Settings { source };
    let noted = Noted {
        exchange,
        token_endpoint: token_endpoint.clone(),
        recorder: recorder.clone(),
    };
    // No revocation URL: nothing here may ever end a grant that was lent to us.
    let endpoint = OAuthEndpoint::builder(token_endpoint, &plan.client_id, noted)
        .build()
        .map_err(settings)?;
    let origin = plan.api.origin().ascii_serialization();
    Session::builder()
        .endpoint(endpoint)
        .store(file.clone())
        .origins([origin])
        .build()
        .map_err(settings)
}

async fn storm(plan: &ForeignPlan, visitor: &Visitor, recorder: &Recorder) -> Result<Report, Problem> {
    recorder.phase("getting a first token");
    let client = &visitor.client;
    if let Some(session) = &visitor.session {
        session
            .token()
            .await
            .map_err(|source| Problem::Session { source })?;
    }
    match client.call(&Lane::unseen()).await {
        Outcome::Ok => {}
        Outcome::Unauthorized => return Err(Problem::ApiRefuses),
        Outcome::Failed { why, .. } => return Err(Problem::ApiSilent { cause: why }),
    }
    expire(visitor);
    recorder.phase("in flight");
    recorder.take_off();
    let start = Instant::now();
    let landings = launch(client, 0..plan.requests, Duration::ZERO, recorder).await;
    let elapsed = start.elapsed();
    recorder.phase("treating the token as expired once more");
    expire(visitor);
    let session_alive = client.call(&Lane::unseen()).await == Outcome::Ok;
    let tally = Tally::of(&landings);
    Ok(Report {
        scenario: Scenario::Storm,
        client: plan.client,
        requests: plan.requests,
        ok: tally.ok,
        unauthorized: tally.unauthorized,
        errors: tally.errors,
        refresh_posts: None,
        reuse_detected: None,
        session_alive,
        elapsed_ms: millis(elapsed),
        p50_ms: millis(tally.p50),
        p99_ms: millis(tally.p99),
    })
}

/// From now on the API refuses the present token, as far as the client can tell.
fn expire(visitor: &Visitor) {
    if let Some(token) = visitor.client.access_token() {
        visitor.witness.distrust(&token);
    }
}

async fn leave(visitor: &Visitor) -> Result<(), Problem> {
    if visitor.client.close().await {
        Ok(())
    } else {
        Err(Problem::Unsaved)
    }
}
