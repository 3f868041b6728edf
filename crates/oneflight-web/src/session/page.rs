//! What the glue offers; the other side is `packages/oneflight/embedded/index.ts`.

use js_sys::{Function, Object, Promise};
use wasm_bindgen::prelude::{Closure, JsValue, wasm_bindgen};
use web_sys::{AbortSignal, Response};

use crate::shell::Module;

#[wasm_bindgen(module = "/js/glue.js")]
extern "C" {
    #[derive(Debug, Clone)]
    pub(super) type Page;

    #[wasm_bindgen(catch)]
    pub(super) fn open(module: Module, options: &Object, script: Option<&str>) -> Result<Page, JsValue>;
    #[wasm_bindgen(js_name = workerState)]
    pub(super) fn worker_state(page: &Page) -> Option<String>;
    pub(super) fn send(page: &Page, input: &JsValue, signal: &AbortSignal, no_replay: bool) -> Promise;
    pub(super) fn watch(page: &Page, changed: &Closure<dyn Fn(View)>) -> Function;
    pub(super) fn listen(page: &Page, heard: &Closure<dyn Fn(String, Detail)>) -> Function;
    #[wasm_bindgen(js_name = whyNotReplayed)]
    pub(super) fn why_not_replayed(response: &Response) -> Option<String>;
    #[wasm_bindgen(js_name = isOurs)]
    pub(super) fn is_ours(error: &JsValue) -> bool;

    #[wasm_bindgen(method)]
    pub(super) fn authorization(this: &Page) -> Promise;
    #[wasm_bindgen(method, js_name = newerThan)]
    pub(super) fn newer_than(this: &Page, stamp: &str) -> Promise;
    #[wasm_bindgen(method)]
    pub(super) fn allows(this: &Page, url: &str) -> bool;
    #[wasm_bindgen(method, js_name = isRefusal)]
    pub(super) fn is_refusal(this: &Page, status: u16, challenges: Option<&str>) -> bool;
    #[wasm_bindgen(method, js_name = signIn)]
    pub(super) fn sign_in(this: &Page, tokens: &Object) -> Promise;
    #[wasm_bindgen(method, js_name = signOut)]
    pub(super) fn sign_out(this: &Page) -> Promise;
    #[wasm_bindgen(method, js_name = retryNow)]
    pub(super) fn retry_now(this: &Page);
    #[wasm_bindgen(method, getter)]
    pub(super) fn snapshot(this: &Page) -> View;
    #[wasm_bindgen(method, getter)]
    pub(super) fn ready(this: &Page) -> Promise;
    #[wasm_bindgen(method)]
    pub(super) fn close(this: &Page) -> Promise;

    /// A snapshot.
    pub(super) type View;

    #[wasm_bindgen(method, getter)]
    pub(super) fn status(this: &View) -> String;
    #[wasm_bindgen(method, getter)]
    pub(super) fn reason(this: &View) -> Option<String>;
    #[wasm_bindgen(method, getter, js_name = expiresAt)]
    pub(super) fn expires_at(this: &View) -> Option<f64>;
    #[wasm_bindgen(method, getter)]
    pub(super) fn generation(this: &View) -> f64;
    #[wasm_bindgen(method, getter)]
    pub(super) fn sharing(this: &View) -> String;

    /// Details of an event; which of them are there, its name says.
    pub(super) type Detail;

    #[wasm_bindgen(method, getter)]
    pub(super) fn here(this: &Detail) -> Option<bool>;
    #[wasm_bindgen(method, getter)]
    pub(super) fn reason(this: &Detail) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    pub(super) fn cause(this: &Detail) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    pub(super) fn waiters(this: &Detail) -> Option<u32>;
    #[wasm_bindgen(method, getter)]
    pub(super) fn generation(this: &Detail) -> Option<f64>;
    #[wasm_bindgen(method, getter)]
    pub(super) fn what(this: &Detail) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    pub(super) fn error(this: &Detail) -> JsValue;

    /// An error with a code.
    pub(super) type Problem;

    #[wasm_bindgen(method, getter)]
    pub(super) fn code(this: &Problem) -> String;
    #[wasm_bindgen(method, getter)]
    pub(super) fn message(this: &Problem) -> String;
    #[wasm_bindgen(method, getter)]
    pub(super) fn reason(this: &Problem) -> Option<String>;
    #[wasm_bindgen(method, getter, js_name = retryAfter)]
    pub(super) fn retry_after(this: &Problem) -> Option<f64>;
    #[wasm_bindgen(method, getter)]
    pub(super) fn response(this: &Problem) -> Option<Response>;

    /// A token.
    pub(super) type Bearer;

    #[wasm_bindgen(method, getter)]
    pub(super) fn header(this: &Bearer) -> String;
    #[wasm_bindgen(method, getter)]
    pub(super) fn stamp(this: &Bearer) -> String;

    /// What a refresh of the application's own is given.
    pub(super) type Input;

    #[wasm_bindgen(method, getter, js_name = refreshToken)]
    pub(super) fn refresh_token(this: &Input) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    pub(super) fn signal(this: &Input) -> AbortSignal;

    /// How a sign-in went.
    pub(super) type Kept;

    #[wasm_bindgen(method, getter)]
    pub(super) fn saved(this: &Kept) -> bool;
}
