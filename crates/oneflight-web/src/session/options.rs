//! What a session is made with.

use std::time::Duration;

use js_sys::{Array, Object, Reflect};
use wasm_bindgen::JsValue;

use super::error::Error;
use super::own::Function;
use super::{Session, page};

/// How tokens are refreshed.
///
/// By [`oauth`](Self::oauth), [`json`](Self::json) or a [`function`](Self::function) of your own. URLs may be relative to the
/// page. They must be https, or http on this machine.
#[derive(Debug, Clone)]
#[must_use]
pub struct Endpoint {
    fields: Vec<(&'static str, Value)>,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    Number(f64),
    Texts(Vec<String>),
    Map(Vec<(String, String)>),
    Function(Function),
}

impl Endpoint {
    /// OAuth 2: `grant_type=refresh_token` as a form (RFC 6749 §6), as a public client.
    pub fn oauth(token_endpoint: impl Into<String>, client_id: impl Into<String>) -> OAuthEndpoint {
        OAuthEndpoint(Self {
            fields: vec![
                ("tokenEndpoint", Value::Text(token_endpoint.into())),
                ("clientId", Value::Text(client_id.into())),
            ],
        })
    }

    /// A JSON endpoint: `POST {"refreshToken": "…"}` → `{"accessToken", "refreshToken", "expiresIn"}`. Its 401 means that
    /// the session is over.
    pub fn json(refresh_url: impl Into<String>) -> JsonEndpoint {
        JsonEndpoint(Self::of("refreshUrl", Value::Text(refresh_url.into())))
    }

    pub(super) fn of(name: &'static str, value: Value) -> Self {
        let fields = vec![(name, value)];
        Self { fields }
    }

    pub(super) fn set(&mut self, name: &'static str, value: Value) {
        self.fields.retain(|(known, _)| *known != name);
        self.fields.push((name, value));
    }

    fn add(&mut self, name: &'static str, key: String, value: String) {
        match self.fields.iter_mut().find(|(known, _)| *known == name) {
            Some((_, Value::Map(entries))) => entries.push((key, value)),
            _ => self.fields.push((name, Value::Map(vec![(key, value)]))),
        }
    }
}

/// An OAuth 2 token endpoint, by [`Endpoint::oauth`].
#[derive(Debug, Clone)]
#[must_use]
pub struct OAuthEndpoint(Endpoint);

impl OAuthEndpoint {
    /// Where [`sign_out`](Session::sign_out) revokes the refresh token (RFC 7009). Default: it is not revoked.
    pub fn revocation(mut self, url: impl Into<String>) -> Self {
        self.0.set("revocationEndpoint", Value::Text(url.into()));
        self
    }

    /// One more field of the form, e.g. `resource` (RFC 8707).
    pub fn extra(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.add("extra", name.into(), value.into());
        self
    }
}

/// A JSON endpoint, by [`Endpoint::json`].
#[derive(Debug, Clone)]
#[must_use]
pub struct JsonEndpoint(Endpoint);

impl JsonEndpoint {
    /// Told by `POST` on [`sign_out`](Session::sign_out). Default: nobody is told.
    pub fn sign_out(mut self, url: impl Into<String>) -> Self {
        self.0.set("signOutUrl", Value::Text(url.into()));
        self
    }

    /// The refresh token is a cookie that the page never sees: the browser sends it along, and none is sent in the body.
    pub fn by_cookie(mut self) -> Self {
        self.0.set("credentials", Value::Text("include".to_owned()));
        self
    }

    /// One more header, e.g. against request forgery.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.add("headers", name.into(), value.into());
        self
    }

    /// What the back end calls `field`.
    pub fn name(mut self, field: Field, name: impl Into<String>) -> Self {
        let field = match field {
            Field::RefreshToken => "refreshToken",
            Field::AccessToken => "accessToken",
            Field::ExpiresIn => "expiresIn",
            Field::IdToken => "idToken",
            Field::Scope => "scope",
        };
        self.0.add("names", field.to_owned(), name.into());
        self
    }
}

