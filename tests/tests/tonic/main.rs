//! gRPC: real calls by tonic through the tower layer. A refusal is status 16 in an HTTP 200.
#![allow(clippy::unwrap_used)]

mod service;

use std::error::Error as _;

use bytes::Bytes;
use futures_util::stream;
use http::Request;
use oneflight::tower::{Error, Oneflight, OneflightLayer, RecordingBody};
use oneflight::{EndReason, Error as TokenError, Session};
use oneflight_tests::{World, within};
use service::{FORBIDDEN, Notes, Text, UPLOAD, WRITE};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tower::util::MapRequest;
use tower::{Layer as _, ServiceBuilder};

/// tonic's channel below our layer; the channel takes tonic's own body only.
type Stack = Oneflight<MapRequest<Channel, fn(Request<RecordingBody<Body>>) -> Request<Body>>>;

type Client = Grpc<Stack>;

/// What our errors are above a channel.
type LayerError = Error<tonic::transport::Error, Body>;

/// An authorization server, a gRPC service that refuses the first token of it, and a session with that token.
struct Calls {
    world: World,
    family: u64,
    notes: Notes,
    origin: String,
    session: Session,
    _serving: AbortOnDrop,
}

struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Calls {
    async fn new() -> Self {
        let world = World::new().await;
        let issued = world.server.issue_session();
        let notes = Notes::refusing(&issued.access_token);
        let (origin, serving) = notes.serve().await;
        let session = world.builder().origins([&origin]).build().unwrap();
        session.sign_in(world.tokens(&issued)).await.unwrap();
        Self {
            world,
            family: issued.family(),
            notes,
            origin,
            session,
            _serving: AbortOnDrop(serving),
        }
    }

    fn layer(&self) -> OneflightLayer {
        OneflightLayer::new(self.session.clone()).grpc()
    }

    fn channel(&self) -> Channel {
        Endpoint::from_shared(self.origin.clone()).unwrap().connect_lazy()
    }

    /// The layer with its origin fixed.
    fn client(&self) -> Client {
        self.client_of(self.layer().with_origin(&self.origin).unwrap())
    }

    fn client_of(&self, layer: OneflightLayer) -> Client {
        Grpc::new(over(layer, self.channel()))
    }
}

fn over(layer: OneflightLayer, channel: Channel) -> Stack {
    let into_tonic: fn(Request<RecordingBody<Body>>) -> Request<Body> = |request| request.map(Body::new);
    let channel = ServiceBuilder::new().map_request(into_tonic).service(channel);
    layer.layer(channel)
}

async fn write(client: &mut Client, note: &str) -> Result<String, Status> {
    client.ready().await.unwrap();
    let request = tonic::Request::new(note.to_owned());
    client
        .unary(request, WRITE, Text)
        .await
        .map(tonic::Response::into_inner)
}

fn layer_error(status: &Status) -> &LayerError {
    let source = status.source().unwrap();
    source.downcast_ref().unwrap()
}

#[tokio::test]
async fn r1_r5_a_refused_unary_call_is_replayed() {
    within(async {
        let calls = Calls::new().await;
        let mut client = calls.client();
        assert_eq!(write(&mut client, "a note").await.unwrap(), "a note");
        let path = WRITE.path().to_owned();
        assert_eq!(calls.notes.seen(), [(path.clone(), false), (path, true)]);
        assert_eq!(calls.world.posts(), 1);
    })
    .await;
}

#[tokio::test]
async fn s1_fifty_refused_calls_on_one_channel_cost_one_post() {
    within(async {
        let calls = Calls::new().await;
        let client = calls.client();
        let writing = (0..50).map(|number| {
            let mut client = client.clone();
            tokio::spawn(async move { write(&mut client, &number.to_string()).await })
        });
        for (number, written) in futures_util::future::join_all(writing)
            .await
            .into_iter()
            .enumerate()
        {
            assert_eq!(written.unwrap().unwrap(), number.to_string());
        }
        assert_eq!(calls.world.posts(), 1);
        assert!(calls.notes.seen().len() <= 100);
    })
    .await;
}

