//! Connections: accepting, serving, and ending them without manners.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

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

/// How long to wait before accepting again after an error.
const ACCEPT_RETRY: Duration = Duration::from_millis(10);

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
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => admit(stream, &router, &shared, &life, &done),
                // Most likely there are too many open files: let some go.
                Err(_) => tokio::time::sleep(ACCEPT_RETRY).await,
            },
            Some(order) = orders.recv() => match order {
                Order::GoOnline(answer) => drop(answer.send(Ok(()))),
                Order::GoOffline(answer) => {
                    drop(listener);
                    match outage(port, answer, &mut orders, &mut life).await {
                        Some(again) => listener = again,
                        None => return,
                    }
                }
            },
            changed = life.changed() => if changed.is_err() {
                return;
            },
        }
    }
}

/// Does not listen until told to; then returns the new listener. `None` if the server's life ended or
/// the port is lost.
async fn outage(
    port: u16,
    answer: oneshot::Sender<io::Result<()>>,
    orders: &mut mpsc::Receiver<Order>,
    life: &mut Life,
) -> Option<TcpListener> {
    // A bound socket that does not listen keeps the port ours, and the system refuses for us.
    let placeholder = socket(port);
    drop(answer.send(placeholder.as_ref().map(|_| ()).map_err(copy)));
    let answer = tokio::select! {
        online = next_online(orders) => online?,
        () = ended(life) => return None,
    };
    let again = match placeholder {
        Ok(socket) => socket.listen(BACKLOG),
        Err(_) => bind(port),
    };
    drop(answer.send(again.as_ref().map(|_| ()).map_err(copy)));
    again.ok()
}

fn copy(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), error.to_string())
}

async fn next_online(orders: &mut mpsc::Receiver<Order>) -> Option<oneshot::Sender<io::Result<()>>> {
    loop {
        match orders.recv().await? {
            Order::GoOnline(answer) => return Some(answer),
            Order::GoOffline(answer) => {
                drop(answer.send(Ok(())));
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

/// What a connection's requests tell the task that serves it.
#[derive(Debug, Default)]
struct Told {
    /// End it with a reset.
    reset: AtomicBool,
    /// It belongs to the control plane, which outages spare.
    control: AtomicBool,
}

async fn serve(stream: TcpStream, router: Router, mut life: Life) {
    let told = Arc::new(Told::default());
    let service = service_fn({
        let (life, told) = (life.clone(), told.clone());
        move |request| answer(request, router.clone(), life.clone(), told.clone())
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let cut = loop {
        tokio::select! {
            // Whether the client, a fault or a torn body ended it, there is nobody to tell.
            _ = &mut connection => break false,
            changed = life.changed() => {
                if changed.is_err() || !told.control.load(Ordering::Relaxed) {
                    break true;
                }
                std::pin::Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    if cut || told.reset.load(Ordering::Relaxed) {
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
    told: Arc<Told>,
) -> Result<Response, Aborted> {
    let is_control = request.uri().path().starts_with("/_control/");
    told.control.store(is_control, Ordering::Relaxed);
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
            told.reset.store(*abort == Abort::Reset, Ordering::Relaxed);
            Err(Aborted)
        }
    }
}

/// Waits until the server's life ends.
pub(crate) async fn ended(life: &mut Life) {
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
