//! Our errors come out of reqwest-middleware's again.

use oneflight::{Action, Error as TokenError};
use oneflight_reqwest::{Error, into_refusal, renewal_failed};
use oneflight_testkit::{Fault, Point};
use reqwest::StatusCode;

use crate::support::{client, over, server, session};

#[tokio::test]
async fn f10_a_failed_renewal_is_found_by_its_type_and_keeps_the_refusal() {
    let server = server().await;
    let issued = server.issue_session();
    let client = over(session(&server, &issued).await);
    server.revoke_family(issued.family());
    let error = client.get(server.api_url("/api/notes")).send().await.unwrap_err();
    let failed = renewal_failed(&error).unwrap();
    assert!(matches!(failed.error, TokenError::SignedOut(_)), "{error:?}");
    assert_eq!(failed.response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(Error::of(&error).map(Error::action), Some(Action::SignIn));
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(&issued.access_token), "{shown}");
    let refused = into_refusal(error).unwrap();
    assert!(refused.headers().contains_key("www-authenticate"));
    assert!(refused.text().await.unwrap().contains("invalid_token"));
}

#[tokio::test]
async fn f10_a_request_that_was_not_sent_is_no_refusal() {
    let server = server().await;
    let session = session(&server, &server.issue_session()).await;
    session.sign_out().await;
    let error = over(session)
        .get(server.api_url("/api/notes"))
        .send()
        .await
        .unwrap_err();
    assert!(renewal_failed(&error).is_none());
    assert!(
        matches!(Error::of(&error), Some(Error::NoToken(TokenError::SignedOut(_)))),
        "{error:?}"
    );
    let error = into_refusal(error).unwrap_err();
    assert!(Error::of(&error).is_some(), "it comes back as it was");
    assert_eq!(server.counters().api_requests, 0);
}

#[tokio::test]
async fn r9_errors_of_others_are_not_ours() {
    let server = server().await;
    let client = client(&server).await;
    server.inject(Point::Api, Fault::lose_request());
    let error = client.get(server.api_url("/api/notes")).send().await.unwrap_err();
    assert!(Error::of(&error).is_none());
    let error = into_refusal(error).unwrap_err();
    assert!(error.is_request(), "{error:?}");
    let foreign = reqwest_middleware::Error::middleware(std::io::Error::other("theirs"));
    assert!(Error::of(&foreign).is_none());
    assert_eq!(into_refusal(foreign).unwrap_err().to_string(), "theirs");
}
