//! Sessions whose store or server is ill.

use std::sync::Arc;
use std::time::{Duration, Instant};

use oneflight::{Action, Error, Policy, Record, State, Status, Store as _};

use super::super::lease::NO_LEASE;
use super::{Stage, is_buried, is_signed_out, now, stands};
use crate::store::faulty::{Fate, Faulty, is_mark, is_renewed};
use crate::store::report::{Stop, Verdict, expect, failed};
use crate::store::subject::Subject;

pub(in crate::store::cases) async fn p10_p4_a_refused_holder_adopts_what_is_stored(
    subject: &Subject,
) -> Verdict {
    let stage = Stage::new(subject);
    stage.issuer.forgive();
    let (ours, grant) = stage.signed_in(subject.holder("the holder").await).await?;
    let refused = stage.token(&ours).await?.stamp();
    let gate = stage.issuer.hold();
    let renewing = {
        let ours = ours.clone();
        tokio::spawn(async move { ours.newer_than(refused).await })
    };
    stage.comes("ask for a new token", gate.arrived()).await?;
    // Another holder spent the token, as after a lease that was lost, and saved what it got.
    let other = subject.holder("the other holder").await;
    let stored = other.stored().await?;
    let successor = Record {
        session: stored.record.session,
        set: stored.record.set + 1,
        state: State::Live {
            tokens: Arc::new(stage.issuer.rotate(grant, now())),
            mark: None,
            back_off: None,
        },
    };
    other.write(Some(stored.version), successor).await?;
    gate.open();
    let expected = "who was refused to adopt what another has stored";
    let answer = stage.comes("answer", renewing).await?;
    let answer = answer.map_err(|error| failed(expected, format!("a panic: {error}")))?;
    answer.map_err(|error| failed(expected, format!("an error: {error} ({error:?})")))?;
    stands(&other, grant, 1).await?;
    stage.alive(grant)?;
    stage.revoked(&[])
}

pub(in crate::store::cases) async fn p10_p4_a_dead_grant_is_buried_for_all_holders(
    subject: &Subject,
) -> Verdict {
    let stage = Stage::new(subject);
    let (ours, grant) = stage.signed_in(subject.holder("the holder").await).await?;
    let theirs = stage.session(subject.holder("the other holder").await)?;
    stage.token(&theirs).await?;
    stage.issuer.kill(grant);
    let error = stage.not_renewed(&ours, "an error for a dead grant").await?;
    expect(
        matches!(error, Error::SignedOut(_)),
        "the session to be over when its grant is dead",
        || format!("{error:?}"),
    )?;
    is_buried(
        &subject.holder("who looks").await,
        "the tombstone of a dead grant to be stored",
    )
    .await?;
    stage
        .comes_to(&theirs, "the other holder to be signed out", is_signed_out)
        .await?;
    stage.posts(1)
}

pub(in crate::store::cases) async fn p10_p7_nobody_is_signed_out_because_the_store_is_ill(
    subject: &Subject,
) -> Verdict {
    let stage = Stage::new(subject);
    let faulty = Faulty::over(subject.holder("the holder").await.store);
    let (ours, grant) = stage.signed_in(faulty.clone()).await?;
    faulty.go_down();
    stage.token(&ours).await?;
    let error = stage
        .not_renewed(&ours, "an error while the store is down")
        .await?;
    expect(
        matches!(error.action(), Action::Retry { .. }),
        "an error that says to try again",
        || format!("{error:?}"),
    )?;
    expect(
        ours.status() == Status::SignedIn,
        "a session that goes on",
        || format!("{:?}", ours.status()),
    )?;
    stage.posts(0)?;
    faulty.heal();
    ours.retry_now();
    stage.renewed(&ours).await?;
    stage.posts(1)?;
    stands(&subject.holder("who looks").await, grant, 1).await
}

