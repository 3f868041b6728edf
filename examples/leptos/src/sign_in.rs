//! Signing in is the application's own; the session takes what comes of it.

use std::time::Duration;

use gloo_net::http::Request;
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use oneflight_web::session::Tokens;
use serde::{Deserialize, Serialize};

use crate::auth::Auth;

#[derive(Serialize, Clone)]
struct Credentials {
    username: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoginResponse {
    access_token: String,
    refresh_token: String,
    expires_in: u64,
}

#[component]
pub fn SignIn() -> impl IntoView {
    let auth = Auth::expect();
    let (user, set_user) = signal("ada".to_owned());
    let (password, set_password) = signal("password".to_owned());
    let signing_in = Action::new_local(move |credentials: &Credentials| sign_in(auth, credentials.clone()));
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        signing_in.dispatch_local(Credentials {
            username: user.get(),
            password: password.get(),
        });
    };
    let failure = move || signing_in.value().get().and_then(Result::err);
    view! {
        <form on:submit=submit>
            <input aria-label="User" required bind:value=(user, set_user)/>
            <input aria-label="Password" type="password" required bind:value=(password, set_password)/>
            <button disabled=move || signing_in.pending().get()>"Sign in"</button>
            <p role="alert">{failure}</p>
        </form>
    }
}

async fn sign_in(auth: Auth, credentials: Credentials) -> Result<(), String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let request = Request::post("/api/auth/login")
        .json(&credentials)
        .map_err(|error| said(&error))?;
    let response = request.send().await.map_err(|error| said(&error))?;
    if !response.ok() {
        return Err("wrong user name or password".to_owned());
    }
    let body: LoginResponse = response.json().await.map_err(|error| said(&error))?;
    let tokens = Tokens::new(body.access_token)
        .refresh_token(body.refresh_token)
        .expires_in(Duration::from_secs(body.expires_in));
    auth.session()
        .sign_in(tokens)
        .await
        .map(drop)
        .map_err(|error| said(&error))
}
