//! More requests than sockets.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::future::join_all;
use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use http_body_util::Empty;
use oneflight::tower::RecordingBody;
use tokio::sync::Barrier;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::support::{Signed, notes, refusal};

#[tokio::test]
async fn s1_ten_thousand_requests_that_are_refused_together_cost_one_renewal() {
    const REQUESTS: usize = 10_000;
    let signed = Signed::new().await;
    let all_refused = Arc::new(Barrier::new(REQUESTS));
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let api = service_fn(move |request: Request<RecordingBody<Empty<Bytes>>>| {
        counter.fetch_add(1, Ordering::SeqCst);
        let all_refused = Arc::clone(&all_refused);
        async move {
            if request.headers()[AUTHORIZATION] != "Bearer access-0" {
                return Ok::<_, io::Error>(Response::new("served"));
            }
            all_refused.wait().await;
            Ok(refusal())
        }
    });
    let client = signed.layer().layer(api);
    let answers = join_all((0..REQUESTS).map(|_| client.clone().oneshot(notes()))).await;
    for answer in answers {
        assert_eq!(answer.unwrap().status(), StatusCode::OK);
    }
    assert_eq!(signed.renewals(), 1);
    assert_eq!(calls.load(Ordering::SeqCst), 2 * REQUESTS);
}
