//! A sign-in, and a dashboard whose tiles all call the API at once.

mod auth;
mod dashboard;
mod sign_in;

use leptos::prelude::*;

use auth::Auth;
use dashboard::Dashboard;
use oneflight_web::session::Status;
use sign_in::SignIn;

fn main() {
    match Auth::begin() {
        Ok(auth) => mount_to_body(move || {
            provide_context(auth);
            view! { <App/> }
        }),
        Err(error) => mount_to_body(move || view! { <p role="alert">{error.to_string()}</p> }),
    }
}

#[component]
fn App() -> impl IntoView {
    let auth = Auth::expect();
    view! {
        <h1>"One refresh, however many requests"</h1>
        <p>"Open this page in a second tab: both share one session."</p>
        <p id="status">{move || auth.described()}</p>
        {move || match auth.status.get() {
            Status::Unknown => ().into_any(),
            Status::SignedIn => view! { <Dashboard/> }.into_any(),
            _ => view! { <SignIn/> }.into_any(),
        }}
        <pre id="events" role="log">{move || auth.log.read().join("\n")}</pre>
    }
}
