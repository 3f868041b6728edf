//! Token endpoints that home-grown back ends offer: JSON in, JSON out.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use oneflight_core::answer::AnswerRules;
use oneflight_core::machine::GrantKind;
use zeroize::Zeroizing;

use super::answer::{Names, Reader};
use super::client::check_parameter;
use super::url::{self, PlainHttp};
use super::{DEFAULT_BODY_LIMIT_BYTES, HttpExchange, RefreshRequest, Reply, TokenEndpoint};
use crate::BoxFuture;
use crate::error::ConfigError;

/// A token endpoint that is asked by `POST {"refreshToken": "…"}` and answers
/// `{"accessToken": "…", "refreshToken": "…", "expiresIn": 900}`. All names can be changed.
///
/// Such endpoints have no client authentication, so a 401 of theirs can only speak of the refresh token: by default it
/// proves the grant dead. [`rules`](JsonBuilder::rules) change that.
///
/// # Examples
/// ```
/// use oneflight::endpoint::{HttpExchange, JsonEndpoint, JsonFields};
///
/// fn endpoint(http: impl HttpExchange) -> Result<JsonEndpoint, oneflight::ConfigError> {
///     JsonEndpoint::builder("https://app.example/api/auth/refresh", http)
///         .fields(JsonFields::default().access_token("token").expires_in("ttl"))
///         .build()
/// }
/// ```
pub struct JsonEndpoint {
    http: Arc<dyn HttpExchange>,
    url: Uri,
    refresh: By,
    members: serde_json::Map<String, serde_json::Value>,
    headers: HeaderMap,
    reader: Reader,
}

/// What buys the next token.
#[derive(Clone)]
enum By {
    /// The refresh token, in the member of this name.
    Member(Box<str>),
    /// Something that the HTTP client brings along.
    Cookie,
}

/// What the members are called.
#[derive(Debug, Clone)]
#[must_use]
pub struct JsonFields {
    request_refresh_token: Box<str>,
    names: Names,
}

impl Default for JsonFields {
    fn default() -> Self {
        Self {
            request_refresh_token: "refreshToken".into(),
            names: Names {
                access_token: "accessToken".into(),
                refresh_token: "refreshToken".into(),
                token_type: "tokenType".into(),
                expires_in: "expiresIn".into(),
                scope: "scope".into(),
                id_token: "idToken".into(),
                error: "error".into(),
                error_description: "message".into(),
                envelope: None,
            },
        }
    }
}

