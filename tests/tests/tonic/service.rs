//! A gRPC service of two methods, over real sockets, without generated code.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::{Buf as _, BufMut as _};
use futures_util::StreamExt as _;
use http::header::AUTHORIZATION;
use http::uri::PathAndQuery;
use http::{Request, Response};
use oneflight::BoxFuture;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Status, Streaming};

/// Takes one note, and says it back.
pub(crate) const WRITE: PathAndQuery = PathAndQuery::from_static("/notes.Notes/Write");
/// Takes many notes, and says how many.
pub(crate) const UPLOAD: PathAndQuery = PathAndQuery::from_static("/notes.Notes/Upload");
/// Nobody may.
pub(crate) const FORBIDDEN: PathAndQuery = PathAndQuery::from_static("/notes.Notes/Forbidden");

/// Messages that are text.
#[derive(Clone, Copy, Default)]
pub(crate) struct Text;

impl Codec for Text {
    type Encode = String;
    type Decode = String;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Text {
    type Item = String;
    type Error = Status;

    fn encode(&mut self, item: String, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put_slice(item.as_bytes());
        Ok(())
    }
}

impl Decoder for Text {
    type Item = String;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
        let bytes = from.copy_to_bytes(from.remaining());
        let text = String::from_utf8(bytes.to_vec());
        text.map(Some)
            .map_err(|error| Status::internal(error.to_string()))
    }
}

/// The service. It refuses one token, before it looks at any message.
#[derive(Clone)]
pub(crate) struct Notes {
    refused: Arc<str>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// A call that arrived: its path, and whether it carried a token that is not the refused one.
pub(crate) type Seen = (String, bool);

impl Notes {
    pub(crate) fn refusing(access_token: &str) -> Self {
        Self {
            refused: format!("Bearer {access_token}").into(),
            seen: Arc::default(),
        }
    }

    /// Listens on a free port; says where.
    pub(crate) async fn serve(&self) -> (String, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let service = self.clone();
        let serving = tokio::spawn(async move {
            let incoming = TcpIncoming::from(listener);
            Server::builder()
                .serve_with_incoming(service, incoming)
                .await
                .unwrap();
        });
        (origin, serving)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Whether the call may go on.
    fn admit(&self, request: &Request<Body>) -> Result<(), Status> {
        let token = request.headers().get(AUTHORIZATION);
        let good = token.is_some_and(|token| token.as_bytes() != self.refused.as_bytes());
        let path = request.uri().path().to_owned();
        self.seen.lock().unwrap().push((path, good));
        match good {
            true => Ok(()),
            false => Err(Status::unauthenticated("the token has expired")),
        }
    }
}

impl tower::Service<Request<Body>> for Notes {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let admitted = self.admit(&request);
        Box::pin(async move {
            if let Err(status) = admitted {
                return Ok(status.into_http());
            }
            let mut grpc = tonic::server::Grpc::new(Text);
            Ok(match request.uri().path() {
                path if path == WRITE.path() => grpc.unary(tower::service_fn(write), request).await,
                path if path == UPLOAD.path() => {
                    grpc.client_streaming(tower::service_fn(upload), request).await
                }
                _ => Status::permission_denied("nobody may").into_http(),
            })
        })
    }
}

async fn write(request: tonic::Request<String>) -> Result<tonic::Response<String>, Status> {
    Ok(tonic::Response::new(request.into_inner()))
}

async fn upload(request: tonic::Request<Streaming<String>>) -> Result<tonic::Response<String>, Status> {
    let mut notes = request.into_inner();
    let mut count = 0;
    while let Some(note) = notes.next().await {
        note?;
        count += 1;
    }
    Ok(tonic::Response::new(count.to_string()))
}
