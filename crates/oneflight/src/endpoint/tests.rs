//! What the built-in endpoints send.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use ::http::{HeaderName, HeaderValue, Method, Request, Response};
use bytes::Bytes;
use oneflight_core::{TokenSet, WallTime};

use super::*;
use crate::SystemClock;
use crate::error::{ConfigError, UrlProblem};

/// Answers everything alike, and keeps what it was asked.
#[derive(Clone)]
struct Recorder {
    requests: Arc<Mutex<Vec<Request<Bytes>>>>,
    status: u16,
    body: &'static str,
}

impl Recorder {
    fn new(body: &'static str) -> Self {
        Self {
            requests: Arc::default(),
            status: 200,
            body,
        }
    }

    fn last(&self) -> Request<Bytes> {
        self.requests.lock().unwrap().pop().unwrap()
    }
}

impl HttpExchange for Recorder {
    fn exchange(
        &self,
        request: Request<Bytes>,
        _limit: usize,
    ) -> BoxFuture<'_, Result<Response<Bytes>, ExchangeError>> {
        self.requests.lock().unwrap().push(request);
        let mut response = Response::new(Bytes::from_static(self.body.as_bytes()));
        *response.status_mut() = self.status.try_into().unwrap();
        Box::pin(std::future::ready(Ok(response)))
    }
}

const GRANTED: &str = r#"{"access_token":"new","refresh_token":"newer","expires_in":900}"#;

fn request(refresh_token: Option<&str>) -> RefreshRequest {
    let mut base = TokenSet::new("old", WallTime::default()).unwrap();
    if let Some(refresh_token) = refresh_token {
        base = base.refresh_token(refresh_token).unwrap();
    }
    let refresh = Refresh {
        base: Some(Arc::new(base)),
    };
    RefreshRequest::new(refresh, Arc::new(SystemClock))
}

fn form(request: &Request<Bytes>) -> HashMap<String, String> {
    form_urlencoded::parse(request.body()).into_owned().collect()
}

#[tokio::test]
async fn w1_w2_a_public_client_names_itself_in_the_form() {
    let http = Recorder::new(GRANTED);
    let endpoint = OAuthEndpoint::builder("https://as.example/token?tenant=1", "my client", http.clone())
        .scope("a b")
        .resource("https://one.example")
        .resource("https://two.example")
        .audience("api")
        .parameter("x", "&=ü")
        .build()
        .unwrap();
    let reply = endpoint.refresh(request(Some("r&t"))).await;
    assert!(matches!(reply.verdict, Verdict::Renewed(_)), "{reply:?}");

    let sent = http.last();
    assert_eq!(sent.method(), Method::POST);
    assert_eq!(sent.uri(), "https://as.example/token?tenant=1");
    assert_eq!(
        sent.headers()["content-type"],
        "application/x-www-form-urlencoded"
    );
    assert_eq!(sent.headers()["accept"], "application/json");
    assert!(!sent.headers().contains_key("authorization"));
    let resources = form_urlencoded::parse(sent.body()).filter(|(name, _)| name == "resource");
    assert_eq!(resources.count(), 2);
    let form = form(&sent);
    assert_eq!(form["grant_type"], "refresh_token");
    assert_eq!(form["refresh_token"], "r&t");
    assert_eq!(form["client_id"], "my client");
    assert_eq!(form["scope"], "a b");
    assert_eq!(form["audience"], "api");
    assert_eq!(form["x"], "&=ü");
}

#[tokio::test]
async fn w1_client_secret_basic_encodes_id_and_secret_first() {
    let http = Recorder::new(GRANTED);
    let endpoint = OAuthEndpoint::builder("https://as.example/token", "a:b", http.clone())
        .client_auth(ClientAuth::basic("p w%"))
        .build()
        .unwrap();
    endpoint.refresh(request(Some("r"))).await;
    let sent = http.last();
    // "a%3Ab:p+w%25", as RFC 6749 §2.3.1 wants it.
    assert_eq!(sent.headers()["authorization"], "Basic YSUzQWI6cCt3JTI1");
    assert!(sent.headers()["authorization"].is_sensitive());
    let form = form(&sent);
    assert!(!form.contains_key("client_id") && !form.contains_key("client_secret"));
    assert!(!format!("{endpoint:?}").contains("p w%"));
}