macro_rules! field {
    ($(#[$doc:meta])* $field:ident) => {
        $(#[$doc])*
        pub fn $field(mut self, name: impl Into<Box<str>>) -> Self {
            self.names.$field = name.into();
            self
        }
    };
}

impl JsonFields {
    /// The refresh token, in the request. Default: `refreshToken`.
    pub fn request_refresh_token(mut self, name: impl Into<Box<str>>) -> Self {
        self.request_refresh_token = name.into();
        self
    }

    field!(
        /// The access token. Default: `accessToken`.
        access_token
    );
    field!(
        /// The refresh token, in the answer. Default: `refreshToken`.
        refresh_token
    );
    field!(
        /// How the token is to be used. Default: `tokenType`.
        token_type
    );
    field!(
        /// The lifetime of the access token in seconds. Default: `expiresIn`.
        expires_in
    );
    field!(
        /// What the token was granted for. Default: `scope`.
        scope
    );
    field!(
        /// The ID token. Default: `idToken`.
        id_token
    );
    field!(
        /// The error code. Default: `error`.
        error
    );
    field!(
        /// What is said about the error. Default: `message`.
        error_description
    );

    /// The member that the whole answer is wrapped in, such as `data`. Default: none.
    pub fn envelope(mut self, name: impl Into<Box<str>>) -> Self {
        self.names.envelope = Some(name.into());
        self
    }

    fn all(&self) -> [&str; 9] {
        let names = &self.names;
        [
            &self.request_refresh_token,
            &names.access_token,
            &names.refresh_token,
            &names.token_type,
            &names.expires_in,
            &names.scope,
            &names.id_token,
            &names.error,
            &names.error_description,
        ]
    }
}

impl JsonEndpoint {
    /// Begins the settings: the URL, and a bare HTTP client.
    pub fn builder(url: impl Into<String>, http: impl HttpExchange) -> JsonBuilder {
        JsonBuilder {
            http: Arc::new(http),
            url: url.into(),
            fields: JsonFields::default(),
            cookie: false,
            members: serde_json::Map::new(),
            headers: HeaderMap::new(),
            rules: AnswerRules::default().dead_status(401),
            body_limit_bytes: DEFAULT_BODY_LIMIT_BYTES,
            plain_http: PlainHttp::Refused,
        }
    }

    fn request(&self, request: &RefreshRequest) -> Request<Bytes> {
        let mut http_request = Request::new(self.body(request));
        *http_request.method_mut() = Method::POST;
        *http_request.uri_mut() = self.url.clone();
        let headers = http_request.headers_mut();
        headers.extend(self.headers.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        http_request
    }

    /// The JSON text, in memory that is wiped.
    fn body(&self, request: &RefreshRequest) -> Bytes {
        /// Escaped, one byte becomes at most six; the names and signs around it are few.
        const MAX_GROWTH: usize = 6;
        let mut body = serde_json::to_vec(&self.members).expect("text keys and JSON values serialize");
        if let (By::Member(name), Some(token)) = (&self.refresh, request.refresh_token()) {
            let token = token.expose();
            // Large enough from the start: a growing vector would leave unwiped copies behind.
            body.reserve((name.len() + token.len() + 8) * MAX_GROWTH);
            let closed = body.pop();
            if !self.members.is_empty() {
                body.push(b',');
            }
            serde_json::to_writer(&mut body, &**name).expect("a vector can be written to");
            body.push(b':');
            serde_json::to_writer(&mut body, token).expect("a vector can be written to");
            body.extend(closed);
        }
        Bytes::from_owner(Zeroizing::new(body))
    }
}

impl TokenEndpoint for JsonEndpoint {
    fn grant(&self) -> GrantKind {
        match self.refresh {
            By::Member(_) => GrantKind::RefreshToken,
            By::Cookie => GrantKind::Ambient,
        }
    }

    fn refresh(&self, request: RefreshRequest) -> BoxFuture<'_, Reply> {
        Box::pin(async move {
            let http_request = self.request(&request);
            let result = self
                .http
                .exchange(http_request, self.reader.body_limit_bytes)
                .await;
            let secret = request.refresh_token().map(|token| token.expose());
            self.reader.read(result, secret.as_slice(), request.now())
        })
    }
}

impl fmt::Debug for JsonEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonEndpoint")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// The settings of a [`JsonEndpoint`].
#[must_use = "settings do nothing until they are built"]
pub struct JsonBuilder {
    http: Arc<dyn HttpExchange>,
    url: String,
    fields: JsonFields,
    cookie: bool,
    members: serde_json::Map<String, serde_json::Value>,
    headers: HeaderMap,
    rules: AnswerRules,
    body_limit_bytes: usize,
    plain_http: PlainHttp,
}

impl JsonBuilder {
    /// What the members are called.
    pub fn fields(mut self, fields: JsonFields) -> Self {
        self.fields = fields;
        self
    }

    /// The refresh token is a cookie, which the HTTP client keeps and sends: none is expected in the answer, and none is
    /// put into the request.
    pub fn refresh_by_cookie(mut self) -> Self {
        self.cookie = true;
        self
    }

    /// Another member of the request.
    pub fn member(mut self, name: impl Into<String>, value: impl Into<serde_json::Value>) -> Self {
        self.members.insert(name.into(), value.into());
        self
    }

    /// Another header of the request.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// What the answers mean, where it is not what RFC 6749 says. Default: a 401 proves the grant dead.
    pub fn rules(mut self, rules: AnswerRules) -> Self {
        self.rules = rules;
        self
    }

    /// How much of an answer is read, in bytes. Default: 1 MiB.
    pub fn body_limit_bytes(mut self, limit: usize) -> Self {
        self.body_limit_bytes = limit;
        self
    }

    /// Lets refresh tokens travel unencrypted, for everybody on the way to read and to use.
    pub fn dangerously_allow_plain_http(mut self) -> Self {
        self.plain_http = PlainHttp::Dangerous;
        self
    }

    /// Makes the endpoint.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting and the next step.
    pub fn build(self) -> Result<JsonEndpoint, ConfigError> {
        for name in self.fields.all() {
            check_parameter(name, &[])?;
        }
        for name in self.members.keys() {
            check_parameter(name, &[&self.fields.request_refresh_token])?;
        }
        Ok(JsonEndpoint {
            http: self.http,
            url: url::endpoint(&self.url, "token endpoint", self.plain_http)?,
            refresh: if self.cookie {
                By::Cookie
            } else {
                By::Member(self.fields.request_refresh_token)
            },
            members: self.members,
            headers: self.headers,
            reader: Reader {
                names: self.fields.names,
                rules: self.rules,
                body_limit_bytes: self.body_limit_bytes,
            },
        })
    }
}

impl fmt::Debug for JsonBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonBuilder").finish_non_exhaustive()
    }
}
