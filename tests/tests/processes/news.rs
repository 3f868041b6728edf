//! What an idle process hears of another.

use oneflight_testkit::TestServer;

use crate::process::{LONG, Place, Process};

/// A holder that has read the store once, and is asked for nothing from then on.
async fn idle(server: &TestServer, place: &Place) -> Process {
    let mut holder = Process::start(server, place, "grant", LONG).await;
    holder.tell("ask 1");
    holder.asked().await;
    holder
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l5_p17_an_idle_process_hears_of_a_sign_in_a_renewal_and_a_sign_out_by_way_of_the_file() {
    let server = TestServer::start().await.unwrap();
    let place = Place::file();
    let mut idle = idle(&server, &place).await;
    let mut busy = Process::start(&server, &place, "grant", LONG).await;

    busy.sign_in(&server.issue_session()).await;
    idle.hear("event signed-in").await;

    server.expire_access_tokens();
    busy.tell("ask 1");
    assert_eq!(busy.asked().await, (1, "none".to_owned()));
    idle.hear("event adopted").await;
    assert_eq!(server.counters().refresh_posts, 1);
    // It has the new token already: nothing is refused.
    let refused = || server.counters().api_by_status.get(&401).copied();
    let before = refused();
    idle.tell("ask 1");
    assert_eq!(idle.asked().await, (1, "none".to_owned()));
    assert_eq!(refused(), before);

    busy.tell("sign-out");
    busy.hear("signed-out").await;
    idle.hear("event signed-out").await;
}
