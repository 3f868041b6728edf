//! Locks that end by themselves.

use std::time::Duration;

use oneflight::store::Guard;

use crate::store::holder::Holder;
use crate::store::report::{Stop, Verdict, expect, failed};
use crate::store::subject::{Hook, Subject};

pub(super) const NO_LEASE: Stop = Stop::Skipped("the lock is no lease");

pub(super) async fn p10_store_and_guard_agree_on_whether_the_lock_is_a_lease(subject: &Subject) -> Verdict {
    let ours = subject.holder("the holder").await;
    let mut guard = ours.lock().await?;
    let (promised, held) = (ours.store.lease(), guard.lease());
    let agree = match (promised, held) {
        (None, None) => true,
        (Some(promised), Some(held)) => !held.is_zero() && held <= promised,
        _ => false,
    };
    expect(
        agree,
        "the guard to have the lease that the store says, or neither to have one",
        || format!("{promised:?} of the store, {held:?} of the guard"),
    )?;
    if let Some(promised) = promised {
        let rest = renewed(&ours, &mut *guard).await?;
        expect(
            !rest.is_zero() && rest <= promised,
            "a renewed lease to last as long as the store says",
            || format!("{rest:?} in place of {promised:?}"),
        )?;
    }
    ours.release(guard).await
}

pub(super) async fn p10_a_lease_lasts_longer_when_it_is_renewed(subject: &Subject) -> Verdict {
    let (ours, theirs) = short(subject).await?;
    let mut guard = ours.lock().await?;
    let Some(lease) = ours.store.lease() else {
        return Err(NO_LEASE);
    };
    // Twice the lease in all: without a renewal it would be over. As often as the driver renews it.
    for _ in 0..6 {
        tokio::time::sleep(lease / 3).await;
        let rest = renewed(&ours, &mut *guard).await?;
        expect(
            rest > lease / 2,
            "a renewed lease to last longer than what was left",
            || format!("{rest:?} of a lease of {lease:?}"),
        )?;
        theirs
            .stays_out(&ours, "the others wait while the lease is renewed")
            .await?;
    }
    ours.release(guard).await
}

pub(super) async fn p10_p5_a_lease_ends_without_its_owner(subject: &Subject) -> Verdict {
    let (ours, theirs) = short(subject).await?;
    let guard = ours.lock().await?;
    let Some(lease) = guard.lease() else {
        return Err(NO_LEASE);
    };
    // Killed: nothing is given back, and nobody says so.
    std::mem::forget(guard);
    theirs
        .stays_out(&theirs, "the others wait until the lease is over")
        .await?;
    let expected = format!("get the lock when the lease of a dead owner, {lease:?}, is over");
    let waiting = async {
        match tokio::time::timeout(lease, theirs.store.lock()).await {
            Ok(guard) => guard,
            Err(_) => theirs.store.lock().await,
        }
    };
    let guard = theirs.done(&expected, waiting).await?;
    theirs.release(guard).await
}

pub(super) async fn p10_p15_a_lease_that_was_lost_is_not_renewed(subject: &Subject) -> Verdict {
    let (ours, theirs, end) = ended_by_hand(subject).await?;
    let mut late = ours.lock().await?;
    end().await;
    let mut next = theirs.lock().await?;
    let answer = tokio::time::timeout(subject.patience, late.renew()).await;
    expect(
        matches!(answer, Ok(Err(_))),
        "an error for who renews a lease that is another's by now",
        || format!("{answer:?}"),
    )?;
    renewed(&theirs, &mut *next).await?;
    theirs.release(next).await
}

pub(super) async fn p10_p5_who_lost_its_lease_does_not_end_the_next_ones(subject: &Subject) -> Verdict {
    for released in [true, false] {
        let (ours, theirs, end) = ended_by_hand(subject).await?;
        let third = subject.holder("the third holder").await;
        let late = ours.lock().await?;
        end().await;
        let mut next = theirs.lock().await?;
        match released {
            true => ours.release(late).await?,
            false => drop(late),
        }
        let expected = match released {
            true => "the lease of the next to outlive a late release",
            false => "the lease of the next to outlive a late drop",
        };
        third.stays_out(&ours, expected).await?;
        let answer = tokio::time::timeout(subject.patience, next.renew()).await;
        expect(matches!(answer, Ok(Ok(_))), expected, || {
            format!("renewing it: {answer:?}")
        })?;
        theirs.release(next).await?;
    }
    Ok(())
}

async fn renewed(holder: &Holder, guard: &mut dyn Guard) -> Verdict<Duration> {
    holder.done("renew its lease", guard.renew()).await
}

/// Two holders with a lease of a few seconds.
async fn short(subject: &Subject) -> Verdict<(Holder, Holder)> {
    let Some(open) = &subject.short_lease else {
        return Err(Stop::Skipped("no store with a short lease was given"));
    };
    let (ours, theirs) = subject.pair().await;
    let ours = ours.with(open().await);
    let theirs = theirs.with(open().await);
    let patience = subject.patience;
    match ours.store.lease() {
        Some(lease) if lease >= patience => Err(failed(
            format!("a short lease to be shorter than the patience of {patience:?}"),
            format!("{lease:?}"),
        )),
        Some(_) => Ok((ours, theirs)),
        None => Err(NO_LEASE),
    }
}

/// Two holders, and what ends a lease behind its owner's back.
async fn ended_by_hand(subject: &Subject) -> Verdict<(Holder, Holder, &Hook)> {
    let Some(end) = &subject.end_lease else {
        return Err(Stop::Skipped("nothing was given to end a lease by"));
    };
    let (ours, theirs) = subject.pair().await;
    Ok((ours, theirs, end))
}
