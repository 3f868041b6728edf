use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use oneflight_core::{BackOff, HolderId, Mark, Secret, SessionId, State, TokenSet, WallTime};
use tempfile::TempDir;

use super::flock;
use super::format::{parse, write};
use super::*;

pub(super) fn live(refresh: &str) -> Record {
    let mut tokens = TokenSet::new("s3cret-access", WallTime::from_unix_millis(5)).unwrap();
    tokens = tokens
        .refresh_token(refresh)
        .unwrap()
        .expires_in(Duration::from_millis(900));
    tokens = tokens.scope("read write").id_token("s3cret-id");
    tokens.extra = vec![("x".into(), Secret::new("{\"deep\":1}"))];
    Record {
        session: SessionId([1; 16]),
        set: 3,
        state: State::Live {
            tokens: tokens.into(),
            mark: Some(Mark {
                holder: HolderId([0xab; 16]),
                at: WallTime::from_unix_millis(6),
            }),
            back_off: Some(BackOff {
                start: WallTime::from_unix_millis(7),
                length: Duration::from_secs(8),
                step: 9,
            }),
        },
    }
}

pub(super) fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session");
    (folder, path)
}

fn shown(record: &Record) -> String {
    let State::Live {
        tokens,
        mark,
        back_off,
    } = &record.state
    else {
        return format!("{record:?}");
    };
    let refresh = tokens.refresh_token.as_ref().unwrap().expose();
    let extra: Vec<_> = tokens
        .extra
        .iter()
        .map(|(name, value)| (name, value.expose()))
        .collect();
    format!(
        "{:?} {} {} {refresh} {:?} {:?} {:?} {:?} {extra:?} {mark:?} {back_off:?}",
        record.session,
        record.set,
        tokens.access_token.expose(),
        tokens.received_at,
        tokens.expires_in,
        tokens.scope,
        tokens.id_token.as_ref().unwrap().expose(),
    )
}

#[tokio::test]
async fn p8_a_record_from_the_future_is_refused_and_not_overwritten() {
    let (_folder, path) = place();
    let store = FileStore::open(&path).unwrap();
    let future = "{\"oneflight_file\":2,\"what\":\"nobody knows yet\"}\nanything";
    fs::write(&path, future).unwrap();
    make_private(&path);
    let error = store.load().await.unwrap_err().to_string();
    assert!(
        error.contains("newer oneflight") && error.contains("session"),
        "{error}"
    );
    for expected in [None, Some(Version(1))] {
        store.compare_and_swap(expected, live("r1")).await.unwrap_err();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), future);
}

#[tokio::test]
async fn p6_a_file_that_ends_early_is_an_error_that_names_it_and_is_left_alone() {
    let (_folder, path) = place();
    let store = FileStore::open(&path).unwrap();
    let Swap::Written(version) = store.compare_and_swap(None, live("s3cret-r1")).await.unwrap() else {
        panic!("nothing stood there")
    };
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let error = store.load().await.unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        assert!(error.to_string().contains("sign in again"), "{error}");
        assert!(!said.contains("s3cret"), "{said}");
        for expected in [None, Some(version)] {
            store.compare_and_swap(expected, live("r2")).await.unwrap_err();
        }
        assert_eq!(fs::read(&path).unwrap(), &whole[..length]);
    }
    fs::write(&path, &whole).unwrap();
    assert_eq!(store.load().await.unwrap().unwrap().version, version);
}

#[test]
fn p6_a_single_wrong_byte_anywhere_is_noticed() {
    let line = RecordCodec::dangerously_unencrypted().write("session", Version(7), &live("r1"));
    let whole = write(Version(7), None, &line.unwrap());
    for place in 0..whole.len() {
        let mut wrong = whole.to_vec();
        wrong[place] ^= 1;
        assert!(parse(&wrong).is_err(), "byte {place}");
    }
}

