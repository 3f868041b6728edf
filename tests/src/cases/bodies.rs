//! R: what is sent, and what comes back.

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{Method, StatusCode};
use oneflight::intercept::UnreplayedReason;
use oneflight_testkit::{Hold, Point};

use crate::{Req, Stack, World, spawn};

/// As much as is kept for a replay by default, in bytes.
const KEPT_BYTES: usize = 64 * 1024;

/// Bytes of which none is like its neighbour.
fn noise(length_bytes: usize) -> Bytes {
    (0..length_bytes).map(|at| (at * at / 7 + at) as u8).collect()
}

/// Nothing is added to a body, and nothing is lost of it.
pub async fn r5_bodies_in_memory_are_replayed_byte_for_byte<S: Stack>() {
    let world = World::new().await;
    let session = world.session().await;
    let client = S::of(&session);
    for length_bytes in [0, 1, 1000, KEPT_BYTES] {
        world.server.expire_access_tokens();
        let id = format!("{length_bytes} bytes");
        let body = noise(length_bytes);
        let answer = client.send(Req::post(world.notes(), body).id(&id)).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK, "{id}");
        let [first, replay] = &world.seen(&id)[..] else {
            panic!("{id}: {:?}", world.seen(&id));
        };
        assert_eq!(first.body_bytes, length_bytes as u64);
        assert_eq!(replay.body_bytes, length_bytes as u64);
        assert_eq!(first.body_sha256, replay.body_sha256);
    }
}

/// What is gone cannot be sent again. The caller learns why, and others profit.
pub async fn r5_a_refused_stream_is_handed_back_marked_and_renewed_for_the_next<S: Stack>() {
    let world = World::new().await;
    let session = world.refused_session().await;
    let refused = session.current().unwrap().stamp();
    let client = S::of(&session);
    let chunk = noise(KEPT_BYTES / 4);
    let chunks = vec![chunk; 5];
    let answer = client
        .send(Req::post_stream(world.notes(), chunks).id("stream"))
        .await
        .unwrap();
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let reason = answer.unreplayed.clone().unwrap();
    let expected = matches!(
        reason,
        UnreplayedReason::BodyIsAStream | UnreplayedReason::BodyTooLong
    );
    assert!(expected, "{reason:?}");
    assert_eq!(answer.json().await["error"], "invalid_token", "it is the API's");
    session.newer_than(refused).await.unwrap();
    let next = client.send(Req::get(world.notes()).id("next")).await.unwrap();
    assert_eq!(next.status, StatusCode::OK);
    let seen = world.seen("stream");
    assert_eq!((seen.len(), seen[0].body_bytes), (1, (KEPT_BYTES / 4 * 5) as u64));
    assert_eq!(world.sequences("next"), [Some(2)]);
    assert_eq!(world.posts(), 1);
}

/// A stream has one try: it gets the better token.
pub async fn r5_before_a_stream_a_token_that_is_about_to_expire_is_renewed<S: Stack>() {
    let world = World::new().await;
    let session = world.session().await;
    let client = S::of(&session);
    world.become_due();
    let stream = Req::post_stream(world.notes(), vec![Bytes::from_static(b"one")]);
    let answer = client.send(stream.id("stream")).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(world.sequences("stream"), [Some(2)]);
    assert_eq!(world.posts(), 1);
}

/// Whoever can be sent again does not wait.
pub async fn t2_between_due_and_expiry_requests_are_served_with_the_old_token<S: Stack>() {
    let world = World::new().await;
    let session = world.session().await;
    let client = S::of(&session);
    world.become_due();
    let refresh = world.server.hold(Hold::arrivals(Point::Refresh));
    for _ in 0..3 {
        let body = Req::post(world.notes(), "in memory").id("meanwhile");
        assert_eq!(client.send(body).await.unwrap().status, StatusCode::OK);
    }
    refresh.arrived(1).await;
    assert_eq!(world.sequences("meanwhile"), [Some(1); 3]);
    refresh.open();
    session.renew_if_due().await;
    let after = client.send(Req::get(world.notes()).id("after")).await.unwrap();
    assert_eq!(after.status, StatusCode::OK);
    assert_eq!(world.sequences("after"), [Some(2)]);
    assert_eq!(world.posts(), 1);
}

/// The second try is the first one over again.
pub async fn r6_the_replay_equals_the_original<S: Stack>() {
    let world = World::new().await;
    let session = world.refused_session().await;
    let client = S::of(&session);
    let mut request = Req::new(Method::PATCH, world.server.api_url("/api/notes/7?a=1&a=2&b=%20x"))
        .header("accept", "application/json")
        .header("x-twice", "one")
        .header("x-twice", "two")
        .header("content-type", "text/plain; charset=utf-8")
        .header("if-match", "\"etag\"")
        .id("one");
    request.body = crate::Payload::Bytes(Bytes::from_static(b"body"));
    assert_eq!(client.send(request).await.unwrap().status, StatusCode::OK);
    let [first, replay] = &world.seen("one")[..] else {
        panic!("{:?}", world.seen("one"));
    };
    assert_eq!(first.method, "PATCH");
    assert_eq!(first.query.as_deref(), Some("a=1&a=2&b=%20x"));
    let twice = first.headers.iter().filter(|(name, _)| name == "x-twice").count();
    assert_eq!(twice, 2);
    assert_eq!(
        (&first.method, &first.path, &first.query, &first.headers),
        (&replay.method, &replay.path, &replay.query, &replay.headers),
    );
    assert_eq!(
        (&first.body_sha256, first.body_bytes, &first.trailers),
        (&replay.body_sha256, replay.body_bytes, &replay.trailers),
    );
}

/// The first chunk is there while the API still holds the second.
pub async fn r11_the_answer_to_a_replay_streams<S: Stack>() {
    let world = World::new().await;
    let session = world.refused_session().await;
    let client = S::of(&session);
    let rest = world.server.hold(Hold::bodies(Point::Api));
    let url = world.server.api_url("/api/stream/3");
    let mut answer = spawn(&client, Req::get(url).id("one")).await.unwrap().unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    let first = answer.body.next().await.unwrap().unwrap();
    assert_eq!(first, "chunk 1\n");
    rest.arrived(1).await;
    rest.open();
    assert_eq!(answer.text().await, "chunk 2\nchunk 3\n");
    assert_eq!(world.sequences("one"), [Some(1), Some(2)]);
}
