//! What every store must do, as named cases: for the stores of oneflight and for yours (feature `store`).
//!
//! [`Store`](oneflight::Store) is one record and a lock around its renewal. A store whose lock lets two holders in, or whose
//! compare-and-swap does not compare, works in every demonstration and signs users out in the field. [`Conformance`]
//! tries a store with several holders at once: what comes back of each shape of record, who may write over what, who has the lock
//! and what becomes of it when a future is dropped, and whole sessions, one per holder, on a grant that rotates strictly.
//!
//! # Testing your store
//!
//! Give a function that makes an empty record and says how another process would open it. Where there is a server, that
//! means connections of its own; clones of one store would hide what processes do to each other.
//!
//! ```
//! use oneflight::MemoryStore;
//! use oneflight_testkit::store::{Conformance, Subject};
//!
//! # #[tokio::main]
//! # async fn main() {
//! let report = Conformance::new(|| async {
//!     let record = MemoryStore::new();
//!     // All holders of a memory store are in one process.
//!     Subject::new(move || std::future::ready(record.clone())).tells_changes()
//! })
//! .run()
//! .await;
//! println!("{report}");
//! report.assert_passed();
//! # }
//! ```
//!
//! What a store need not be able to do is said by methods of [`Subject`], and what is not said is skipped, with a word:
//!
//! | method | what is tried then |
//! |---|---|
//! | [`tells_changes`](Subject::tells_changes) | that announcements arrive; without it they may, and are looked at if they do |
//! | [`remove`](Subject::remove) | that a record made anew has other versions |
//! | [`restart`](Subject::restart) | that what was written outlives a restart of the server |
//! | [`short_lease`](Subject::short_lease) | that a lease is renewed, and ends by itself, in real time |
//! | [`end_lease`](Subject::end_lease) | that who lost its lease neither renews it nor ends the next one's |
//! | [`raw`](Subject::raw) | that nothing kept outside of the process shows a token |
//! | [`outage`](Subject::outage) | that errors show no token, and that nobody is signed out meanwhile |
//!
//! # One test per case
//!
//! [`store_conformance!`](crate::store_conformance) makes a test of every case, so that each can be run alone and fails by
//! its name. Whoever makes the subject may return `None` where a server is not installed.
//!
//! ```
//! use oneflight::MemoryStore;
//! use oneflight_testkit::store::Subject;
//!
//! async fn memory() -> Subject {
//!     let record = MemoryStore::new();
//!     Subject::new(move || std::future::ready(record.clone())).tells_changes()
//! }
//!
//! mod conforms {
//!     oneflight_testkit::store_conformance!(super::memory);
//! }
//! # fn main() {}
//! ```
//!
//! A failure says what was expected and what the store did:
//!
//! ```text
//! p10_a_lock_excludes_other_holders: failed
//!   proves    While one holder has the lock, no other gets it.
//!   expected  the second holder waits while the first has the lock
//!   found     it got the lock too
//! ```
//!
//! Behaviours with a letter other than P10 in their names are those of the
//! [specification](https://github.com/oneflight/oneflight/blob/main/docs/spec.md).

mod cases;
mod faulty;
mod holder;
mod issuer;
mod records;
mod report;
mod run;
mod subject;

pub use report::{Finding, Outcome, Report};
pub use run::{Case, Conformance, cases};
pub use subject::Subject;

#[doc(hidden)]
pub use run::run_alone;

