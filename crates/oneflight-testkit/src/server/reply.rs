//! Answers, before and after a fault spoiled them.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body::Frame;
use serde_json::Value;

use super::fault::{Canned, CannedBody, Change, Delivery, RetryAfter};
use crate::clock::Clock;

/// An answer on its way out.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    /// Boxed, because replies travel as errors too.
    pub(crate) headers: Box<HeaderMap>,
    pub(crate) payload: Payload,
}

#[derive(Debug)]
pub(crate) enum Payload {
    Json(Value),
    Bytes(Bytes),
    Stream(Body),
}

impl Reply {
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: Box::default(),
            payload: Payload::Bytes(Bytes::new()),
        }
    }

    pub(crate) fn json(status: StatusCode, body: Value) -> Self {
        Self {
            payload: Payload::Json(body),
            ..Self::empty(status)
        }
        .with(header::CONTENT_TYPE, "application/json")
    }

    pub(crate) fn text(status: StatusCode, content_type: &str, body: impl Into<Bytes>) -> Self {
        let mut reply = Self::empty(status).with(header::CONTENT_TYPE, content_type);
        reply.payload = Payload::Bytes(body.into());
        reply
    }

    /// An error of OAuth (RFC 6749 §5.2).
    pub(crate) fn oauth_error(status: StatusCode, code: &str, description: &str) -> Self {
        Self::json(
            status,
            serde_json::json!({ "error": code, "error_description": description }),
        )
    }

    /// Adds a header; one that HTTP cannot carry is left out.
    pub(crate) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.append(name, value);
        }
        self
    }

    /// As token answers must say (RFC 6749 §5.1).
    pub(crate) fn not_cacheable(self) -> Self {
        self.with(header::CACHE_CONTROL, "no-store")
            .with(header::PRAGMA, "no-cache")
    }

    /// The JSON object as `application/x-www-form-urlencoded`.
    pub(crate) fn into_form(mut self) -> Self {
        let Payload::Json(Value::Object(members)) = &self.payload else {
            return self;
        };
        let mut form = form_urlencoded::Serializer::new(String::new());
        for (name, value) in members {
            match value {
                Value::String(text) => form.append_pair(name, text),
                other => form.append_pair(name, &other.to_string()),
            };
        }
        self.payload = Payload::Bytes(form.finish().into());
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        self.headers.insert(header::CONTENT_TYPE, form);
        self
    }

    pub(crate) fn canned(canned: &Canned, clock: &Clock) -> Self {
        let status = StatusCode::from_u16(canned.status).unwrap_or(StatusCode::IM_A_TEAPOT);
        let mut reply = Self::empty(status);
        reply.payload = match &canned.body {
            CannedBody::Bytes(bytes) => Payload::Bytes(Bytes::from(bytes.to_vec())),
            CannedBody::Json(value) => Payload::Json(value.clone()),
        };
        if let Some(value) = &canned.content_type {
            reply = reply.with(header::CONTENT_TYPE, value);
        }
        match canned.retry_after {
            RetryAfter::Absent => reply,
            RetryAfter::Seconds(secs) => reply.with(header::RETRY_AFTER, &secs.to_string()),
            RetryAfter::DateIn(secs) => {
                let later = clock.after(std::time::Duration::from_secs(secs));
                reply.with(header::RETRY_AFTER, &httpdate::fmt_http_date(later))
            }
        }
    }

    pub(crate) fn change(&mut self, change: &Change) {
        match change {
            Change::Set(name, value) => {
                if let Payload::Json(Value::Object(members)) = &mut self.payload {
                    members.insert(name.clone(), value.clone());
                }
            }
            Change::Remove(name) => {
                if let Payload::Json(Value::Object(members)) = &mut self.payload {
                    members.remove(name);
                }
            }
            Change::Header(name, value) => {
                if let (Ok(name), Ok(value)) = (
                    HeaderName::from_bytes(name.as_bytes()),
                    HeaderValue::from_str(value),
                ) {
                    self.headers.insert(name, value);
                }
            }
            Change::Status(status) => {
                self.status = StatusCode::from_u16(*status).unwrap_or(self.status);
            }
            Change::Body(body) => self.payload = Payload::Bytes(Bytes::from(body.to_vec())),
            Change::Pad(bytes) => self.pad(*bytes),
        }
    }

    fn pad(&mut self, bytes: usize) {
        match &mut self.payload {
            Payload::Json(Value::Object(members)) => {
                members.insert("padding".to_owned(), "x".repeat(bytes).into());
            }
            Payload::Bytes(body) => {
                let mut longer = body.to_vec();
                longer.resize(longer.len().max(bytes), b' ');
                *body = longer.into();
            }
            Payload::Json(_) | Payload::Stream(_) => {}
        }
    }

    /// The response, with nothing going wrong.
    pub(crate) fn whole(self, clock: &Clock) -> Response {
        self.deliver(Delivery::Whole, clock)
    }

    /// The response, delivered as the fault says.
    pub(crate) fn deliver(self, delivery: Delivery, clock: &Clock) -> Response {
        let mut response = Response::new(Body::empty());
        match delivery {
            Delivery::Reset => {
                response.extensions_mut().insert(Abort::Reset);
                return response;
            }
            Delivery::Close => {
                response.extensions_mut().insert(Abort::Close);
                return response;
            }
            Delivery::Whole | Delivery::Torn | Delivery::Trickle { .. } => {}
        }
        *response.status_mut() = self.status;
        *response.headers_mut() = *self.headers;
        if let Ok(date) = HeaderValue::from_str(&httpdate::fmt_http_date(clock.now())) {
            response.headers_mut().insert(header::DATE, date);
        }
        let bytes = match self.payload {
            Payload::Json(value) => Bytes::from(value.to_string()),
            Payload::Bytes(bytes) => bytes,
            Payload::Stream(body) => {
                *response.body_mut() = body;
                return response;
            }
        };
        let length = bytes.len();
        *response.body_mut() = match delivery {
            Delivery::Torn => Body::new(Scripted::torn(bytes)),
            Delivery::Trickle { chunk, pause } => Body::new(Scripted::trickle(&bytes, chunk, pause, clock)),
            _ => Body::from(bytes),
        };
        if delivery != Delivery::Whole {
            response
                .headers_mut()
                .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        response
    }
}

