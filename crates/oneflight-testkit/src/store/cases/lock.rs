//! Who has the lock, and what becomes of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinSet;

use crate::store::holder::{Holder, give_up};
use crate::store::report::{Verdict, expect, failed};
use crate::store::subject::Subject;

/// Locking waits no more often.
const MOST_AWAITS: usize = 100;

/// So often the lock goes from one to the other within the patience for one of them: nobody waits for a slow timer.
const HANDOVERS: usize = 8;

pub(super) async fn p10_a_lock_excludes_other_holders(subject: &Subject) -> Verdict {
    let (ours, theirs) = subject.pair().await;
    let guard = ours.lock().await?;
    theirs
        .stays_out(&ours, "the second holder waits while the first has the lock")
        .await?;
    ours.release(guard).await?;
    let guard = theirs.lock().await?;
    ours.stays_out(&theirs, "the first holder waits while the second has the lock")
        .await?;
    theirs.release(guard).await
}

pub(super) async fn p10_a_lock_excludes_its_own_holder(subject: &Subject) -> Verdict {
    let ours = subject.holder("the holder").await;
    let guard = ours.lock().await?;
    ours.stays_out(
        &ours,
        "whoever asks a second time waits for the first lock to be given back",
    )
    .await?;
    ours.release(guard).await?;
    let guard = ours.lock().await?;
    ours.release(guard).await
}

pub(super) async fn p10_of_many_who_want_the_lock_one_has_it_and_all_get_it(subject: &Subject) -> Verdict {
    let inside = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..4 {
        let holder = subject.holder("one of many who want the lock").await;
        for _ in 0..3 {
            let (holder, inside) = (holder.clone(), Arc::clone(&inside));
            tasks.spawn(async move {
                for _ in 0..4 {
                    let guard = holder.lock().await?;
                    let others = inside.fetch_add(1, Ordering::SeqCst);
                    holder.load().await?;
                    inside.fetch_sub(1, Ordering::SeqCst);
                    expect(others == 0, "one at a time to have the lock", || {
                        format!("{others} others with it")
                    })?;
                    holder.release(guard).await?;
                }
                Verdict::Ok(())
            });
        }
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(|error| failed("everybody to get the lock", format!("a panic: {error}")))??;
    }
    Ok(())
}

pub(super) async fn p10_a_lock_that_is_released_goes_to_who_waits(subject: &Subject) -> Verdict {
    goes_to_who_waits(subject, "released", true).await
}

pub(super) async fn p10_a_lock_that_is_dropped_goes_to_who_waits(subject: &Subject) -> Verdict {
    goes_to_who_waits(subject, "dropped", false).await
}

async fn goes_to_who_waits(subject: &Subject, how: &str, released: bool) -> Verdict {
    let (ours, theirs) = subject.pair().await;
    let mut guard = ours.lock().await?;
    let rounds = async {
        for round in 0..HANDOVERS {
            let (has, waits) = if round % 2 == 0 {
                (&ours, &theirs)
            } else {
                (&theirs, &ours)
            };
            let waiter = waits.clone();
            let waiting = tokio::spawn(async move { waiter.lock().await });
            has.look_around().await?;
            match released {
                true => has.release(guard).await?,
                false => drop(guard),
            }
            guard = waiting
                .await
                .map_err(|error| failed("who waits to get the lock", format!("a panic: {error}")))??;
        }
        Ok(())
    };
    match tokio::time::timeout(subject.patience, rounds).await {
        Ok(done) => done,
        Err(_) => Err(failed(
            format!("a lock that is {how} to go to who waits, {HANDOVERS} times"),
            format!("they wait for longer than {:?}", subject.patience),
        )),
    }
}

pub(super) async fn p10_a_lock_that_is_given_up_while_free_does_not_stay_held(subject: &Subject) -> Verdict {
    let (ours, theirs) = subject.pair().await;
    for awaits in 0..MOST_AWAITS {
        let taken = give_up(ours.store.lock(), awaits).await;
        let is_over = taken.is_some();
        if let Some(guard) = taken {
            ours.release(guard.map_err(|error| failed("the lock, which is free", format!("{error}")))?)
                .await?;
        }
        is_free(&theirs, "locking", awaits).await?;
        is_free(&ours, "locking", awaits).await?;
        if is_over {
            return Ok(());
        }
    }
    Err(failed(
        "locking to end",
        format!("it waits more than {MOST_AWAITS} times"),
    ))
}

pub(super) async fn p10_a_lock_that_is_given_up_while_waiting_does_not_stay_held(
    subject: &Subject,
) -> Verdict {
    let (ours, theirs) = subject.pair().await;
    for awaits in 0..MOST_AWAITS {
        let guard = theirs.lock().await?;
        let holder = theirs.clone();
        let (told, go) = tokio::sync::oneshot::channel::<()>();
        let releasing = tokio::spawn(async move {
            // Until somebody waits, or has given up.
            let _ = go.await;
            holder.release(guard).await
        });
        let mut told = Some(told);
        let taking = async {
            let giving_up = give_up(ours.store.lock(), awaits);
            tokio::pin!(giving_up);
            let looked = tokio::select! {
                biased;
                taken = &mut giving_up => return Ok(taken),
                looked = theirs.look_around() => looked,
            };
            looked?;
            drop(told.take());
            Ok(giving_up.await)
        };
        let taken = taking.await?;
        drop(told.take());
        releasing
            .await
            .map_err(|error| failed("the lock to be given back", format!("a panic: {error}")))??;
        let is_over = taken.is_some();
        if let Some(guard) = taken {
            ours.release(guard.map_err(|error| failed("the lock after a wait", format!("{error}")))?)
                .await?;
        }
        is_free(&theirs, "waiting for the lock", awaits).await?;
        is_free(&ours, "waiting for the lock", awaits).await?;
        if is_over {
            return Ok(());
        }
    }
    Err(failed(
        "waiting for the lock to end",
        format!("it waits more than {MOST_AWAITS} times"),
    ))
}

pub(super) async fn p10_a_release_that_is_given_up_frees_the_lock(subject: &Subject) -> Verdict {
    let (ours, theirs) = subject.pair().await;
    for awaits in 0..MOST_AWAITS {
        let guard = ours.lock().await?;
        let is_over = give_up(guard.release(), awaits).await.is_some();
        is_free(&theirs, "releasing the lock", awaits).await?;
        is_free(&ours, "releasing the lock", awaits).await?;
        if is_over {
            return Ok(());
        }
    }
    Err(failed(
        "releasing to end",
        format!("it waits more than {MOST_AWAITS} times"),
    ))
}

async fn is_free(holder: &Holder, what: &str, awaits: usize) -> Verdict {
    let expected = format!("get the lock after {what} was given up at await {awaits}, counted from 0");
    let guard = holder.done(&expected, holder.store.lock()).await?;
    holder.release(guard).await
}
