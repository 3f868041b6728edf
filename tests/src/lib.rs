//! What every interceptor must do, written once: the cases run over real sockets, against the testkit's server, for each
//! HTTP client that is a [`Stack`].
#![allow(
    clippy::unwrap_used,
    reason = "tests fail by panicking; clippy knows their functions only, not their helpers"
)]

pub mod cases;
pub mod faults;
pub mod login;
pub mod postgres;
pub mod provider;
pub mod redis;
mod request;
mod stack;
mod world;

pub use request::{Chunks, Payload, Req};
pub use stack::{Answer, BoxError, Failure, Outcome, Setup, Stack};
pub use world::{LIFETIME, World, http_builder, spawn, within};

/// Makes a test of every case, for one [`Stack`].
#[macro_export]
macro_rules! interceptor_suite {
    ($stack:ty) => {
        $crate::each_case! { $stack, single_flight,
            #[test] fn s1_one_request_with_a_refused_token_costs_one_post;
            #[test] fn s1_two_requests_with_a_refused_token_cost_one_post;
            #[test] fn s1_fifty_requests_with_a_refused_token_cost_one_post;
            #[test] fn s1_five_hundred_requests_with_a_refused_token_cost_one_post;
            #[test] fn s2_staggered_refusals_cost_one_post;
            #[test] fn s3_a_late_refusal_replays_without_a_refresh;
            #[test] fn s8_a_request_under_way_when_the_flight_ends_is_served_by_its_result;
            #[test] fn s4_requests_with_an_expired_token_wait_for_one_renewal_and_are_sent_once;
            #[test] fn s5_dropping_the_first_request_leaves_the_others_their_token;
            #[test] fn s5_dropping_every_request_lets_the_flight_end;
            #[test] fn s6_a_caller_that_gives_up_leaves_the_flight_alone;
            #[test] fn s12_the_same_token_again_is_a_failure_and_does_not_loop;
        }
        $crate::each_case! { $stack, refusal,
            #[test] fn r1_every_form_of_refusal_is_followed_by_a_replay;
            #[test] fn r2_refusals_that_a_renewal_cannot_help_are_handed_back_as_they_came;
            #[test] fn r2_the_callers_own_credentials_are_neither_overwritten_nor_renewed;
            #[test] fn r3_the_second_refusal_is_handed_back_as_it_came;
            #[test] fn r4_an_api_that_refuses_everything_costs_a_bounded_number_of_refreshes;
            #[test] fn r7_a_401_of_the_token_endpoint_is_an_error_of_configuration;
            #[test] fn r7_f10_a_client_may_ask_for_the_refusal_in_place_of_the_error;
            #[test] fn r9_other_failures_of_the_api_pass_through;
            #[test] fn r9_a_request_that_is_given_up_renews_nothing;
            #[test] fn r10_a_refused_post_is_replayed_unless_it_or_the_client_opts_out;
        }
        $crate::each_case! { $stack, bodies,
            #[test] fn r5_bodies_in_memory_are_replayed_byte_for_byte;
            #[test] fn r5_a_refused_stream_is_handed_back_marked_and_renewed_for_the_next;
            #[test] fn r5_before_a_stream_a_token_that_is_about_to_expire_is_renewed;
            #[test] fn t2_between_due_and_expiry_requests_are_served_with_the_old_token;
            #[test] fn r6_the_replay_equals_the_original;
            #[test] fn r11_the_answer_to_a_replay_streams;
        }
        $crate::each_case! { $stack, failures,
            #[test] fn f2_an_outage_is_not_noticed_while_the_token_is_valid;
            #[test] fn f3_f9_an_outage_with_an_expired_token_is_a_retryable_error_that_passes;
            #[test] fn f4_a_hundred_callers_in_an_outage_cost_one_post;
            #[test] fn f5_a_lost_answer_is_asked_for_again_where_a_grace_window_allows_it;
            #[test] fn f7_a_death_that_fifty_callers_see_is_one_post_and_one_sign_out;
            #[test] fn t3_a_lifetime_of_nothing_does_not_loop;
        }
        $crate::each_case! { $stack, sign_out,
            #[test] fn l1_l3_sign_out_during_a_refresh_wins_and_waiters_learn_it_at_once;
            #[test] fn l2_a_request_is_not_replayed_as_the_user_who_signed_in_meanwhile;
            #[test] fn l2_a_refusal_that_arrives_after_another_sign_in_is_not_replayed;
            #[test] fn l6_without_a_token_nothing_is_sent;
            #[test] fn a_client_of_many_users_takes_each_requests_own_session;
        }
        $crate::each_case! { $stack, origins,
            #[test] fn o1_the_token_goes_to_the_listed_origin_only;
            #[test] fn r8_a_redirect_to_another_origin_carries_no_token;
            #[test] fn r8_a_redirect_within_the_origin_keeps_the_token;
            #[test] fn o3_errors_of_a_failed_renewal_show_no_token;
            #[test] fn o4_a_token_with_a_line_break_is_an_error_and_nothing_is_sent;
            #[test] fn o4_a_token_of_64_kib_works;
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
