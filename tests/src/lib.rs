//! What every interceptor must do, written once: the cases run over real sockets, against the testkit's server, for each
//! HTTP client that is a [`Stack`].
#![allow(
    clippy::unwrap_used,
    reason = "tests fail by panicking; clippy knows their functions only, not their helpers"
)]

pub mod cases;
mod request;
mod stack;
mod world;

pub use request::{Chunks, Payload, Req};
pub use stack::{Answer, BoxError, Failure, Outcome, Setup, Stack};
pub use world::{World, within};

/// Makes a test of every case, for one [`Stack`].
#[macro_export]
macro_rules! interceptor_suite {
    ($stack:ty) => {
        $crate::each_case! { $stack, single_flight,
            #[test] fn s1_one_request_with_a_refused_token_costs_one_post;
            #[test] fn s1_two_requests_with_a_refused_token_cost_one_post;
            #[test] fn s1_fifty_requests_with_a_refused_token_cost_one_post;
            #[test] fn s1_five_hundred_requests_with_a_refused_token_cost_one_post;
        }
    };
}

/// Part of [`interceptor_suite`].
#[doc(hidden)]
#[macro_export]
macro_rules! each_case {
    ($stack:ty, $module:ident, $(#[test] fn $case:ident;)*) => {
        mod $module {
            #[allow(unused_imports, reason = "a stack may be of std")]
            use super::*;

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    $crate::within($crate::cases::$module::$case::<$stack>()).await;
                }
            )*
        }
    };
}

/// The README's examples compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
