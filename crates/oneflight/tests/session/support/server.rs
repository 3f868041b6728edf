//! An authorization server with strict rotation: a refresh token that is presented twice revokes its grant.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use oneflight::BoxFuture;
use oneflight::endpoint::{ExchangeError, ExchangeFailure, HttpExchange};
use tokio::sync::{Notify, Semaphore};

/// What the server does with a token request, instead of granting it.
#[derive(Clone)]
pub enum Answer {
    /// Grants, with these members put over the usual ones (as JSON text, without braces).
    With(&'static str),
    /// Waits for the gate, then grants.
    Gate(Arc<Gate>),
    /// Rotates, and holds the answer back until the gate opens.
    GateAfter(Arc<Gate>),
    /// Answers after this long, and grants. The clock of the tests is tokio's, paused: nobody sleeps.
    After(Duration),
    /// Does not process the request.
    Status(u16, &'static str),
    /// The same, with a `Retry-After`.
    RetryAfter(u16, String),
    /// Rotates, and the answer is lost.
    LostAfter(ExchangeFailure),
    /// Never sees the request.
    LostBefore(ExchangeFailure),
    /// Never answers, and never rotates.
    Hang,
    Panic,
    /// Panics before there is a future.
    PanicAtOnce,
}

/// A door that tests open; it says when somebody stands before it.
pub struct Gate {
    pub arrived: Semaphore,
    pub open: Notify,
}

impl Gate {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            arrived: Semaphore::new(0),
            open: Notify::new(),
        })
    }

    pub async fn pass(&self) {
        self.arrived.add_permits(1);
        self.open.notified().await;
    }

    pub async fn wait_for_arrival(&self) {
        self.arrived.acquire().await.unwrap().forget();
    }
}

#[derive(Default)]
struct Grants {
    /// Refresh tokens, and the grant each belongs to.
    tokens: HashMap<String, u32>,
    /// The one good refresh token of each living grant.
    current: HashMap<u32, String>,
    /// The predecessor that is still accepted, where there is a grace window.
    grace: HashMap<String, (String, String)>,
    next_grant: u32,
    next_token: u32,
}

#[derive(Default)]
pub struct Server {
    grants: Mutex<Grants>,
    script: Mutex<VecDeque<Answer>>,
    always: Mutex<Option<Answer>>,
    posts: Mutex<usize>,
    revoked: Mutex<Vec<String>>,
    reuse_detected: Mutex<u32>,
    pub lifetime_seconds: Mutex<Option<u64>>,
    pub has_grace: Mutex<bool>,
    pub revocation_fails: Mutex<bool>,
}

impl Server {
    pub fn new() -> Self {
        let server = Self::default();
        *server.lifetime_seconds.lock().unwrap() = Some(900);
        server
    }

    /// A new grant: its first access and refresh token.
    pub fn new_grant(&self) -> (String, String) {
        let mut grants = self.grants.lock().unwrap();
        grants.next_grant += 1;
        let grant = grants.next_grant;
        grants.issue(grant)
    }

    pub fn script(&self, answers: impl IntoIterator<Item = Answer>) {
        self.script.lock().unwrap().extend(answers);
    }

    pub fn always(&self, answer: Option<Answer>) {
        *self.always.lock().unwrap() = answer;
    }

    /// How many token requests arrived.
    pub fn posts(&self) -> usize {
        *self.posts.lock().unwrap()
    }

    /// The refresh tokens that were revoked by request.
    pub fn revoked(&self) -> Vec<String> {
        self.revoked.lock().unwrap().clone()
    }

    pub fn reuse_detected(&self) -> u32 {
        *self.reuse_detected.lock().unwrap()
    }

    pub fn is_alive(&self, refresh_token: &str) -> bool {
        let grants = self.grants.lock().unwrap();
        grants.current.values().any(|current| current == refresh_token)
    }