#[tokio::test]
async fn p9_an_encrypted_file_opens_with_its_key_and_under_its_name_only() {
    use super::super::record::{Key, Keys, RecordError};
    let codec = |byte| RecordCodec::encrypted(Keys::new(Key::new("k1", [byte; 32]).unwrap()));
    let (folder, path) = place();
    let store = FileStore::open_with(&path, codec(1)).unwrap();
    let written = store
        .compare_and_swap(None, live("s3cret-refresh"))
        .await
        .unwrap();
    let Swap::Written(version) = written else {
        panic!("nothing stood there")
    };
    let before = fs::read(&path).unwrap();
    let text = String::from_utf8(before.clone()).unwrap();
    assert!(!text.contains("s3cret"), "{text}");
    let back = store.load().await.unwrap().unwrap();
    assert!(shown(&back.record).contains("s3cret-refresh"));

    // Whoever has another key, or none, writes nothing over it.
    let problem = |opened: Result<FileStore, FileStoreError>| match opened.unwrap_err() {
        FileStoreError::Record { problem, .. } => problem,
        other => panic!("{other}"),
    };
    let wrong = RecordError::WrongKey { key: "k1".to_owned() };
    assert_eq!(problem(FileStore::open_with(&path, codec(2))), wrong);
    let none = RecordError::Encrypted { key: "k1".to_owned() };
    assert_eq!(problem(FileStore::open(&path)), none);
    let renamed = folder.path().join("another");
    fs::copy(&path, &renamed).unwrap();
    assert_eq!(problem(FileStore::open_with(&renamed, codec(1))), wrong);
    // Nor does one that opened the place before there was anything in it.
    let (_elsewhere, empty) = place();
    let plain = FileStore::open(&empty).unwrap();
    fs::copy(&path, &empty).unwrap();
    for expected in [None, Some(version)] {
        plain.compare_and_swap(expected, live("r2")).await.unwrap_err();
    }
    assert_eq!(fs::read(&empty).unwrap(), before);
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn p6_foreign_files_are_named_and_left_as_they_were() {
    let contents: [&[u8]; 6] = [
        b"",
        b"\n\n",
        b"refresh-token\n",
        b"{\"refresh_token\":\"s3cret\"}\n",
        b"\x7fELF\0\x01",
        &[0; 100],
    ];
    for content in contents {
        let (_folder, path) = place();
        fs::write(&path, content).unwrap();
        make_private(&path);
        let error = FileStore::open(&path).unwrap_err();
        assert!(matches!(error, FileStoreError::Damaged { .. }), "{error}");
        assert_eq!(fs::read(&path).unwrap(), content);
    }
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(
        FileStore::open(folder.path()),
        Err(FileStoreError::NotAFile { .. })
    ));
}

#[cfg(unix)]
fn make_private(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[cfg(not(unix))]
fn make_private(_path: &Path) {}

#[cfg(unix)]
#[tokio::test]
async fn p9_only_the_owner_can_read_what_is_written_and_others_files_are_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/session");
    let store = FileStore::open(&path).unwrap();
    store.compare_and_swap(None, live("r1")).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for entry in fs::read_dir(path.parent().unwrap()).unwrap() {
        let found = entry.unwrap().path();
        assert_eq!(mode(&found), 0o600, "{found:?}");
    }
    for open in [0o640, 0o604, 0o620] {
        fs::set_permissions(&path, fs::Permissions::from_mode(open)).unwrap();
        let error = FileStore::open(&path).unwrap_err();
        assert!(
            matches!(error, FileStoreError::Exposed { mode, .. } if mode == open),
            "{error}"
        );
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn p1_a_link_keeps_pointing_to_the_true_file() {
    let (folder, path) = place();
    FileStore::open(&path)
        .unwrap()
        .compare_and_swap(None, live("r1"))
        .await
        .unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let store = FileStore::open(&link).unwrap();
    let standing = store.load().await.unwrap().unwrap().version;
    store.compare_and_swap(Some(standing), live("r2")).await.unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(fs::read_to_string(&path).unwrap().contains("r2"));
}

#[tokio::test]
async fn p7_a_write_that_fails_leaves_the_old_record_whole() {
    let (_folder, path) = place();
    let store = FileStore::open(&path).unwrap();
    store.compare_and_swap(None, live("r1")).await.unwrap();
    let before = fs::read(&path).unwrap();
    // A folder stands where the new file would be written.
    fs::create_dir(store.path().with_file_name("session.new")).unwrap();
    let standing = store.load().await.unwrap().unwrap().version;
    store
        .compare_and_swap(Some(standing), live("r2"))
        .await
        .unwrap_err();
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn p4_versions_begin_at_the_time_so_a_file_made_anew_has_others() {
    let (_folder, path) = place();
    let store = FileStore::open(&path).unwrap();
    store.compare_and_swap(None, live("r1")).await.unwrap();
    let before = store.load().await.unwrap().unwrap().version;
    assert!(before.0 > 1_000_000_000_000, "{before:?}");
}

#[tokio::test]
async fn p3_who_waits_on_a_lock_file_that_was_removed_goes_on_with_the_one_in_its_place() {
    let (_folder, path) = place();
    let store = FileStore::open(&path).unwrap();
    let other = FileStore::open(&path).unwrap();
    let held = store.lock().await.unwrap();
    let mut waits = other.lock();
    assert!(futures_util::poll!(&mut waits).is_pending());
    fs::remove_file(store.shared.disk.beside(".lock")).unwrap();
    drop(held);
    // Whoever waited has the file that is there now, so a third one waits for it.
    let _held = waits.await.unwrap();
    assert!(futures_util::poll!(store.lock()).is_pending());
}

#[cfg(unix)]
#[tokio::test]
async fn p6_p8_p9_a_peek_reads_what_an_open_store_would_and_leaves_nothing_beside_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let plain = RecordCodec::dangerously_unencrypted();
    let (folder, path) = place();
    assert!(FileStore::peek(&path, &plain).unwrap().is_none());
    let nowhere = folder.path().join("no/such/folder");
    assert!(FileStore::peek(&nowhere, &plain).unwrap().is_none());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

    let (elsewhere, true_path) = place();
    let store = FileStore::open(&true_path).unwrap();
    store.compare_and_swap(None, live("r1")).await.unwrap();
    fs::rename(&true_path, &path).unwrap();
    let before = fs::read_dir(elsewhere.path()).unwrap().count();
    let seen = FileStore::peek(&path, &plain).unwrap().unwrap();
    assert!(shown(&seen.record).contains("r1"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

    let whole = fs::read(&path).unwrap();
    let problem = || FileStore::peek(&path, &plain).unwrap_err();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(problem(), FileStoreError::Exposed { mode: 0o640, .. }));
    make_private(&path);
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    assert!(matches!(problem(), FileStoreError::Damaged { .. }));
    fs::write(&path, "{\"oneflight_file\":2}\n").unwrap();
    assert!(matches!(problem(), FileStoreError::Newer { format: 2, .. }));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(matches!(problem(), FileStoreError::NotAFile { .. }));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), before);
}

#[cfg(unix)]
#[tokio::test]
async fn p9_a_peek_through_a_link_opens_what_is_bound_to_the_true_name() {
    use super::super::record::{Key, Keys};
    let codec = RecordCodec::encrypted(Keys::new(Key::new("k1", [1; 32]).unwrap()));
    let (folder, path) = place();
    let store = FileStore::open_with(&path, codec.clone()).unwrap();
    store.compare_and_swap(None, live("r1")).await.unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let seen = FileStore::peek(&link, &codec).unwrap().unwrap();
    assert!(shown(&seen.record).contains("r1"));
    let plain = RecordCodec::dangerously_unencrypted();
    assert!(matches!(
        FileStore::peek(&link, &plain),
        Err(FileStoreError::Record { .. })
    ));
}

/// What the child of the test below does: it dies in the middle of replacing the file.
const CHILDS_FILE: &str = "ONEFLIGHT_CHILDS_FILE";

#[tokio::test]
async fn p2_p6_a_crash_in_the_middle_of_a_write_leaves_one_record_or_the_other() {
    if let Some(path) = std::env::var_os(CHILDS_FILE) {
        let store = FileStore::open(PathBuf::from(path)).unwrap();
        let standing = store.load().await.unwrap().unwrap().version;
        let _ = store.compare_and_swap(Some(standing), live("after")).await;
        return;
    }
    let points = [
        ("before-temporary", "before"),
        ("half-written", "before"),
        ("written", "before"),
        ("file-synced", "before"),
        ("renamed", "after"),
        ("synced", "after"),
    ];
    for (point, expected) in points {
        let (_folder, path) = place();
        let store = FileStore::open(&path).unwrap();
        store.compare_and_swap(None, live("before")).await.unwrap();
        let died = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "store::file::tests::p2_p6_a_crash_in_the_middle_of_a_write_leaves_one_record_or_the_other",
            ])
            .env(CHILDS_FILE, &path)
            .env("ONEFLIGHT_DIE_AT", point)
            .output()
            .unwrap();
        assert!(!died.status.success(), "{point}: the child did not die");
        let stored = store.load().await.unwrap().unwrap();
        assert!(shown(&stored.record).contains(expected), "{point}");
        // What it left behind, its turn among it, stops nobody.
        let swap = store
            .compare_and_swap(Some(stored.version), live("next"))
            .await
            .unwrap();
        assert_eq!(swap, Swap::Written(Version(stored.version.0 + 1)), "{point}");
    }
}

