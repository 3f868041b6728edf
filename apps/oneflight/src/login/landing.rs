//! Where the browser lands with the answer of the authorization server: a listener on the loopback interface (RFC 8252 §7.3).

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use http::{Method, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use url::form_urlencoded;

use super::LoginError;
use super::problem::Refusal;

const PATH: &str = "/callback";

/// How long the browser may take to read the last page.
const FAREWELL: Duration = Duration::from_secs(2);

/// The listener, before there is anything to wait for.
pub(super) struct Landing {
    listener: TcpListener,
    port: u16,
}

/// What the answer must be.
pub(super) struct Expected {
    pub(super) state: String,
    pub(super) issuer: String,
    /// The server says that it names itself in its answers.
    pub(super) names_issuer: bool,
}

type Answer = Result<String, LoginError>;

/// What the pages share.
struct Desk {
    expected: Expected,
    waiting: Mutex<Option<oneshot::Sender<Answer>>>,
}

impl Landing {
    /// Listens on this port of 127.0.0.1, or on a free one.
    ///
    /// # Errors
    /// What the system says.
    pub(super) async fn open(port: Option<u16>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap_or(0))).await?;
        let port = listener.local_addr()?.port();
        Ok(Self { listener, port })
    }

    /// Where the browser is to be sent.
    pub(super) fn redirect_uri(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.port)
    }

    /// Waits for the answer, and gives its code. What does not belong to this login is turned away and waited past.
    ///
    /// # Errors
    /// [`LoginError`] if the answer says that nobody is signed in, or is another server's.
    ///
    /// # Cancel safety
    /// Dropping it closes the listener.
    pub(super) async fn answer(self, expected: Expected) -> Answer {
        let (tell, told) = oneshot::channel();
        let desk = Arc::new(Desk {
            expected,
            waiting: Mutex::new(Some(tell)),
        });
        let router = Router::new()
            .route(PATH, get(arrive))
            .fallback(async || page(StatusCode::NOT_FOUND, "There is nothing here."))
            .with_state(desk);
        let (close, closed) = oneshot::channel::<()>();
        let serve = axum::serve(self.listener, router).with_graceful_shutdown(async {
            let _ = closed.await;
        });
        let serve = serve.into_future();
        tokio::pin!(serve);
        let answer = tokio::select! {
            answer = told => answer,
            ended = &mut serve => {
                return Err(LoginError::Listener { source: ended.err().unwrap_or_else(|| io::ErrorKind::Other.into()) });
            }
        };
        // The page that says so is let through to the browser.
        let _ = close.send(());
        let _ = tokio::time::timeout(FAREWELL, serve).await;
        answer.unwrap_or_else(|_| {
            Err(LoginError::Listener {
                source: io::ErrorKind::Other.into(),
            })
        })
    }
}

async fn arrive(State(desk): State<Arc<Desk>>, method: Method, RawQuery(query): RawQuery) -> Response {
    // A HEAD is somebody's preview; the answer comes by GET.
    if method != Method::GET {
        return page(StatusCode::METHOD_NOT_ALLOWED, "There is nothing here.");
    }
    let Some(answer) = desk.expected.read(query.as_deref().unwrap_or_default()) else {
        eprintln!("a request that does not belong to this sign-in came to its address, and was turned away");
        return page(
            StatusCode::BAD_REQUEST,
            "This does not belong to the sign-in that oneflight waits for. It still waits.",
        );
    };
    let Some(waiting) = desk.waiting.lock().ok().and_then(|mut waiting| waiting.take()) else {
        return page(
            StatusCode::OK,
            "oneflight has its answer already. You can close this page.",
        );
    };
    let (status, text) = match &answer {
        Ok(_) => (
            StatusCode::OK,
            "oneflight has the answer of the server. You can close this page; how it went on is said in the terminal.",
        ),
        Err(_) => (
            StatusCode::FORBIDDEN,
            "Nobody was signed in. You can close this page; the terminal says why.",
        ),
    };
    // Whoever waited may have left.
    let _ = waiting.send(answer);
    page(status, text)
}

impl Expected {
    /// Reads an answer (RFC 6749 §4.1.2, RFC 9207 §2.4); `None`: it is not one to our request.
    fn read(&self, query: &str) -> Option<Answer> {
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            // "MUST NOT be included more than once" (RFC 6749 §3.1).
            if parameters.insert(name, value).is_some() {
                return None;
            }
        }
        if parameters.get("state").map(AsRef::as_ref) != Some(self.state.as_str()) {
            return None;
        }
        match parameters.get("iss") {
            Some(found) if *found != self.issuer => {
                return Some(Err(LoginError::MixedUp {
                    found: super::problem::printable(found),
                }));
            }
            None if self.names_issuer => return Some(Err(LoginError::Unnamed)),
            _ => {}
        }
        if let Some(code) = parameters.get("error") {
            let description = parameters.get("error_description").map(AsRef::as_ref);
            let refusal = Refusal::new("the authorization server", code, description);
            return Some(Err(LoginError::Refused(refusal)));
        }
        parameters.get("code").map(|code| Ok(code.clone().into_owned()))
    }
}

/// A page that runs nothing, loads nothing, and tells nobody where it was.
fn page(status: StatusCode, text: &'static str) -> Response {
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>oneflight</title><h1>oneflight</h1><p>{text}</p></html>"
    );
    let headers = [
        (CACHE_CONTROL, "no-store"),
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (REFERRER_POLICY, "no-referrer"),
    ];
    (status, headers, Html(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(names_issuer: bool) -> Expected {
        Expected {
            state: "s".to_owned(),
            issuer: "https://as.example".to_owned(),
            names_issuer,
        }
    }

    #[test]
    fn c3_only_an_answer_with_our_state_is_taken_for_one() {
        for other in [
            "",
            "code=c",
            "code=c&state=t",
            "error=access_denied",
            "code=c&state=s&state=s",
            "code=c&code=d&state=s",
            "state=s",
        ] {
            assert!(expected(false).read(other).is_none(), "{other}");
        }
        assert_eq!(
            expected(false).read("code=c%20d&state=s").unwrap().unwrap(),
            "c d"
        );
    }

    #[test]
    fn c3_an_answer_of_another_issuer_is_refused() {
        let right = "code=c&state=s&iss=https%3A%2F%2Fas.example";
        assert!(expected(true).read(right).unwrap().is_ok());
        assert!(expected(false).read(right).unwrap().is_ok());
        for names_issuer in [true, false] {
            let wrong = expected(names_issuer).read("code=c&state=s&iss=https%3A%2F%2Fevil.example");
            assert!(
                matches!(wrong, Some(Err(LoginError::MixedUp { .. }))),
                "{wrong:?}"
            );
        }
        let missing = expected(true).read("code=c&state=s");
        assert!(matches!(missing, Some(Err(LoginError::Unnamed))), "{missing:?}");
    }

    #[test]
    fn c3_an_error_answer_is_shown_and_cannot_write_to_the_terminal() {
        let answer =
            expected(false).read("error=access_denied&error_description=no%1b%5b31m%0athanks&state=s");
        let Some(Err(LoginError::Refused(refusal))) = answer else {
            panic!("{answer:?}")
        };
        let shown = refusal.to_string();
        assert!(
            shown.contains("access_denied") && shown.contains("thanks"),
            "{shown}"
        );
        assert!(!shown.contains(['\u{1b}', '\n']), "{shown:?}");
    }
}
