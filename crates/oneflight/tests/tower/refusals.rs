//! What the layer makes of answers.

use std::error::Error as _;

use http::{Response, StatusCode};
use oneflight::endpoint::Verdict;
use oneflight::intercept::{OnFailure, Unreplayed, UnreplayedReason};
use oneflight::tower::Error;
use oneflight::{Action, EndReason, Error as TokenError};
use tower::{Layer as _, ServiceExt as _};

use crate::support::{Api, Signed, notes, refusal};

fn grpc(status: &'static str) -> Response<&'static str> {
    let mut response = Response::new("");
    let headers = response.headers_mut();
    headers.insert("content-type", "application/grpc".parse().unwrap());
    headers.insert("grpc-status", status.parse().unwrap());
    response
}

#[tokio::test]
async fn r1_a_grpc_refusal_counts_only_where_grpc_is_spoken() {
    let signed = Signed::new().await;
    let plain = Api::answering([grpc("16")]);
    let answer = signed.over(plain.clone()).oneshot(notes()).await.unwrap();
    assert_eq!(answer.headers()["grpc-status"], "16");
    assert_eq!((plain.seen().len(), signed.renewals()), (1, 0));

    let spoken = Api::answering([grpc("16"), grpc("0")]);
    let client = signed.layer().grpc().layer(spoken.clone());
    let answer = client.oneshot(notes()).await.unwrap();
    assert_eq!(answer.headers()["grpc-status"], "0");
    assert_eq!((spoken.seen().len(), signed.renewals()), (2, 1));
}

#[tokio::test]
async fn r2_a_grpc_status_of_another_kind_is_handed_back() {
    let signed = Signed::new().await;
    for status in ["0", "7", "14", "1", "166"] {
        let api = Api::answering([grpc(status)]);
        let client = signed.layer().grpc().layer(api.clone());
        let answer = client.oneshot(notes()).await.unwrap();
        assert_eq!(answer.headers()["grpc-status"], status);
        assert_eq!(api.seen().len(), 1, "{status}");
    }
    // A proxy before the service speaks HTTP.
    let api = Api::refusing_once();
    let client = signed.layer().grpc().layer(api.clone());
    assert_eq!(client.oneshot(notes()).await.unwrap().status(), StatusCode::OK);
    assert_eq!((api.seen().len(), signed.renewals()), (2, 1));
}

#[tokio::test]
async fn f7_f10_a_failed_renewal_is_a_typed_error_that_keeps_the_refusal() {
    let signed = Signed::with_endpoint(|_| Verdict::Dead { code: None }).await;
    let error = signed
        .over(Api::refusing_once())
        .oneshot(notes())
        .await
        .unwrap_err();
    fn is_shared_between_threads(_: &(impl std::error::Error + Send + Sync + 'static)) {}
    is_shared_between_threads(&error);
    assert_eq!(error.action(), Some(Action::SignIn));
    let dead = |error: &TokenError| matches!(error, TokenError::SignedOut(EndReason::GrantDead { .. }));
    assert!(error.cause().is_some_and(dead), "{error:?}");
    assert!(
        error.source().unwrap().downcast_ref().is_some_and(dead),
        "{error:?}"
    );
    let Error::Renewal(failed) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(failed.response.status(), StatusCode::UNAUTHORIZED);
    let refused = error.into_response().unwrap();
    assert_eq!(*refused.body(), "refused");
    assert_eq!(
        refused.headers()["www-authenticate"],
        "Bearer error=\"invalid_token\""
    );
    assert!(refused.extensions().get::<Unreplayed>().is_none());
}

#[tokio::test]
async fn f10_a_layer_may_be_told_to_hand_the_refusal_back() {
    let signed = Signed::with_endpoint(|_| Verdict::Dead { code: None }).await;
    let layer = signed.layer().on_failure(OnFailure::HandBack);
    let answer = layer.layer(Api::refusing_once()).oneshot(notes()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let unreplayed = answer.extensions().get::<Unreplayed>().unwrap();
    let UnreplayedReason::RenewalFailed(error) = &unreplayed.reason else {
        panic!("{unreplayed:?}");
    };
    assert_eq!(error.action(), Action::SignIn);
}

#[tokio::test]
async fn l6_without_a_token_the_service_below_is_not_called() {
    let signed = Signed::new().await;
    signed.session.sign_out().await;
    let api = Api::default();
    let outcome = signed.over(api.clone()).oneshot(notes()).await;
    assert!(
        matches!(outcome, Err(Error::NoToken(TokenError::SignedOut(_)))),
        "{outcome:?}"
    );
    assert!(api.seen().is_empty());
}

#[tokio::test]
async fn o3_the_token_is_marked_sensitive_wherever_the_request_is_printed() {
    let signed = Signed::new().await;
    let api = Api::answering([refusal()]);
    signed.over(api.clone()).oneshot(notes()).await.unwrap();
    for seen in api.seen() {
        assert!(seen.head.headers["authorization"].is_sensitive());
        let shown = format!("{:?}", seen.head);
        assert!(!shown.contains("access-"), "{shown}");
    }
    let shown = format!("{:?}", signed.over(1));
    assert!(!shown.contains("access-"), "{shown}");
}
