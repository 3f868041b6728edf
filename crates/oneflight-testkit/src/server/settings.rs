//! What the server does, as data that can be changed while it runs.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How the server behaves. Every field can be changed while it runs, through
/// [`TestServer::update_settings`](crate::TestServer::update_settings).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use oneflight_testkit::{Rotation, Settings};
///
/// let mut settings = Settings::default();
/// settings.rotation = Rotation::grace(Duration::from_secs(30));
/// settings.access_token_lifetime = Duration::ZERO;
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Settings {
    /// What happens to a refresh token when it is used. Default: [`Rotation::Strict`].
    pub rotation: Rotation,
    /// How far a revocation reaches. Default: [`Reach::Family`].
    pub revocation: Reach,
    /// What becomes of the access tokens of before when a refresh gives a new one.
    /// Default: [`OldAccessTokens::Live`].
    pub old_access_tokens: OldAccessTokens,
    /// How long an access token is accepted, down to zero. Default: 900 s.
    #[serde(rename = "access_token_lifetime_ms", with = "millis")]
    pub access_token_lifetime: Duration,
    /// How long a refresh token is accepted after it was issued; `None` for ever. Default: `None`.
    #[serde(rename = "refresh_token_lifetime_ms", with = "optional_millis")]
    pub refresh_token_lifetime: Option<Duration>,
    /// How long a family lives from sign-in on, however often it is refreshed; `None` for ever.
    /// Default: `None`.
    #[serde(rename = "family_lifetime_ms", with = "optional_millis")]
    pub family_lifetime: Option<Duration>,
    /// How answers spell `expires_in`. Default: [`ExpiresIn::Truthful`].
    pub expires_in: ExpiresIn,
    /// Whether answers to a refresh that did not rotate repeat the refresh token. Default: `false`,
    /// so that clients must keep the one they have (RFC 6749 §6).
    pub repeat_refresh_token: bool,
    /// The shape of tokens made from now on.
    pub token_shape: TokenShape,
    /// The challenge of the API's 401 answers. Default: [`Challenge::Rfc6750`].
    pub challenge: Challenge,
    /// The scope that the API asks of every token; a token without it is answered 403
    /// `insufficient_scope` (RFC 6750 §3.1). Default: none.
    pub required_scope: Option<String>,
    /// Whether the API answers 401 whatever the token. Default: `false`.
    pub reject_everything: bool,
    /// What the user says at the authorization endpoint. Default: [`Consent::Granted`].
    pub consent: Consent,
    /// What the token endpoint makes of the `Accept` header. Default: [`AcceptPolicy::Respected`].
    pub accept: AcceptPolicy,
    /// The password that `POST /api/auth/login` accepts, for any user. Default: `"password"`.
    pub password: String,
    /// The status with which the JSON endpoints refuse a dead refresh token. Default: 401.
    pub json_refusal_status: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rotation: Rotation::Strict,
            revocation: Reach::Family,
            old_access_tokens: OldAccessTokens::Live,
            access_token_lifetime: Duration::from_secs(900),
            refresh_token_lifetime: None,
            family_lifetime: None,
            expires_in: ExpiresIn::Truthful,
            repeat_refresh_token: false,
            token_shape: TokenShape::default(),
            challenge: Challenge::Rfc6750,
            required_scope: None,
            reject_everything: false,
            consent: Consent::Granted,
            accept: AcceptPolicy::Respected,
            password: "password".to_owned(),
            json_refusal_status: 401,
        }
    }
}

/// What happens to a refresh token when it is used (RFC 6749 §10.4, RFC 9700 §4.14).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rotation {
    /// Each refresh token works once; using one twice ends the whole family, the newest tokens too.
    Strict,
    /// Each refresh token works once; using one twice is refused and the family lives on.
    Refusing,
    /// A spent refresh token still works for a while; after that, using it ends the family.
    Grace {
        /// How long after its first use a token may be replayed.
        #[serde(rename = "window_ms", with = "millis")]
        window: Duration,
        /// What a replay within the window is answered.
        replay: GraceReplay,
    },
    /// Refresh tokens work for ever and are never replaced.
    None,
}

impl Rotation {
    /// [`Rotation::Grace`] whose replays get a new pair of tokens each.
    pub const fn grace(window: Duration) -> Self {
        Self::Grace {
            window,
            replay: GraceReplay::NewPair,
        }
    }
}

/// What a replay within the grace window is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GraceReplay {
    /// A new pair; all pairs made in the window work.
    NewPair,
    /// The pair that the first use got, with its full `expires_in` although time has passed.
    SamePair,
}

/// How far a revocation (RFC 7009) reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reach {
    /// The token named, and nothing else.
    Token,
    /// All tokens of its family.
    Family,
    /// All families of the same user and client.
    User,
}

/// What becomes of a family's older access tokens at a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OldAccessTokens {
    /// They live on until they expire.
    Live,
    /// They die at once: requests in flight are refused.
    Die,
}

/// What the user says at the authorization endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Consent {
    /// Yes, at once.
    Granted,
    /// No: `access_denied`.
    Denied,
}

/// What the token endpoint makes of the `Accept` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AcceptPolicy {
    /// JSON, whatever is accepted.
    Ignored,
    /// JSON; a request that does not accept it is answered 400 with an HTML page, unprocessed.
    Respected,
    /// A form, unless JSON is named in `Accept`.
    FormByDefault,
}

/// How token answers spell `expires_in` (RFC 6749 §5.1), or `expiresIn`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ExpiresIn {
    /// The lifetime in whole seconds, as a number.
    Truthful,
    /// Not at all.
    Omitted,
    /// The lifetime as text: `"900"`.
    Text,
    /// The lifetime as a fraction: `900.0`.
    Float,
    /// Something else: negative, huge, an object.
    Value {
        /// What is written.
        value: Value,
    },
}

impl ExpiresIn {
    pub(crate) fn spell(&self, lifetime: Duration) -> Option<Value> {
        let secs = lifetime.as_secs();
        match self {
            Self::Truthful => Some(secs.into()),
            Self::Omitted => None,
            Self::Text => Some(secs.to_string().into()),
            Self::Float => Some(lifetime.as_secs_f64().into()),
            Self::Value { value } => Some(value.clone()),
        }
    }
}

/// The shape of the token values that the server makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TokenShape {
    /// The length of each token in bytes. At least 22, so that tokens stay unguessable. Default: 43.
    pub length: usize,
    /// Whether access tokens carry a line break that would inject a header into a careless client's
    /// requests. Default: `false`.
    pub line_breaks: bool,
}

impl Default for TokenShape {
    fn default() -> Self {
        Self {
            length: 43,
            line_breaks: false,
        }
    }
}

/// The `WWW-Authenticate` header of the API's 401 answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Challenge {
    /// As RFC 6750 §3 says: with `error="invalid_token"` if a token came, without if none came.
    Rfc6750,
    /// `Bearer` and nothing else.
    Bare,
    /// No such header.
    None,
    /// Two challenges in one header and a third in another, with the bearer's in the middle.
    Several,
    /// These header values, in this order.
    Raw {
        /// The values.
        values: Vec<String>,
    },
}

mod millis {
    use super::*;
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}

mod optional_millis {
    use super::*;
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(span: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        match span {
            Some(span) => millis::serialize(span, to),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(from)?.map(Duration::from_millis))
    }
}
