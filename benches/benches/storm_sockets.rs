//! A storm over sockets: 500 requests through reqwest with an expired token, against the testkit's server.

use futures_util::future::join_all;
use oneflight::JsonTokens;
use oneflight::Session;
use oneflight::endpoint::OAuthEndpoint;
use oneflight_benches::measure::version;
use oneflight_reqwest::{OneflightMiddleware, ReqwestExchange};
use oneflight_testkit::TestServer;
use reqwest_middleware::ClientBuilder;

const ROUNDS: usize = 9;

fn main() {
    // Another measurement of this workspace brings a reqwest with TLS, which wants a provider.
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("it is the first");
    let quick = std::env::args().any(|arg| arg == "--test");
    let requests = if quick { 20 } else { 500 };
    let rounds = if quick { 1 } else { ROUNDS };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    println!("{} | {}", version("oneflight"), version("reqwest"));
    runtime.block_on(async {
        let mut taken = Vec::with_capacity(rounds);
        let mut posts = Vec::with_capacity(rounds);
        for _ in 0..rounds {
            let (millis, refresh_posts) = storm(requests).await;
            taken.push(millis);
            posts.push(refresh_posts);
        }
        taken.sort_by(f64::total_cmp);
        println!(
            "{requests} requests over sockets with an expired token, all of them sent twice and answered:"
        );
        println!("  refresh POSTs per round, by the server's count: {posts:?}");
        println!(
            "  median of {rounds} rounds {:.1} ms, server included",
            taken[rounds / 2]
        );
    });
}

async fn storm(requests: usize) -> (f64, u64) {
    let server = TestServer::builder().start().await.expect("a free port");
    let issued = server.issue_session();
    let exchange = ReqwestExchange::new(reqwest::Client::builder()).expect("a client can be made");
    let endpoint = OAuthEndpoint::builder(server.token_url(), issued.client_id.clone(), exchange)
        .build()
        .expect("the settings are complete");
    let session = Session::builder()
        .endpoint(endpoint)
        .origins([server.api_url("")])
        .build()
        .expect("the settings are complete");
    let tokens = format!(
        r#"{{"access_token":"{}","refresh_token":"{}","token_type":"Bearer","expires_in":3600}}"#,
        issued.access_token,
        issued.refresh_token.expect("sessions are issued with one")
    );
    session
        .sign_in(JsonTokens(&tokens))
        .await
        .expect("the memory store takes it");
    server.expire_access_tokens();
    let client = ClientBuilder::new(reqwest::Client::new())
        .with(OneflightMiddleware::new(session))
        .build();
    let url = server.api_url("/api/things");
    let start = std::time::Instant::now();
    let calls = (0..requests).map(|_| async {
        let answer = client.get(&url).send().await.expect("it is answered");
        assert_eq!(answer.status(), 200);
        answer.bytes().await.expect("the answer is whole");
    });
    join_all(calls).await;
    (
        start.elapsed().as_secs_f64() * 1e3,
        server.counters().refresh_posts,
    )
}
