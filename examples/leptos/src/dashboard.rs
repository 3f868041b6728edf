//! Tiles that all call the API when the page is shown, or when they are told to.

use gloo_net::http::Request;
use leptos::prelude::*;
use leptos::task::spawn_local;
use oneflight_web::session::Error;
use serde::Deserialize;

use crate::auth::Auth;

const TILES: u32 = 50;

#[component]
pub fn Dashboard() -> impl IntoView {
    let auth = Auth::expect();
    let (round, set_round) = signal(0);
    let sign_out = move |_| {
        let session = auth.session();
        spawn_local(async move {
            // It is over here whatever becomes of it; the server is told as soon as it can be.
            let _ = session.sign_out().await;
        });
    };
    view! {
        <p>
            <button id="reload" on:click=move |_| set_round.update(|round| *round += 1)>{TILES}" requests"</button>
            <button id="expire" on:click=move |_| spawn_local(expire())>"Expire at the server"</button>
            <button id="sign-out" on:click=sign_out>"Sign out"</button>
        </p>
        <ul>{(0..TILES).map(|number| view! { <Tile number round/> }).collect_view()}</ul>
        <p>"Refreshes the server saw: "<output id="posts"><Posts/></output></p>
    }
}

/// One of many that need the token at once.
#[component]
fn Tile(number: u32, round: ReadSignal<u32>) -> impl IntoView {
    let auth = Auth::expect();
    // A tile that is gone, or asked again, drops its request; a renewal that this request began goes on.
    let outcome = LocalResource::new(move || {
        let (session, round) = (auth.session(), round.get());
        async move {
            let outcome = session.get(&format!("/api/tiles/{number}")).await;
            let text = match outcome {
                Ok(response) => response.status().to_string(),
                Err(error) => advice(&error),
            };
            (round, text)
        }
    });
    let is_fresh = move || outcome.get().is_some_and(|(of, _)| of == round.get());
    view! { <li class:fresh=is_fresh>{move || outcome.get().map(|(_, text)| text)}</li> }
}

fn advice(error: &Error) -> String {
    format!("{:?}: {:?}", error.kind(), error.action())
}

// ---- the test server's own side: not part of an application

async fn expire() {
    if let Ok(request) = Request::post("/_control/expire").json(&serde_json::json!({})) {
        let _ = request.send().await;
    }
}

#[derive(Deserialize, Clone)]
struct Counters {
    refresh_posts: u32,
}

#[component]
fn Posts() -> impl IntoView {
    let auth = Auth::expect();
    let counters = LocalResource::new(move || {
        // Asked again with each new token.
        let _ = auth.generation();
        async move {
            let answer = Request::get("/_control/counters").send().await.ok()?;
            answer.json::<Counters>().await.ok()
        }
    });
    move || counters.get().flatten().map(|counters| counters.refresh_posts)
}
