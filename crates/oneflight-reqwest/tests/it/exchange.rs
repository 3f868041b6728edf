//! The bare client of token endpoints.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use oneflight::endpoint::{ExchangeError, ExchangeFailure, HttpExchange as _};
use oneflight_reqwest::ReqwestExchange;
use oneflight_testkit::{Fault, Point, TestServer};

use crate::support::{client, http, server};

const LIMIT_BYTES: usize = 1024 * 1024;

fn refresh(server: &TestServer) -> Request<Bytes> {
    let issued = server.issue_session();
    let form = format!(
        "grant_type=refresh_token&client_id=app&refresh_token={}",
        issued.refresh_token()
    );
    let mut request = Request::new(Bytes::from(form));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = server.token_url().parse().unwrap();
    let form = "application/x-www-form-urlencoded".parse().unwrap();
    request.headers_mut().insert("content-type", form);
    request
        .headers_mut()
        .insert("accept", "application/json".parse().unwrap());
    request
}

async fn exchange(
    server: &TestServer,
    settings: reqwest::ClientBuilder,
) -> Result<Response<Bytes>, ExchangeError> {
    let exchange = ReqwestExchange::new(settings).unwrap();
    exchange.exchange(refresh(server), LIMIT_BYTES).await
}

async fn failure(server: &TestServer, settings: reqwest::ClientBuilder) -> ExchangeFailure {
    exchange(server, settings).await.unwrap_err().failure()
}

#[tokio::test]
async fn w1_w2_a_refresh_goes_out_as_one_form_that_accepts_json() {
    let server = server().await;
    let client = client(&server).await;
    server.expire_access_tokens();
    let answer = client.get(server.api_url("/api/notes")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let [refresh] = &server.refresh_requests()[..] else {
        panic!("{:?}", server.refresh_requests());
    };
    assert_eq!(refresh.accept.as_deref(), Some("application/json"));
    assert_eq!(refresh.status, Some(200));
}

#[tokio::test]
async fn w2_a_redirect_is_an_answer_whatever_the_settings_say() {
    let server = server().await;
    let elsewhere = server.stranger_url("/api/collect");
    let redirect = Fault::status(307).header("location", &elsewhere);
    server.inject(Point::Refresh, redirect);
    let settings = http().redirect(reqwest::redirect::Policy::limited(5));
    let answer = exchange(&server, settings).await.unwrap();
    assert_eq!(answer.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(answer.headers()["location"], *elsewhere);
    assert_eq!(server.counters().api_requests, 0);
}

#[tokio::test]
async fn w2_no_request_is_sent_twice_whatever_the_settings_say() {
    let server = server().await;
    server.inject_always(Point::Refresh, Fault::status(503));
    let again_and_again = reqwest::retry::for_host("127.0.0.1")
        .no_budget()
        .classify_fn(|tried| tried.retryable());
    let answer = exchange(&server, http().retry(again_and_again)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(server.counters().refresh_posts, 1);
}

#[tokio::test]
async fn w2_no_connection_is_kept_that_could_be_closed_while_it_is_used() {
    let server = server().await;
    let exchange = ReqwestExchange::new(http().pool_max_idle_per_host(8)).unwrap();
    for _ in 0..3 {
        let answer = exchange.exchange(refresh(&server), LIMIT_BYTES).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }
    assert_eq!(server.counters().connections, 3);
}

#[tokio::test]
async fn o5_an_answer_over_the_limit_is_not_read_to_its_end() {
    let server = server().await;
    server.inject(Point::Refresh, Fault::oversized(LIMIT_BYTES + 1));
    assert_eq!(failure(&server, http()).await, ExchangeFailure::TooLarge);
    let whole = exchange(&server, http()).await.unwrap().into_body();
    let request = refresh(&server);
    let exchange = ReqwestExchange::new(http()).unwrap();
    let answer = exchange.exchange(request, whole.len()).await.unwrap();
    assert_eq!(
        answer.into_body().len(),
        whole.len(),
        "the limit itself may be read"
    );
}

#[tokio::test]
async fn w2_an_answer_in_pieces_is_put_together() {
    let server = server().await;
    server.inject(Point::Refresh, Fault::trickle(7, Duration::ZERO));
    let answer = exchange(&server, http()).await.unwrap();
    let text = std::str::from_utf8(answer.body()).unwrap();
    assert!(text.starts_with('{') && text.ends_with('}'), "{text}");
    assert!(text.contains("refresh_token"), "{text}");
}

#[tokio::test]
async fn f13_a_failure_says_how_far_it_came() {
    let server = server().await;
    for (fault, expected) in [
        (Fault::lose_request(), ExchangeFailure::Reset),
        (Fault::lose_answer(), ExchangeFailure::Reset),
        (Fault::close(), ExchangeFailure::Reset),
        (Fault::torn_body(), ExchangeFailure::TornBody),
    ] {
        server.inject(Point::Refresh, fault.clone());
        assert_eq!(failure(&server, http()).await, expected, "{fault:?}");
    }
    server.go_offline().await.unwrap();
    assert_eq!(failure(&server, http()).await, ExchangeFailure::NotConnected);
}

// The deadline is real time, and short: nothing else ends it.
#[tokio::test]
async fn f6_the_settings_own_time_out_is_one_of_the_exchange() {
    let server = server().await;
    server.inject_always(Point::Refresh, Fault::swallow());
    let impatient = http().timeout(Duration::from_millis(50));
    assert_eq!(failure(&server, impatient).await, ExchangeFailure::TimedOut);
}

#[tokio::test]
async fn o3_an_error_of_an_exchange_shows_neither_url_nor_body() {
    let server = server().await;
    server.go_offline().await.unwrap();
    let mut request = refresh(&server);
    let form = String::from_utf8(request.body().to_vec()).unwrap();
    *request.uri_mut() = format!("{}?key=hunter2", server.token_url()).parse().unwrap();
    let exchange = ReqwestExchange::new(http()).unwrap();
    let error = exchange.exchange(request, LIMIT_BYTES).await.unwrap_err();
    let shown = format!("{error} {error:?} {exchange:?}");
    assert!(!shown.contains("hunter2") && !shown.contains(&form), "{shown}");
}