#[tokio::test]
async fn w1_client_secret_post_sends_both_in_the_form() {
    let http = Recorder::new(GRANTED);
    let endpoint = OAuthEndpoint::builder("https://as.example/token", "id", http.clone())
        .client_auth(ClientAuth::post("hunter2"))
        .build()
        .unwrap();
    endpoint.refresh(request(Some("r"))).await;
    let form = form(&http.last());
    assert_eq!((&*form["client_id"], &*form["client_secret"]), ("id", "hunter2"));
    assert!(!format!("{endpoint:?}").contains("hunter2"));
}

#[tokio::test]
async fn w1_client_credentials_need_no_refresh_token() {
    let http = Recorder::new(r#"{"access_token":"new","expires_in":60}"#);
    let endpoint = ClientCredentials::builder("https://as.example/token", "id", http.clone())
        .client_auth(ClientAuth::post("s"))
        .build()
        .unwrap();
    assert_eq!(endpoint.grant(), GrantKind::ClientCredentials);
    endpoint.refresh(request(None)).await;
    let form = form(&http.last());
    assert_eq!(form["grant_type"], "client_credentials");
    assert!(!form.contains_key("refresh_token"));
}

#[tokio::test]
async fn l4_revocation_names_the_refresh_token() {
    let mut http = Recorder::new("");
    let tokens = |refresh: &str| {
        let set = TokenSet::new("a", WallTime::default()).unwrap();
        Arc::new(set.refresh_token(refresh).unwrap())
    };
    let endpoint = |http: &Recorder| {
        OAuthEndpoint::builder("https://as.example/token", "id", http.clone())
            .revocation_url("https://as.example/revoke")
            .build()
            .unwrap()
    };
    assert_eq!(endpoint(&http).revoke(tokens("r")).await, Revocation::Done);
    let sent = http.last();
    assert_eq!(sent.uri().path(), "/revoke");
    let form = form(&sent);
    assert_eq!(
        (&*form["token"], &*form["token_type_hint"]),
        ("r", "refresh_token")
    );
    http.status = 503;
    assert_eq!(endpoint(&http).revoke(tokens("r")).await, Revocation::Failed);
    let without = OAuthEndpoint::builder("https://as.example/token", "id", http.clone())
        .build()
        .unwrap();
    assert_eq!(without.revoke(tokens("r")).await, Revocation::NotOffered);
}

#[tokio::test]
async fn w1_the_json_endpoint_fits_home_grown_back_ends() {
    let http = Recorder::new(r#"{"accessToken":"new","refreshToken":"newer","expiresIn":900}"#);
    let endpoint = JsonEndpoint::builder("https://app.example/api/auth/refresh", http.clone())
        .build()
        .unwrap();
    let reply = endpoint.refresh(request(Some("r\"t"))).await;
    let Verdict::Renewed(set) = reply.verdict else {
        panic!("{reply:?}")
    };
    assert_eq!(set.access_token.expose(), "new");
    assert_eq!(set.refresh_token.unwrap().expose(), "newer");
    assert_eq!(set.expires_in, Some(std::time::Duration::from_secs(900)));
    let sent = http.last();
    assert_eq!(&sent.body()[..], br#"{"refreshToken":"r\"t"}"#);
    assert_eq!(sent.headers()["content-type"], "application/json");
    assert_eq!(sent.headers()["accept"], "application/json");
}

#[tokio::test]
async fn w1_the_json_endpoint_speaks_with_other_names() {
    let http = Recorder::new(r#"{"data":{"token":"new","rt":"newer","ttl":60},"error":null}"#);
    let endpoint = JsonEndpoint::builder("https://app.example/refresh", http.clone())
        .fields(
            JsonFields::default()
                .request_refresh_token("rt")
                .access_token("token")
                .refresh_token("rt")
                .expires_in("ttl")
                .envelope("data"),
        )
        .member("device", "phone")
        .header(HeaderName::from_static("x-app"), HeaderValue::from_static("7"))
        .build()
        .unwrap();
    let reply = endpoint.refresh(request(Some("r"))).await;
    assert!(
        matches!(&reply.verdict, Verdict::Renewed(set) if set.refresh_token.is_some()),
        "{reply:?}"
    );
    let sent = http.last();
    assert_eq!(&sent.body()[..], br#"{"device":"phone","rt":"r"}"#);
    assert_eq!(sent.headers()["x-app"], "7");
}

#[tokio::test]
async fn w1_a_refresh_by_cookie_sends_no_token() {
    let http = Recorder::new(r#"{"accessToken":"new"}"#);
    let endpoint = JsonEndpoint::builder("https://app.example/refresh", http.clone())
        .refresh_by_cookie()
        .build()
        .unwrap();
    assert_eq!(endpoint.grant(), GrantKind::Ambient);
    endpoint.refresh(request(None)).await;
    assert_eq!(&http.last().body()[..], b"{}");
}

#[tokio::test]
async fn f1_a_401_of_a_json_endpoint_means_dead_unless_the_rules_say_otherwise() {
    let mut http = Recorder::new("{}");
    http.status = 401;
    let builder = || JsonEndpoint::builder("https://app.example/refresh", http.clone());
    let reply = builder().build().unwrap().refresh(request(Some("r"))).await;
    assert!(matches!(reply.verdict, Verdict::Dead { .. }), "{reply:?}");
    let strict = builder().rules(AnswerRules::default()).build().unwrap();
    let reply = strict.refresh(request(Some("r"))).await;
    assert!(
        matches!(reply.verdict, Verdict::Configuration { .. }),
        "{reply:?}"
    );
}

#[tokio::test]
async fn w2_a_redirect_is_an_error_and_not_followed() {
    let mut http = Recorder::new("");
    http.status = 308;
    let endpoint = OAuthEndpoint::builder("https://as.example/token", "id", http.clone())
        .build()
        .unwrap();
    let reply = endpoint.refresh(request(Some("r"))).await;
    assert!(
        matches!(reply.verdict, Verdict::Configuration { .. }),
        "{reply:?}"
    );
    assert_eq!(http.requests.lock().unwrap().len(), 1);
}

#[test]
fn o2_settings_that_cannot_work_are_refused_with_the_next_step() {
    let oauth = |url: &str, id: &str| OAuthEndpoint::builder(url, id, Recorder::new(""));
    let refused = |builder: OAuthBuilder<OAuthEndpoint>| builder.build().unwrap_err();

    assert_eq!(
        refused(oauth("https://as.example/token", "")),
        ConfigError::MissingClientId
    );
    let secretless = oauth("https://as.example/token", "id").client_auth(ClientAuth::basic(""));
    assert_eq!(refused(secretless), ConfigError::MissingClientSecret);
    let plain = refused(oauth("http://as.example/token", "id"));
    assert!(matches!(plain, ConfigError::PlainHttp { .. }), "{plain}");
    assert!(
        oauth("http://as.example/token", "id")
            .dangerously_allow_plain_http()
            .build()
            .is_ok()
    );
    assert!(oauth("http://[::1]:9/token", "id").build().is_ok());
    let bad = refused(oauth("as.example", "id"));
    let cause = UrlProblem::NotAbsolute;
    assert_eq!(
        bad,
        ConfigError::BadUrl {
            what: "token endpoint",
            cause
        }
    );
    let bad = refused(oauth("https://as.example/token", "id").revocation_url("http://as.example/revoke"));
    assert!(bad.to_string().contains("revocation endpoint"), "{bad}");
    let own = refused(oauth("https://as.example/token", "id").parameter("grant_type", "password"));
    assert!(matches!(own, ConfigError::BadParameter { .. }), "{own}");

    let json = JsonEndpoint::builder("https://app.example/r", Recorder::new(""));
    let nameless = json
        .fields(JsonFields::default().access_token(""))
        .build()
        .unwrap_err();
    assert!(matches!(nameless, ConfigError::BadParameter { .. }), "{nameless}");
}
