//! Requests that are given up, at each of their await points.

use std::pin::pin;
use std::task::Poll;

use futures_util::future::poll_fn;
use oneflight::tower::Oneflight;
use tower::ServiceExt as _;

use crate::support::{Api, Signed, post};

/// Polls the request until it has been pending so many times, then drops it. `true`: it came to its end before.
async fn drop_at(client: Oneflight<Api>, pendings: usize) -> bool {
    let mut sending = pin!(client.oneshot(post("once")));
    let mut left = pendings;
    poll_fn(|cx| match sending.as_mut().poll(cx) {
        Poll::Ready(answer) => {
            assert_eq!(*answer.unwrap().body(), "served");
            Poll::Ready(true)
        }
        Poll::Pending if left == 0 => Poll::Ready(false),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

#[tokio::test]
async fn s5_a_request_dropped_at_any_await_point_leaves_the_next_one_its_token() {
    for pendings in 0.. {
        let signed = Signed::new().await;
        let refused = signed.session.current().unwrap().stamp();
        let api = Api::refusing_once();
        let ended = drop_at(signed.over(api.clone()), pendings).await;
        // Whether it was refused before it was dropped, the token that it had is renewed once.
        signed.session.newer_than(refused).await.unwrap();
        let next = signed.over(Api::default()).oneshot(post("next")).await.unwrap();
        assert_eq!(*next.body(), "served");
        assert_eq!(signed.renewals(), 1, "dropped at {pendings}");
        if ended {
            assert!(pendings > 0, "nothing was waited for");
            return;
        }
    }
}
