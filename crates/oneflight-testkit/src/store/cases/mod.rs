//! The cases, one function each.

mod lease;
mod lock;
mod news;
mod secrets;
mod session;
mod shapes;
mod swap;

use super::run::Case;

macro_rules! case {
    ($($module:ident)::+, $name:ident, $proves:literal) => {
        Case {
            name: stringify!($name),
            proves: $proves,
            run: |subject| Box::pin($($module::)+$name(subject)),
        }
    };
}

pub(super) static ALL: &[Case] = &[
    case!(
        shapes,
        p10_nothing_is_loaded_where_nothing_was_written,
        "a place without a record reads as such"
    ),
    case!(
        shapes,
        p10_what_one_holder_writes_the_others_read,
        "all holders have one record, with one version"
    ),
    case!(
        shapes,
        p10_records_of_every_shape_come_back_as_they_were,
        "no member of a token set is lost or changed"
    ),
    case!(
        shapes,
        p10_tokens_of_64_kib_come_back,
        "long tokens are kept whole"
    ),
    case!(
        shapes,
        p10_marks_and_pauses_come_back,
        "holders see each other's marks and back-offs"
    ),
    case!(
        shapes,
        p10_tombstones_keep_their_reason,
        "an ended session stays ended, for the same reason"
    ),
    case!(
        shapes,
        p10_a_record_outlives_its_holders,
        "who comes later finds what was written"
    ),
    case!(
        shapes,
        p10_a_record_outlives_a_restart,
        "what was said to be written is durable"
    ),
    case!(
        swap,
        p10_the_first_write_needs_an_empty_place,
        "who expects no record writes over none"
    ),
    case!(
        swap,
        p10_a_write_over_another_version_is_refused,
        "a write that is refused changes nothing"
    ),
    case!(
        swap,
        p10_versions_grow_with_every_write,
        "no version stands for two records"
    ),
    case!(
        swap,
        p10_of_writers_at_once_one_wins_each_version,
        "compare and swap are one step"
    ),
    case!(
        swap,
        p10_a_record_made_anew_has_versions_of_its_own,
        "who knew a removed record does not write over its successor"
    ),
    case!(
        swap,
        p10_writing_needs_no_lock,
        "sign-in and sign-out do not wait for a renewal"
    ),
    case!(
        swap,
        p10_a_write_that_is_given_up_happened_whole_or_not_at_all,
        "a dropped write leaves a record that can be read and written over"
    ),
    case!(
        lock,
        p10_a_lock_excludes_other_holders,
        "while one holder has the lock, no other gets it"
    ),
    case!(
        lock,
        p10_a_lock_excludes_its_own_holder,
        "nor does the same holder get it twice"
    ),
    case!(
        lock,
        p10_of_many_who_want_the_lock_one_has_it_and_all_get_it,
        "one at a time, and nobody is forgotten"
    ),
    case!(
        lock,
        p10_a_lock_that_is_released_goes_to_who_waits,
        "who waits is woken, again and again"
    ),
    case!(
        lock,
        p10_a_lock_that_is_dropped_goes_to_who_waits,
        "a guard that is dropped gives the lock back"
    ),
    case!(
        lock,
        p10_a_lock_that_is_given_up_while_free_does_not_stay_held,
        "locking may be given up at every await"
    ),
    case!(
        lock,
        p10_a_lock_that_is_given_up_while_waiting_does_not_stay_held,
        "waiting may be given up at every await"
    ),
    case!(
        lock,
        p10_a_release_that_is_given_up_frees_the_lock,
        "releasing may be given up at every await"
    ),
    case!(
        lease,
        p10_store_and_guard_agree_on_whether_the_lock_is_a_lease,
        "a lease says so, before and while it is held"
    ),
    case!(
        lease,
        p10_a_lease_lasts_longer_when_it_is_renewed,
        "who renews its lease in time keeps it"
    ),
    case!(
        lease,
        p10_p5_a_lease_ends_without_its_owner,
        "a dead owner keeps nobody out for ever"
    ),
    case!(
        lease,
        p10_p15_a_lease_that_was_lost_is_not_renewed,
        "who lost its lease learns of it"
    ),
    case!(
        lease,
        p10_p5_who_lost_its_lease_does_not_end_the_next_ones,
        "a late release ends nobody else's lease"
    ),
    case!(
        news,
        p10_an_announcement_reaches_the_other_holders,
        "others hear of a version no lower than the one written"
    ),
    case!(
        news,
        p10_an_announcement_reaches_everybody_who_listens,
        "one who listens takes nothing from another"
    ),
    case!(
        secrets,
        p10_p9_what_is_kept_outside_shows_no_token,
        "who reads the medium reads no token"
    ),
    case!(
        secrets,
        p10_o3_a_store_that_is_shown_shows_no_token,
        "a store may be logged"
    ),
    case!(
        secrets,
        p10_an_ill_store_fails_without_a_token_and_recovers,
        "errors may be logged, and an outage loses nothing"
    ),
    case!(
        session::sharing,
        p10_p3_holders_that_are_refused_together_cost_one_post,
        "one refresh for all holders"
    ),
    case!(
        session::sharing,
        p10_p2_who_starts_later_finds_the_session,
        "a session outlives its process, with its newest token"
    ),
    case!(
        session::sharing,
        p10_l5_a_sign_in_reaches_the_other_holders,
        "one signs in for all"
    ),
    case!(
        session::sharing,
        p10_l5_a_sign_out_reaches_the_other_holders,
        "one signs out for all"
    ),
    case!(
        session::ends,
        p10_l7_a_sign_out_before_another_holder_saves_wins,
        "a token that arrives after the sign-out is not kept"
    ),
    case!(
        session::ends,
        p10_l7_a_sign_out_after_another_holder_saved_revokes_the_newest,
        "the token that is revoked is the one that lives"
    ),
    case!(
        session::ends,
        p10_l8_a_sign_out_leaves_another_holders_new_session_alone,
        "a late sign-out ends its own session only"
    ),
    case!(
        session::ends,
        p10_l9_a_sign_out_that_cannot_be_written_holds_here_and_lands_later,
        "a store that is ill keeps nobody signed in"
    ),
    case!(
        session::faults,
        p10_p4_a_refused_holder_adopts_what_is_stored,
        "who is refused reads again before it believes it"
    ),
    case!(
        session::faults,
        p10_p4_a_dead_grant_is_buried_for_all_holders,
        "one holder learns of the death for all"
    ),
    case!(
        session::faults,
        p10_p7_nobody_is_signed_out_because_the_store_is_ill,
        "an outage of the store costs time, not sessions"
    ),
    case!(
        session::faults,
        p10_p11_nobody_spends_the_spent_token_while_the_saver_lives,
        "the lock is kept until the new token is saved"
    ),
    case!(
        session::faults,
        p10_p11_a_lease_is_kept_while_its_owner_cannot_save,
        "a lease is renewed for longer than it lasts"
    ),
    case!(
        session::faults,
        p10_p12_a_save_that_landed_and_failed_revokes_nothing,
        "a record of one's own is recognised"
    ),
    case!(
        session::faults,
        p10_p13_without_a_mark_nothing_is_sent,
        "a store that takes no mark costs no token"
    ),
];