/// Makes a test of every case of the [conformance suite](crate::store).
///
/// Give it the path of the function that makes the [`Subject`](crate::store::Subject). The tests bring a runtime of their own.
#[macro_export]
macro_rules! store_conformance {
    ($make:path) => {
        $crate::each_store_case! { $make,
            #[test] fn p10_nothing_is_loaded_where_nothing_was_written;
            #[test] fn p10_what_one_holder_writes_the_others_read;
            #[test] fn p10_records_of_every_shape_come_back_as_they_were;
            #[test] fn p10_tokens_of_64_kib_come_back;
            #[test] fn p10_marks_and_pauses_come_back;
            #[test] fn p10_tombstones_keep_their_reason;
            #[test] fn p10_a_record_outlives_its_holders;
            #[test] fn p10_a_record_outlives_a_restart;
            #[test] fn p10_the_first_write_needs_an_empty_place;
            #[test] fn p10_a_write_over_another_version_is_refused;
            #[test] fn p10_versions_grow_with_every_write;
            #[test] fn p10_of_writers_at_once_one_wins_each_version;
            #[test] fn p10_a_record_made_anew_has_versions_of_its_own;
            #[test] fn p10_writing_needs_no_lock;
            #[test] fn p10_a_write_that_is_given_up_happened_whole_or_not_at_all;
            #[test] fn p10_a_lock_excludes_other_holders;
            #[test] fn p10_a_lock_excludes_its_own_holder;
            #[test] fn p10_of_many_who_want_the_lock_one_has_it_and_all_get_it;
            #[test] fn p10_a_lock_that_is_released_goes_to_who_waits;
            #[test] fn p10_a_lock_that_is_dropped_goes_to_who_waits;
            #[test] fn p10_a_lock_that_is_given_up_while_free_does_not_stay_held;
            #[test] fn p10_a_lock_that_is_given_up_while_waiting_does_not_stay_held;
            #[test] fn p10_a_release_that_is_given_up_frees_the_lock;
            #[test] fn p10_store_and_guard_agree_on_whether_the_lock_is_a_lease;
            #[test] fn p10_a_lease_lasts_longer_when_it_is_renewed;
            #[test] fn p10_p5_a_lease_ends_without_its_owner;
            #[test] fn p10_p15_a_lease_that_was_lost_is_not_renewed;
            #[test] fn p10_p5_who_lost_its_lease_does_not_end_the_next_ones;
            #[test] fn p10_an_announcement_reaches_the_other_holders;
            #[test] fn p10_an_announcement_reaches_everybody_who_listens;
            #[test] fn p10_p9_what_is_kept_outside_shows_no_token;
            #[test] fn p10_o3_a_store_that_is_shown_shows_no_token;
            #[test] fn p10_an_ill_store_fails_without_a_token_and_recovers;
            #[test] fn p10_p3_holders_that_are_refused_together_cost_one_post;
            #[test] fn p10_p2_who_starts_later_finds_the_session;
            #[test] fn p10_l5_a_sign_in_reaches_the_other_holders;
            #[test] fn p10_l5_a_sign_out_reaches_the_other_holders;
            #[test] fn p10_l7_a_sign_out_before_another_holder_saves_wins;
            #[test] fn p10_l7_a_sign_out_after_another_holder_saved_revokes_the_newest;
            #[test] fn p10_l8_a_sign_out_leaves_another_holders_new_session_alone;
            #[test] fn p10_l9_a_sign_out_that_cannot_be_written_holds_here_and_lands_later;
            #[test] fn p10_p4_a_refused_holder_adopts_what_is_stored;
            #[test] fn p10_p4_a_dead_grant_is_buried_for_all_holders;
            #[test] fn p10_p7_nobody_is_signed_out_because_the_store_is_ill;
            #[test] fn p10_p11_nobody_spends_the_spent_token_while_the_saver_lives;
            #[test] fn p10_p11_a_lease_is_kept_while_its_owner_cannot_save;
            #[test] fn p10_p12_a_save_that_landed_and_failed_revokes_nothing;
            #[test] fn p10_p13_without_a_mark_nothing_is_sent;
        }
    };
}

/// Part of [`store_conformance`].
#[doc(hidden)]
#[macro_export]
macro_rules! each_store_case {
    ($make:path, $(#[test] fn $case:ident;)*) => {
        $(
            #[test]
            fn $case() {
                $crate::store::run_alone(::std::stringify!($case), $make);
            }
        )*

        /// So that no case is missing here.
        #[test]
        fn every_case_is_a_test() {
            let here = [$(::std::stringify!($case)),*];
            let there: ::std::vec::Vec<_> = $crate::store::cases().iter().map(|case| case.name()).collect();
            ::std::assert_eq!(here[..], there[..]);
        }
    };
}
