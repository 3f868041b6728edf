//! A whole request over loopback through reqwest: bare, through an empty middleware stack, and through ours.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use oneflight::Session;
use oneflight::endpoint::{RefreshRequest, Reply, Verdict, endpoint_fn};
use oneflight_benches::measure::{Subject, interleave, print_table, version};
use oneflight_benches::sessions::tokens;
use oneflight_reqwest::OneflightMiddleware;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const ROUNDS: usize = 61;
const COUNT: u64 = 200;

fn main() {
    // Another measurement of this workspace brings a reqwest with TLS, which wants a provider.
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("it is the first");
    let quick = std::env::args().any(|arg| arg == "--test");
    let (rounds, count) = if quick { (1, 5) } else { (ROUNDS, COUNT) };
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
    // Each has a client, and so a connection, of its own.
    let empty = ClientBuilder::new(reqwest::Client::new()).build();
    let ours = ClientBuilder::new(reqwest::Client::new())
        .with(OneflightMiddleware::new(session))
        .build();

    println!(
        "{} | {} | {}",
        version("oneflight"),
        version("reqwest"),
        version("reqwest-middleware")
    );
    let mut subjects = [
        Subject::new("ClientWithMiddleware, empty", |count| {
            runtime.block_on(async {
                for _ in 0..count {
                    finish(
                        empty
                            .get(&url)
                            .header("authorization", header.clone())
                            .send()
                            .await
                            .expect("it answers"),
                    )
                    .await;
                }
            });
        }),
        Subject::new("ClientWithMiddleware, oneflight", |count| {
            runtime.block_on(through(&ours, &url, count))
        }),
        Subject::new("reqwest, bare", |count| {
            runtime.block_on(async {
                for _ in 0..count {
                    finish(
                        bare.get(&url)
                            .header("authorization", header.clone())
                            .send()
                            .await
                            .expect("it answers"),
                    )
                    .await;
                }
            });
        }),
    ];
    let figures = interleave(&mut subjects, rounds, count);
    print_table("a whole request over loopback, one at a time", &figures);
    let over = |at: usize| (figures[1].nanos / figures[at].nanos - 1.0) * 100.0;
    println!(
        "  oneflight over an empty ClientWithMiddleware {:+.2} %, over bare reqwest {:+.2} %",
        over(0),
        over(2)
    );
}

async fn through(client: &ClientWithMiddleware, url: &str, count: u64) {
    for _ in 0..count {
        finish(client.get(url).send().await.expect("it answers")).await;
    }
}

async fn finish(answer: reqwest::Response) {
    assert_eq!(answer.status(), 200);
    answer.bytes().await.expect("the answer is whole");
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
