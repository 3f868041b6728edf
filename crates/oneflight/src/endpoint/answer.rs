//! From an HTTP response to what it means: the JSON is taken apart here, the judgement is the core's.

mod json;

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use oneflight_core::answer::{
    Answer, AnswerRules, Body, ERROR_OBJECT_MEMBERS, Exchange, Loss, Members, Verdict, judge, looks_like_html,
};
use oneflight_core::retry_after::RetryAfter;
use oneflight_core::{Secret, WallTime};
use zeroize::Zeroize;

use self::json::{Held, Object};
use super::{ExchangeError, ExchangeFailure, Reply};

/// What a token response calls its members.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) access_token: Box<str>,
    pub(super) refresh_token: Box<str>,
    pub(super) token_type: Box<str>,
    pub(super) expires_in: Box<str>,
    pub(super) scope: Box<str>,
    pub(super) id_token: Box<str>,
    pub(super) error: Box<str>,
    pub(super) error_description: Box<str>,
    /// The member that the response is wrapped in.
    pub(super) envelope: Option<Box<str>>,
}

impl Names {
    /// The names of RFC 6749 §5.
    pub(super) fn rfc() -> Self {
        Self {
            access_token: "access_token".into(),
            refresh_token: "refresh_token".into(),
            token_type: "token_type".into(),
            expires_in: "expires_in".into(),
            scope: "scope".into(),
            id_token: "id_token".into(),
            error: "error".into(),
            error_description: "error_description".into(),
            envelope: None,
        }
    }
}

/// How one endpoint reads answers.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub(super) names: Names,
    pub(super) rules: AnswerRules,
    pub(super) body_limit_bytes: usize,
}

impl Reader {
    /// Judges what came of an exchange. `secrets` are those the request carried; they must not come back in an error.
    pub(super) fn read(
        &self,
        result: Result<Response<Bytes>, ExchangeError>,
        secrets: &[&str],
        received_at: WallTime,
    ) -> Reply {
        let exchange = Exchange {
            rules: &self.rules,
            secrets,
            received_at,
        };
        match result {
            Ok(response) => self.read_response(response, &exchange).into(),
            Err(error) => Reply::new(lost(error.failure(), &exchange)).because(error),
        }
    }

    fn read_response(&self, response: Response<Bytes>, exchange: &Exchange<'_>) -> Verdict {
        let (head, body) = response.into_parts();
        let retry_after = head.headers.get(RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| RetryAfter::parse(value, exchange.received_at));
        let content_type = head.headers.get(CONTENT_TYPE).map(|value| value.as_bytes());
        let verdict = {
            let object = json::object(&body).map(|object| self.unwrapped(object));
            let held = object.as_ref().map(|object| Known::of(object, &self.names));
            let members = held.as_ref().map(Known::members);
            let answer = Answer {
                status: head.status.as_u16(),
                retry_after,
                body: match members {
                    _ if body.len() > self.body_limit_bytes => Body::TooLarge,
                    Some(members) => Body::Json(members),
                    None if body.trim_ascii().is_empty() => Body::Empty,
                    None => Body::NotJson {
                        html: looks_like_html(content_type, &body),
                    },
                },
            };
            let mut verdict = judge(Ok(&answer), exchange);
            if let (Verdict::Renewed(set), Some(object)) = (&mut verdict, &object) {
                set.extra = self.extra(object);
            }
            verdict
        };
        wipe(body);
        verdict
    }

    fn unwrapped<'a>(&self, object: Object<'a>) -> Object<'a> {
        let envelope = self.names.envelope.as_deref();
        let inner = envelope.and_then(|name| object.get(name)).and_then(json::nested);
        inner.unwrap_or(object)
    }

    /// What the response held beside the members that the token set has a place for.
    fn extra(&self, object: &Object<'_>) -> Vec<(Box<str>, Secret)> {
        let names = &self.names;
        let always = [&names.access_token, &names.refresh_token, &names.expires_in];
        let if_text = [&names.scope, &names.id_token];
        let is_kept = |name: &str, text: &str| {
            always.iter().any(|known| ***known == *name)
                || (text.starts_with('"') && if_text.iter().any(|known| ***known == *name))
        };
        let others = object.iter().filter(|(name, text)| !is_kept(name, text));
        others
            .map(|(name, text)| (name.into(), Secret::new(text)))
            .collect()
    }
}

/// The members that are looked at, unescaped.
struct Known<'a> {
    access_token: Held<'a>,
    refresh_token: Held<'a>,
    token_type: Held<'a>,
    expires_in: Held<'a>,
    scope: Held<'a>,
    id_token: Held<'a>,
    error: Held<'a>,
    error_description: Held<'a>,
}

impl<'a> Known<'a> {
    fn of(object: &Object<'a>, names: &Names) -> Self {
        let held = |name: &str| Held::read(object.get(name), &ERROR_OBJECT_MEMBERS);
        Self {
            access_token: held(&names.access_token),
            refresh_token: held(&names.refresh_token),
            token_type: held(&names.token_type),
            expires_in: held(&names.expires_in),
            scope: held(&names.scope),
            id_token: held(&names.id_token),
            error: held(&names.error),
            error_description: held(&names.error_description),
        }
    }

    fn members(&self) -> Members<'_> {
        Members {
            access_token: self.access_token.value(),
            refresh_token: self.refresh_token.value(),
            token_type: self.token_type.value(),
            expires_in: self.expires_in.value(),
            scope: self.scope.value(),
            id_token: self.id_token.value(),
            error: self.error.value(),
            error_description: self.error_description.value(),
        }
    }
}

/// What it means that no whole answer came.
fn lost(failure: ExchangeFailure, exchange: &Exchange<'_>) -> Verdict {
    let cut_off = |body| Answer {
        // The head had come, and nobody kept it: a success is the worst case.
        status: 200,
        retry_after: None,
        body,
    };
    match failure {
        ExchangeFailure::NotConnected => judge(Err(Loss::NotConnected), exchange),
        ExchangeFailure::TimedOut => judge(Err(Loss::TimedOut), exchange),
        ExchangeFailure::Reset => judge(Err(Loss::Reset), exchange),
        ExchangeFailure::TornBody => judge(Ok(&cut_off(Body::Torn)), exchange),
        ExchangeFailure::TooLarge => judge(Ok(&cut_off(Body::TooLarge)), exchange),
    }
}

/// Wipes a body that held tokens, if nobody else holds it.
pub(super) fn wipe(body: Bytes) {
    if let Ok(mut body) = body.try_into_mut() {
        body.as_mut().zeroize();
    }
}

/// Reads the token response of a sign-in (RFC 6749 §5.1), as JSON text.
pub(crate) fn read_sign_in(json: &str, received_at: WallTime) -> Verdict {
    let reader = Reader {
        names: Names::rfc(),
        rules: AnswerRules::default(),
        body_limit_bytes: usize::MAX,
    };
    let exchange = Exchange {
        rules: &reader.rules,
        secrets: &[],
        received_at,
    };
    let body = Bytes::from_owner(zeroize::Zeroizing::new(json.as_bytes().to_vec()));
    reader.read_response(Response::new(body), &exchange)
}

#[cfg(test)]
mod tests;
