//! Nothing that a store shows holds a token.

use std::time::Duration;

use crate::store::holder::chain;
use crate::store::records::{MARKER, live, long_tokens};
use crate::store::report::{Stop, Verdict, expect};
use crate::store::subject::Subject;

/// What a store that was ill may take for itself before it is asked again.
const PAUSE: Duration = Duration::from_millis(50);

pub(super) async fn p10_p9_what_is_kept_outside_shows_no_token(subject: &Subject) -> Verdict {
    let Some(raw) = &subject.raw else {
        return Err(Stop::Skipped("nothing was given to read the medium by"));
    };
    let ours = subject.holder("the holder").await;
    let mut standing = None;
    for shape in [live(0), long_tokens(), live(1)] {
        let guard = ours.lock().await?;
        let version = ours.write(standing, shape.record()).await?;
        ours.announce(version).await?;
        let bytes = raw().await;
        expect(!bytes.is_empty(), "the medium to hold something", || {
            "nothing".to_owned()
        })?;
        let shown = bytes.windows(MARKER.len()).any(|part| part == MARKER.as_bytes());
        expect(!shown, "no token to be readable where the record is kept", || {
            format!("a token among {} bytes", bytes.len())
        })?;
        ours.release(guard).await?;
        standing = Some(version);
    }
    Ok(())
}

pub(super) async fn p10_o3_a_store_that_is_shown_shows_no_token(subject: &Subject) -> Verdict {
    let (ours, theirs) = subject.pair().await;
    let version = ours.write(None, live(0).record()).await?;
    theirs.finds(version, &live(0)).await?;
    let guard = theirs.lock().await?;
    for holder in [&ours, &theirs] {
        let shown = holder.store.shown();
        expect(
            !shown.contains(MARKER),
            "the Debug of a store to hold no token",
            || "one of the tokens that were written".to_owned(),
        )?;
    }
    theirs.release(guard).await
}

pub(super) async fn p10_an_ill_store_fails_without_a_token_and_recovers(subject: &Subject) -> Verdict {
    let Some((begin, end)) = &subject.outage else {
        return Err(Stop::Skipped("nothing was given to cause an outage by"));
    };
    let ours = subject.holder("the holder").await;
    let version = ours.write(None, live(0).record()).await?;
    begin().await;
    let patience = subject.patience;
    let within = async |what: &str, doing: oneflight::BoxFuture<'_, Option<String>>| {
        // A store that does not answer is given up by the driver, at its deadline.
        let Ok(error) = tokio::time::timeout(patience, doing).await else {
            return Ok(());
        };
        let clean = error.as_ref().is_some_and(|error| !error.contains(MARKER));
        expect(
            clean,
            &format!("an error without a token while {what} cannot work"),
            || match error {
                Some(_) => "one with a token in it".to_owned(),
                None => "that it works".to_owned(),
            },
        )
    };
    let store = &ours.store;
    let load = Box::pin(async { store.load().await.err().map(|error| chain(&error)) });
    let loaded = within("reading", load).await;
    let swap = Box::pin(async {
        let swap = store.compare_and_swap(Some(version), live(1).record()).await;
        swap.err().map(|error| chain(&error))
    });
    let swapped = within("writing", swap).await;
    end().await;
    loaded.and(swapped)?;
    let recovering = async {
        // The write may have landed all the same, and late.
        while store.load().await.is_err() {
            tokio::time::sleep(PAUSE).await;
        }
        let stored = store.load().await?;
        Ok(stored.is_some_and(|stored| stored.version >= version))
    };
    let is_there = ours
        .done("read the record again after the outage", recovering)
        .await?;
    expect(
        is_there,
        "the record of before the outage, or its successor",
        || "another, or none".to_owned(),
    )?;
    let guard = ours.done("get the lock after the outage", store.lock()).await?;
    ours.release(guard).await
}
