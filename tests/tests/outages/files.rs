//! The disk under a file store is full or read-only while a holder is in the middle of an attempt; or its file is damaged.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use futures_util::future::join_all;
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};

use crate::case::{Case, Seen, When};
use crate::process::{LONG, Lengths, Place};

/// More than the files of a session need.
const SIZE: &str = "size=256k";

/// A file system of its own, small and in memory; gone with its value.
struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    /// `None`, with a word why, where mounting is not allowed.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = std::ffi::CString::new(SIZE).unwrap();
        if let Err(error) = mount("none", folder.path(), "tmpfs", MountFlags::empty(), &*options) {
            println!(
                "skipped: no file system can be mounted here ({error}); root can, where it is not confined"
            );
            return None;
        }
        Some(Self { folder })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Until nothing more fits, by a file that takes all there is.
    fn fill(&self) {
        let mut filler = OpenOptions::new();
        let mut filler = filler
            .create(true)
            .append(true)
            .open(self.path().join("filler"))
            .unwrap();
        for piece in [4096, 1] {
            while filler.write_all(&vec![0; piece]).is_ok() {}
        }
    }

    fn free(&self) {
        fs::remove_file(self.path().join("filler")).unwrap();
    }

    fn read_only(&self, on: bool) {
        let flags = if on {
            MountFlags::RDONLY
        } else {
            MountFlags::empty()
        };
        mount_remount(self.path(), flags, "").unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = unmount(self.path(), UnmountFlags::DETACH);
    }
}

/// What waits for the lock is waited for. Of a file there is no lease.
const LENGTHS: Lengths = Lengths(4_000, 3_000, 60_000);

async fn full(when: When) -> Option<Seen> {
    let disk = Disk::mount()?;
    let mut case = Case::begin(&Place::Folder(disk.path().to_owned()), "grant", LENGTHS).await;
    case.come_to(when).await;
    disk.fill();
    case.go_on().await;
    disk.free();
    Some(case.recover().await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p7_p11_p13_a_full_disk_in_the_middle_costs_no_second_request_and_no_session() {
    let cases = When::ALL.map(async |when| Some((when, full(when).await?)));
    for (when, seen) in join_all(cases).await.into_iter().flatten() {
        seen.row("file", "the disk is full", when.shown());
        seen.assert_harmless(&format!("full, {}", when.shown()));
    }
}

/// The system refuses to make a disk read-only on which a lock file is open, so it happens before the lock is wanted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p7_p13_a_disk_that_becomes_read_only_costs_no_second_request_and_no_session() {
    let Some(disk) = Disk::mount() else { return };
    let mut case = Case::begin(&Place::Folder(disk.path().to_owned()), "grant", LENGTHS).await;
    case.come_to(When::WantsLock).await;
    disk.read_only(true);
    case.go_on().await;
    assert_eq!(case.server.counters().refresh_posts, 0);
    disk.read_only(false);
    let seen = case.recover().await;
    seen.row("file", "the disk is read-only", When::WantsLock.shown());
    seen.assert_harmless("read-only");
}

/// Puts something else into the file, in its place.
fn overwrite(path: &Path, bytes: &[u8]) {
    let mut file = File::create(path).unwrap();
    file.write_all(bytes).unwrap();
}

/// So many grants share the cuts: each refusal counts towards the most that a holder renews for in half a minute.
const GRANTS: usize = 6;

/// The file is cut at every byte while two holders live, and healed again.
async fn cut(place: &Place, folder: &Path, share: usize) -> Seen {
    let key = format!("grant-{share}");
    let path = folder.join(&key);
    let mut case = Case::begin(place, &key, LONG).await;
    let whole = fs::read(&path).unwrap();
    for length in (share..whole.len()).step_by(GRANTS) {
        overwrite(&path, &whole[..length]);
        let errors = case.ask().await;
        let unreadable = |error: &String| error == "Transient: StoreUnreadable";
        assert!(
            errors.len() == 2 && errors.iter().all(unreadable),
            "{length}: {errors:?}"
        );
        assert_eq!(fs::read(&path).unwrap(), &whole[..length], "it is left as it was");
    }
    assert_eq!(case.server.counters().refresh_posts, 0);
    overwrite(&path, &whole);
    case.recover().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p6_p7_a_file_that_is_cut_anywhere_under_its_holders_signs_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Folder(folder.path().to_owned());
    let shares = (0..GRANTS).map(|share| cut(&place, folder.path(), share));
    for (share, seen) in join_all(shares).await.into_iter().enumerate() {
        if share == 0 {
            seen.row(
                "file",
                "cut at every byte, restored later",
                When::WantsLock.shown(),
            );
        }
        seen.assert_harmless("cut");
    }
}
