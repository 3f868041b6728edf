//! Connections: accepting, serving, and ending them without manners.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tower::ServiceExt as _;

use super::reply::Abort;
use super::shared::Shared;

/// Connections that the kernel may keep for us while we are busy.
const BACKLOG: u32 = 4096;

/// What a listener is told.
#[derive(Debug)]
pub(crate) enum Order {
    /// Give up the port to nobody: connections are refused by the kernel.
    GoOffline(oneshot::Sender<io::Result<()>>),
    /// Listen again.
    GoOnline(oneshot::Sender<io::Result<()>>),
}

/// Changes end connections: a new number all that are open, a dropped sender the server.
pub(crate) type Life = watch::Receiver<u64>;

pub(crate) fn bind(port: u16) -> io::Result<TcpListener> {
    socket(port)?.listen(BACKLOG)
}

fn socket(port: u16) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Elsewhere this option lets two programs share a port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    Ok(socket)
}

/// Accepts connections until the server's life ends. `done` is dropped when all of them are over.
pub(crate) async fn listen(
    mut listener: TcpListener,
    port: u16,
    router: Router,
    shared: Arc<Shared>,
    mut life: Life,
    mut orders: mpsc::Receiver<Order>,
    done: mpsc::Sender<()>,
) {
    loop {
        let order = tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    admit(stream, &router, &shared, &life, &done);
                }
                continue;
            }
            order = orders.recv() => order,
            changed = life.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
        };
        let Some(Order::GoOffline(answer)) = order else {
            match order {
                Some(Order::GoOnline(answer)) => {
                    let _ = answer.send(Ok(()));
                    continue;
                }
                _ => return,
            }
        };
        drop(listener);
        // A bound socket that does not listen keeps the port ours, and the kernel refuses for us.
        let placeholder = socket(port);
        let bound = placeholder.as_ref().map(|_| ()).map_err(copy);
        let _ = answer.send(bound);
        let Some(answer) = next_online(&mut orders).await else {
            return;
        };
        let again = match placeholder {
            Ok(socket) => socket.listen(BACKLOG),
            Err(_) => bind(port),
        };
        match again {
            Ok(again) => {
                listener = again;
                let _ = answer.send(Ok(()));
            }
            Err(error) => {
                let _ = answer.send(Err(error));
                return;
            }
        }
    }
}

fn copy(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), error.to_string())
}

async fn next_online(orders: &mut mpsc::Receiver<Order>) -> Option<oneshot::Sender<io::Result<()>>> {
    loop {
        match orders.recv().await? {
            Order::GoOnline(answer) => return Some(answer),
            Order::GoOffline(answer) => {
                let _ = answer.send(Ok(()));
            }
        }
    }
}

fn admit(stream: TcpStream, router: &Router, shared: &Arc<Shared>, life: &Life, done: &mpsc::Sender<()>) {
    let refused = shared.write(|state| {
        let refused = state.refuse_connections > 0;
        state.refuse_connections -= u64::from(refused);
        state.counters.connections += u64::from(!refused);
        state.counters.connections_refused += u64::from(refused);
        refused
    });
    if refused {
        let _ = stream.set_zero_linger();
        return;
    }
    let _ = stream.set_nodelay(true);
    let (router, mut life, done) = (router.clone(), life.clone(), done.clone());
    // Here and not in the task: whoever ends all open connections means this one too.
    life.mark_unchanged();
    tokio::spawn(async move {
        serve(stream, router, life).await;
        drop(done);
    });
}

async fn serve(stream: TcpStream, router: Router, mut life: Life) {
    let reset = Arc::new(AtomicBool::new(false));
    let service = service_fn({
        let (life, reset) = (life.clone(), reset.clone());
        move |request| answer(request, router.clone(), life.clone(), reset.clone())
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let cut = tokio::select! {
        // Whether the client, a fault or a torn body ended it, there is nobody to tell.
        _ = &mut connection => false,
        _ = life.changed() => true,
    };
    if cut || reset.load(Ordering::Relaxed) {
        let stream = connection.into_parts().io.into_inner();
        // With no time to linger, closing sends a reset.
        let _ = stream.set_zero_linger();
    }
}

/// Runs the handler to its end even if the client hangs up: a server that was asked to rotate
/// does rotate.
async fn answer(
    request: Request<Incoming>,
    router: Router,
    mut life: Life,
    reset: Arc<AtomicBool>,
) -> Result<Response, Aborted> {
    let handler = router.oneshot(request.map(Body::new));
    let handled = tokio::spawn(async move {
        tokio::select! {
            response = handler => response.map_err(|never: Infallible| match never {}),
            () = ended(&mut life) => Err(Aborted),
        }
    });
    let response = handled.await.map_err(|_| Aborted)??;
    match response.extensions().get::<Abort>() {
        None => Ok(response),
        Some(abort) => {
            reset.store(*abort == Abort::Reset, Ordering::Relaxed);
            Err(Aborted)
        }
    }
}

async fn ended(life: &mut Life) {
    while life.changed().await.is_ok() {}
}

/// The reason given to the HTTP library for ending a connection.
#[derive(Debug)]
struct Aborted;

impl fmt::Display for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection was ended, as scripted")
    }
}

impl std::error::Error for Aborted {}
