//! Which file systems a lock can be relied on.

use std::path::Path;

use super::error::FileStoreError;

/// Refuses network file systems, and warns of those that may be one.
#[cfg(target_os = "linux")]
pub(super) fn check(folder: &Path) -> Result<(), FileStoreError> {
    let found = rustix::fs::statfs(folder).map_err(|error| FileStoreError::Io {
        path: folder.to_owned(),
        what: "looked at",
        source: error.into(),
    })?;
    // Signed and wider on some platforms; magic numbers have 32 bits.
    match place(found.f_type as u32) {
        Place::Local => Ok(()),
        Place::Doubtful(kind) => {
            tracing::warn!(folder = %folder.display(), kind, "this file system may lie on another machine, whose locks cannot be relied on");
            Ok(())
        }
        Place::Network(kind) => Err(FileStoreError::Network {
            path: folder.to_owned(),
            kind,
        }),
    }
}

/// Other systems are not asked.
#[cfg(not(target_os = "linux"))]
pub(super) fn check(_folder: &Path) -> Result<(), FileStoreError> {
    Ok(())
}

#[cfg(target_os = "linux")]
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Local,
    /// A program serves it, from here or from elsewhere.
    Doubtful(&'static str),
    Network(&'static str),
}

/// By the magic numbers of statfs(2).
#[cfg(target_os = "linux")]
fn place(magic: u32) -> Place {
    match magic {
        0x6969 => Place::Network("nfs"),
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => Place::Network("smb"),
        0x00c3_6400 => Place::Network("ceph"),
        0x5346_414f | 0x6b41_4653 => Place::Network("afs"),
        0x7375_7245 => Place::Network("coda"),
        0x0bd0_0bd0 => Place::Network("lustre"),
        0x4750_4653 => Place::Network("gpfs"),
        0x564c => Place::Network("ncp"),
        0x0102_1997 => Place::Doubtful("9p"),
        0x6573_5546 => Place::Doubtful("fuse"),
        _ => Place::Local,
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn p6_network_file_systems_are_told_from_local_ones() {
        assert_eq!(place(0x6969), Place::Network("nfs"));
        assert_eq!(place(0xff53_4d42), Place::Network("smb"));
        assert_eq!(place(0x6573_5546), Place::Doubtful("fuse"));
        for local in [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x794c_7630] {
            assert_eq!(place(local), Place::Local);
        }
    }

    /// Ends with the test, however that ends.
    struct Mounted(std::path::PathBuf);

    impl Drop for Mounted {
        fn drop(&mut self) {
            let _ = std::process::Command::new("umount").arg(&self.0).status();
        }
    }

    /// With bindfs, where it is installed and this user may mount. Kernels of test machines rarely know network file systems.
    #[test]
    fn p6_on_a_real_file_system_that_a_program_serves_a_store_works_and_is_doubted() {
        let folder = tempfile::tempdir().unwrap();
        let (behind, before) = (folder.path().join("behind"), folder.path().join("before"));
        std::fs::create_dir(&behind).unwrap();
        std::fs::create_dir(&before).unwrap();
        let mut mount = std::process::Command::new("bindfs");
        if !mount
            .args([&behind, &before])
            .status()
            .is_ok_and(|status| status.success())
        {
            println!("NOT TRIED on a FUSE mount: bindfs is not installed, or may not mount here");
            return;
        }
        let _mounted = Mounted(before.clone());
        let found = rustix::fs::statfs(&before).unwrap();
        assert_eq!(place(found.f_type as u32), Place::Doubtful("fuse"));
        crate::FileStore::open(before.join("session")).unwrap();
        assert!(behind.join("session.lock").exists());
    }
}
