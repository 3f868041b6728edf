//! R: refusal and replay.

use http::StatusCode;
use oneflight::intercept::{NoReplay, OnFailure, OptOut, UnreplayedReason};
use oneflight::{Action, Error};
use oneflight_testkit::{Challenge, Credentials, Fault, Hold, Point};

use crate::{Failure, Req, Setup, Stack, World};

fn raw(values: &[&str]) -> Challenge {
    Challenge::Raw {
        values: values.iter().map(|value| (*value).to_owned()).collect(),
    }
}

/// However the API says that it does not like the token.
pub async fn r1_every_form_of_refusal_is_followed_by_a_replay<S: Stack>() {
    let forms = [
        Challenge::Rfc6750,
        Challenge::Bare,
        Challenge::None,
        Challenge::Several,
        raw(&["bearer Error=\"invalid_token\""]),
        raw(&["Token realm=\"home-grown\""]),
        raw(&["Bearer error=\"token_expired\""]),
    ];
    for form in forms {
        let world =
            World::with(|builder| builder.with_settings(|settings| settings.challenge = form.clone())).await;
        let session = world.refused_session().await;
        let answer = S::of(&session).send(Req::get(world.notes()).id("one")).await;
        assert_eq!(answer.unwrap().status, StatusCode::OK, "{form:?}");
        assert_eq!(world.sequences("one"), [Some(1), Some(2)], "{form:?}");
        assert_eq!(world.posts(), 1, "{form:?}");
    }
}

/// A token that is good, but not good enough, does not get better by being renewed.
pub async fn r2_refusals_that_a_renewal_cannot_help_are_handed_back_as_they_came<S: Stack>() {
    let refusals = [
        (401, "Bearer error=\"insufficient_scope\", scope=\"admin\""),
        (
            401,
            "Bearer error=\"insufficient_user_authentication\", max_age=\"5\"",
        ),
        (401, "DPoP error=\"use_dpop_nonce\""),
        (401, "Basic realm=\"other\""),
        (403, "Bearer error=\"invalid_token\""),
        (403, "Bearer error=\"insufficient_scope\""),
        (407, "Bearer error=\"invalid_token\""),
        (400, "Bearer error=\"invalid_token\""),
    ];
    let world = World::new().await;
    let session = world.session().await;
    let client = S::of(&session);
    for (status, challenge) in refusals {
        let fault = Fault::status(status).header("www-authenticate", challenge);
        world.server.inject(Point::Api, fault);
        let answer = client.send(Req::get(world.notes()).id(challenge)).await.unwrap();
        assert_eq!(answer.status, status, "{challenge}");
        assert_eq!(answer.headers["www-authenticate"], challenge);
        assert!(answer.unreplayed.is_none(), "{challenge}");
    }
    let counters = world.server.counters();
    assert_eq!((counters.refresh_posts, counters.api_requests), (0, 8));
}

/// What the caller sends is the caller's business, and so is what becomes of it.
pub async fn r2_the_callers_own_credentials_are_neither_overwritten_nor_renewed<S: Stack>() {
    let world = World::new().await;
    let session = world.session().await;
    let client = S::of(&session);
    let own = Req::get(world.notes()).header("authorization", "Bearer of-the-caller");
    let answer = client.send(own.id("own")).await.unwrap();
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.unreplayed.is_none());
    assert_eq!(world.seen("own")[0].credentials, Credentials::UnknownToken);

    let out = Req::get(world.notes()).with(OptOut).id("out");
    let answer = client.send(out).await.unwrap();
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.unreplayed.is_none());
    assert_eq!(world.seen("out")[0].credentials, Credentials::None);
    assert_eq!((world.posts(), world.server.counters().api_requests), (0, 2));
}

/// Twice refused is refused.
pub async fn r3_the_second_refusal_is_handed_back_as_it_came<S: Stack>() {
    let world = World::new().await;
    let session = world.session().await;
    world.server.reject_everything(true);
    let answer = S::of(&session)
        .send(Req::get(world.notes()).id("one"))
        .await
        .unwrap();
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.unreplayed.is_none(), "{answer:?}");
    let challenge = answer.headers["www-authenticate"].to_str().unwrap();
    assert!(challenge.contains("invalid_token"), "{challenge}");
    assert_eq!(answer.json().await["error"], "invalid_token");
    assert_eq!(world.sequences("one"), [Some(1), Some(2)]);
    assert_eq!(world.posts(), 1);
}

