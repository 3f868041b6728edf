//! What holders tell each other.

use std::time::Duration;

use futures_util::StreamExt as _;
use oneflight::Version;
use oneflight::store::Changes;

use crate::store::holder::Holder;
use crate::store::records::live;
use crate::store::report::{Stop, Verdict, failed};
use crate::store::subject::Subject;

/// Messages are hints: one may be missing, several in a row may not.
const TRIES: u32 = 4;

pub(super) async fn p10_an_announcement_reaches_the_other_holders(subject: &Subject) -> Verdict {
    let (ours, theirs) = subject.pair().await;
    let mut heard = [listen(subject, &theirs)?];
    tell(subject, &ours, &mut heard).await
}

pub(super) async fn p10_an_announcement_reaches_everybody_who_listens(subject: &Subject) -> Verdict {
    let (ours, theirs) = subject.pair().await;
    let third = subject.holder("the third holder").await;
    let mut heard = [
        listen(subject, &theirs)?,
        listen(subject, &theirs)?,
        listen(subject, &third)?,
    ];
    tell(subject, &ours, &mut heard).await
}

fn listen(subject: &Subject, holder: &Holder) -> Verdict<Changes> {
    match holder.changes() {
        Some(changes) => Ok(changes),
        None if subject.tells_changes => Err(failed(
            "a stream of changes",
            "none, though the subject tells changes",
        )),
        None => Err(Stop::Skipped("the store tells of no changes")),
    }
}

/// Writes and announces until all have heard of it.
async fn tell(subject: &Subject, ours: &Holder, listeners: &mut [Changes]) -> Verdict {
    let first = ours.write(None, live(0).record()).await?;
    let mut written = first;
    let mut missing: Vec<&mut Changes> = listeners.iter_mut().collect();
    for number in 1..=TRIES {
        ours.announce(written).await?;
        let mut still_missing = Vec::new();
        for listener in missing {
            if !hears(listener, first, written, subject.patience / TRIES).await? {
                still_missing.push(listener);
            }
        }
        missing = still_missing;
        if missing.is_empty() {
            return Ok(());
        }
        written = ours
            .write(Some(written), live(u64::from(number)).record())
            .await?;
    }
    Err(failed(
        format!("who listens to hear of one of {TRIES} announcements"),
        format!("{} of them heard nothing", missing.len()),
    ))
}

/// Whether it hears of this version, or of a later one.
async fn hears(
    listener: &mut Changes,
    first: Version,
    written: Version,
    patience: Duration,
) -> Verdict<bool> {
    let hearing = async {
        loop {
            match listener.next().await {
                Some(version) if version >= written => return Ok(true),
                // Of an earlier write.
                Some(version) if version >= first => {}
                Some(version) => {
                    return Err(failed(
                        format!("an announcement of version {} or a later one", first.0),
                        format!("one of version {}", version.0),
                    ));
                }
                None => return Err(failed("changes to go on as long as the store lives", "their end")),
            }
        }
    };
    tokio::time::timeout(patience, hearing).await.unwrap_or(Ok(false))
}