/// On a response: do not send it, end the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Abort {
    Reset,
    Close,
}

/// The reason a torn body gives to the HTTP library, so that it ends the connection.
#[derive(Debug)]
pub(crate) struct Torn;

impl fmt::Display for Torn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body was torn, as scripted")
    }
}

impl std::error::Error for Torn {}

pub(crate) enum Step {
    Data(Bytes),
    Pause(Pin<Box<dyn Future<Output = ()> + Send>>),
    Tear,
}

/// A body that follows a script.
pub(crate) struct Scripted(VecDeque<Step>);

impl Scripted {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self(steps.into_iter().collect())
    }

    fn torn(bytes: Bytes) -> Self {
        let half = bytes.slice(..bytes.len() / 2);
        // Without the pause the HTTP library would end the connection before it flushed the half.
        let flush = Step::Pause(Box::pin(tokio::task::yield_now()));
        Self::new([Step::Data(half), flush, Step::Tear])
    }

    fn trickle(bytes: &Bytes, chunk: usize, pause: std::time::Duration, clock: &Clock) -> Self {
        let starts = (0..bytes.len()).step_by(chunk);
        Self::new(starts.flat_map(|start| {
            let clock = clock.clone();
            let wait = async move { clock.sleep(pause).await };
            let part = bytes.slice(start..bytes.len().min(start + chunk));
            [Step::Pause(Box::pin(wait)), Step::Data(part)]
        }))
    }
}

impl http_body::Body for Scripted {
    type Data = Bytes;
    type Error = Torn;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Torn>>> {
        loop {
            match self.0.front_mut() {
                None => return Poll::Ready(None),
                Some(Step::Pause(wait)) => {
                    ready!(wait.as_mut().poll(cx));
                    self.0.pop_front();
                }
                Some(Step::Data(_) | Step::Tear) => match self.0.pop_front() {
                    Some(Step::Data(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                    _ => return Poll::Ready(Some(Err(Torn))),
                },
            }
        }
    }
}