pub(in crate::store::cases) async fn p10_p11_nobody_spends_the_spent_token_while_the_saver_lives(
    subject: &Subject,
) -> Verdict {
    let stage = Stage::new(subject);
    let faulty = Faulty::over(subject.holder("the holder").await.store);
    let (ours, grant) = stage.signed_in(faulty.clone()).await?;
    let other = Faulty::over(subject.holder("the other holder").await.store);
    let theirs = stage.session(other.clone())?;
    let refused = stage.token(&theirs).await?.stamp();
    faulty.judge(|record| {
        if is_renewed(record) {
            Fate::Failed
        } else {
            Fate::Done
        }
    });
    stage.renewed(&ours).await?;
    stage.posts(1)?;
    let waiting = {
        let theirs = theirs.clone();
        tokio::spawn(async move { theirs.newer_than(refused).await })
    };
    stage.comes("want the lock", other.lock_wanted()).await?;
    subject.holder("who looks").await.look_around().await?;
    // Long enough to get the lock, if it were free, and to send.
    tokio::time::sleep(Duration::from_millis(300)).await;
    stage.posts(1)?;
    faulty.heal();
    let expected = "the other holder to adopt what was saved at last";
    let answer = stage.comes("answer", waiting).await?;
    let answer = answer.map_err(|error| failed(expected, format!("a panic: {error}")))?;
    answer.map_err(|error| failed(expected, format!("an error: {error} ({error:?})")))?;
    stage.posts(1)?;
    stands(&subject.holder("who looks").await, grant, 1).await
}

pub(in crate::store::cases) async fn p10_p11_a_lease_is_kept_while_its_owner_cannot_save(
    subject: &Subject,
) -> Verdict {
    let Some(open) = &subject.short_lease else {
        return Err(Stop::Skipped("no store with a short lease was given"));
    };
    let stage = Stage::new(subject);
    let faulty = Faulty::over(open().await);
    let Some(lease) = faulty.lease() else {
        return Err(NO_LEASE);
    };
    let (ours, grant) = stage.signed_in(faulty.clone()).await?;
    let theirs = stage.session(Faulty::over(open().await))?;
    let refused = stage.token(&theirs).await?.stamp();
    faulty.judge(|record| {
        if is_renewed(record) {
            Fate::Failed
        } else {
            Fate::Done
        }
    });
    stage.renewed(&ours).await?;
    let begin = Instant::now();
    while begin.elapsed() < lease * 2 {
        // Waiting for the lock has an end, and they ask again.
        let asking = theirs.newer_than(refused);
        let _ = tokio::time::timeout(lease / 2, asking).await;
        tokio::time::sleep(Policy::MIN_PAUSE).await;
        theirs.retry_now();
        stage.posts(1)?;
    }
    faulty.heal();
    let adopting = async {
        while theirs.newer_than(refused).await.is_err() {
            tokio::time::sleep(Policy::MIN_PAUSE).await;
            theirs.retry_now();
        }
    };
    stage.comes("adopt what was saved at last", adopting).await?;
    stage.posts(1)?;
    stands(&subject.holder("who looks").await, grant, 1).await
}

pub(in crate::store::cases) async fn p10_p12_a_save_that_landed_and_failed_revokes_nothing(
    subject: &Subject,
) -> Verdict {
    let stage = Stage::new(subject);
    let faulty = Faulty::over(subject.holder("the holder").await.store);
    let (ours, grant) = stage.signed_in(faulty.clone()).await?;
    faulty.judge(|record| match is_renewed(record) {
        true => Fate::DoneAndFailed,
        false => Fate::Done,
    });
    stage.renewed(&ours).await?;
    faulty.heal();
    let closed = stage.comes("close", ours.close()).await?;
    expect(
        !closed.unsaved,
        "a holder to find that its save had landed",
        || "it did not".to_owned(),
    )?;
    stage.revoked(&[])?;
    let later = stage.session(subject.holder("one that starts later").await)?;
    stage.renewed(&later).await?;
    stage.posts(2)?;
    stage.alive(grant)?;
    stands(&subject.holder("who looks").await, grant, 2).await
}

pub(in crate::store::cases) async fn p10_p13_without_a_mark_nothing_is_sent(subject: &Subject) -> Verdict {
    let stage = Stage::new(subject);
    let faulty = Faulty::over(subject.holder("the holder").await.store);
    let (ours, grant) = stage.signed_in(faulty.clone()).await?;
    faulty.judge(|record| if is_mark(record) { Fate::Failed } else { Fate::Done });
    let error = stage
        .not_renewed(&ours, "an error while the mark cannot be written")
        .await?;
    expect(
        matches!(error.action(), Action::Retry { .. }),
        "an error that says to try again",
        || format!("{error:?}"),
    )?;
    stage.posts(0)?;
    faulty.heal();
    ours.retry_now();
    stage.renewed(&ours).await?;
    stage.posts(1)?;
    stands(&subject.holder("who looks").await, grant, 1).await
}
