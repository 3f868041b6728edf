//! The authorization endpoint, with instant consent (RFC 6749 §4.1.1).

use axum::extract::{Request, State as Extract};
use axum::response::Response;
use http::{HeaderMap, Method, StatusCode, header};
use url::Url;

use super::api::Here;
use super::codes::Code;
use super::exchange::exchange;
use super::fault::Point;
use super::form::{Form, read_body};
use super::grants::Terms;
use super::reply::Reply;
use super::session::DEFAULT_USER;
use super::settings::Consent;
use super::shared::Shared;

/// The length of an S256 challenge.
const CHALLENGE_BYTES: usize = 43;

/// `GET` or `POST /oauth/authorize`
pub(crate) async fn authorize(Extract(here): Extract<Here>, request: Request) -> Response {
    let shared = &here.shared;
    let (head, body) = request.into_parts();
    shared.write(|state| state.counters.authorize_requests += 1);
    let form = match head.method {
        Method::POST => posted(&head.headers, body).await,
        _ => Form::from_query(head.uri.query().unwrap_or_default().as_bytes()),
    };
    let answer = |_| match form {
        Ok(form) => consent(shared, &form),
        Err(reply) => reply,
    };
    exchange(shared, &[Point::Authorize], head.uri.path(), answer)
        .await
        .response
}

async fn posted(headers: &HeaderMap, body: axum::body::Body) -> Result<Form, Reply> {
    Form::parse(headers, &read_body(body).await?)
}

fn consent(shared: &Shared, form: &Form) -> Reply {
    let issuer = &shared.origins().auth;
    let now = shared.now();
    shared.write(|state| {
        // Until client and redirect URI are known to be good, nobody is redirected (RFC 6749 §4.1.2.1).
        let Some(client) = form.one("client_id").and_then(|id| state.clients.get(id)) else {
            return page("The client is unknown.");
        };
        let asked = form.one("redirect_uri");
        let registered = &client.redirect_uris;
        let redirect_uri = match asked {
            Some(uri) if registered.is_empty() || registered.iter().any(|one| one == uri) => uri,
            None if registered.len() == 1 => &registered[0],
            _ => return page("The redirect URI is missing or not registered."),
        };
        let Ok(mut target) = Url::parse(redirect_uri) else {
            return page("The redirect URI is not an absolute URL.");
        };
        if target.fragment().is_some() {
            return page("The redirect URI has a fragment.");
        }
        match judge(form, client.is_public(), state.settings.consent) {
            Ok(challenge) => {
                let code = Code {
                    terms: terms(form, &client.id),
                    redirect_uri: asked.map(str::to_owned),
                    challenge,
                    issued_at: now,
                    family: None,
                };
                let code = state.codes.issue(code);
                target.query_pairs_mut().append_pair("code", &code);
            }
            Err((error, description)) => {
                target
                    .query_pairs_mut()
                    .append_pair("error", error)
                    .append_pair("error_description", description);
            }
        }
        if let Some(value) = form.one("state") {
            target.query_pairs_mut().append_pair("state", value);
        }
        // RFC 9207.
        target.query_pairs_mut().append_pair("iss", issuer);
        Reply::empty(StatusCode::SEE_OTHER)
            .not_cacheable()
            .with(header::LOCATION, target.as_str())
    })
}

type Denial = (&'static str, &'static str);

/// Whether a code is given; if so, bound to which challenge (RFC 7636 §4.3).
fn judge(form: &Form, public: bool, consent: Consent) -> Result<Option<String>, Denial> {
    match form.one("response_type") {
        Some("code") => {}
        Some(_) => return Err(("unsupported_response_type", "only code is supported")),
        None => return Err(("invalid_request", "response_type is missing")),
    }
    let challenge = form.one("code_challenge");
    match (challenge, form.one("code_challenge_method")) {
        (None, _) if public => {
            return Err(("invalid_request", "public clients must send a code_challenge"));
        }
        (None, Some(_)) => {
            return Err((
                "invalid_request",
                "code_challenge_method came without a challenge",
            ));
        }
        (Some(_), method) if method != Some("S256") => {
            return Err(("invalid_request", "code_challenge_method must be S256"));
        }
        (Some(challenge), _) if challenge.len() != CHALLENGE_BYTES => {
            return Err(("invalid_request", "code_challenge is not that of S256"));
        }
        _ => {}
    }
    match consent {
        Consent::Granted => Ok(challenge.map(str::to_owned)),
        Consent::Denied => Err(("access_denied", "the user said no")),
    }
}

fn terms(form: &Form, client: &str) -> Terms {
    Terms {
        client: client.to_owned(),
        subject: form.one("login_hint").unwrap_or(DEFAULT_USER).to_owned(),
        scope: form.one("scope").unwrap_or_default().to_owned(),
        resource: form.all("resource"),
        audience: form.all("audience"),
        nonce: form.one("nonce").map(str::to_owned),
        refreshable: true,
        lifetime: None,
    }
}

fn page(message: &str) -> Reply {
    let html = format!("<!doctype html><title>Not authorized</title><p>{message}</p>\n");
    Reply::text(StatusCode::BAD_REQUEST, "text/html; charset=utf-8", html)
}
