//! The handle that tests hold.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::builder::{Builder, StartError};
use super::conn::Order;
use super::counters::{ApiRequest, Counters, RefreshRequest};
use super::fault::{Fault, Point};
use super::gate::{Gate, Hold};
use super::grants::{Death, FamilyReport};
use super::routes;
use super::session::{IssuedSession, SessionTerms};
use super::settings::{Rotation, Settings};
use super::shared::Shared;
use crate::clock::Clock;

/// A running authorization server with its API, on loopback.
///
/// Clones are handles to the same server. It stops when the last of them is dropped, or by
/// [`shutdown`](Self::shutdown).
///
/// # Examples
///
/// ```
/// use oneflight_testkit::TestServer;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = TestServer::start().await?;
/// let session = server.issue_session();
///
/// let answer = reqwest::Client::new()
///     .get(server.api_url("/api/orders"))
///     .bearer_auth(&session.access_token)
///     .send()
///     .await?;
/// assert_eq!(answer.status(), 200);
/// assert_eq!(server.counters().api_requests, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct TestServer {
    shared: Arc<Shared>,
    running: Arc<Running>,
}

/// What keeps the server alive.
#[derive(Debug)]
struct Running {
    life: Mutex<Option<watch::Sender<u64>>>,
    orders: Vec<mpsc::Sender<Order>>,
    /// Keeps the stranger listening, who never goes offline.
    _strangers: Vec<mpsc::Sender<Order>>,
    all_done: tokio::sync::Mutex<mpsc::Receiver<()>>,
}

