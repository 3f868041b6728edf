//! tower's rules: who is called must have been ready, and what is held is given back.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use oneflight::tower::{Error, RecordingBody};
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer as _, Service, ServiceBuilder, ServiceExt};

use crate::support::{Api, Signed, notes, post};

// `Api` panics when it is called without having been asked.
#[tokio::test]
async fn r1_the_service_below_is_ready_for_the_request_and_again_for_the_replay() {
    let signed = Signed::new().await;
    let api = Api::refusing_once();
    let mut client = signed.over(api.clone());
    for _ in 0..2 {
        let ready = ServiceExt::<Request<Empty<Bytes>>>::ready(&mut client)
            .await
            .unwrap();
        let answer = ready.call(notes()).await.unwrap();
        assert_eq!(*answer.body(), "served");
    }
    let tokens = api.tokens();
    let tokens: Vec<_> = tokens.iter().map(Option::as_deref).collect();
    assert_eq!(
        tokens,
        [
            Some("Bearer access-0"),
            Some("Bearer access-1"),
            Some("Bearer access-1")
        ]
    );
}

#[tokio::test]
async fn s4_the_service_that_was_made_ready_is_called_when_the_token_is_there() {
    let signed = Signed::expired().await;
    let api = Api::default();
    let answer = signed.over(api.clone()).oneshot(notes()).await.unwrap();
    assert_eq!(*answer.body(), "served");
    assert_eq!(api.tokens(), [Some("Bearer access-1".to_owned())]);
    assert_eq!(signed.renewals(), 1);
}

#[tokio::test]
async fn r3_a_replay_takes_the_place_of_its_request_under_a_limit() {
    let signed = Signed::new().await;
    let api = Api::refusing_once();
    let client = ServiceBuilder::new()
        .layer(signed.layer())
        .layer(ConcurrencyLimitLayer::new(1))
        .service(api.clone());
    let answer = client.oneshot(post("once")).await.unwrap();
    assert_eq!(*answer.body(), "served");
    assert_eq!(api.seen().len(), 2);
}

/// Ready so many times, then broken.
#[derive(Clone)]
struct Breaking {
    api: Api,
    lives: Arc<AtomicUsize>,
}

impl<B> Service<Request<RecordingBody<B>>> for Breaking
where
    Api: Service<Request<RecordingBody<B>>, Response = Response<&'static str>, Error = io::Error>,
    B: http_body::Body,
{
    type Response = Response<&'static str>;
    type Error = io::Error;
    type Future = <Api as Service<Request<RecordingBody<B>>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        let lives = self.lives.load(Ordering::SeqCst);
        match lives.checked_sub(1) {
            None => Poll::Ready(Err(io::Error::other("broken"))),
            Some(left) => {
                self.lives.store(left, Ordering::SeqCst);
                self.api.poll_ready(cx)
            }
        }
    }

    fn call(&mut self, request: Request<RecordingBody<B>>) -> Self::Future {
        self.api.call(request)
    }
}

#[tokio::test]
async fn r9_a_service_that_breaks_before_the_request_or_its_replay_is_its_own_error() {
    for lives in [0, 1] {
        let signed = Signed::new().await;
        let api = Api::refusing_once();
        let breaking = Breaking {
            api: api.clone(),
            lives: Arc::new(AtomicUsize::new(lives)),
        };
        let outcome = signed.layer().layer(breaking).oneshot(notes()).await;
        let Err(Error::Inner(error)) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(error.to_string(), "broken");
        assert_eq!((api.seen().len(), signed.renewals()), (lives, lives));
    }
}
