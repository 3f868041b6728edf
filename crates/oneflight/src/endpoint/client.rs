//! What the OAuth endpoints of one client have in common: who it is, and how it says so.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Uri};
use oneflight_core::Secret;
use oneflight_core::answer::AnswerRules;
use zeroize::Zeroizing;

use super::answer::{Names, Reader};
use super::url::{self, PlainHttp};
use super::{DEFAULT_BODY_LIMIT_BYTES, HttpExchange};
use crate::error::ConfigError;

/// How a client authenticates to the authorization server (RFC 6749 §2.3).
#[derive(Debug, Default)]
#[non_exhaustive]
pub enum ClientAuth {
    /// Not at all: a public client only names itself. (`none`, RFC 7591 §2)
    #[default]
    None,
    /// By the `Authorization` header (`client_secret_basic`). Id and secret are form-encoded first, as RFC 6749 §2.3.1
    /// wants it.
    Basic(Secret),
    /// By parameters of the body (`client_secret_post`).
    Post(Secret),
}

impl ClientAuth {
    /// `client_secret_basic`.
    #[must_use]
    pub fn basic(client_secret: &str) -> Self {
        Self::Basic(Secret::new(client_secret))
    }

    /// `client_secret_post`.
    #[must_use]
    pub fn post(client_secret: &str) -> Self {
        Self::Post(Secret::new(client_secret))
    }

    fn secret(&self) -> Option<&Secret> {
        match self {
            Self::None => None,
            Self::Basic(secret) | Self::Post(secret) => Some(secret),
        }
    }
}

/// What was said of a client, not yet checked.
pub(super) struct Settings {
    pub(super) http: Arc<dyn HttpExchange>,
    pub(super) token_url: String,
    pub(super) revocation_url: Option<String>,
    pub(super) client_id: String,
    pub(super) auth: ClientAuth,
    pub(super) parameters: Vec<(String, Secret)>,
    pub(super) rules: AnswerRules,
    pub(super) body_limit_bytes: usize,
    pub(super) plain_http: PlainHttp,
}

/// Parameters that are never extra ones: who sets them decides what is sent.
const OWN_PARAMETERS: [&str; 5] = [
    "grant_type",
    "refresh_token",
    "client_id",
    "client_secret",
    "token",
];

impl Settings {
    pub(super) fn new(http: impl HttpExchange, token_url: String, client_id: String) -> Self {
        Self {
            http: Arc::new(http),
            token_url,
            revocation_url: None,
            client_id,
            auth: ClientAuth::None,
            parameters: Vec::new(),
            rules: AnswerRules::default(),
            body_limit_bytes: DEFAULT_BODY_LIMIT_BYTES,
            plain_http: PlainHttp::Refused,
        }
    }

    pub(super) fn check(self) -> Result<Client, ConfigError> {
        if self.client_id.is_empty() {
            return Err(ConfigError::MissingClientId);
        }
        if self
            .auth
            .secret()
            .is_some_and(|secret| secret.expose().is_empty())
        {
            return Err(ConfigError::MissingClientSecret);
        }
        for (name, _) in &self.parameters {
            check_parameter(name, &OWN_PARAMETERS)?;
        }
        let token_url = url::endpoint(&self.token_url, "token endpoint", self.plain_http)?;
        let revocation_url = self
            .revocation_url
            .map(|url| url::endpoint(&url, "revocation endpoint", self.plain_http))
            .transpose()?;
        Ok(Client {
            http: self.http,
            token_url,
            revocation_url,
            basic: match &self.auth {
                ClientAuth::Basic(secret) => Some(basic(&self.client_id, secret)),
                ClientAuth::None | ClientAuth::Post(_) => None,
            },
            client_id: self.client_id.into(),
            auth: self.auth,
            parameters: self.parameters,
            reader: Reader {
                names: Names::rfc(),
                rules: self.rules,
                body_limit_bytes: self.body_limit_bytes,
            },
        })
    }
}