/// What the children of the test below do: so many writes, however often another one is first.
const WRITERS_FILE: &str = "ONEFLIGHT_WRITERS_FILE";
const WRITES: u64 = 150;

#[cfg(unix)]
#[tokio::test]
async fn p4_two_processes_lose_no_write_while_somebody_removes_the_file_that_keeps_them_apart() {
    if let Some(path) = std::env::var_os(WRITERS_FILE) {
        let store = FileStore::open(PathBuf::from(path)).unwrap();
        let mut written = 0;
        while written < WRITES {
            let standing = store.load().await.unwrap().unwrap().version;
            match store.compare_and_swap(Some(standing), live("r")).await.unwrap() {
                Swap::Written(_) => written += 1,
                Swap::Conflict => {}
            }
        }
        return;
    }
    let (_folder, path) = place();
    let store = FileStore::open(&path).unwrap();
    store.compare_and_swap(None, live("r")).await.unwrap();
    let first = store.load().await.unwrap().unwrap().version;
    let name = "store::file::tests::p4_two_processes_lose_no_write_while_somebody_removes_the_file_that_keeps_them_apart";
    let child = || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", name]).env(WRITERS_FILE, &path);
        command.stdout(std::process::Stdio::null()).spawn().unwrap()
    };
    let mut children = [child(), child()];
    let turn = store.shared.disk.beside(".turn");
    let mut ended = 0;
    while ended < 2 {
        // As pruning does it: while it is held, so that nobody is in the middle of a write.
        flock::remove_if(&turn, || true);
        ended = children
            .iter_mut()
            .filter_map(|child| child.try_wait().unwrap())
            .count();
    }
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let last = store.load().await.unwrap().unwrap().version;
    assert_eq!(last.0 - first.0, 2 * WRITES);
}
