//! What is recorded of bodies, and what is sent again.

use std::future::pending;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
use oneflight::intercept::{Unreplayed, UnreplayedReason};
use oneflight::tower::RecordingBody;
use tokio::sync::mpsc;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::support::{Api, Signed, post, refusal};

type Frames = Pin<Box<dyn Body<Data = Bytes, Error = io::Error> + Send>>;

/// A body of these frames, of unknown length.
fn frames(frames: Vec<Frame<Bytes>>) -> Frames {
    Box::pin(StreamBody::new(stream::iter(frames.into_iter().map(Ok))))
}

fn data(text: &'static str) -> Frame<Bytes> {
    Frame::data(Bytes::from_static(text.as_bytes()))
}

fn trailers() -> HeaderMap {
    HeaderMap::from_iter([("x-checksum".parse().unwrap(), "abc".parse().unwrap())])
}

fn upload(body: Frames) -> Request<Frames> {
    Request::post("https://api.example/notes").body(body).unwrap()
}

fn reason<'a>(response: &'a Response<&'static str>) -> &'a UnreplayedReason {
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    &response.extensions().get::<Unreplayed>().unwrap().reason
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Extension(&'static str);

#[tokio::test]
async fn r6_trailers_and_extensions_are_replayed() {
    let signed = Signed::new().await;
    let api = Api::refusing_once();
    let body = frames(vec![
        data("one "),
        data(""),
        data("two"),
        Frame::trailers(trailers()),
    ]);
    let mut request = upload(body);
    request.extensions_mut().insert(Extension("mine"));
    *request.version_mut() = http::Version::HTTP_2;
    signed.over(api.clone()).oneshot(request).await.unwrap();
    let [first, replay] = &api.seen()[..] else {
        panic!("{} requests", api.seen().len());
    };
    for seen in [first, replay] {
        assert_eq!(seen.data, "one two");
        assert_eq!(seen.trailers, Some(trailers()));
        assert_eq!(seen.head.extensions.get(), Some(&Extension("mine")));
        assert_eq!(seen.head.version, http::Version::HTTP_2);
    }
    assert_eq!(first.head.uri, replay.head.uri);
    assert_ne!(first.token(), replay.token());
}

/// Refuses the first request without reading its body, which goes to `left`; what it reads of the second goes there too.
async fn refuse_unread<B: Body<Data = Bytes> + Send + 'static>(
    signed: &Signed,
    request: Request<B>,
    limit_bytes: usize,
) -> (Response<&'static str>, Vec<RecordingBody<B>>)
where
    B::Error: Send,
{
    let left = Arc::new(Mutex::new(Vec::new()));
    let bodies = Arc::clone(&left);
    let api = service_fn(move |request: Request<RecordingBody<B>>| {
        let mut bodies = bodies.lock().unwrap();
        bodies.push(request.into_body());
        let answer = match bodies.len() {
            1 => refusal(),
            _ => Response::new("served"),
        };
        async move { Ok::<_, io::Error>(answer) }
    });
    let client = signed.layer().replay_limit_bytes(limit_bytes).layer(api);
    let answer = client.oneshot(request).await.unwrap();
    let left = std::mem::take(&mut *left.lock().unwrap());
    (answer, left)
}

#[tokio::test]
async fn r5_a_body_in_memory_that_was_refused_unread_is_replayed_and_can_still_be_read() {
    let signed = Signed::new().await;
    let body = frames(vec![data("one "), data("two"), Frame::trailers(trailers())]);
    let (answer, bodies) = refuse_unread(&signed, upload(body), 7 + 13).await;
    assert_eq!(*answer.body(), "served");
    assert_eq!(bodies.len(), 2);
    // The transport may be at the first sending still: it is not cut off.
    for body in bodies {
        let whole = body.collect().await.unwrap();
        assert_eq!(whole.trailers(), Some(&trailers()));
        assert_eq!(whole.to_bytes(), "one two");
    }
}

#[tokio::test]
async fn r5_a_body_beyond_the_limit_is_handed_back_and_its_first_sending_goes_on() {
    let signed = Signed::new().await;
    let text = ["abcd", "efgh", "ijkl", "mnop"];
    let body = frames(text.map(data).into());
    let (answer, mut bodies) = refuse_unread(&signed, upload(body), 8).await;
    assert!(
        matches!(reason(&answer), UnreplayedReason::BodyTooLong),
        "{answer:?}"
    );
    assert_eq!(bodies.len(), 1);
    let whole = bodies.remove(0).collect().await.unwrap().to_bytes();
    assert_eq!(whole, text.concat());
}

#[tokio::test]
async fn r5_a_body_that_is_known_to_be_too_long_is_not_recorded() {
    let signed = Signed::new().await;
    let (answer, bodies) = refuse_unread(&signed, post("nine byte"), 8).await;
    assert!(
        matches!(reason(&answer), UnreplayedReason::BodyTooLong),
        "{answer:?}"
    );
    assert_eq!(format!("{:?}", bodies[0]), "RecordingBody(passing)");
    let (answer, _) = refuse_unread(&signed, post("8 bytes!"), 8).await;
    assert_eq!(*answer.body(), "served");
}

#[tokio::test]
async fn r5_a_body_of_very_many_crumbs_is_too_long() {
    let signed = Signed::new().await;
    let crumbs = (0..10_000).map(|_| data("")).collect();
    let (answer, _) = refuse_unread(&signed, upload(frames(crumbs)), 8).await;
    assert!(
        matches!(reason(&answer), UnreplayedReason::BodyTooLong),
        "{answer:?}"
    );
}

#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "the transport is another task, with a waker of its own"
)]
async fn r5_a_stream_that_is_refused_early_goes_on_being_sent() {
    let signed = Signed::new().await;
    let refused = signed.session.current().unwrap().stamp();
    let (more, rest) = mpsc::channel::<&'static str>(4);
    let body = stream::unfold(rest, async |mut rest| {
        let text = rest.recv().await?;
        Some((Ok(data(text)), rest))
    });
    let body: Frames = Box::pin(StreamBody::new(body.fuse()));
    more.send("one ").await.unwrap();
    let (read, mut reading) = mpsc::channel(1);
    let api = service_fn(move |request: Request<RecordingBody<Frames>>| {
        let mut body = Box::pin(request.into_body());
        let read = read.clone();
        async move {
            let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
            assert_eq!(first, "one ");
            // The transport goes on: it waits for the next frame when the refusal is judged.
            let rest = tokio::spawn(async move { body.collect().await.unwrap().to_bytes() });
            tokio::task::yield_now().await;
            read.send(rest).await.unwrap();
            Ok::<_, io::Error>(refusal())
        }
    });
    let answer = signed.layer().layer(api).oneshot(upload(body)).await.unwrap();
    assert!(
        matches!(reason(&answer), UnreplayedReason::BodyIsAStream),
        "{answer:?}"
    );
    let rest = reading.recv().await.unwrap();
    more.send("two ").await.unwrap();
    more.send("three").await.unwrap();
    drop(more);
    let patience = tokio::time::timeout(Duration::from_secs(30), rest);
    assert_eq!(patience.await.unwrap().unwrap(), "two three");
    signed.session.newer_than(refused).await.unwrap();
    assert_eq!(signed.renewals(), 1);
}

