//! Faults as JSON, for the control plane.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::fault::{Fault, RetryAfter};

/// A fault by name, with what that name needs and what may be combined with it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaultSpec {
    kind: Kind,
    status: Option<u16>,
    code: Option<String>,
    content_type: Option<String>,
    body: Option<Value>,
    name: Option<String>,
    value: Option<Value>,
    bytes: Option<usize>,
    pause_ms: Option<u64>,
    retry_after: Option<RetryAfter>,
    processed: Option<bool>,
    delay_ms: Option<u64>,
    delay_answer_ms: Option<u64>,
    set_status: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    members: BTreeMap<String, Value>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    None,
    LoseRequest,
    LoseAnswer,
    Close,
    Hang,
    HangAnswer,
    Swallow,
    TornBody,
    Trickle,
    Oversized,
    Status,
    Answer,
    Json,
    Unavailable,
    TooManyRequests,
    BadGatewayHtml,
    InternalErrorHtml,
    Html200,
    OauthError,
    ErrorAsObject,
    EmptyBody,
    Body,
    ContentType,
    WithMember,
    WithoutMember,
    SameTokens,
}

impl FaultSpec {
    /// The fault described; else the name of the member that is missing.
    pub(crate) fn build(self) -> Result<Fault, &'static str> {
        let mut fault = self.base()?;
        match self.processed {
            Some(true) => fault = fault.processed(),
            Some(false) => fault = fault.unprocessed(),
            None => {}
        }
        if let Some(by) = self.delay_ms {
            fault = fault.delay(Duration::from_millis(by));
        }
        if let Some(by) = self.delay_answer_ms {
            fault = fault.delay_answer(Duration::from_millis(by));
        }
        if let Some(status) = self.set_status {
            fault = fault.set_status(status);
        }
        for (name, value) in &self.headers {
            fault = fault.header(name, value);
        }
        for (name, value) in self.members {
            fault = fault.member(&name, value);
        }
        Ok(fault)
    }

    fn base(&self) -> Result<Fault, &'static str> {
        let status = || self.status.ok_or("status");
        let code = || self.code.as_deref().ok_or("code");
        let name = || self.name.as_deref().ok_or("name");
        let body = || self.body.clone().ok_or("body");
        let bytes = || self.bytes.ok_or("bytes");
        let content_type = || self.content_type.as_deref().ok_or("content_type");
        let retry_after = self.retry_after.unwrap_or(RetryAfter::Absent);
        Ok(match self.kind {
            Kind::None => Fault::none(),
            Kind::LoseRequest => Fault::lose_request(),
            Kind::LoseAnswer => Fault::lose_answer(),
            Kind::Close => Fault::close(),
            Kind::Hang => Fault::hang(),
            Kind::HangAnswer => Fault::hang_answer(),
            Kind::Swallow => Fault::swallow(),
            Kind::TornBody => Fault::torn_body(),
            Kind::Trickle => {
                let pause = Duration::from_millis(self.pause_ms.ok_or("pause_ms")?);
                Fault::trickle(bytes()?, pause)
            }
            Kind::Oversized => Fault::oversized(bytes()?),
            Kind::Status => Fault::status(status()?),
            Kind::Answer => Fault::answer(status()?, content_type()?, text(&body()?)),
            Kind::Json => Fault::json(status()?, body()?),
            Kind::Unavailable => Fault::unavailable(retry_after),
            Kind::TooManyRequests => Fault::too_many_requests(retry_after),
            Kind::BadGatewayHtml => Fault::bad_gateway_html(),
            Kind::InternalErrorHtml => Fault::internal_error_html(),
            Kind::Html200 => Fault::html_200(),
            Kind::OauthError => Fault::oauth_error(self.status.unwrap_or(400), code()?),
            Kind::ErrorAsObject => Fault::error_as_object(code()?),
            Kind::EmptyBody => Fault::empty_body(),
            Kind::Body => Fault::body(text(&body()?)),
            Kind::ContentType => Fault::content_type(content_type()?),
            Kind::WithMember => Fault::with_member(name()?, self.value.clone().ok_or("value")?),
            Kind::WithoutMember => Fault::without_member(name()?),
            Kind::SameTokens => Fault::same_tokens(),
        })
    }
}

/// Text as it is, anything else as JSON.
fn text(body: &Value) -> String {
    match body {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
