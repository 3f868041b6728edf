//! Stores that do one thing wrong, each of which the suite catches by the case that is about it. And one that does
//! everything right, so that it is known to be the one thing.

mod store;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use oneflight_testkit::store::{Conformance, Subject};
use tokio::time::Instant;

use store::{Cell, Content, Wrong, WrongStore, tokens};

const LEASE: Duration = Duration::from_secs(600);
const SHORT_LEASE: Duration = Duration::from_secs(1);
/// What is right answers at once; what is wrong should not be waited for as long as the suite would.
const PATIENCE: Duration = Duration::from_secs(4);

async fn subject(wrong: Wrong) -> Subject {
    let cell = Arc::<Cell>::default();
    let open = |lease| {
        let cell = Arc::clone(&cell);
        move || std::future::ready(WrongStore::new(wrong, lease, &cell))
    };
    let change = |change: fn(&mut Content)| {
        let cell = Arc::clone(&cell);
        move || {
            change(&mut cell.content.lock().unwrap());
            cell.freed.notify_waiters();
            std::future::ready(())
        }
    };
    let read = {
        let cell = Arc::clone(&cell);
        move || {
            let content = cell.content.lock().unwrap();
            let record = content.stored.as_ref().map(|stored| tokens(&stored.record));
            let open = wrong == Wrong::KeepsTokensInTheOpen;
            let bytes = record.filter(|_| open).unwrap_or_else(|| "sealed".to_owned());
            std::future::ready(bytes.into_bytes())
        }
    };
    let subject = Subject::new(open(LEASE))
        .tells_changes()
        .short_lease(open(SHORT_LEASE))
        .end_lease(change(|content| {
            content.owner = content.owner.map(|(owner, _)| (owner, Instant::now()))
        }))
        .remove(change(|content| content.stored = None))
        .restart(change(|content| content.owner = None))
        .outage(
            change(|content| content.is_down = true),
            change(|content| content.is_down = false),
        )
        .raw(read);
    match wrong {
        Wrong::Nothing => subject,
        _ => subject.patience(PATIENCE),
    }
}

async fn right() -> Subject {
    subject(Wrong::Nothing).await
}

mod right {
    oneflight_testkit::store_conformance!(super::right);
}