    /// What a token request with this refresh token comes to.
    pub fn rotate(&self, presented: &str) -> Result<(String, String), &'static str> {
        let mut grants = self.grants.lock().unwrap();
        let Some(grant) = grants.tokens.get(presented).copied() else {
            return Err("unknown");
        };
        if let Some(pair) = grants.grace.get(presented) {
            return Ok(pair.clone());
        }
        if grants
            .current
            .get(&grant)
            .is_none_or(|current| current != presented)
        {
            grants.current.remove(&grant);
            *self.reuse_detected.lock().unwrap() += 1;
            return Err("reused");
        }
        let pair = grants.issue(grant);
        if *self.has_grace.lock().unwrap() {
            grants.grace.insert(presented.to_owned(), pair.clone());
        }
        Ok(pair)
    }

    fn granted(&self, form: &HashMap<String, String>, members: &str) -> Response<Bytes> {
        let pair = match form.get("grant_type").map(String::as_str) {
            Some("client_credentials") => {
                let (access, _) = self.new_grant();
                Ok((access, None))
            }
            _ => self
                .rotate(form.get("refresh_token").map_or("", String::as_str))
                .map(|(access, refresh)| (access, Some(refresh))),
        };
        let Ok((access, refresh)) = pair else {
            return answer(400, r#"{"error":"invalid_grant"}"#);
        };
        let mut body = format!(r#"{{"access_token":"{access}","token_type":"Bearer""#);
        if let Some(refresh) = refresh {
            body += &format!(r#","refresh_token":"{refresh}""#);
        }
        if let Some(seconds) = *self.lifetime_seconds.lock().unwrap() {
            body += &format!(r#","expires_in":{seconds}"#);
        }
        if !members.is_empty() {
            body += ",";
            body += members;
        }
        body += "}";
        answer(200, &body)
    }

    async fn token(&self, form: HashMap<String, String>, scripted: Option<Answer>) -> Exchanged {
        match scripted {
            None => Ok(self.granted(&form, "")),
            Some(Answer::With(members)) => Ok(self.granted(&form, members)),
            Some(Answer::Gate(gate)) => {
                gate.pass().await;
                Ok(self.granted(&form, ""))
            }
            Some(Answer::GateAfter(gate)) => {
                let granted = self.granted(&form, "");
                gate.pass().await;
                Ok(granted)
            }
            Some(Answer::After(length)) => {
                tokio::time::sleep(length).await;
                Ok(self.granted(&form, ""))
            }
            Some(Answer::Status(status, body)) => Ok(answer(status, body)),
            Some(Answer::RetryAfter(status, value)) => {
                let mut answer = answer(status, "");
                answer.headers_mut().insert("retry-after", value.parse().unwrap());
                Ok(answer)
            }
            Some(Answer::LostAfter(failure)) => {
                self.granted(&form, "");
                Err(ExchangeError::new(failure))
            }
            Some(Answer::LostBefore(failure)) => Err(ExchangeError::new(failure)),
            Some(Answer::Hang) => std::future::pending().await,
            Some(Answer::Panic | Answer::PanicAtOnce) => panic!("scripted"),
        }
    }

    fn revoke(&self, form: &HashMap<String, String>) -> Response<Bytes> {
        let token = form.get("token").cloned().unwrap_or_default();
        self.revoked.lock().unwrap().push(token.clone());
        if *self.revocation_fails.lock().unwrap() {
            return answer(503, "");
        }
        let mut grants = self.grants.lock().unwrap();
        if let Some(grant) = grants.tokens.get(&token).copied() {
            grants.current.remove(&grant);
        }
        answer(200, "")
    }
}

impl Grants {
    fn issue(&mut self, grant: u32) -> (String, String) {
        self.next_token += 1;
        let number = self.next_token;
        let refresh = format!("refresh-{grant}-{number}");
        self.tokens.insert(refresh.clone(), grant);
        self.current.insert(grant, refresh.clone());
        (format!("access-{grant}-{number}"), refresh)
    }
}

type Exchanged = Result<Response<Bytes>, ExchangeError>;

impl HttpExchange for Server {
    fn exchange(&self, request: Request<Bytes>, _limit: usize) -> BoxFuture<'_, Exchanged> {
        let form: HashMap<String, String> = form_urlencoded::parse(request.body()).into_owned().collect();
        if request.uri().path() == "/revoke" {
            let answer = self.revoke(&form);
            return Box::pin(std::future::ready(Ok(answer)));
        }
        *self.posts.lock().unwrap() += 1;
        let scripted = self.script.lock().unwrap().pop_front();
        let scripted = scripted.or_else(|| self.always.lock().unwrap().clone());
        if let Some(Answer::PanicAtOnce) = scripted {
            panic!("scripted");
        }
        Box::pin(self.token(form, scripted))
    }
}

fn answer(status: u16, body: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::copy_from_slice(body.as_bytes()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}
