//! A refresh of the application's own.

use std::fmt;
use std::rc::Rc;

use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen_futures::future_to_promise;
use web_sys::AbortSignal;

use super::options::{Endpoint, Value};
use super::page::Input;
use super::tokens::Tokens;

/// What a refresh of your own is given.
#[derive(Clone)]
pub struct Refresh {
    refresh_token: Option<String>,
    signal: AbortSignal,
}

/// Why a refresh of your own gives no tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefreshFailed {
    /// The server no longer accepts the refresh token: the session is over.
    Rejected,
    /// Nobody knows whether the server has processed it: no answer came, or none that makes sense. The session is kept, and
    /// the refresh token is presented again as the [profile](super::Profile) says.
    Lost(String),
}

/// A refresh of your own, by [`Endpoint::function`].
#[derive(Debug, Clone)]
#[must_use]
pub struct FunctionEndpoint(Endpoint);

impl Endpoint {
    /// A function of your own, for what is neither a form nor JSON.
    ///
    /// It is called under the lock of all who share the grant, never twice at once, and its outcome is stored before anybody
    /// gets it. It must not ask the session for anything. At the request deadline it is given up: see [`Refresh::signal`].
    ///
    /// ```no_run
    /// use oneflight_web::Session;
    /// use oneflight_web::session::{Endpoint, RefreshFailed, Tokens};
    /// # async fn rpc(token: String) -> Result<Option<(String, String)>, String> { Ok(None) }
    ///
    /// let endpoint = Endpoint::function(async |refresh| {
    ///     let token = refresh.refresh_token().unwrap_or_default().to_owned();
    ///     match rpc(token).await {
    ///         Ok(Some((access, next))) => Ok(Tokens::new(access).refresh_token(next)),
    ///         Ok(None) => Err(RefreshFailed::Rejected),
    ///         Err(reason) => Err(RefreshFailed::Lost(reason)),
    ///     }
    /// });
    /// let session = Session::builder(endpoint).origins(["self"]).build();
    /// ```
    pub fn function<F>(refresh: F) -> FunctionEndpoint
    where
        F: AsyncFn(Refresh) -> Result<Tokens, RefreshFailed> + 'static,
    {
        let refresh = Rc::new(refresh);
        FunctionEndpoint(Self::of(
            "refresh",
            function(move |input| answer(Rc::clone(&refresh), input)),
        ))
    }
}

impl FunctionEndpoint {
    /// Called once per sign-out, after it took effect here, and not again if it fails.
    pub fn revocation<F>(mut self, revoke: F) -> Self
    where
        F: AsyncFn(Refresh) -> Result<(), String> + 'static,
    {
        let revoke = Rc::new(revoke);
        let revoke = function(move |input| {
            let revoke = Rc::clone(&revoke);
            async move {
                let outcome = revoke(input).await;
                outcome.map_err(|reason| js_sys::Error::new(&reason))?;
                Ok(JsValue::UNDEFINED)
            }
        });
        self.0.set("revoke", revoke);
        self
    }
}

impl From<FunctionEndpoint> for Endpoint {
    fn from(FunctionEndpoint(endpoint): FunctionEndpoint) -> Self {
        endpoint
    }
}

/// Nothing stands for a rejection, which the glue has its own word for.
async fn answer<F>(refresh: Rc<F>, input: Refresh) -> Result<JsValue, JsValue>
where
    F: AsyncFn(Refresh) -> Result<Tokens, RefreshFailed>,
{
    match refresh(input).await {
        Ok(tokens) => Ok(tokens.into_js().into()),
        Err(RefreshFailed::Rejected) => Ok(JsValue::UNDEFINED),
        Err(RefreshFailed::Lost(reason)) => Err(js_sys::Error::new(&reason).into()),
    }
}

/// As a function of JavaScript, which lives as long as somebody may call it. Made when there is a page.
fn function<Fut>(work: impl Fn(Refresh) -> Fut + 'static) -> Value
where
    Fut: Future<Output = Result<JsValue, JsValue>> + 'static,
{
    let work = Rc::new(work);
    Value::Function(Function(Rc::new(move || {
        let work = Rc::clone(&work);
        let called: Box<dyn Fn(Input) -> Promise> =
            Box::new(move |input| future_to_promise(work(Refresh::of(&input))));
        Closure::wrap(called).into_js_value()
    })))
}

/// Makes a function of JavaScript.
#[derive(Clone)]
pub(super) struct Function(Rc<dyn Fn() -> JsValue>);

impl Function {
    pub(super) fn make(&self) -> JsValue {
        (self.0)()
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Function")
    }
}

impl Refresh {
    fn of(input: &Input) -> Self {
        Self {
            refresh_token: input.refresh_token(),
            signal: input.signal(),
        }
    }

    /// `None` with a refresh by cookie.
    #[must_use]
    pub fn refresh_token(&self) -> Option<&str> {
        self.refresh_token.as_deref()
    }

    /// Aborted at the deadline. What comes of the refresh afterwards is not waited for.
    #[must_use]
    pub fn signal(&self) -> &AbortSignal {
        &self.signal
    }
}

impl fmt::Debug for Refresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refresh")
            .field("refresh_token", &self.refresh_token.is_some())
            .finish_non_exhaustive()
    }
}