impl TestServer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        life: watch::Sender<u64>,
        orders: Vec<mpsc::Sender<Order>>,
        strangers: Vec<mpsc::Sender<Order>>,
        all_done: mpsc::Receiver<()>,
    ) -> Self {
        Self {
            shared,
            running: Arc::new(Running {
                life: Mutex::new(Some(life)),
                orders,
                _strangers: strangers,
                all_done: tokio::sync::Mutex::new(all_done),
            }),
        }
    }

    /// Describes a server to be started.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Starts a server on a free port, with strict rotation.
    ///
    /// # Errors
    ///
    /// If no port can be listened on.
    pub async fn start() -> Result<Self, StartError> {
        Self::builder().start().await
    }

    /// Stops the server for all its handles: ends all connections and waits until they are over.
    pub async fn shutdown(&self) {
        drop(self.life().take());
        // Nobody sends: it ends when the last connection drops its sender.
        let _ = self.running.all_done.lock().await.recv().await;
    }

    fn life(&self) -> std::sync::MutexGuard<'_, Option<watch::Sender<u64>>> {
        self.running.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ---- where it is -------------------------------------------------------------------------

    /// The issuer, which is the authorization server's origin: `http://127.0.0.1:PORT`.
    pub fn issuer(&self) -> &str {
        &self.shared.origins().auth
    }

    /// The API's origin; the issuer, unless the API has a port of its own.
    pub fn api_origin(&self) -> &str {
        &self.shared.origins().api
    }

    /// The URL of the API for a path that begins with `/api`.
    pub fn api_url(&self, path: &str) -> String {
        format!("{}{path}", self.api_origin())
    }

    /// The URL at the origin where no token belongs.
    ///
    /// # Panics
    ///
    /// If the server was started without [`Builder::with_stranger`].
    pub fn stranger_url(&self, path: &str) -> String {
        let origin = self.shared.origins().stranger.as_deref();
        let origin = origin.expect("the server was started with a stranger");
        format!("{origin}{path}")
    }

    /// The token endpoint (RFC 6749 §3.2).
    pub fn token_url(&self) -> String {
        format!("{}{}", self.issuer(), routes::TOKEN)
    }

    /// The revocation endpoint (RFC 7009).
    pub fn revocation_url(&self) -> String {
        format!("{}{}", self.issuer(), routes::REVOKE)
    }

    /// The JSON login: `POST {"username", "password"}`.
    pub fn json_login_url(&self) -> String {
        format!("{}/api/auth/login", self.issuer())
    }

    /// The JSON refresh: `POST {"refreshToken"}`.
    pub fn json_refresh_url(&self) -> String {
        format!("{}/api/auth/refresh", self.issuer())
    }

    /// The JSON logout: `POST {"refreshToken"}`.
    pub fn json_logout_url(&self) -> String {
        format!("{}/api/auth/logout", self.issuer())
    }

    /// The JSON login that sets the refresh token as a cookie.
    pub fn cookie_login_url(&self) -> String {
        format!("{}/cookie/auth/login", self.issuer())
    }

    /// The refresh by cookie.
    pub fn cookie_refresh_url(&self) -> String {
        format!("{}/cookie/auth/refresh", self.issuer())
    }

    /// The logout by cookie.
    pub fn cookie_logout_url(&self) -> String {
        format!("{}/cookie/auth/logout", self.issuer())
    }

    // ---- sessions ----------------------------------------------------------------------------

    /// Signs the user `user` in at the public client `app`, without HTTP.
    pub fn issue_session(&self) -> IssuedSession {
        self.issue_session_with(SessionTerms::new())
    }

    /// Signs in on other terms, without HTTP.
    pub fn issue_session_with(&self, terms: SessionTerms) -> IssuedSession {
        let now = self.shared.now();
        let client = terms.0.client.clone();
        let pair = self
            .shared
            .write(|state| state.grants.sign_in(terms.0, now, &state.settings));
        IssuedSession::new(pair, client)
    }

    /// Ends all access tokens issued so far; refresh tokens live on.
    pub fn expire_access_tokens(&self) {
        self.shared.write(|state| state.grants.expire_access(None));
    }

    /// Ends the access tokens of one family issued so far.
    pub fn expire_access_tokens_of(&self, family: u64) {
        self.shared
            .write(|state| state.grants.expire_access(Some(family)));
    }

    /// Ends a family: none of its tokens works any more.
    pub fn revoke_family(&self, family: u64) {
        self.shared
            .write(|state| state.grants.kill(family, Death::ByCommand));
    }

    /// What became of a family so far.
    pub fn family(&self, family: u64) -> Option<FamilyReport> {
        self.shared.read(|state| state.grants.report(family))
    }

    /// What became of all families so far, by number.
    pub fn families(&self) -> Vec<FamilyReport> {
        self.shared.read(|state| state.grants.reports())
    }

    // ---- behaviour ---------------------------------------------------------------------------

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// Moves the server's time forward.
    pub fn advance(&self, by: Duration) {
        self.shared.clock.advance(by);
    }

    /// The settings now.
    pub fn settings(&self) -> Settings {
        self.shared.read(|state| state.settings.clone())
    }

    /// Changes settings; what is asked from now on is answered by them.
    pub fn update_settings(&self, change: impl FnOnce(&mut Settings)) {
        self.shared.write(|state| change(&mut state.settings));
    }

    /// Changes the rotation.
    pub fn set_rotation(&self, rotation: Rotation) {
        self.update_settings(|settings| settings.rotation = rotation);
    }

    /// The API answers 401 to everything, or no longer.
    pub fn reject_everything(&self, reject: bool) {
        self.update_settings(|settings| settings.reject_everything = reject);
    }

    // ---- faults ------------------------------------------------------------------------------

    /// Lets a fault strike the next request at a point; called again, the one after that.
    pub fn inject(&self, point: Point, fault: Fault) {
        self.inject_times(point, 1, fault);
    }

    /// Lets a fault strike that many requests at a point, after those queued before.
    pub fn inject_times(&self, point: Point, times: u64, fault: Fault) {
        self.shared
            .write(|state| state.script.push(point, "", times, fault));
    }

    /// Lets a fault strike that many requests at a point whose path begins with `prefix`.
    pub fn inject_on_path(&self, point: Point, prefix: &str, times: u64, fault: Fault) {
        self.shared
            .write(|state| state.script.push(point, prefix, times, fault));
    }

    /// Lets a fault strike every request at a point for which nothing is queued.
    pub fn inject_always(&self, point: Point, fault: Fault) {
        self.shared.write(|state| state.script.stand(point, "", fault));
    }

    /// Forgets all faults, queued and standing. Requests already struck stay so.
    pub fn clear_faults(&self) {
        self.shared.write(|state| state.script.clear());
    }

    /// Lets go the requests that hang now.
    pub fn release_hung(&self) {
        self.shared.hung.notify_waiters();
    }

    /// Closes a gate: requests that fit are held until the [`Gate`] lets them go, or is dropped.
    pub fn hold(&self, hold: Hold) -> Gate {
        self.shared.gates.close(hold)
    }

    /// Closes that many of the next connections, to any of the server's origins, before anything
    /// is read.
    pub fn refuse_connections(&self, count: u64) {
        self.shared.write(|state| state.refuse_connections = count);
    }

    /// Stops listening, on the API's port too, and ends all connections: the system refuses new
    /// ones, until [`go_online`](Self::go_online). The ports stay reserved. Requests being
    /// processed still are, and their answers are lost.
    ///
    /// # Errors
    ///
    /// If the server was shut down, or the system denies the socket that reserves the port.
    pub async fn go_offline(&self) -> io::Result<()> {
        self.order(Order::GoOffline).await?;
        if let Some(life) = &*self.life() {
            life.send_modify(|epoch| *epoch += 1);
        }
        Ok(())
    }

    /// Listens again on the same ports.
    ///
    /// # Errors
    ///
    /// If the server was shut down, or the system denies the port.
    pub async fn go_online(&self) -> io::Result<()> {
        self.order(Order::GoOnline).await
    }

    async fn order(&self, order: fn(oneshot::Sender<io::Result<()>>) -> Order) -> io::Result<()> {
        let gone = || io::Error::new(io::ErrorKind::NotConnected, "the server was shut down");
        for orders in &self.running.orders {
            let (answer, answered) = oneshot::channel();
            orders.send(order(answer)).await.map_err(|_| gone())?;
            answered.await.map_err(|_| gone())??;
        }
        Ok(())
    }

    // ---- what it saw -------------------------------------------------------------------------

    /// The counters now.
    pub fn counters(&self) -> Counters {
        self.shared.read(|state| state.snapshot())
    }

    /// Requests to the API so far, oldest first; of more than 100,000 the last.
    pub fn api_requests(&self) -> Vec<ApiRequest> {
        self.shared.read(|state| state.api_requests.all())
    }

    /// Refreshes asked for so far, oldest first; of more than 100,000 the last.
    pub fn refresh_requests(&self) -> Vec<RefreshRequest> {
        self.shared.read(|state| state.refresh_requests.all())
    }

    /// Waits until the counters are as wanted, and returns them. Cancel safe.
    ///
    /// There is no deadline: give the test one.
    pub async fn wait_until(&self, mut wanted: impl FnMut(&Counters) -> bool) -> Counters {
        self.shared
            .wait(|state| Some(state.snapshot()).filter(|counters| wanted(counters)))
            .await
    }

    /// Waits until this many refreshes have been asked for, whether answered or not. Cancel safe.
    pub async fn wait_for_refresh_posts(&self, count: u64) {
        self.shared
            .wait(|state| (state.counters.refresh_posts >= count).then_some(()))
            .await;
    }

    /// Waits until this many requests have come to the API, whether answered or not. Cancel safe.
    pub async fn wait_for_api_requests(&self, count: u64) {
        self.shared
            .wait(|state| (state.counters.api_requests >= count).then_some(()))
            .await;
    }

    /// Waits until this many requests hang. Cancel safe.
    pub async fn wait_for_hung(&self, count: u64) {
        self.shared
            .wait(|state| (state.counters.hung >= count).then_some(()))
            .await;
    }
}