#[tokio::test]
async fn r5_a_body_that_fails_is_not_replayed_and_its_error_reaches_the_first_sending() {
    let signed = Signed::new().await;
    let failing = stream::iter([Ok(data("one")), Err(io::Error::other("torn"))]);
    let body: Frames = Box::pin(StreamBody::new(failing));
    let (answer, mut bodies) = refuse_unread(&signed, upload(body), 1024).await;
    assert!(
        matches!(reason(&answer), UnreplayedReason::BodyIsAStream),
        "{answer:?}"
    );
    let mut body = pin!(bodies.remove(0));
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "one");
    assert!(!body.is_end_stream());
    assert_eq!(body.frame().await.unwrap().unwrap_err().to_string(), "torn");
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn r6_lengths_and_ends_are_as_the_body_says() {
    let signed = Signed::new().await;
    let (_, bodies) = refuse_unread(&signed, post("twelve bytes"), 1024).await;
    for body in bodies {
        let mut body = pin!(body);
        assert_eq!(body.size_hint().exact(), Some(12));
        assert!(!body.is_end_stream());
        body.frame().await.unwrap().unwrap();
        assert_eq!(body.size_hint().exact(), Some(0));
        assert!(body.is_end_stream());
    }
    let body = frames(vec![data("one"), Frame::trailers(trailers())]);
    let (_, bodies) = refuse_unread(&signed, upload(body), 1024).await;
    // An exact length would have HTTP/1 leave out the trailers.
    for body in bodies {
        assert_eq!(body.size_hint().upper(), None);
    }
    let nothing = Request::post("https://api.example/notes")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let (_, bodies) = refuse_unread(&signed, nothing, 1024).await;
    assert_eq!(bodies.len(), 2);
    for body in bodies {
        assert!(body.is_end_stream());
        assert_eq!(body.size_hint().exact(), Some(0));
    }
}

#[tokio::test]
async fn r5_what_is_not_ours_passes_unrecorded() {
    let signed = Signed::new().await;
    let api = service_fn(async |request: Request<RecordingBody<Full<Bytes>>>| {
        let body = request.into_body();
        assert_eq!(format!("{body:?}"), "RecordingBody(passing)");
        assert_eq!(body.size_hint().exact(), Some(4));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "mine");
        Ok::<_, io::Error>(refusal())
    });
    let elsewhere = Request::post("https://other.example/")
        .body(Full::from("mine"))
        .unwrap();
    let answer = signed.over(api).oneshot(elsewhere).await.unwrap();
    assert!(answer.extensions().get::<Unreplayed>().is_none());
    assert_eq!(signed.renewals(), 0);
}

#[tokio::test]
async fn r5_a_body_that_never_ends_is_judged_at_once() {
    let signed = Signed::new().await;
    let endless = stream::once(pending::<Result<Frame<Bytes>, io::Error>>());
    let body: Frames = Box::pin(StreamBody::new(endless));
    let (answer, _) = refuse_unread(&signed, upload(body), 1024).now_or_never().unwrap();
    assert!(
        matches!(reason(&answer), UnreplayedReason::BodyIsAStream),
        "{answer:?}"
    );
}