/// A field of the JSON that a back end may call otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Field {
    /// In the request and in the answer: `refreshToken`.
    RefreshToken,
    /// `accessToken`
    AccessToken,
    /// Seconds: `expiresIn`.
    ExpiresIn,
    /// `idToken`
    IdToken,
    /// `scope`
    Scope,
}

impl From<OAuthEndpoint> for Endpoint {
    fn from(OAuthEndpoint(endpoint): OAuthEndpoint) -> Self {
        endpoint
    }
}

impl From<JsonEndpoint> for Endpoint {
    fn from(JsonEndpoint(endpoint): JsonEndpoint) -> Self {
        endpoint
    }
}

/// Where the grant is kept, and so who shares it.
///
/// Whatever script runs in the page can use what is kept in it. A refresh token in a cookie that scripts cannot read
/// ([`JsonEndpoint::by_cookie`]) is safer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Storage {
    /// This page alone; gone with it.
    #[default]
    Memory,
    /// This tab (`sessionStorage`): lives on over a reload. A copy of the tab is detected, and starts signed out.
    Session,
    /// Every page of this origin (IndexedDB), in whatever language it is written: the tabs share one grant, and refresh it
    /// once.
    Local,
}

/// When a token is renewed that is still valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Renew {
    /// By the first request past [`renew_at`](Builder::renew_at).
    #[default]
    OnUse,
    /// By a timer, too, while the page is visible.
    KeepFresh,
    /// Never: only when it has expired or was refused.
    Off,
}

/// How the server treats a refresh token that was spent already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Profile {
    /// Nobody knows: after a lost answer it is presented again, once.
    #[default]
    Unknown,
    /// A second use ends the session: after a lost answer it is not presented again while the access token lives.
    Strict,
    /// A second use is accepted for a while: after a lost answer it is presented again, once.
    Grace,
    /// It is never replaced: after a lost answer it is presented again, once.
    Static,
}

/// What a failed renewal does to a refused request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum OnFailure {
    /// It fails with the reason, and the refusal as [`Error::response`].
    #[default]
    Error,
    /// The 401 is handed back.
    Response,
}

/// Makes a [`Session`].
#[derive(Debug, Clone)]
#[must_use]
pub struct Builder {
    endpoint: Endpoint,
    worker: Option<String>,
}