/// What is wrong, and which case says so.
const CAUGHT: [(Wrong, &str); 30] = [
    (
        Wrong::IgnoresTheVersion,
        "p10_a_write_over_another_version_is_refused",
    ),
    (Wrong::WritesBlindly, "p10_the_first_write_needs_an_empty_place"),
    (
        Wrong::SaysConflictAndWrites,
        "p10_a_write_over_another_version_is_refused",
    ),
    (
        Wrong::ComparesInTwoSteps,
        "p10_of_writers_at_once_one_wins_each_version",
    ),
    (
        Wrong::KeepsARecordPerHolder,
        "p10_what_one_holder_writes_the_others_read",
    ),
    (Wrong::LocksNobodyOut, "p10_a_lock_excludes_other_holders"),
    (Wrong::LetsItsOwnHolderIn, "p10_a_lock_excludes_its_own_holder"),
    (
        Wrong::ReusesVersions,
        "p10_a_record_made_anew_has_versions_of_its_own",
    ),
    (Wrong::StandsStill, "p10_versions_grow_with_every_write"),
    (Wrong::DropsTheMark, "p10_marks_and_pauses_come_back"),
    (Wrong::DropsTheBackOff, "p10_marks_and_pauses_come_back"),
    (Wrong::ForgetsTheReason, "p10_tombstones_keep_their_reason"),
    (
        Wrong::DropsExtras,
        "p10_records_of_every_shape_come_back_as_they_were",
    ),
    (
        Wrong::DropsTheIdToken,
        "p10_records_of_every_shape_come_back_as_they_were",
    ),
    (
        Wrong::RoundsTimes,
        "p10_records_of_every_shape_come_back_as_they_were",
    ),
    (Wrong::CutsLongTokens, "p10_tokens_of_64_kib_come_back"),
    (
        Wrong::StaysHeldWhenGivenUp,
        "p10_a_lock_that_is_given_up_while_free_does_not_stay_held",
    ),
    (
        Wrong::StaysHeldWhenDropped,
        "p10_a_lock_that_is_dropped_goes_to_who_waits",
    ),
    (
        Wrong::ForgetsWhoWaits,
        "p10_a_lock_that_is_released_goes_to_who_waits",
    ),
    (Wrong::WritesUnderTheLockOnly, "p10_writing_needs_no_lock"),
    (
        Wrong::SaysNoLease,
        "p10_store_and_guard_agree_on_whether_the_lock_is_a_lease",
    ),
    (
        Wrong::EndsLeasesInSpiteOfRenewal,
        "p10_a_lease_lasts_longer_when_it_is_renewed",
    ),
    (
        Wrong::RenewsWhatIsLost,
        "p10_p15_a_lease_that_was_lost_is_not_renewed",
    ),
    (
        Wrong::ReleasesWhatIsLost,
        "p10_p5_who_lost_its_lease_does_not_end_the_next_ones",
    ),
    (Wrong::NeverEndsALease, "p10_p5_a_lease_ends_without_its_owner"),
    (Wrong::ShowsTokens, "p10_o3_a_store_that_is_shown_shows_no_token"),
    (
        Wrong::ShowsTokensInErrors,
        "p10_an_ill_store_fails_without_a_token_and_recovers",
    ),
    (
        Wrong::KeepsTokensInTheOpen,
        "p10_p9_what_is_kept_outside_shows_no_token",
    ),
    (
        Wrong::AnnouncesTooLow,
        "p10_an_announcement_reaches_the_other_holders",
    ),
    (
        Wrong::AnnouncesToOne,
        "p10_an_announcement_reaches_everybody_who_listens",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p10_each_wrong_store_is_caught_by_the_case_that_is_about_it() {
    let tried = CAUGHT.map(|(wrong, case)| async move {
        let report = Conformance::new(move || subject(wrong)).run_only(case).await;
        (wrong, report)
    });
    let reports = futures_util::future::join_all(tried).await;
    let missed: BTreeMap<String, String> = reports
        .iter()
        .filter(|(_, report)| report.failed().is_empty())
        .map(|(wrong, report)| (format!("{wrong:?}"), report.to_string()))
        .collect();
    for (wrong, report) in &reports {
        println!("{wrong:?}: {report}");
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

/// Sessions lose what their store loses: the cases about them notice the same stores.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p10_sessions_over_a_wrong_store_fail_their_cases_too() {
    for (wrong, case) in [
        // Either of the two would do: whoever finds a mark waits, lock or no lock.
        (
            Wrong::LocksNobodyOutAndDropsTheMark,
            "p10_p3_holders_that_are_refused_together_cost_one_post",
        ),
        (
            Wrong::LocksNobodyOutAndDropsTheMark,
            "p10_p11_nobody_spends_the_spent_token_while_the_saver_lives",
        ),
        (
            Wrong::KeepsARecordPerHolder,
            "p10_l5_a_sign_out_reaches_the_other_holders",
        ),
        (
            Wrong::KeepsARecordPerHolder,
            "p10_p2_who_starts_later_finds_the_session",
        ),
        (
            Wrong::WritesBlindly,
            "p10_p4_a_refused_holder_adopts_what_is_stored",
        ),
        (
            Wrong::WritesUnderTheLockOnly,
            "p10_l7_a_sign_out_before_another_holder_saves_wins",
        ),
        (
            Wrong::EndsLeasesInSpiteOfRenewal,
            "p10_p11_a_lease_is_kept_while_its_owner_cannot_save",
        ),
    ] {
        let report = Conformance::new(move || subject(wrong)).run_only(case).await;
        assert_eq!(report.failed(), [case], "{wrong:?}\n{report}");
        println!("{wrong:?}: {report}");
    }
}

/// The report is what people mend their store by.
#[tokio::test]
async fn p10_a_failure_names_the_case_what_was_expected_and_what_the_store_did() {
    let case = "p10_a_lock_excludes_other_holders";
    let report = Conformance::new(|| subject(Wrong::LocksNobodyOut))
        .run_only(case)
        .await;
    let expected = "p10_a_lock_excludes_other_holders: failed\n  \
                    proves    while one holder has the lock, no other gets it\n  \
                    expected  the second holder waits while the first has the lock\n  \
                    found     it got the lock too\n";
    assert_eq!(report.to_string(), expected);
    let nothing = Conformance::new(|| std::future::ready(None::<Subject>))
        .run_only(case)
        .await;
    assert_eq!((nothing.failed(), nothing.skipped()), (vec![], vec![case]));
}
