//! An authorization server to break OAuth clients with.
//!
//! [`TestServer`] runs on loopback, inside your test: an authorization server that rotates refresh
//! tokens and detects their reuse, an API that checks access tokens, and fault points for what goes
//! wrong between the two. It tests *any* client, over real sockets; it does not depend on the other
//! crates of oneflight, except with the feature `store`, which adds [the suite that every store of
//! a session must pass](#testing-your-own-store).
//!
//! - Tokens expire when you say so: [on command](TestServer::expire_access_tokens) or on a
//!   [virtual clock](Clock::virtual_at).
//! - [Faults](Fault) strike the next request, the next five, or all; [gates](Hold) hold requests until
//!   everybody is there. With them no test needs to sleep.
//! - The server counts what a client cannot see: [refreshes asked for](Counters::refresh_posts), how
//!   often a spent token came back, which families live and why the others died.
//! - What Rust can order, other languages can over HTTP: see [the control plane](#control-plane).
//!
//! # Testing your client
//!
//! This client does what many do: when a request is refused, it refreshes and tries again. One call at
//! a time that is fine. Two calls at a time sign the user out, and the server can say why.
//!
//! ```
//! use std::sync::{Arc, Mutex};
//!
//! use oneflight_testkit::{Death, Hold, Point, TestServer};
//! use reqwest::StatusCode;
//!
//! /// The client under test.
//! #[derive(Clone)]
//! struct Naive {
//!     http: reqwest::Client,
//!     token_url: String,
//!     /// The access and the refresh token.
//!     tokens: Arc<Mutex<(String, String)>>,
//! }
//!
//! impl Naive {
//!     async fn get(&self, url: &str) -> reqwest::Result<StatusCode> {
//!         let (access, refresh) = self.tokens.lock().unwrap().clone();
//!         let answer = self.http.get(url).bearer_auth(access).send().await?;
//!         if answer.status() != StatusCode::UNAUTHORIZED {
//!             return Ok(answer.status());
//!         }
//!         let form = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", &refresh)];
//!         let answer = self.http.post(&self.token_url).form(&form).send().await?;
//!         if !answer.status().is_success() {
//!             return Ok(StatusCode::UNAUTHORIZED);
//!         }
//!         let answer: serde_json::Value = answer.json().await?;
//!         let renewed = |name: &str| answer[name].as_str().unwrap().to_owned();
//!         let (access, refresh) = (renewed("access_token"), renewed("refresh_token"));
//!         *self.tokens.lock().unwrap() = (access.clone(), refresh);
//!         Ok(self.http.get(url).bearer_auth(access).send().await?.status())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # rustls::crypto::ring::default_provider().install_default().ok();
//! let server = TestServer::start().await?;
//! let session = server.issue_session();
//! let client = Naive {
//!     http: reqwest::Client::new(),
//!     token_url: server.token_url(),
//!     tokens: Arc::new(Mutex::new((
//!         session.access_token.clone(),
//!         session.refresh_token().to_owned(),
//!     ))),
//! };
//! let url = server.api_url("/api/orders");
//!
//! // One at a time: all is well.
//! server.expire_access_tokens();
//! assert_eq!(client.get(&url).await?, StatusCode::OK);
//! assert_eq!(server.counters().refresh_posts, 1);
//!
//! // Two at a time: both are refused before either refreshes, and both refresh.
//! server.expire_access_tokens();
//! let together = server.hold(Hold::answers(Point::Api).with_status(401).until_arrived(2));
//! let (one, two) = tokio::join!(client.get(&url), client.get(&url));
//! drop(together);
//! assert!([one?, two?].contains(&StatusCode::UNAUTHORIZED));
//!
//! // What the server saw: one refresh token used twice, so the family had to die.
//! assert_eq!(server.counters().refresh_posts, 3);
//! assert_eq!(server.counters().reuse_detected, 1);
//! assert_eq!(server.families()[0].death, Some(Death::ReuseDetected));
//! # Ok(())
//! # }
//! ```
//!
//! A client that refreshes once for both passes with `refresh_posts == 2` and `reuse_detected == 0`.
//!
//! Clients that block, and tests that pause tokio's clock, want the server on
//! [a thread of its own](Builder::start_in_thread).
//!
//! # Testing your own store
//!
//! With the feature `store` there is one more module, `store`: what every store of a session must do, as some fifty named
//! cases, for those of oneflight and for yours. Give it a function that makes an empty record and says how another process
//! would open it; each case is a test that says what it proves, and a failure says what was expected and what the store did.
//!
//! ```
//! # #[cfg(feature = "store")]
//! # mod yours {
//! use oneflight::MemoryStore;
//! use oneflight_testkit::store::Subject;
//!
//! async fn my_store() -> Subject {
//!     let record = MemoryStore::new(); // your store in place of it
//!     Subject::new(move || std::future::ready(record.clone())).tells_changes()
//! }
//!
//! oneflight_testkit::store_conformance!(my_store);
//! # }
//! ```
//!
//! # Endpoints
//!
//! | path | what |
//! |---|---|
//! | `GET`, `POST /oauth/authorize` | authorization code with PKCE (RFC 7636, S256) and instant consent; `login_hint` names the user |
//! | `POST /oauth/token` | `authorization_code`, `refresh_token`, `client_credentials`; client authentication `none`, `client_secret_basic`, `client_secret_post` |
//! | `POST /oauth/revoke` | RFC 7009; [how far it reaches](Reach) is a setting |
//! | `GET /oauth/userinfo` | for tokens with the scope `openid` |
//! | `GET /.well-known/oauth-authorization-server`, `…/openid-configuration` | metadata (RFC 8414, OpenID Connect Discovery) |
//! | `POST /api/auth/login` | `{"username", "password"}` → `{"accessToken", "refreshToken", "expiresIn"}`; any user, the password is `password` |
//! | `POST /api/auth/refresh`, `…/logout` | `{"refreshToken"}` |
//! | `POST /cookie/auth/login`, `…/refresh`, `…/logout` | the same with the refresh token in an HttpOnly cookie |
//! | any method `/api/…` | needs a bearer token; echoes method, path, query, headers, body, and which token it was, never the token |
//! | `/api/status/418` | answers with that status |
//! | `/api/scope/write` | needs that scope, else 403 `insufficient_scope` |
//! | `/api/redirect?to=URL&status=307` | redirects, see [`TestServer::redirect_url`] |
//! | `/api/stream/3` | streams that many chunks; [`Hold::bodies`] stops after the first |
//!
//! Known clients are `app`, without a secret, and `service` with the secret `secret`;
//! [more can be registered](Builder::client). A sign-in with the scope `openid` brings an ID token:
//! signed with HS256 and the secret for clients that have one, else unsigned (`alg: none`). Nothing is
//! signed with a public key.
//!
//! # Faults
//!
//! [`TestServer::inject`] and its sisters put a fault at a [`Point`]. Whether the server does its work
//! (a refresh rotates) is part of each fault; [`Fault::processed`] and [`Fault::unprocessed`] choose
//! otherwise, and delays, headers, members and statuses can be added to any.
//!
//! | fault | on the wire | rotates |
//! |---|---|---|
//! | [`lose_request`](Fault::lose_request) | connection reset | no |
//! | [`lose_answer`](Fault::lose_answer), [`close`](Fault::close) | connection reset, or closed in order | yes |
//! | [`delayed`](Fault::delayed), [`delay`](Fault::delay), [`delay_answer`](Fault::delay_answer) | late | late; early |
//! | [`hang`](Fault::hang), [`hang_answer`](Fault::hang_answer) | nothing, until released | when released; at once |
//! | [`swallow`](Fault::swallow) | nothing, then reset | no |
//! | [`torn_body`](Fault::torn_body) | head and half a body, then the end | yes |
//! | [`trickle`](Fault::trickle) | a body in small pieces | yes |
//! | [`oversized`](Fault::oversized) | a body of any size | yes |
//! | [`unavailable`](Fault::unavailable), [`too_many_requests`](Fault::too_many_requests) | 503, 429, with `Retry-After` in seconds, as a date, or without | no |
//! | [`bad_gateway_html`](Fault::bad_gateway_html), [`internal_error_html`](Fault::internal_error_html), [`html_200`](Fault::html_200) | HTML | no |
//! | [`oauth_error`](Fault::oauth_error) | any code at any status: `invalid_grant` at 403, an error in a 200 | no |
//! | [`error_as_object`](Fault::error_as_object) | `{"error": {"code": …}}` | no |
//! | [`status`](Fault::status), [`answer`](Fault::answer), [`json`](Fault::json) | anything | no |
//! | [`empty_body`](Fault::empty_body), [`body`](Fault::body), [`content_type`](Fault::content_type) | the genuine answer, spoiled | yes |
//! | [`with_member`](Fault::with_member), [`without_member`](Fault::without_member) | a member wrong, unknown or missing | yes |
//! | [`same_tokens`](Fault::same_tokens) | the pair the client has already | no |
//! | [`refuse_connections`](TestServer::refuse_connections) | closed before anything is read | no |
//! | [`go_offline`](TestServer::go_offline) | the system refuses the connection | no |
//!
//! Once a request has been read, it is processed to its end, even if its client hangs up meanwhile: a
//! server that was asked to rotate does rotate. The spelling of `expires_in`, tokens of 64 KiB or with
//! line breaks in them, challenges, lifetimes and rotation are [`Settings`].
//!
//! # Control plane
//!
//! The authorization server's port serves it under `/_control/`, to loopback names only, unless
//! [left out](Builder::without_control). Orders and answers are JSON; an order needs the content type
//! `application/json`, unless it has no body. A wrong order is answered 400 with
//! `{"error": "the reason"}`.
//!
//! | order | what |
//! |---|---|
//! | `GET counters` | [`Counters`] |
//! | `GET families`, `GET families/1` | [`FamilyReport`] |
//! | `GET requests/api?after=0`, `GET requests/refresh?after=0` | [`ApiRequest`], [`RefreshRequest`], those with a higher number |
//! | `GET log?after=0` | [`Event`], those with a higher number |
//! | `GET events?after=0` | the same as server-sent events, and all that follow; `Last-Event-ID` is understood |
//! | `GET settings`, `PATCH settings` | [`Settings`]; members that are left out stay |
//! | `POST sessions {"client", "user", "scope", "lifetime_ms"}` | [`TestServer::issue_session`]; every member may be left out |
//! | `POST expire {"family": 1}` | ends access tokens, without `family` all |
//! | `POST revoke {"family": 1}` | ends a family |
//! | `GET clock`, `POST clock {"advance_ms": 900000}` | the server's time |
//! | `POST faults {"point": "refresh", "fault": {"kind": "lose_answer"}, "times": 1, "always": false, "path": "/api/x"}` | [`TestServer::inject`]; point and fault are needed |
//! | `DELETE faults` | forgets them |
//! | `POST release` | [`TestServer::release_hung`] |
//! | `POST gates {"point": "api", "stage": "answer", "status": 401, "until_arrived": 50, "path": "/api/x"}` | [`TestServer::hold`] → `{"id"}`; stages are `arrival`, `answer`, `body` |
//! | `GET gates`, `POST gates/1/release {"count": 1}`, `DELETE gates/1` | how many have come; let some go; open |
//! | `POST refuse {"connections": 1}` | [`TestServer::refuse_connections`] |
//! | `POST offline {"for_ms": 5000}` | offline for a while of real time; control connections that are open stay so |
//!
//! A fault's `kind` is its constructor's name; its other members are that constructor's arguments
//! (`status`, `code`, `content_type`, `body`, `name`, `value`, `bytes`, `pause_ms`, and `retry_after` as
//! `{"seconds": 5}` or `{"date_in": 5}`) and what may be combined with any: `processed`, `delay_ms`,
//! `delay_answer_ms`, `set_status`, `headers`, `members`.
//!
//! ```sh
//! curl -d '{"point":"refresh","times":3,"fault":{"kind":"unavailable","retry_after":{"seconds":5}}}' \
//!      -H 'content-type: application/json' http://127.0.0.1:4181/_control/faults
//! ```
//!
//! # Safety
//!
//! The server listens on 127.0.0.1 and nowhere else. It signs anybody in: never put it behind a proxy.

mod clock;
pub mod server;
#[cfg(feature = "store")]
pub mod store;

pub use clock::Clock;
pub use server::{
    AcceptPolicy, ApiRequest, Builder, Challenge, Client, ClientAuth, Consent, Cors, Counters, Credentials,
    Death, Event, ExpiresIn, FamilyReport, Fault, Gate, GraceReplay, Hold, IssuedSession, OldAccessTokens,
    Origin, Point, Reach, RefreshRequest, RetryAfter, Rotation, RunOptions, SessionTerms, Settings, Stage,
    StartError, TestServer, TokenId, TokenShape, Via, What, run_forever,
};

/// The README's examples compile. They do not run: reqwest wants a TLS provider to be chosen when it is built with all
/// features that this workspace asks of it, and a README cannot hide such a line.
#[cfg(all(doctest, feature = "store"))]
#[doc = include_str!("../README.md")]
struct Readme;
