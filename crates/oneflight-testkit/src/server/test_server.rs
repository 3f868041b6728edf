//! The handle that tests hold.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, watch};

use super::builder::{Builder, StartError};
use super::counters::{ApiRequest, Counters, RefreshRequest};
use super::family::{Death, FamilyReport};
use super::fault::{Fault, Point};
use super::gate::{Gate, Hold};

use super::log::{Event, What};
use super::routes;
use super::run::RunOptions;
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
/// # rustls::crypto::ring::default_provider().install_default().ok();
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

/// Stops the server when the last handle is gone.
#[derive(Debug)]
struct Running {
    shared: Arc<Shared>,
    all_done: Mutex<mpsc::Receiver<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

impl TestServer {
    pub(crate) fn new(shared: Arc<Shared>, all_done: mpsc::Receiver<()>) -> Self {
        let running = Running {
            shared: shared.clone(),
            all_done: Mutex::new(all_done),
        };
        Self {
            shared,
            running: Arc::new(running),
        }
    }

    pub(crate) fn alive(&self) -> Option<watch::Receiver<u64>> {
        self.shared.alive()
    }

    /// Describes a server to be started.
    pub fn builder() -> Builder {
        Builder::from(RunOptions::default())
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
    /// Cancel safe.
    pub async fn shutdown(&self) {
        self.shared.stop();
        // Nobody sends: it ends when the last connection drops its sender.
        let _ = self.running.all_done.lock().await.recv().await;
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

    /// A URL of the API that redirects to `target` with status 307, which keeps method and body.
    pub fn redirect_url(&self, target: &str) -> String {
        let to: String = form_urlencoded::byte_serialize(target.as_bytes()).collect();
        self.api_url(&format!("/api/redirect?to={to}"))
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

    /// The authorization endpoint (RFC 6749 §3.1).
    pub fn authorization_url(&self) -> String {
        format!("{}{}", self.issuer(), routes::AUTHORIZE)
    }

    /// The OpenID userinfo endpoint.
    pub fn userinfo_url(&self) -> String {
        format!("{}{}", self.issuer(), routes::USERINFO)
    }

    /// A URL of the control plane: `/_control` and `path`.
    pub fn control_url(&self, path: &str) -> String {
        format!("{}/_control{path}", self.issuer())
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
        let pair = self.shared.write(|state| state.sign_in(terms.0, now));
        IssuedSession::new(pair, client)
    }

    /// Ends all access tokens issued so far; refresh tokens live on.
    pub fn expire_access_tokens(&self) {
        self.shared.expire_access_tokens(None);
    }

    /// Ends the access tokens of one family issued so far.
    pub fn expire_access_tokens_of(&self, family: u64) {
        self.shared.expire_access_tokens(Some(family));
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
        self.shared.advance(by);
    }

    /// The settings now.
    pub fn settings(&self) -> Settings {
        self.shared.read(|state| state.settings.clone())
    }

    /// Changes settings; what is asked from now on is answered by them.
    pub fn update_settings(&self, change: impl FnOnce(&mut Settings)) {
        self.shared.write(|state| {
            change(&mut state.settings);
            state.log(What::SettingsChanged);
        });
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
        self.shared.go_offline().await
    }

    /// Listens again on the same ports.
    ///
    /// # Errors
    ///
    /// If the server was shut down, or the system denies the port.
    pub async fn go_online(&self) -> io::Result<()> {
        self.shared.go_online().await
    }

    // ---- what it saw -------------------------------------------------------------------------

    /// The counters now.
    pub fn counters(&self) -> Counters {
        self.shared.read(|state| state.snapshot())
    }

    /// Requests to the API so far, oldest first; of more than 50,000 the last.
    pub fn api_requests(&self) -> Vec<ApiRequest> {
        self.shared.read(|state| state.api_requests.all())
    }

    /// Refreshes asked for so far, oldest first; of more than 50,000 the last.
    pub fn refresh_requests(&self) -> Vec<RefreshRequest> {
        self.shared.read(|state| state.refresh_requests.all())
    }

    /// Everything that happened so far, oldest first; of more than 50,000 events the last.
    pub fn events(&self) -> Vec<Event> {
        self.shared.read(|state| state.events.all())
    }

    /// The events after the one with this number, waiting for the first. Cancel safe.
    pub async fn next_events(&self, after: u64) -> Vec<Event> {
        self.shared
            .wait(|state| Some(state.events.after(after)).filter(|events| !events.is_empty()))
            .await
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