#[tokio::test]
async fn r5_a_refused_client_stream_is_handed_back_and_the_next_call_has_the_new_token() {
    within(async {
        let calls = Calls::new().await;
        let refused = calls.session.current().unwrap().stamp();
        let mut client = calls.client();
        // The stream stays open: the service refuses it while there is more to come.
        let (notes, more) = mpsc::channel::<String>(1);
        notes.send("the first".to_owned()).await.unwrap();
        let stream = stream::unfold(more, async |mut more| more.recv().await.map(|note| (note, more)));
        client.ready().await.unwrap();
        let status = client
            .client_streaming(tonic::Request::new(stream), UPLOAD, Text)
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated, "{status:?}");
        drop(notes);
        calls.session.newer_than(refused).await.unwrap();
        assert_eq!(write(&mut client, "next").await.unwrap(), "next");
        assert_eq!(
            calls.notes.seen(),
            [(UPLOAD.path().to_owned(), false), (WRITE.path().to_owned(), true)]
        );
        assert_eq!(calls.world.posts(), 1);
    })
    .await;
}

#[tokio::test]
async fn r2_permission_denied_and_other_statuses_renew_nothing() {
    within(async {
        let calls = Calls::new().await;
        let refused = calls.session.current().unwrap().stamp();
        calls.session.newer_than(refused).await.unwrap();
        let mut client = calls.client();
        client.ready().await.unwrap();
        let request = tonic::Request::new(String::new());
        let outcome: Result<tonic::Response<String>, _> = client.unary(request, FORBIDDEN, Text).await;
        assert_eq!(outcome.unwrap_err().code(), Code::PermissionDenied);
        assert_eq!(calls.notes.seen().len(), 1);
        assert_eq!(calls.world.posts(), 1);
    })
    .await;
}

#[tokio::test]
async fn o1_a_call_without_an_authority_needs_the_origin_of_the_layer_or_of_the_client() {
    within(async {
        let calls = Calls::new().await;
        let mut client = calls.client_of(calls.layer());
        let status = write(&mut client, "nowhere").await.unwrap_err();
        assert!(matches!(layer_error(&status), Error::NoAuthority), "{status:?}");
        assert!(calls.notes.seen().is_empty(), "nothing was sent");

        let elsewhere = calls.layer().with_origin("http://127.0.0.1:1").unwrap();
        let status = write(&mut calls.client_of(elsewhere), "unlisted")
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated);
        assert_eq!(
            calls.notes.seen(),
            [(WRITE.path().to_owned(), false)],
            "without a token, and only once"
        );

        let origin = calls.origin.parse().unwrap();
        let mut client = Grpc::with_origin(over(calls.layer(), calls.channel()), origin);
        assert_eq!(write(&mut client, "by tonic").await.unwrap(), "by tonic");
        assert_eq!(calls.world.posts(), 1);
    })
    .await;
}

#[tokio::test]
async fn f7_f10_a_failed_renewal_is_found_in_the_status_and_keeps_the_refusal() {
    within(async {
        let calls = Calls::new().await;
        calls.world.server.revoke_family(calls.family);
        let status = write(&mut calls.client(), "a note").await.unwrap_err();
        let Error::Renewal(failed) = layer_error(&status) else {
            panic!("{status:?}");
        };
        let dead = TokenError::SignedOut(EndReason::GrantDead { after_loss: false });
        assert_eq!(failed.error.to_string(), dead.to_string());
        assert_eq!(failed.response.status(), http::StatusCode::OK);
        assert_eq!(failed.response.headers()["grpc-status"], "16");
    })
    .await;
}

#[tokio::test]
async fn r5_bodies_beyond_the_window_of_their_connection_are_replayed_whole() {
    within(async {
        let calls = Calls::new().await;
        let client = calls.client();
        // Together they are more than the connection lets through unread.
        let note = Bytes::from(vec![b'n'; 60 * 1024]);
        let note = std::str::from_utf8(&note).unwrap();
        let writing = (0..40).map(|_| {
            let (mut client, note) = (client.clone(), note.to_owned());
            tokio::spawn(async move { write(&mut client, &note).await })
        });
        for written in futures_util::future::join_all(writing).await {
            assert_eq!(written.unwrap().unwrap(), note);
        }
        assert_eq!(calls.world.posts(), 1);
    })
    .await;
}
