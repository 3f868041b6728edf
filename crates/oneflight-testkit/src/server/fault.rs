//! Fault points: what goes wrong, where, and how often.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A place where a fault or a hold can be put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Point {
    /// Refreshes, whichever way they come: `grant_type=refresh_token` at the token endpoint, or the
    /// JSON refresh with body or cookie.
    Refresh,
    /// Any POST to the token endpoint. Looked at after [`Point::Refresh`].
    Token,
    /// The authorization endpoint.
    Authorize,
    /// The revocation endpoint (RFC 7009).
    Revoke,
    /// Both metadata documents.
    Metadata,
    /// The OpenID userinfo endpoint.
    Userinfo,
    /// The JSON login.
    Login,
    /// The JSON logout.
    Logout,
    /// The protected API.
    Api,
    /// The API on the stranger's origin.
    Stranger,
}

/// How `Retry-After` is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RetryAfter {
    /// Not at all.
    Absent,
    /// In seconds.
    Seconds(u64),
    /// As an HTTP date, this many seconds after the server's now.
    DateIn(u64),
}

/// What goes wrong with one request.
///
/// A constructor names the fault; methods combine it with others. Whether the request is
/// *processed* (a refresh rotates, a login signs in) is part of the fault: an answer made up by
/// a gateway is not processed, an answer spoiled on its way back is. [`processed`](Self::processed)
/// and [`unprocessed`](Self::unprocessed) choose otherwise.
///
/// # Examples
///
/// A 502 after the rotation, half a second late:
///
/// ```
/// use std::time::Duration;
/// use oneflight_testkit::Fault;
///
/// let fault = Fault::bad_gateway_html().processed().delay(Duration::from_millis(500));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub(crate) name: Cow<'static, str>,
    pub(crate) before: Wait,
    pub(crate) process: Process,
    pub(crate) canned: Option<Canned>,
    pub(crate) changes: Vec<Change>,
    pub(crate) after: Wait,
    pub(crate) delivery: Delivery,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    None,
    Delay(Duration),
    Hang,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Process {
    Normal,
    Skip,
    Repeat,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Canned {
    pub(crate) status: u16,
    pub(crate) content_type: Option<Cow<'static, str>>,
    pub(crate) body: CannedBody,
    pub(crate) retry_after: RetryAfter,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum CannedBody {
    Bytes(Cow<'static, [u8]>),
    Json(Value),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    Set(String, Value),
    Remove(String),
    Header(String, String),
    Status(u16),
    Pad(usize),
    Body(Cow<'static, [u8]>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    Whole,
    Reset,
    Close,
    Torn,
    Trickle { chunk: usize, pause: Duration },
}

impl Fault {
    fn named(name: &'static str) -> Self {
        Self {
            name: Cow::Borrowed(name),
            before: Wait::None,
            process: Process::Normal,
            canned: None,
            changes: Vec::new(),
            after: Wait::None,
            delivery: Delivery::Whole,
        }
    }

    fn canned(name: &'static str, status: u16, content_type: &'static str, body: CannedBody) -> Self {
        let mut fault = Self::named(name);
        fault.process = Process::Skip;
        fault.canned = Some(Canned {
            status,
            content_type: (!content_type.is_empty()).then_some(Cow::Borrowed(content_type)),
            body,
            retry_after: RetryAfter::Absent,
        });
        fault
    }

    fn change(name: &'static str, change: Change) -> Self {
        let mut fault = Self::named(name);
        fault.changes.push(change);
        fault
    }

    /// Nothing goes wrong. Skips a place in the queue: "the third one fails".
    pub fn none() -> Self {
        Self::named("none")
    }

    /// The connection is reset once the request was read; nothing is processed.
    pub fn lose_request() -> Self {
        let mut fault = Self::lose_answer();
        fault.name = "lose_request".into();
        fault.process = Process::Skip;
        fault
    }

    /// The request is processed (a refresh rotates), then the connection is reset without an answer.
    pub fn lose_answer() -> Self {
        let mut fault = Self::named("lose_answer");
        fault.delivery = Delivery::Reset;
        fault
    }

    /// The request is processed, then the connection is closed in order, without an answer.
    pub fn close() -> Self {
        let mut fault = Self::named("close");
        fault.delivery = Delivery::Close;
        fault
    }

    /// The request waits, unprocessed, until [`TestServer::release_hung`](crate::TestServer::release_hung);
    /// then it is processed and answered.
    pub fn hang() -> Self {
        let mut fault = Self::named("hang");
        fault.before = Wait::Hang;
        fault
    }

    /// The request is processed; its answer waits until
    /// [`TestServer::release_hung`](crate::TestServer::release_hung).
    pub fn hang_answer() -> Self {
        let mut fault = Self::named("hang_answer");
        fault.after = Wait::Hang;
        fault
    }

    /// The request is neither processed nor answered: it hangs, and when it is released, or the
    /// server stops, the connection is reset.
    pub fn swallow() -> Self {
        let mut fault = Self::lose_request();
        fault.name = "swallow".into();
        fault.before = Wait::Hang;
        fault
    }

    /// The request is processed a while after it came.
    pub fn delayed(by: Duration) -> Self {
        Self::named("delayed").delay(by)
    }

    /// The request is processed; half of the answer's body arrives, then the connection ends.
    pub fn torn_body() -> Self {
        let mut fault = Self::named("torn_body");
        fault.delivery = Delivery::Torn;
        fault
    }

    /// The request is processed; the answer's body arrives `chunk` bytes at a time, with a pause
    /// before each.
    pub fn trickle(chunk: usize, pause: Duration) -> Self {
        let mut fault = Self::named("trickle");
        fault.delivery = Delivery::Trickle {
            chunk: chunk.max(1),
            pause,
        };
        fault
    }

    /// The request is processed; the answer is padded to at least `bytes` with a member clients
    /// must ignore.
    pub fn oversized(bytes: usize) -> Self {
        Self::change("oversized", Change::Pad(bytes))
    }

    /// An answer with this status, an empty body and no content type; nothing is processed.
    pub fn status(status: u16) -> Self {
        Self::canned("status", status, "", CannedBody::Bytes(Cow::Borrowed(b"")))
    }

    /// An answer made up entirely; nothing is processed.
    pub fn answer(status: u16, content_type: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        let mut fault = Self::status(status);
        fault.name = "answer".into();
        if let Some(canned) = &mut fault.canned {
            canned.content_type = Some(Cow::Owned(content_type.into()));
            canned.body = CannedBody::Bytes(Cow::Owned(body.into()));
        }
        fault
    }

    /// A JSON answer made up entirely; nothing is processed.
    pub fn json(status: u16, body: Value) -> Self {
        Self::canned("json", status, "application/json", CannedBody::Json(body))
    }

    /// 503; nothing is processed.
    pub fn unavailable(retry_after: RetryAfter) -> Self {
        Self::status(503).renamed("unavailable").retry(retry_after)
    }

    /// 429; nothing is processed.
    pub fn too_many_requests(retry_after: RetryAfter) -> Self {
        Self::status(429).renamed("too_many_requests").retry(retry_after)
    }

    /// 502 with the HTML page of a gateway; nothing is processed.
    pub fn bad_gateway_html() -> Self {
        Self::html("bad_gateway_html", 502)
    }

    /// 500 with an HTML page; nothing is processed.
    pub fn internal_error_html() -> Self {
        Self::html("internal_error_html", 500)
    }

    /// 200 with the HTML page of a captive portal; nothing is processed.
    pub fn html_200() -> Self {
        Self::html("html_200", 200)
    }

    fn html(name: &'static str, status: u16) -> Self {
        const PAGE: &[u8] =
            b"<!doctype html><html><head><title>Sorry</title></head><body>Sorry</body></html>\n";
        let body = CannedBody::Bytes(Cow::Borrowed(PAGE));
        Self::canned(name, status, "text/html; charset=utf-8", body)
    }

    /// An error answer (RFC 6749 §5.2) with any status and code, such as `invalid_grant` at 403;
    /// nothing is processed, no family dies.
    pub fn oauth_error(status: u16, code: &str) -> Self {
        Self::json(
            status,
            serde_json::json!({ "error": code, "error_description": "scripted by the test" }),
        )
        .renamed("oauth_error")
    }

    /// 400 `{"error": {"code": …, "message": …}}`: the error is an object; nothing is processed.
    pub fn error_as_object(code: &str) -> Self {
        Self::json(
            400,
            serde_json::json!({ "error": { "code": code, "message": "scripted by the test" } }),
        )
        .renamed("error_as_object")
    }

    /// The request is processed; the answer keeps its status and headers and loses its body.
    pub fn empty_body() -> Self {
        Self::change("empty_body", Change::Body(Cow::Borrowed(b"")))
    }

    /// The request is processed; the answer's body is replaced.
    pub fn body(body: impl Into<Vec<u8>>) -> Self {
        Self::change("body", Change::Body(Cow::Owned(body.into())))
    }

    /// The request is processed; the answer says another content type.
    pub fn content_type(value: &str) -> Self {
        Self::change(
            "content_type",
            Change::Header("content-type".into(), value.into()),
        )
    }

    /// The request is processed; one member of the JSON answer is replaced or added.
    pub fn with_member(name: &str, value: impl Into<Value>) -> Self {
        Self::change("with_member", Change::Set(name.into(), value.into()))
    }

    /// The request is processed; one member of the JSON answer is left out, such as `token_type` or
    /// `refresh_token`. A rotated refresh token that is left out is lost.
    pub fn without_member(name: &str) -> Self {
        Self::change("without_member", Change::Remove(name.into()))
    }

    /// The refresh is answered with the pair that the family already has; nothing rotates.
    pub fn same_tokens() -> Self {
        let mut fault = Self::named("same_tokens");
        fault.process = Process::Repeat;
        fault
    }

    fn renamed(mut self, name: &'static str) -> Self {
        self.name = name.into();
        self
    }

    fn retry(mut self, retry_after: RetryAfter) -> Self {
        if let Some(canned) = &mut self.canned {
            canned.retry_after = retry_after;
        }
        self
    }

    /// Also: the request is processed after all.
    pub fn processed(mut self) -> Self {
        if self.process == Process::Skip {
            self.process = Process::Normal;
        }
        self
    }

    /// Also: the request is not processed. If there is then no answer to give, it is an empty 500.
    pub fn unprocessed(mut self) -> Self {
        self.process = Process::Skip;
        self
    }

    /// Also: wait before processing.
    pub fn delay(mut self, by: Duration) -> Self {
        self.before = Wait::Delay(by);
        self
    }

    /// Also: wait between processing and answering.
    pub fn delay_answer(mut self, by: Duration) -> Self {
        self.after = Wait::Delay(by);
        self
    }

    /// Also: another status.
    pub fn set_status(mut self, status: u16) -> Self {
        self.changes.push(Change::Status(status));
        self
    }

    /// Also: set a header of the answer.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.changes.push(Change::Header(name.into(), value.into()));
        self
    }

    /// Also: replace or add a member of the JSON answer.
    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.changes.push(Change::Set(name.into(), value.into()));
        self
    }
}
