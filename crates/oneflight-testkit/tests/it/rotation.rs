//! Refreshing, rotating, and being caught.

use std::time::{Duration, UNIX_EPOCH};

use oneflight_testkit::{Clock, Death, Fault, GraceReplay, Hold, Point, Rotation, TestServer, TokenId, What};

use crate::client::{call, is_reset, refresh, refresh_json, start};

#[tokio::test]
async fn a_refresh_rotates_and_both_access_tokens_work() {
    let server = start().await;
    let session = server.issue_session();
    let answer = refresh(&server, session.refresh_token()).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["expires_in"], 900);
    assert_eq!(answer.json()["token_type"], "Bearer");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_ne!(answer.member("refresh_token"), session.refresh_token());
    let echoed = call(&server, &answer.member("access_token")).await.json();
    assert_eq!(echoed["token"], serde_json::json!({ "family": 1, "sequence": 2 }));
    assert_eq!(call(&server, &session.access_token).await.status, 200);
    let counters = server.counters();
    assert_eq!((counters.refresh_posts, counters.rotations), (1, 1));
    assert_eq!((counters.families_alive, counters.reuse_detected), (1, 0));
}

#[tokio::test]
async fn strict_reuse_kills_the_family_and_the_newest_tokens() {
    let server = start().await;
    let session = server.issue_session();
    let bystander = server.issue_session();
    let newest = refresh(&server, session.refresh_token()).await.unwrap();
    let again = refresh(&server, session.refresh_token()).await.unwrap();
    assert_eq!((again.status, again.error().as_str()), (400, "invalid_grant"));
    assert_eq!(call(&server, &newest.member("access_token")).await.status, 401);
    let after = refresh(&server, &newest.member("refresh_token")).await.unwrap();
    assert_eq!(after.error(), "invalid_grant");
    assert_eq!(call(&server, &bystander.access_token).await.status, 200);
    let report = server.family(session.family()).expect("a report");
    assert_eq!(report.death, Some(Death::ReuseDetected));
    assert_eq!(
        (report.refresh_posts, report.rotations, report.reuse_detected),
        (3, 1, 1)
    );
}

#[tokio::test]
async fn twenty_parallel_refreshes_end_the_session_of_a_naive_client() {
    let server = start().await;
    let session = server.issue_session();
    // All are on their way before the first is processed.
    let gate = server.hold(Hold::arrivals(Point::Refresh).until_arrived(20));
    let refreshes: Vec<_> = (0..20)
        .map(|_| {
            let (server, token) = (server.clone(), session.refresh_token().to_owned());
            tokio::spawn(async move { refresh(&server, &token).await.unwrap().status })
        })
        .collect();
    gate.arrived(20).await;
    let mut granted = 0;
    for one in refreshes {
        granted += u32::from(one.await.unwrap() == 200);
    }
    assert_eq!(granted, 1);
    let counters = server.counters();
    assert_eq!((counters.refresh_posts, counters.rotations), (20, 1));
    assert_eq!((counters.reuse_detected, counters.families_dead), (19, 1));
}

#[tokio::test]
async fn the_json_endpoint_rotates_the_same_families() {
    let server = start().await;
    let session = server.issue_session();
    let answer = refresh_json(&server, session.refresh_token()).await.unwrap();
    assert_eq!(answer.json()["expiresIn"], 900);
    assert_eq!(call(&server, &answer.member("accessToken")).await.status, 200);
    let again = refresh_json(&server, session.refresh_token()).await.unwrap();
    assert_eq!((again.status, again.error().as_str()), (401, "invalid_grant"));
    assert_eq!(server.counters().families_dead, 1);
}

