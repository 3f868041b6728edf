//! Ports, outages, starting and stopping.

use std::error::Error as _;
use std::io::ErrorKind;

use oneflight_testkit::{Fault, Hold, Point, RunOptions, StartError, TestServer, run_forever};

use crate::client::{call, http, is_reset, refresh, start};

fn io_kind(error: &reqwest::Error) -> Option<ErrorKind> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return Some(error.kind());
        }
        cause = error.source();
    }
    None
}

#[tokio::test]
async fn refused_connections_are_closed_before_anything_is_read() {
    let server = start().await;
    let session = server.issue_session();
    server.refuse_connections(2);
    for _ in 0..2 {
        let error = refresh(&server, session.refresh_token()).await.unwrap_err();
        assert!(error.is_request(), "{error:?}");
    }
    assert_eq!(
        refresh(&server, session.refresh_token()).await.unwrap().status,
        200
    );
    let counters = server.counters();
    assert_eq!((counters.connections_refused, counters.refresh_posts), (2, 1));
}

#[tokio::test]
async fn offline_the_system_refuses_and_online_all_is_as_before() {
    let server = TestServer::builder().api_port(0).start().await.unwrap();
    let session = server.issue_session();
    let urls = (server.token_url(), server.api_url("/api"));
    server.go_offline().await.unwrap();
    for url in [&urls.0, &urls.1] {
        let error = http().get(url).send().await.unwrap_err();
        assert!(error.is_connect(), "{error:?}");
        assert_eq!(io_kind(&error), Some(ErrorKind::ConnectionRefused));
    }
    server.go_offline().await.unwrap();
    server.go_online().await.unwrap();
    server.go_online().await.unwrap();
    assert_eq!(
        refresh(&server, session.refresh_token()).await.unwrap().status,
        200
    );
    assert_eq!(call(&server, &session.access_token).await.status, 200);
}

#[tokio::test]
async fn going_offline_ends_requests_under_way_but_not_their_processing() {
    let server = start().await;
    let session = server.issue_session();
    let gate = server.hold(Hold::arrivals(Point::Refresh));
    let (other, token) = (server.clone(), session.refresh_token().to_owned());
    let refreshing = tokio::spawn(async move { refresh(&other, &token).await });
    gate.arrived(1).await;
    server.go_offline().await.unwrap();
    assert!(is_reset(&refreshing.await.unwrap().unwrap_err()));
    gate.open();
    server.wait_until(|counters| counters.rotations == 1).await;
}

#[tokio::test]
async fn shutdown_ends_hanging_requests_and_frees_the_port() {
    let server = start().await;
    let session = server.issue_session();
    let port = reqwest::Url::parse(server.issuer()).unwrap().port().unwrap();
    server.inject(Point::Refresh, Fault::hang());
    let (other, token) = (server.clone(), session.refresh_token().to_owned());
    let hanging = tokio::spawn(async move { refresh(&other, &token).await });
    server.wait_for_hung(1).await;
    server.shutdown().await;
    assert!(hanging.await.unwrap().is_err());
    assert!(server.go_online().await.is_err());
    let again = TestServer::builder().port(port).start().await.unwrap();
    assert_eq!(again.issuer(), server.issuer());
    // A second call returns at once.
    server.shutdown().await;
}

#[tokio::test]
async fn the_server_stops_when_its_last_handle_is_dropped() {
    let server = start().await;
    let url = server.api_url("/api");
    let handle = server.clone();
    drop(server);
    assert_eq!(http().get(&url).send().await.unwrap().status(), 401);
    drop(handle);
    // The listener closes when its task runs next; until then connections may still be accepted.
    while http().get(&url).send().await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_port_in_use_is_a_typed_error_that_names_it() {
    let server = start().await;
    let port = reqwest::Url::parse(server.issuer()).unwrap().port().unwrap();
    let error = TestServer::builder().port(port).start().await.unwrap_err();
    assert!(
        matches!(error, StartError::PortInUse { port: p, .. } if p == port),
        "{error:?}"
    );
    assert!(error.to_string().contains(&port.to_string()), "{error}");
}

#[test]
fn a_server_on_its_own_thread_serves_clients_that_block() {
    use std::io::{Read as _, Write as _};
    let server = TestServer::builder().start_in_thread().unwrap();
    let session = server.issue_session();
    let address = server.issuer().strip_prefix("http://").unwrap().to_owned();
    let mut stream = std::net::TcpStream::connect(&address).unwrap();
    let request = format!(
        "GET /api/x HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\nconnection: close\r\n\r\n",
        session.access_token
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(server.counters().api_requests, 1);
}

#[tokio::test]
async fn a_server_on_its_own_thread_can_be_waited_for_from_any_runtime() {
    let server = TestServer::builder().start_in_thread().unwrap();
    let session = server.issue_session();
    let call = call(&server, &session.access_token);
    let (answer, ()) = tokio::join!(call, server.wait_for_api_requests(1));
    assert_eq!(answer.status, 200);
    server.shutdown().await;
}

#[tokio::test]
async fn run_forever_serves_until_it_is_dropped() {
    let (tell, told) = tokio::sync::oneshot::channel();
    let running = tokio::spawn(run_forever(RunOptions::default(), |server| {
        tell.send(server.issuer().to_owned()).unwrap();
    }));
    let url = format!("{}/.well-known/openid-configuration", told.await.unwrap());
    assert_eq!(http().get(&url).send().await.unwrap().status(), 200);
    running.abort();
    while http().get(&url).send().await.is_ok() {
        tokio::task::yield_now().await;
    }
}