/// An API that is misconfigured does not become a flood at the token endpoint.
pub async fn r4_an_api_that_refuses_everything_costs_a_bounded_number_of_refreshes<S: Stack>() {
    const BUDGET: u64 = 5;
    let world = World::new().await;
    let session = world.session().await;
    let client = S::of(&session);
    world.server.reject_everything(true);
    let mut paused = 0;
    for _ in 0..20 {
        let answer = client.send(Req::get(world.notes())).await.unwrap();
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        match answer.unreplayed {
            None => {}
            Some(UnreplayedReason::RejectionBudget) => paused += 1,
            Some(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(world.posts(), BUDGET);
    assert_eq!(paused, 20 - BUDGET);
    world.server.reject_everything(false);
    let answer = client.send(Req::get(world.notes())).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK, "the session lives");
    assert_eq!(
        (world.posts(), world.server.counters().families_dead),
        (BUDGET, 0)
    );
}

/// The token endpoint is asked by a bare client: its 401 is not one of the API's.
pub async fn r7_a_401_of_the_token_endpoint_is_an_error_of_configuration<S: Stack>() {
    let world = World::new().await;
    let session = world.refused_session().await;
    let client = S::of(&session);
    let fault = Fault::oauth_error(401, "invalid_client");
    world.server.inject(Point::Refresh, fault);
    let outcome = client.send(Req::get(world.notes()).id("one")).await;
    let Err(Failure::Renewal { error, refusal }) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(matches!(error, Error::Configuration { .. }), "{error:?}");
    assert_eq!(error.action(), Action::FixConfiguration);
    assert_eq!(refusal.status, StatusCode::UNAUTHORIZED);
    assert_eq!(refusal.json().await["error"], "invalid_token", "it is the API's");
    assert_eq!((world.posts(), world.seen("one").len()), (1, 1));
}

/// Whoever asked for it gets the refusal in place of the error, with the error beside it.
pub async fn r7_f10_a_client_may_ask_for_the_refusal_in_place_of_the_error<S: Stack>() {
    let world = World::new().await;
    let session = world.refused_session().await;
    let client = S::new(Setup {
        session: Some(session),
        on_failure: OnFailure::HandBack,
        ..Setup::default()
    });
    let fault = Fault::oauth_error(401, "invalid_client");
    world.server.inject(Point::Refresh, fault);
    let answer = client.send(Req::get(world.notes())).await.unwrap();
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let Some(UnreplayedReason::RenewalFailed(error)) = &answer.unreplayed else {
        panic!("{answer:?}");
    };
    assert_eq!(error.action(), Action::FixConfiguration);
}

/// Errors that are no refusals are none of our business.
pub async fn r9_other_failures_of_the_api_pass_through<S: Stack>() {
    let world = World::new().await;
    let session = world.session().await;
    let client = S::of(&session);
    for status in [500, 502, 503, 504, 429] {
        world.server.inject(Point::Api, Fault::status(status));
        let answer = client.send(Req::get(world.notes())).await.unwrap();
        assert_eq!(answer.status, status);
    }
    let before = world.server.counters().api_requests;
    world.server.inject(Point::Api, Fault::lose_request());
    let outcome = client.send(Req::get(world.notes())).await;
    assert!(matches!(outcome, Err(Failure::Other(_))), "{outcome:?}");
    let counters = world.server.counters();
    assert_eq!((counters.refresh_posts, counters.api_requests), (0, before + 1));
}

/// The caller's own deadline ends a request, and nothing else.
pub async fn r9_a_request_that_is_given_up_renews_nothing<S: Stack>() {
    let world = World::new().await;
    let session = world.session().await;
    let client = S::of(&session);
    let gate = world.server.hold(Hold::arrivals(Point::Api));
    tokio::select! {
        outcome = client.send(Req::get(world.notes())) => panic!("{outcome:?}"),
        () = gate.arrived(1) => {}
    }
    gate.open();
    let answer = client.send(Req::get(world.notes())).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(world.posts(), 0);
}

/// A refused POST was not carried out: it is safe to send it again.
pub async fn r10_a_refused_post_is_replayed_unless_it_or_the_client_opts_out<S: Stack>() {
    for (number, (without_replays, opts_out)) in [(false, false), (true, false), (false, true)]
        .into_iter()
        .enumerate()
    {
        let world = World::new().await;
        let session = world.refused_session().await;
        let refused = session.current().unwrap().stamp();
        let client = S::new(Setup {
            session: Some(session.clone()),
            without_replays,
            ..Setup::default()
        });
        let mut request = Req::post(world.notes(), "pay").id("one");
        if opts_out {
            request = request.with(NoReplay);
        }
        let answer = client.send(request).await.unwrap();
        if number == 0 {
            assert_eq!(answer.status, StatusCode::OK);
            assert_eq!(world.sequences("one"), [Some(1), Some(2)]);
            continue;
        }
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(
            matches!(answer.unreplayed, Some(UnreplayedReason::OptedOut)),
            "{answer:?}"
        );
        session.newer_than(refused).await.unwrap();
        let next = client.send(Req::get(world.notes()).id("next")).await.unwrap();
        assert_eq!(next.status, StatusCode::OK);
        assert_eq!(
            (world.seen("one").len(), world.sequences("next")),
            (1, vec![Some(2)])
        );
        assert_eq!(world.posts(), 1);
    }
}
