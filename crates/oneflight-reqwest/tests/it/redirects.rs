//! reqwest follows redirects below us: what that means for a refusal that comes after them.

use oneflight::intercept::{Unreplayed, UnreplayedReason};
use oneflight_testkit::{Fault, Origin, Point, TestServer};
use reqwest::StatusCode;

use crate::support::{client, server};

/// A URL that redirects to another of the API, whose first answer is a refusal.
fn refused_after_a_redirect(server: &TestServer, status: u16) -> String {
    let refusal = Fault::status(401).header("www-authenticate", "Bearer error=\"invalid_token\"");
    server.inject_on_path(Point::Api, "/api/after", 1, refusal);
    let to = server.api_url("/api/after");
    server.api_url(&format!("/api/redirect?to={to}&status={status}"))
}

fn paths(server: &TestServer) -> Vec<String> {
    server.api_requests().into_iter().map(|seen| seen.path).collect()
}

#[tokio::test]
async fn r8_a_post_that_may_have_been_carried_out_before_the_redirect_is_not_sent_again() {
    for status in [302, 303, 307] {
        let server = server().await;
        let client = client(&server).await;
        let url = refused_after_a_redirect(&server, status);
        let answer = client.post(url).body("pay").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        let reason = &answer.extensions().get::<Unreplayed>().unwrap().reason;
        assert!(matches!(reason, UnreplayedReason::Redirected), "{reason:?}");
        assert_eq!(paths(&server), ["/api/redirect", "/api/after"], "{status}");
        // The next request finds the token renewed, or waits for it.
        server.wait_for_refresh_posts(1).await;
    }
}

#[tokio::test]
async fn r8_a_safe_request_that_is_refused_after_a_redirect_is_sent_again() {
    let server = server().await;
    let client = client(&server).await;
    let url = refused_after_a_redirect(&server, 302);
    let answer = client.get(url).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let twice = ["/api/redirect", "/api/after", "/api/redirect", "/api/after"];
    assert_eq!(paths(&server), twice);
    assert_eq!(server.counters().refresh_posts, 1);
}

// reqwest takes the token off where the request leaves the origin, and does not put it back on when it comes home. It
// does not tell, so the refusal at home looks like one of the token.
#[tokio::test]
async fn r8_a_detour_by_another_origin_costs_one_renewal_in_vain_and_leaks_nothing() {
    let server = server().await;
    let client = client(&server).await;
    let home = Fault::status(307).header("location", &server.api_url("/api/notes"));
    server.inject_always(Point::Stranger, home);
    let abroad = server.stranger_url("/api/detour");
    let url = server.api_url(&format!("/api/redirect?to={abroad}"));
    let answer = client.get(url).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let hops: Vec<_> = server
        .api_requests()
        .into_iter()
        .map(|seen| (seen.origin, seen.credentials.token().is_some()))
        .collect();
    let once = [
        (Origin::Auth, true),
        (Origin::Stranger, false),
        (Origin::Auth, false),
    ];
    assert_eq!(hops, [once, once].concat());
    let counters = server.counters();
    assert_eq!((counters.refresh_posts, counters.leaked_tokens), (1, 0));
}
