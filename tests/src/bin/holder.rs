//! A process that holds a session: commanded by lines on standard input, answers by lines on standard output, ends when its
//! input does. It can be told to end, as `kill -9` would end it, at a point of an attempt.
#![allow(
    clippy::unwrap_used,
    reason = "tests fail by panicking; clippy knows their functions only, not their helpers"
)]

use std::env;
use std::io::{self, BufRead as _, Write as _};
use std::process;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use oneflight::endpoint::OAuthEndpoint;
use oneflight::events::{Event, Events};
use oneflight::record::{Key, Keys, RecordCodec};
use oneflight::{Clock as _, EndReason, Error, FileStore, Policy, Session, Store, SystemClock, TokenSet};
use oneflight_postgres::PostgresStores;
use oneflight_redis::RedisStores;
use oneflight_reqwest::ReqwestExchange;
use oneflight_tests::faults::{FaultyEndpoint, FaultyStore, Points};
use oneflight_tests::http_builder;
use tokio::sync::mpsc;

/// `holder TOKEN_URL API_URL CLIENT_ID REQUEST_MS SAVE_MS LEASE_MS file PATH | redis URL KEY | postgres URL LISTEN_URL KEY`
#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let [token_url, api_url, client_id, request, save, lease, store @ ..] = &args[..] else {
        panic!("arguments are missing")
    };
    let [request, save, lease] =
        [request, save, lease].map(|millis| Duration::from_millis(millis.parse().unwrap()));
    let mut policy = Policy::default();
    (policy.request_deadline, policy.save_deadline) = (request, save);
    policy.rejection_budget = u8::MAX;
    // A pause ends when the test says so.
    policy.back_off_base = Duration::from_secs(120);

    let points = Arc::new(Points::default());
    let codec = RecordCodec::encrypted(Keys::new(Key::new("test", [7; 32]).unwrap()));
    let exchange = ReqwestExchange::new(http()).unwrap();
    let endpoint = OAuthEndpoint::builder(*token_url, *client_id, exchange)
        .build()
        .unwrap();
    let session = match store {
        ["file", path] => {
            let store = FileStore::open_with(path, codec).unwrap();
            open(store, &points, endpoint, policy)
        }
        ["redis", url, key] => {
            let stores = RedisStores::builder(*url, codec)
                .deadlines(request, save)
                .lease(lease)
                .connect()
                .await
                .unwrap();
            open(stores.store(key), &points, endpoint, policy)
        }
        ["postgres", url, listen_url, key] => {
            let stores = PostgresStores::builder(*url, codec)
                .listen(*listen_url)
                .migrate()
                // There are many of us.
                .pool_size(2)
                .deadlines(request, save)
                .lease(lease)
                .connect()
                .await
                .unwrap();
            open(stores.store(key), &points, endpoint, policy)
        }
        _ => panic!("there is no store {store:?}"),
    };
    let holder = Arc::new(Holder {
        session,
        http: http().build().unwrap(),
        api_url: (*api_url).to_owned(),
    });
    say("ready");
    let events = holder.session.events();
    tokio::spawn(tell_of(events));
    let mut commands = commands();
    while let Some(line) = commands.recv().await {
        match *line.split(' ').collect::<Vec<_>>() {
            ["sign-in", access, refresh] => holder.sign_in(access, refresh).await,
            ["sign-out"] => {
                assert!(holder.session.sign_out().await.landed);
                say("signed-out");
            }
            ["ask", count] => {
                let (holder, count) = (Arc::clone(&holder), count.parse().unwrap());
                tokio::spawn(async move { holder.ask(count).await });
            }
            ["retry"] => holder.session.retry_now(),
            ["die", point] => points.die_at(point),
            ["go"] => points.go(),
            ["stop", point] => points.stop_at(point),
            ["tell", point] => points.tell_at(point),
            _ => panic!("there is no command {line:?}"),
        }
    }
    process::exit(0);
}

fn http() -> reqwest::ClientBuilder {
    // Node closes idle connections after 5 s, just when the next request may be on its way.
    http_builder().pool_idle_timeout(Duration::from_secs(2))
}

fn open(store: impl Store, points: &Arc<Points>, endpoint: OAuthEndpoint, policy: Policy) -> Session {
    Session::builder()
        .endpoint(FaultyEndpoint::new(endpoint, points))
        .store(FaultyStore::new(store, points))
        .without_origins()
        .policy(policy)
        .build()
        .unwrap()
}

struct Holder {
    session: Session,
    http: reqwest::Client,
    api_url: String,
}

impl Holder {
    async fn sign_in(&self, access: &str, refresh: &str) {
        let tokens = TokenSet::new(access, SystemClock::default().wall()).unwrap();
        let tokens = tokens.refresh_token(refresh).unwrap();
        let signed_in = self
            .session
            .sign_in(tokens.expires_in(Duration::from_secs(900)))
            .await
            .unwrap();
        assert!(signed_in.saved);
        say("signed-in");
    }

    /// So many requests at once.
    async fn ask(&self, count: usize) {
        let answers = join_all((0..count).map(|_| self.request())).await;
        let ok = answers.iter().filter(|answer| answer.is_ok()).count();
        let first = answers.into_iter().find_map(Result::err);
        let first = first.unwrap_or_else(|| "none".to_owned());
        say(&format!("asked {ok} {first}"));
    }

    /// What an interceptor does.
    async fn request(&self) -> Result<(), String> {
        let token = self.session.token().await.map_err(why)?;
        if self.send(token.access_token().expose()).await? == 401 {
            let newer = self.session.newer_than(token.stamp()).await.map_err(why)?;
            match self.send(newer.access_token().expose()).await? {
                200 => {}
                status => return Err(format!("status {status}")),
            }
        }
        Ok(())
    }

    async fn send(&self, token: &str) -> Result<u16, String> {
        let answer = self.http.get(&self.api_url).bearer_auth(token).send().await;
        answer
            .map(|answer| answer.status().as_u16())
            .map_err(|error| format!("{error:?}"))
    }
}

/// Says how the session fares, whoever's doing it is.
async fn tell_of(mut events: Events) {
    while let Some(event) = events.next().await {
        match event.unwrap() {
            Event::SignedIn { .. } => say("event signed-in"),
            Event::Adopted { .. } => say("event adopted"),
            Event::SignedOut { .. } => say("event signed-out"),
            _ => {}
        }
    }
}

/// The two ends that the tests tell apart have names.
fn why(error: Error) -> String {
    match error {
        Error::SignedOut(EndReason::GrantDead { after_loss: true }) => "dead-after-loss".to_owned(),
        Error::SignedOut(EndReason::GrantDead { .. }) => "dead".to_owned(),
        error => format!("{error:?}"),
    }
}

/// A thread reads: a runtime could not give up a read of standard input.
fn commands() -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

fn say(line: &str) {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}