pub(super) fn check_parameter(name: &str, own: &[&str]) -> Result<(), ConfigError> {
    let cause = if name.is_empty() {
        "it has no name"
    } else if own.contains(&name) {
        "it has a setting of its own"
    } else {
        return Ok(());
    };
    Err(ConfigError::BadParameter {
        name: name.to_owned(),
        cause,
    })
}

/// A client, ready to ask.
pub(super) struct Client {
    pub(super) http: Arc<dyn HttpExchange>,
    token_url: Uri,
    revocation_url: Option<Uri>,
    client_id: Box<str>,
    auth: ClientAuth,
    basic: Option<HeaderValue>,
    parameters: Vec<(String, Secret)>,
    pub(super) reader: Reader,
}

impl Client {
    /// A token request with these parameters, the extra ones and the client's authentication (RFC 6749 §3.2).
    pub(super) fn token_request(&self, parameters: &[(&str, &str)]) -> Request<Bytes> {
        let extra = self
            .parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.expose()));
        self.request(&self.token_url, parameters.iter().copied().chain(extra))
    }

    /// A revocation request (RFC 7009 §2.1); `None` where there is no such endpoint.
    pub(super) fn revocation_request(&self, refresh_token: &str) -> Option<Request<Bytes>> {
        let url = self.revocation_url.as_ref()?;
        let parameters = [("token", refresh_token), ("token_type_hint", "refresh_token")];
        Some(self.request(url, parameters.into_iter()))
    }

    /// The client's secret, so that it can be kept out of errors.
    pub(super) fn secret(&self) -> Option<&str> {
        self.auth.secret().map(Secret::expose)
    }

    fn request<'a>(
        &'a self,
        url: &Uri,
        parameters: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    ) -> Request<Bytes> {
        let client_id = self.basic.is_none().then_some(("client_id", &*self.client_id));
        let client_secret = match &self.auth {
            ClientAuth::Post(secret) => Some(("client_secret", secret.expose())),
            ClientAuth::None | ClientAuth::Basic(_) => None,
        };
        let all = parameters.chain(client_id).chain(client_secret);
        let mut request = Request::new(form(all));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = url.clone();
        let headers = request.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(basic) = &self.basic {
            headers.insert(AUTHORIZATION, basic.clone());
        }
        request
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("token_url", &self.token_url)
            .field("client_id", &self.client_id)
            .field("auth", &self.auth)
            .finish_non_exhaustive()
    }
}

/// A form (WHATWG URL §5.2), in memory that is wiped.
fn form<'a>(parameters: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> Bytes {
    /// One byte becomes at most three.
    const MAX_GROWTH: usize = 3;
    let sizes = parameters
        .clone()
        .map(|(name, value)| name.len() + value.len() + 2);
    // Large enough from the start: a growing string would leave unwiped copies behind.
    let room = String::with_capacity(sizes.sum::<usize>() * MAX_GROWTH);
    let form = form_urlencoded::Serializer::new(room)
        .extend_pairs(parameters)
        .finish();
    Bytes::from_owner(Zeroizing::new(form.into_bytes()))
}

/// The header of `client_secret_basic` (RFC 6749 §2.3.1).
fn basic(client_id: &str, client_secret: &Secret) -> HeaderValue {
    let mut pair = Zeroizing::new(String::new());
    pair.extend(form_urlencoded::byte_serialize(client_id.as_bytes()));
    pair.push(':');
    pair.extend(form_urlencoded::byte_serialize(client_secret.expose().as_bytes()));
    let mut header = String::from("Basic ");
    STANDARD.encode_string(pair.as_bytes(), &mut header);
    let header = Bytes::from_owner(Zeroizing::new(header.into_bytes()));
    let mut header = HeaderValue::from_maybe_shared(header).expect("base64 is ASCII");
    header.set_sensitive(true);
    header
}
