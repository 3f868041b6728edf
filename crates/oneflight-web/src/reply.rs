//! From the parts of a token answer to its verdict. The page's own JSON parser takes the answer apart; what its parts
//! mean is judged by the core.

use alloc::string::String;
use oneflight_core::WallTime;
use oneflight_core::answer::{Answer, AnswerRules, Body, Exchange, Loss, Members, Value, Verdict, judge};
use oneflight_core::retry_after::RetryAfter;
use zeroize::Zeroizing;

/// How many members of a token response are looked at.
pub const MEMBERS: usize = 8;

/// A JSON value, as far as it is looked at.
#[derive(Clone, Default)]
pub enum Held {
    /// No such member, or `null`.
    #[default]
    Absent,
    /// A string.
    Text(Zeroizing<String>),
    /// A number.
    Number(f64),
    /// `true` or `false`.
    Flag(bool),
    /// An object, with the first text among its members
    /// [`ERROR_OBJECT_MEMBERS`](oneflight_core::answer::ERROR_OBJECT_MEMBERS).
    Object(Option<String>),
    /// An array.
    Array,
}

impl Held {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Absent => Value::Absent,
            Self::Text(text) => Value::Text(text),
            Self::Number(number) => Value::Number(*number),
            Self::Flag(flag) => Value::Flag(*flag),
            Self::Object(code) => Value::Object {
                code: code.as_deref(),
            },
            Self::Array => Value::Array,
        }
    }
}

/// What the body of an answer was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum BodyKind {
    /// A JSON object.
    Json,
    /// Something else.
    NotJson,
    /// A page for people.
    Html,
    /// Nothing.
    #[default]
    Empty,
    /// The connection ended before the body did.
    Torn,
    /// It was over the limit.
    TooLarge,
}

/// An answer of the token endpoint, in parts.
#[derive(Clone, Default)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// What the `Retry-After` header says, if it could be read.
    pub retry_after: Option<RetryAfter>,
    /// What the body was.
    pub body: BodyKind,
    /// The members of a JSON object, in this order: access token, refresh token, token type, lifetime, scope, ID token,
    /// error, description of the error.
    pub members: [Held; MEMBERS],
}

impl Reply {
    /// What the answer means. `secrets` are those that the request carried.
    #[must_use]
    pub fn verdict(&self, rules: &AnswerRules, secrets: &[&str], received_at: WallTime) -> Verdict {
        let exchange = Exchange {
            rules,
            secrets,
            received_at,
        };
        let body = match self.body {
            BodyKind::Json => Body::Json(self.members()),
            BodyKind::NotJson => Body::NotJson { html: false },
            BodyKind::Html => Body::NotJson { html: true },
            BodyKind::Empty => Body::Empty,
            BodyKind::Torn => Body::Torn,
            BodyKind::TooLarge => Body::TooLarge,
        };
        let answer = Answer {
            status: self.status,
            retry_after: self.retry_after,
            body,
        };
        judge(Ok(&answer), &exchange)
    }

    fn members(&self) -> Members<'_> {
        let [
            access_token,
            refresh_token,
            token_type,
            expires_in,
            scope,
            id_token,
            error,
            error_description,
        ] = self.members.each_ref().map(Held::value);
        Members {
            access_token,
            refresh_token,
            token_type,
            expires_in,
            scope,
            id_token,
            error,
            error_description,
        }
    }
}

/// What it means that no answer came.
#[must_use]
pub fn lost(loss: Loss, rules: &AnswerRules, received_at: WallTime) -> Verdict {
    let exchange = Exchange {
        rules,
        secrets: &[],
        received_at,
    };
    judge(Err(loss), &exchange)
}
