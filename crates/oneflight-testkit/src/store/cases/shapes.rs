//! What is written comes back.

use oneflight::EndReason;

use crate::store::records::{self, Shape, ended, live};
use crate::store::report::{Stop, Verdict, expect};
use crate::store::subject::Subject;

pub(super) async fn p10_nothing_is_loaded_where_nothing_was_written(subject: &Subject) -> Verdict {
    let (ours, theirs) = subject.pair().await;
    for holder in [&ours, &theirs] {
        let found = holder.load().await?;
        expect(found.is_none(), "no record, for none was written", || {
            format!(
                "one with version {:?}",
                found.as_ref().map(|stored| stored.version.0)
            )
        })?;
    }
    Ok(())
}

pub(super) async fn p10_what_one_holder_writes_the_others_read(subject: &Subject) -> Verdict {
    let (ours, theirs) = subject.pair().await;
    let first = ours.write(None, live(0).record()).await?;
    theirs.finds(first, &live(0)).await?;
    let second = theirs.write(Some(first), live(1).record()).await?;
    ours.finds(second, &live(1)).await?;
    theirs.finds(second, &live(1)).await
}

pub(super) async fn p10_records_of_every_shape_come_back_as_they_were(subject: &Subject) -> Verdict {
    come_back(subject, records::token_sets()).await
}

pub(super) async fn p10_tokens_of_64_kib_come_back(subject: &Subject) -> Verdict {
    come_back(subject, vec![records::long_tokens(), live(0)]).await
}

pub(super) async fn p10_marks_and_pauses_come_back(subject: &Subject) -> Verdict {
    come_back(subject, records::troubled()).await
}

pub(super) async fn p10_tombstones_keep_their_reason(subject: &Subject) -> Verdict {
    come_back(subject, records::tombstones()).await
}

/// One written over the other, each read by a holder that wrote it and by one that did not.
async fn come_back(subject: &Subject, shapes: Vec<Shape>) -> Verdict {
    let (ours, theirs) = subject.pair().await;
    let mut standing = None;
    for shape in &shapes {
        let version = ours.write(standing, shape.record()).await?;
        theirs.finds(version, shape).await?;
        ours.finds(version, shape).await?;
        standing = Some(version);
    }
    Ok(())
}

pub(super) async fn p10_a_record_outlives_its_holders(subject: &Subject) -> Verdict {
    let before = subject.holder("a holder that ends").await;
    let version = before.write(None, live(2).record()).await?;
    drop(before);
    let later = subject.holder("one that starts later").await;
    later.finds(version, &live(2)).await?;
    later.write(Some(version), live(3).record()).await.map(drop)
}

pub(super) async fn p10_a_record_outlives_a_restart(subject: &Subject) -> Verdict {
    let Some(restart) = &subject.restart else {
        return Err(Stop::Skipped("nothing was given to restart"));
    };
    let tombstone = ended(EndReason::SignOut);
    for shape in [live(5), tombstone] {
        let before = subject.holder("a holder that ends").await;
        let standing = before.load().await?.map(|stored| stored.version);
        let version = before.write(standing, shape.record()).await?;
        drop(before);
        restart().await;
        subject
            .holder("one that starts after the restart")
            .await
            .finds(version, &shape)
            .await?;
    }
    Ok(())
}