impl Builder {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        let worker = None;
        Self { endpoint, worker }
    }

    /// Origins that get the token: `"https://api.example.com"`, or `"self"` for the page's own. Compared as parsed.
    /// Required: without one no request gets a token, so [`build`](Self::build) fails.
    pub fn origins<O: Into<String>>(mut self, origins: impl IntoIterator<Item = O>) -> Self {
        let origins = origins.into_iter().map(Into::into).collect();
        self.endpoint.set("origins", Value::Texts(origins));
        self
    }

    /// Where the grant is kept. Default: [`Storage::Memory`].
    pub fn storage(mut self, storage: Storage) -> Self {
        let name = match storage {
            Storage::Memory => "memory",
            Storage::Session => "session",
            Storage::Local => "local",
        };
        self.endpoint.set("storage", Value::Text(name.to_owned()));
        self
    }

    /// Tells several sessions of one origin apart. Default: `"default"`.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.endpoint.set("key", Value::Text(key.into()));
        self
    }

    /// When a token is renewed that is still valid. Default: [`Renew::OnUse`].
    pub fn renew(mut self, renew: Renew) -> Self {
        let name = match renew {
            Renew::OnUse => "on-use",
            Renew::KeepFresh => "keep-fresh",
            Renew::Off => "off",
        };
        self.endpoint.set("renew", Value::Text(name.to_owned()));
        self
    }

    /// The part of a token's lifetime after which it is renewed, 0 to 1. Default: 0.75.
    pub fn renew_at(mut self, part: f64) -> Self {
        self.endpoint.set("renewAt", Value::Number(part));
        self
    }

    /// For the refresh request. Default: 10 s.
    pub fn request_deadline(mut self, deadline: Duration) -> Self {
        self.endpoint.set("requestDeadline", millis(deadline));
        self
    }

    /// How long the lock is waited for before it is taken by force. Default: 15 s.
    pub fn lock_deadline(mut self, deadline: Duration) -> Self {
        self.endpoint.set("lockDeadline", millis(deadline));
        self
    }

    /// How the server treats a refresh token that was spent already. Default: [`Profile::Unknown`].
    pub fn profile(mut self, profile: Profile) -> Self {
        let name = match profile {
            Profile::Unknown => "unknown",
            Profile::Strict => "strict",
            Profile::Grace => "grace",
            Profile::Static => "static",
        };
        self.endpoint.set("profile", Value::Text(name.to_owned()));
        self
    }

    /// What a failed renewal does to a refused request. Default: [`OnFailure::Error`].
    pub fn on_failure(mut self, on_failure: OnFailure) -> Self {
        let name = match on_failure {
            OnFailure::Error => "error",
            OnFailure::Response => "response",
        };
        self.endpoint.set("onFailure", Value::Text(name.to_owned()));
        self
    }

    /// Lets the refresh request run in a shared worker that outlives a reload of the only tab, where the browser has that
    /// (Chromium); elsewhere the page refreshes by itself, and [`worker_state`](Session::worker_state) says so. Default: none.
    ///
    /// `script` is where you serve `js/shared-worker.js` of this crate; it is `shared-worker.js` of the npm package. It must be of
    /// the page's own origin. Wants [`Storage::Local`], and no [`function`](Endpoint::function) of your own.
    pub fn shared_worker(mut self, script: impl Into<String>) -> Self {
        self.worker = Some(script.into());
        self
    }

    /// Makes the session. Nothing is read or sent before it is used.
    ///
    /// # Errors
    /// [`InvalidOption`](super::ErrorKind::InvalidOption) if an option makes no sense, and
    /// [`NoBrowser`](super::ErrorKind::NoBrowser) outside of a page, for instance while a server renders it.
    pub fn build(self) -> Result<Session, Error> {
        if !cfg!(target_family = "wasm") {
            return Err(Error::no_browser());
        }
        let options = Object::new();
        for (name, value) in self.endpoint.fields {
            put(&options, name, value);
        }
        page::open(crate::shell::Module, &options, self.worker.as_deref())
            .map(Session::new)
            .map_err(Error::from_js)
    }
}

fn millis(deadline: Duration) -> Value {
    Value::Number(deadline.as_secs_f64() * 1000.0)
}

impl From<Value> for JsValue {
    fn from(value: Value) -> Self {
        match value {
            Value::Text(text) => text.into(),
            Value::Number(number) => number.into(),
            Value::Texts(texts) => texts.into_iter().map(JsValue::from).collect::<Array>().into(),
            Value::Function(function) => function.make(),
            Value::Map(entries) => {
                let object = Object::new();
                for (name, value) in entries {
                    put(&object, &name, value);
                }
                object.into()
            }
        }
    }
}

/// Sets a member of an object of our own, which cannot fail.
pub(super) fn put(object: &Object, name: &str, value: impl Into<JsValue>) {
    let set = Reflect::set(object, &name.into(), &value.into());
    debug_assert!(set.is_ok(), "an object of our own takes every member");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::ErrorKind;

    #[test]
    fn outside_of_a_page_there_is_no_session() {
        let built = Session::builder(Endpoint::json("/refresh"))
            .origins(["self"])
            .build();
        assert_eq!(built.map(drop).unwrap_err().kind(), ErrorKind::NoBrowser);
    }

    #[test]
    fn a_later_word_replaces_an_earlier_one() {
        let endpoint = Endpoint::json("/refresh").header("a", "1").header("b", "2");
        let builder = Session::builder(endpoint).key("one").key("two");
        let fields = builder.endpoint.fields;
        assert_eq!(fields.len(), 3, "{fields:?}");
        assert!(matches!(&fields[1], ("headers", Value::Map(map)) if map.len() == 2));
        assert!(matches!(&fields[2], ("key", Value::Text(key)) if key == "two"));
    }
}
