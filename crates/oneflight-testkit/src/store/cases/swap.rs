//! Who may write over what.

use std::collections::BTreeSet;
use std::time::Duration;

use oneflight::{Swap, Version};
use tokio::task::JoinSet;

use crate::store::holder::give_up;
use crate::store::records::live;
use crate::store::report::{Stop, Verdict, expect, failed};
use crate::store::subject::Subject;

/// Holders that write at once, and writes of each.
const HOLDERS: u64 = 4;
const WRITES: u64 = 6;

/// What a store that numbers records by the time needs to be past the versions of before.
const PAST_THE_VERSIONS: Duration = Duration::from_millis(50);

/// No write waits more often.
const MOST_AWAITS: usize = 100;

/// A write that was given up may land late, and once.
const MOST_TRIES: usize = 5;

pub(super) async fn p10_the_first_write_needs_an_empty_place(subject: &Subject) -> Verdict {
    let (ours, theirs) = subject.pair().await;
    let version = ours.write(None, live(0).record()).await?;
    for holder in [&theirs, &ours] {
        holder.refused(None, live(1).record(), "there is one").await?;
    }
    theirs.finds(version, &live(0)).await
}

pub(super) async fn p10_a_write_over_another_version_is_refused(subject: &Subject) -> Verdict {
    let (ours, theirs) = subject.pair().await;
    for never in [0, 1, u64::MAX] {
        ours.refused(Some(Version(never)), live(9).record(), "nothing stands")
            .await?;
    }
    let found = theirs.load().await?;
    expect(found.is_none(), "that a refused write wrote nothing", || {
        "a record".to_owned()
    })?;
    let first = ours.write(None, live(0).record()).await?;
    let second = theirs.write(Some(first), live(1).record()).await?;
    let Version(number) = second;
    let others = [
        first.0,
        number.wrapping_sub(1),
        number.wrapping_add(1),
        number.wrapping_add(1 << 32),
        0,
        u64::MAX - 1,
        u64::MAX,
    ];
    for other in others.into_iter().filter(|&other| other != number) {
        for holder in [&ours, &theirs] {
            let standing = format!("version {number} stands");
            holder
                .refused(Some(Version(other)), live(9).record(), &standing)
                .await?;
        }
        theirs.finds(second, &live(1)).await?;
    }
    ours.write(Some(second), live(2).record()).await.map(drop)
}

pub(super) async fn p10_versions_grow_with_every_write(subject: &Subject) -> Verdict {
    let (ours, theirs) = subject.pair().await;
    let mut standing = None;
    for number in 0..20 {
        let holder = if number % 3 == 0 { &theirs } else { &ours };
        let version = holder.write(standing, live(number).record()).await?;
        expect(
            standing.is_none_or(|standing| version > standing),
            &format!(
                "a version greater than {}",
                standing.map_or(0, |standing| standing.0)
            ),
            || format!("version {}", version.0),
        )?;
        standing = Some(version);
    }
    Ok(())
}

pub(super) async fn p10_of_writers_at_once_one_wins_each_version(subject: &Subject) -> Verdict {
    let mut holders = Vec::new();
    for _ in 0..HOLDERS {
        holders.push(subject.holder("one of many writers").await);
    }
    for round in 0..3 {
        let standing = holders[0].load().await?.map(|stored| stored.version);
        let mut writers = JoinSet::new();
        for (number, holder) in (0..WRITES)
            .flat_map(|_| &holders)
            .zip(0..)
            .map(|(holder, number)| (number, holder))
        {
            let holder = holder.clone();
            writers.spawn(async move { (number, holder.swap(standing, live(number).record()).await) });
        }
        let mut winners = Vec::new();
        while let Some(written) = writers.join_next().await {
            let (number, swap) =
                written.map_err(|error| failed("every write to end", format!("a panic: {error}")))?;
            if let Swap::Written(version) = swap? {
                winners.push((number, version));
            }
        }
        let [(winner, version)] = winners[..] else {
            let all = HOLDERS * WRITES;
            return Err(failed(
                format!("one of {all} writers at once over the same version to write, in round {round}"),
                format!("{} of them wrote", winners.len()),
            ));
        };
        holders[1].finds(version, &live(winner)).await?;
    }
    Ok(())
}

pub(super) async fn p10_a_record_made_anew_has_versions_of_its_own(subject: &Subject) -> Verdict {
    let Some(remove) = &subject.remove else {
        return Err(Stop::Skipped("nothing was given to remove the record by"));
    };
    let (ours, theirs) = subject.pair().await;
    let (mut before, mut standing) = (BTreeSet::new(), None);
    for number in 0..3 {
        let version = ours.write(standing, live(number).record()).await?;
        before.insert(version);
        standing = Some(version);
    }
    remove().await;
    let left = theirs.load().await?;
    expect(left.is_none(), "no record after it was removed", || {
        "one".to_owned()
    })?;
    ours.refused(standing, live(8).record(), "it was removed").await?;
    tokio::time::sleep(PAST_THE_VERSIONS).await;
    let (old, mut standing) = (standing, None);
    for number in 3..6 {
        let version = theirs.write(standing, live(number).record()).await?;
        expect(
            !before.contains(&version),
            "versions that the removed record did not have",
            || format!("version {} again", version.0),
        )?;
        ours.refused(old, live(8).record(), "another record stands")
            .await?;
        ours.finds(version, &live(number)).await?;
        standing = Some(version);
    }
    Ok(())
}

pub(super) async fn p10_writing_needs_no_lock(subject: &Subject) -> Verdict {
    let (ours, theirs) = subject.pair().await;
    let guard = ours.lock().await?;
    let first = theirs.write(None, live(0).record()).await?;
    let second = ours.write(Some(first), live(1).record()).await?;
    theirs.finds(second, &live(1)).await?;
    ours.release(guard).await
}

pub(super) async fn p10_a_write_that_is_given_up_happened_whole_or_not_at_all(subject: &Subject) -> Verdict {
    let (ours, theirs) = subject.pair().await;
    let mut standing = ours.write(None, live(0).record()).await?;
    for awaits in 0..MOST_AWAITS {
        let shape = live(100 + awaits as u64);
        let writing = ours.store.compare_and_swap(Some(standing), shape.record());
        if let Some(done) = give_up(writing, awaits).await {
            let written = matches!(done, Ok(Swap::Written(_)));
            return expect(written, "the write to be done when nobody gives it up", || {
                format!("{done:?}")
            });
        }
        let mut tries = 0;
        standing = loop {
            let found = theirs.stored().await?;
            let landed = found.version != standing;
            match landed {
                true => shape.must_be(&found.record)?,
                false => live(awaits as u64).must_be(&found.record)?,
            }
            expect(
                !landed || found.version > standing,
                "a write that was given up to have a version of its own, or none",
                || format!("version {} after {}", found.version.0, standing.0),
            )?;
            let next = live(1 + awaits as u64).record();
            match theirs.swap(Some(found.version), next).await? {
                Swap::Written(version) => break version,
                Swap::Conflict => tries += 1,
            }
            expect(
                tries < MOST_TRIES,
                "a write over the version that was read",
                || format!("{tries} conflicts in a row"),
            )?;
        };
    }
    Err(failed(
        "a write to end",
        format!("it waits more than {MOST_AWAITS} times"),
    ))
}
