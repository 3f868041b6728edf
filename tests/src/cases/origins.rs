//! O, and R8: where the token goes, and where it does not.

use futures_util::future::join_all;
use http::StatusCode;
use oneflight::Error;
use oneflight_testkit::{Credentials, Origin};

use crate::{Failure, Req, Stack, World, spawn};

/// The look-alikes are served too, by servers that tell on us.
pub async fn o1_the_token_goes_to_the_listed_origin_only<S: Stack>() {
    let world = World::new().await;
    let session = world.session().await;
    let client = S::of(&session);
    let (api, stranger) = (
        world.server.api_origin().to_owned(),
        world.server.stranger_url(""),
    );
    let host = |origin: &str| origin.strip_prefix("http://").unwrap().to_owned();
    let strangers = [
        format!("{stranger}/api/notes"),
        // Another port of the same host, behind a user name that looks like the API.
        format!(
            "http://{}@{}/api/notes",
            host(&api).replace(':', "%3A"),
            host(&stranger)
        ),
        // Another name of the same machine.
        api.replace("127.0.0.1", "localhost") + "/api/notes",
    ];
    for (number, url) in strangers.into_iter().enumerate() {
        let answer = client.send(Req::get(&url).id(number)).await.unwrap();
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{url}");
        assert!(answer.unreplayed.is_none(), "{url}");
        for seen in world.seen(&number.to_string()) {
            assert!(
                !matches!(seen.credentials, Credentials::Token(_)),
                "{url}: {seen:?}"
            );
        }
    }
    for url in [world.notes(), api.replace("http", "HTTP") + "/api/notes"] {
        let answer = client.send(Req::get(&url)).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK, "{url}");
    }
    let counters = world.server.counters();
    assert_eq!((counters.leaked_tokens, counters.refresh_posts), (0, 0));
}

/// The API sends us to somebody else, who would like a token.
pub async fn r8_a_redirect_to_another_origin_carries_no_token<S: Stack>() {
    let world = World::new().await;
    let session = world.session().await;
    let client = S::of(&session);
    let to = world.server.stranger_url("/api/notes");
    let url = world.server.api_url(&format!("/api/redirect?to={to}"));
    let answer = client.send(Req::get(url).id("one")).await.unwrap();
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.unreplayed.is_none(), "it is handed back as it came");
    let hops: Vec<_> = world
        .seen("one")
        .into_iter()
        .map(|seen| (seen.origin, seen.credentials.token().is_some()))
        .collect();
    assert_eq!(hops, [(Origin::Api, true), (Origin::Stranger, false)]);
    let counters = world.server.counters();
    assert_eq!((counters.leaked_tokens, counters.refresh_posts), (0, 0));
}

/// Within the origin the token goes along, and a refusal after the redirect is one of the token.
pub async fn r8_a_redirect_within_the_origin_keeps_the_token<S: Stack>() {
    let world = World::new().await;
    let session = world.refused_session().await;
    let client = S::of(&session);
    let to = world.server.api_url("/api/notes");
    let url = world.server.api_url(&format!("/api/redirect?to={to}"));
    let answer = client.send(Req::get(url).id("one")).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(world.sequences("one"), [Some(1), Some(2), Some(2)]);
    assert_eq!(world.posts(), 1);
}

/// Whatever is printed of what failed, no token is in it.
pub async fn o3_errors_of_a_failed_renewal_show_no_token<S: Stack>() {
    let world = World::new().await;
    let issued = world.server.issue_session();
    let session = world.builder().build().unwrap();
    session.sign_in(world.tokens(&issued)).await.unwrap();
    let client = S::of(&session);
    world.server.revoke_family(issued.family());
    let outcomes = join_all([(); 2].map(|()| spawn(&client, Req::get(world.notes())))).await;
    for outcome in outcomes {
        let shown = format!(
            "{:?} {session:?} {:?}",
            outcome.unwrap().unwrap_err(),
            session.current()
        );
        for secret in [issued.access_token.as_str(), issued.refresh_token()] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

/// A token that would inject a header is no token.
pub async fn o4_a_token_with_a_line_break_is_an_error_and_nothing_is_sent<S: Stack>() {
    let world =
        World::with(|builder| builder.with_settings(|settings| settings.token_shape.line_breaks = false))
            .await;
    let session = world.session().await;
    let client = S::of(&session);
    world
        .server
        .update_settings(|settings| settings.token_shape.line_breaks = true);
    world.expire();
    let outcome = client.send(Req::get(world.notes())).await;
    let Err(Failure::NoToken(error)) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(matches!(error, Error::Transient { .. }), "{error:?}");
    assert_eq!(world.server.counters().api_requests, 0);
}

/// Long, and a token all the same.
pub async fn o4_a_token_of_64_kib_works<S: Stack>() {
    let world =
        World::with(|builder| builder.with_settings(|settings| settings.token_shape.length = 64 * 1024))
            .await;
    let session = world.refused_session().await;
    let answer = S::of(&session)
        .send(Req::get(world.notes()).id("one"))
        .await
        .unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(world.sequences("one"), [Some(1), Some(2)]);
}
