//! Sign-outs that meet something else.

use std::sync::Arc;

use oneflight::Error;

use super::{Stage, is_buried, is_signed_out, stands};
use crate::store::faulty::{Deaf, Fate, Faulty, is_tombstone};
use crate::store::report::{Verdict, expect, failed};
use crate::store::subject::Subject;

pub(in crate::store::cases) async fn p10_l7_a_sign_out_before_another_holder_saves_wins(
    subject: &Subject,
) -> Verdict {
    let stage = Stage::new(subject);
    let (ours, grant) = stage.signed_in(subject.holder("the holder").await).await?;
    let theirs = stage.session(subject.holder("the other holder").await)?;
    let refused = stage.token(&theirs).await?.stamp();
    let gate = stage.issuer.hold();
    let renewing = {
        let theirs = theirs.clone();
        tokio::spawn(async move { theirs.newer_than(refused).await })
    };
    stage.comes("ask for a new token", gate.arrived()).await?;
    let out = stage.comes("sign out", ours.sign_out()).await?;
    expect(out.landed, "the sign-out to be stored, lock or no lock", || {
        format!("{out:?}")
    })?;
    gate.open();
    let expected = "who waits for a new token to learn of the sign-out";
    let answer = stage.comes("answer", renewing).await?;
    let answer = answer.map_err(|error| failed(expected, format!("a panic: {error}")))?;
    expect(matches!(answer, Err(Error::SignedOut(_))), expected, || {
        format!("{answer:?}")
    })?;
    stage
        .comes_to(&theirs, "the other holder to be signed out", is_signed_out)
        .await?;
    stage.comes("close", theirs.close()).await?;
    is_buried(&subject.holder("who looks").await, "the tombstone to stand").await?;
    expect(
        !stage.issuer.is_alive(grant),
        "the late token to be revoked",
        || "it lives".to_owned(),
    )
}

pub(in crate::store::cases) async fn p10_l7_a_sign_out_after_another_holder_saved_revokes_the_newest(
    subject: &Subject,
) -> Verdict {
    let stage = Stage::new(subject);
    let deaf = Deaf(subject.holder("a holder that hears nothing").await.store);
    let (ours, grant) = stage.signed_in(deaf).await?;
    let theirs = stage.session(subject.holder("the other holder").await)?;
    stage.renewed(&theirs).await?;
    stage.renewed(&theirs).await?;
    let out = stage.comes("sign out", ours.sign_out()).await?;
    expect(out.landed, "the sign-out to be stored", || format!("{out:?}"))?;
    is_buried(&subject.holder("who looks").await, "the tombstone to stand").await?;
    stage.revoked(&[(grant, 2)])?;
    stage
        .comes_to(&theirs, "the other holder to be signed out", is_signed_out)
        .await?;
    stage.posts(2)
}

pub(in crate::store::cases) async fn p10_l8_a_sign_out_leaves_another_holders_new_session_alone(
    subject: &Subject,
) -> Verdict {
    let stage = Stage::new(subject);
    let deaf = Deaf(subject.holder("a holder that hears nothing").await.store);
    let (ours, old) = stage.signed_in(deaf).await?;
    let theirs = stage.session(subject.holder("the other holder").await)?;
    stage.token(&theirs).await?;
    let new = stage.sign_in(&theirs).await?;
    stage.comes("sign out", ours.sign_out()).await?;
    stands(&subject.holder("who looks").await, new, 0).await?;
    stage.token(&theirs).await?;
    stage.renewed(&theirs).await?;
    stage.alive(new)?;
    stage.revoked(&[(old, 0)])?;
    stage.posts(1)
}

pub(in crate::store::cases) async fn p10_l9_a_sign_out_that_cannot_be_written_holds_here_and_lands_later(
    subject: &Subject,
) -> Verdict {
    let stage = Stage::new(subject);
    let faulty = Faulty::over(subject.holder("the holder").await.store);
    let (ours, grant) = stage.signed_in(faulty.clone()).await?;
    let theirs = stage.session(subject.holder("the other holder").await)?;
    stage.token(&theirs).await?;
    faulty.judge(|record| {
        if is_tombstone(record) {
            Fate::Failed
        } else {
            Fate::Done
        }
    });
    let out = stage.comes("sign out", ours.sign_out()).await?;
    expect(!out.landed, "the sign-out to say that it was not stored", || {
        format!("{out:?}")
    })?;
    let token = tokio::time::timeout(stage.patience, ours.token()).await;
    expect(
        matches!(token, Ok(Err(Error::SignedOut(_)))),
        "no token after the sign-out, stored or not",
        || format!("{token:?}"),
    )?;
    stands(&subject.holder("who looks").await, grant, 0).await?;
    faulty.heal();
    let looker = Arc::new(subject.holder("who looks").await);
    let landing = async {
        while is_buried(&looker, "").await.is_err() {
            tokio::time::sleep(oneflight::Policy::MIN_PAUSE).await;
        }
        Ok(())
    };
    stage.done("store the sign-out once that works", landing).await?;
    stage
        .comes_to(&theirs, "the other holder to be signed out", is_signed_out)
        .await
}
