//! Many at once.

use std::collections::HashMap;

use oneflight_testkit::{Hold, Point};

use crate::client::{builder, start};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_requests_wait_at_one_barrier() {
    let server = start().await;
    let session = server.issue_session();
    let gate = server.hold(Hold::answers(Point::Api).until_arrived(1000));
    let client = builder().build().unwrap();
    let calls: Vec<_> = (0..1000)
        .map(|number| {
            let request = client
                .get(server.api_url("/api/things"))
                .header("x-request-id", number.to_string())
                .bearer_auth(&session.access_token);
            tokio::spawn(async move { request.send().await.unwrap().status() })
        })
        .collect();
    gate.arrived(1000).await;
    for call in calls {
        assert_eq!(call.await.unwrap(), 200);
    }
    let mut sent: HashMap<String, u32> = HashMap::new();
    for request in server.api_requests() {
        *sent.entry(request.request_id.unwrap()).or_default() += 1;
    }
    assert_eq!(sent.len(), 1000);
    assert!(sent.values().all(|times| *times == 1));
    assert_eq!(server.counters().api_by_status, [(200, 1000)].into());
}
