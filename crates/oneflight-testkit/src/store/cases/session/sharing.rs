//! What holders have in common.

use futures_util::future::join_all;
use oneflight::Status;

use super::{Stage, is_buried, is_signed_out, stands};
use crate::store::report::{Verdict, expect, failed};
use crate::store::subject::Subject;

const ROUNDS: u32 = 5;
const CALLERS: usize = 4;

pub(in crate::store::cases) async fn p10_p3_holders_that_are_refused_together_cost_one_post(
    subject: &Subject,
) -> Verdict {
    let stage = Stage::new(subject);
    let (first, grant) = stage.signed_in(subject.holder("the first holder").await).await?;
    let mut sessions = vec![first];
    for _ in 0..2 {
        sessions.push(stage.session(subject.holder("another holder").await)?);
    }
    for round in 1..=ROUNDS {
        let mut refused = Vec::new();
        for session in &sessions {
            let token = stage.token(session).await?;
            refused.extend((0..CALLERS).map(|_| (session.clone(), token.stamp())));
        }
        let calls = refused.into_iter().map(|(session, stamp)| {
            let doing = async move { session.newer_than(stamp).await };
            tokio::spawn(doing)
        });
        let answers = stage
            .comes("have newer tokens, all of them", join_all(calls))
            .await?;
        for answer in answers {
            let token =
                answer.map_err(|error| failed("a newer token for everybody", format!("a panic: {error}")))?;
            let token = token.map_err(|error| {
                failed(
                    "a newer token for everybody",
                    format!("an error in round {round}: {error} ({error:?})"),
                )
            })?;
            let number = token.token_set().refresh_token.as_ref();
            let number = number.and_then(|token| crate::store::issuer::parse(token.expose()));
            expect(
                number == Some((grant, round)),
                &format!("token set {round} for everybody"),
                || format!("{number:?}"),
            )?;
        }
        stage.posts(u64::from(round))?;
    }
    stage.alive(grant)?;
    stands(&subject.holder("who looks").await, grant, ROUNDS).await
}

pub(in crate::store::cases) async fn p10_p2_who_starts_later_finds_the_session(subject: &Subject) -> Verdict {
    let stage = Stage::new(subject);
    let (before, grant) = stage
        .signed_in(subject.holder("a holder that ends").await)
        .await?;
    stage.renewed(&before).await?;
    let closed = stage.comes("close", before.close()).await?;
    expect(!closed.unsaved, "everything to be saved", || {
        "not all of it".to_owned()
    })?;
    drop(before);
    let later = stage.session(subject.holder("one that starts later").await)?;
    stage.token(&later).await?;
    stage.posts(1)?;
    stage.renewed(&later).await?;
    stage.posts(2)?;
    stage.alive(grant)?;
    stands(&subject.holder("who looks").await, grant, 2).await
}

pub(in crate::store::cases) async fn p10_l5_a_sign_in_reaches_the_other_holders(
    subject: &Subject,
) -> Verdict {
    let stage = Stage::new(subject);
    let theirs = stage.session(subject.holder("the other holder").await)?;
    let nobody = tokio::time::timeout(stage.patience, theirs.token()).await;
    let unknown = matches!(nobody, Ok(Err(oneflight::Error::NeverSignedIn)));
    expect(unknown, "nobody to be signed in where there is no record", || {
        format!("{nobody:?}")
    })?;
    let ours = stage.session(subject.holder("the holder").await)?;
    stage.sign_in(&ours).await?;
    let expected = "the other holder to be signed in";
    stage
        .comes_to(&theirs, expected, |status| status == Status::SignedIn)
        .await?;
    stage.token(&theirs).await?;
    stage.posts(0)
}

pub(in crate::store::cases) async fn p10_l5_a_sign_out_reaches_the_other_holders(
    subject: &Subject,
) -> Verdict {
    let stage = Stage::new(subject);
    let (ours, grant) = stage.signed_in(subject.holder("the holder").await).await?;
    let theirs = stage.session(subject.holder("the other holder").await)?;
    stage.token(&theirs).await?;
    let out = stage.comes("sign out", ours.sign_out()).await?;
    expect(out.landed, "the sign-out to be stored", || format!("{out:?}"))?;
    stage
        .comes_to(&theirs, "the other holder to be signed out", is_signed_out)
        .await?;
    is_buried(&subject.holder("who looks").await, "the tombstone to be stored").await?;
    stage.revoked(&[(grant, 0)])?;
    stage.posts(0)
}
