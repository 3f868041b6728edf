//! A whole request over loopback through reqwest: bare, through an empty middleware stack, and through ours.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use http::header::AUTHORIZATION;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use oneflight::Session;
use oneflight::endpoint::{RefreshRequest, Reply, Verdict, endpoint_fn};
use oneflight_benches::measure::{Subject, interleave, print_table, version};
use oneflight_benches::sessions::tokens;
use oneflight_reqwest::OneflightMiddleware;
use reqwest::Response;
use reqwest_middleware::{ClientBuilder, RequestBuilder};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const ROUNDS: usize = 2_000;
/// Few, so that the subjects of a round meet the same machine.
const COUNT: u64 = 10;

fn main() {
    // Another measurement of this workspace brings a reqwest with TLS, which wants a provider.
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("it is the first");
    let quick = std::env::args().any(|arg| arg == "--test");
    let rounds = if quick { 1 } else { ROUNDS };
    // The server has a thread of its own; so has the client: no more than the two cores.
    let address = serve();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made");
    let url = format!("http://{address}/things");
    let session = runtime.block_on(session(&format!("http://{address}")));
    let header = runtime.block_on(async { session.token().await.expect("it is signed in").header() });

    let bare = reqwest::Client::new();
    // Each has a client, and so a connection, of its own. The second empty one says how far two alikes are apart.
    let empty = [(); 2].map(|()| ClientBuilder::new(reqwest::Client::new()).build());
    let ours = ClientBuilder::new(reqwest::Client::new())
        .with(OneflightMiddleware::new(session))
        .build();

    println!(
        "{} | {} | {}",
        version("oneflight"),
        version("reqwest"),
        version("reqwest-middleware")
    );
    let header = &header;
    let work = Work { runtime: &runtime };
    for width in [1, 16] {
        let count = if quick { width } else { COUNT.max(width) };
        let mut subjects = [
            Subject::new("ClientWithMiddleware, empty", |count| {
                work.go(count, width, || {
                    send(empty[0].get(&url).header(AUTHORIZATION, header))
                })
            }),
            Subject::new("ClientWithMiddleware, oneflight", |count| {
                work.go(count, width, || send(ours.get(&url)))
            }),
            Subject::new("ClientWithMiddleware, empty, again", |count| {
                work.go(count, width, || {
                    send(empty[1].get(&url).header(AUTHORIZATION, header))
                })
            }),
            Subject::new("reqwest, bare", |count| {
                work.go(count, width, async || {
                    let request = bare.get(&url).header(AUTHORIZATION, header);
                    request.send().await.expect("it answers")
                })
            }),
        ];
        let figures = interleave(&mut subjects, rounds, count);
        print_table(
            &format!("a whole request over loopback, {width} at a time"),
            &figures,
        );
        println!(
            "  oneflight over an empty ClientWithMiddleware {:+.2} % (± {:.2}); one empty over the other {:+.2} % (± {:.2})",
            (figures[1].ratio - 1.0) * 100.0,
            figures[1].doubt * 100.0,
            (figures[2].ratio - 1.0) * 100.0,
            figures[2].doubt * 100.0,
        );
    }
}

struct Work<'a> {
    runtime: &'a Runtime,
}

impl Work<'_> {
    /// Sends `count` requests, `width` of them at a time, and reads the answers.
    fn go(&self, count: u64, width: u64, send: impl AsyncFn() -> Response) {
        self.runtime.block_on(async {
            for _ in 0..count / width {
                let requests = (0..width).map(|_| async {
                    let answer = send().await;
                    assert_eq!(answer.status(), 200);
                    answer.bytes().await.expect("the answer is whole");
                });
                join_all(requests).await;
            }
        });
    }
}

async fn send(request: RequestBuilder) -> Response {
    request.send().await.expect("it answers")
}

async fn session(origin: &str) -> Session {
    let endpoint = endpoint_fn(async |request: RefreshRequest| {
        let _ = request;
        Reply::new(Verdict::Renewed(tokens(2)))
    });
    let session = Session::builder()
        .endpoint(endpoint)
        .origins([origin])
        .build()
        .expect("the settings are complete");
    session
        .sign_in(tokens(1))
        .await
        .expect("the memory store takes it");
    session
}

/// A server that answers every request at once, on a thread that ends with the process.
fn serve() -> SocketAddr {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime: Arc<Runtime> = Arc::new(
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime can be made"),
        );
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            tell.send(listener.local_addr().expect("it is bound"))
                .expect("somebody listens");
            loop {
                let (stream, _) = listener.accept().await.expect("connections come");
                stream.set_nodelay(true).expect("a socket option");
                let answer = service_fn(async |_| {
                    Ok::<_, Infallible>(http::Response::new(Full::new(Bytes::from_static(b"{}"))))
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer),
                );
            }
        });
    });
    told.recv().expect("the server starts")
}
