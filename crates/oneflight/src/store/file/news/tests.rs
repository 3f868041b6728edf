use std::fs;
use std::time::Duration;

use futures_util::StreamExt as _;
use oneflight_core::machine::Swap;
use rustix::fs::inotify::ReadFlags;

use super::super::tests::{live, place};
use super::super::{FileStore, watch};
use super::*;
use crate::Store;

/// What is not told by then will not be.
const PATIENCE: Duration = Duration::from_secs(20);

async fn heard(changes: &mut Changes) -> Version {
    let next = tokio::time::timeout(PATIENCE, changes.next()).await;
    next.expect("it is told in time").expect("it goes on")
}

async fn write(store: &FileStore, expected: Option<Version>) -> Version {
    match store
        .compare_and_swap(expected, live("r"))
        .await
        .expect("it is written")
    {
        Swap::Written(version) => version,
        Swap::Conflict => panic!("another version stands there"),
    }
}

#[tokio::test]
async fn p17_what_another_store_writes_is_heard_and_first_what_stands_already() {
    let (_folder, path) = place();
    let (ours, theirs) = (FileStore::open(&path).unwrap(), FileStore::open(&path).unwrap());
    let first = write(&theirs, None).await;
    let mut changes = ours.changes().unwrap();
    assert_eq!(heard(&mut changes).await, first);
    let second = write(&theirs, Some(first)).await;
    assert_eq!(heard(&mut changes).await, second);
    // What happens between two looks is one piece of news.
    let third = write(&theirs, Some(second)).await;
    let fourth = write(&theirs, Some(third)).await;
    while heard(&mut changes).await != fourth {}
    // Files beside it are not it.
    let other = FileStore::open(path.with_file_name("other")).unwrap();
    write(&other, None).await;
    assert!(futures_util::poll!(changes.next()).is_pending());
}

#[tokio::test]
async fn p17_what_was_written_while_nobody_listened_is_heard_by_who_listens_next() {
    let (_folder, path) = place();
    let (ours, theirs) = (FileStore::open(&path).unwrap(), FileStore::open(&path).unwrap());
    let first = write(&theirs, None).await;
    let mut changes = ours.changes().unwrap();
    assert_eq!(heard(&mut changes).await, first);
    drop(changes);
    let second = write(&theirs, Some(first)).await;
    assert_eq!(heard(&mut ours.changes().unwrap()).await, second);
}

#[tokio::test]
async fn p17_a_clone_hears_when_it_is_announced_and_not_of_what_is_its_own() {
    let (_folder, path) = place();
    let (ours, theirs) = (FileStore::open(&path).unwrap(), FileStore::open(&path).unwrap());
    let (mut changes, mut their_changes) = (ours.clone().changes().unwrap(), theirs.changes().unwrap());
    let first = write(&theirs, None).await;
    assert_eq!(heard(&mut changes).await, first);
    let second = write(&ours, Some(first)).await;
    assert_eq!(heard(&mut their_changes).await, second);
    assert!(futures_util::poll!(changes.next()).is_pending());
    ours.announce(second).await;
    assert_eq!(heard(&mut changes).await, second);
}

#[tokio::test]
async fn p17_a_number_that_was_not_written_is_heard_when_another_writes_it() {
    let (_folder, path) = place();
    let (ours, theirs) = (FileStore::open(&path).unwrap(), FileStore::open(&path).unwrap());
    let first = write(&ours, None).await;
    let mut changes = ours.changes().unwrap();
    assert!(futures_util::poll!(changes.next()).is_pending());
    // A folder stands where the new file would be written.
    let in_the_way = path.with_file_name("session.new");
    fs::create_dir(&in_the_way).unwrap();
    ours.compare_and_swap(Some(first), live("r")).await.unwrap_err();
    fs::remove_dir(&in_the_way).unwrap();
    let second = write(&theirs, Some(first)).await;
    while heard(&mut changes).await != second {}
}

#[tokio::test]
async fn p17_after_events_were_lost_everything_is_looked_at_again() {
    let (_folder, path) = place();
    FileStore::open(&path).unwrap();
    let place = watch::listen(&path).unwrap();
    let overflow = watch::hear(-1, ReadFlags::QUEUE_OVERFLOW, None);
    let Some(watch::Heard::Changed(places)) = overflow else {
        panic!("it is heard")
    };
    assert!(places.iter().any(|looked_at| Arc::ptr_eq(looked_at, &place)));
}

#[tokio::test]
async fn p17_when_the_folder_is_removed_clones_still_hear_of_each_other() {
    let (folder, path) = place();
    let ours = FileStore::open(&path).unwrap();
    let first = write(&ours, None).await;
    let mut changes = FileStore::open(&path).unwrap().changes().unwrap();
    assert_eq!(heard(&mut changes).await, first);
    let mut own = ours.changes().unwrap();
    assert!(futures_util::poll!(own.next()).is_pending());
    let place = watch::listen(&path).unwrap();
    folder.close().unwrap();
    let mut news = place.news();
    let over = news.wait_for(|news| news.over);
    tokio::time::timeout(PATIENCE, over).await.unwrap().unwrap();
    ours.announce(Version(first.0 + 1)).await;
    assert_eq!(heard(&mut own).await, Version(first.0 + 1));
}