#[tokio::test]
async fn access_tokens_expire_on_the_virtual_clock_and_on_command() {
    let clock = Clock::virtual_at(UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    let server = TestServer::builder().clock(clock).start().await.unwrap();
    let session = server.issue_session();
    server.advance(Duration::from_secs(899));
    assert_eq!(call(&server, &session.access_token).await.status, 200);
    server.advance(Duration::from_secs(1));
    let refused = call(&server, &session.access_token).await;
    assert_eq!(refused.status, 401);
    let challenge = refused.header("www-authenticate").expect("a challenge");
    assert!(challenge.contains(r#"error="invalid_token""#), "{challenge}");
    assert_eq!(refused.header("date"), Some("Tue, 14 Nov 2023 22:28:20 GMT"));

    let renewed = refresh(&server, session.refresh_token()).await.unwrap();
    let token = renewed.member("access_token");
    assert_eq!(call(&server, &token).await.status, 200);
    server.expire_access_tokens();
    assert_eq!(call(&server, &token).await.status, 401);
    let ids: Vec<_> = server
        .api_requests()
        .iter()
        .map(|one| one.credentials.token())
        .collect();
    let nth = |sequence| Some(TokenId { family: 1, sequence });
    assert_eq!(ids, [nth(1), nth(1), nth(2), nth(2)]);
}

#[tokio::test]
async fn a_lost_answer_has_rotated_and_a_lost_request_has_not() {
    let server = start().await;
    let session = server.issue_session();
    server.inject(Point::Refresh, Fault::lose_request());
    let error = refresh(&server, session.refresh_token()).await.unwrap_err();
    assert!(is_reset(&error), "{error:?}");
    assert_eq!(server.counters().rotations, 0);

    server.inject(Point::Refresh, Fault::lose_answer());
    let error = refresh(&server, session.refresh_token()).await.unwrap_err();
    assert!(is_reset(&error), "{error:?}");
    assert_eq!(server.counters().rotations, 1);
    let retry = refresh(&server, session.refresh_token()).await.unwrap();
    assert_eq!(retry.error(), "invalid_grant");
    let statuses: Vec<_> = server.refresh_requests().iter().map(|one| one.status).collect();
    assert_eq!(statuses, [None, None, Some(400)]);
}

#[tokio::test]
async fn within_the_grace_window_a_replay_is_answered_and_after_it_the_family_dies() {
    let clock = Clock::virtual_at(UNIX_EPOCH);
    let server = TestServer::builder()
        .clock(clock)
        .rotation(Rotation::grace(Duration::from_secs(30)))
        .start()
        .await
        .unwrap();
    let session = server.issue_session();
    let first = refresh(&server, session.refresh_token()).await.unwrap();
    server.advance(Duration::from_secs(29));
    let second = refresh(&server, session.refresh_token()).await.unwrap();
    assert_ne!(first.member("refresh_token"), second.member("refresh_token"));
    for pair in [&first, &second] {
        assert_eq!(call(&server, &pair.member("access_token")).await.status, 200);
    }
    server.advance(Duration::from_secs(1));
    let third = refresh(&server, session.refresh_token()).await.unwrap();
    assert_eq!(third.error(), "invalid_grant");
    assert_eq!(server.counters().families_dead, 1);
    assert_eq!(server.counters().replays, 1);
}

#[tokio::test]
async fn a_hanging_refresh_goes_on_when_released() {
    let server = start().await;
    let session = server.issue_session();
    server.inject(Point::Refresh, Fault::hang());
    let hanging = tokio::spawn({
        let (server, token) = (server.clone(), session.refresh_token().to_owned());
        async move { refresh(&server, &token).await.unwrap().status }
    });
    server.wait_for_hung(1).await;
    assert_eq!(server.counters().rotations, 0);
    server.release_hung();
    assert_eq!(hanging.await.unwrap(), 200);
}

#[tokio::test]
async fn a_grace_window_may_give_the_same_pair_again() {
    let server = TestServer::builder()
        .clock(Clock::virtual_at(UNIX_EPOCH))
        .rotation(Rotation::Grace {
            window: Duration::from_secs(30),
            replay: GraceReplay::SamePair,
        })
        .start()
        .await
        .unwrap();
    let session = server.issue_session();
    let first = refresh(&server, session.refresh_token()).await.unwrap();
    server.advance(Duration::from_secs(10));
    let again = refresh(&server, session.refresh_token()).await.unwrap();
    assert_eq!(
        first.json(),
        again.json(),
        "with its full lifetime although time has passed"
    );
    let next = refresh(&server, &again.member("refresh_token")).await.unwrap();
    assert_eq!(next.status, 200);
    let counters = server.counters();
    assert_eq!(
        (counters.rotations, counters.replays, counters.refreshes_granted),
        (2, 1, 3)
    );
}

#[tokio::test]
async fn a_refusing_server_refuses_reuse_and_lets_the_family_live() {
    let server = TestServer::builder()
        .rotation(Rotation::Refusing)
        .start()
        .await
        .unwrap();
    let session = server.issue_session();
    let first = refresh(&server, session.refresh_token()).await.unwrap();
    let again = refresh(&server, session.refresh_token()).await.unwrap();
    assert_eq!(again.error(), "invalid_grant");
    assert_eq!(server.counters().reuse_detected, 1);
    let next = refresh(&server, &first.member("refresh_token")).await.unwrap();
    assert_eq!(next.status, 200);
}

#[tokio::test]
async fn a_family_can_be_revoked_and_the_log_says_why() {
    let server = start().await;
    let session = server.issue_session();
    server.revoke_family(session.family());
    assert_eq!(call(&server, &session.access_token).await.status, 401);
    let answer = refresh(&server, session.refresh_token()).await.unwrap();
    assert_eq!(answer.error(), "invalid_grant");
    let died = What::FamilyDied {
        family: 1,
        death: Death::ByCommand,
    };
    assert!(server.events().iter().any(|event| event.what == died));
    assert_eq!(server.counters().reuse_detected, 0);
}
