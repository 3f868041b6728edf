//! Steps that are left out while what they are made from is as it was.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Runs `work` unless `result` is there and was made from the very same `sources` (files, and folders with all that is in
/// them). Says whether it ran.
pub(crate) fn unless_made(
    result: &Path,
    sources: &[PathBuf],
    work: impl FnOnce() -> Result<(), Failure>,
) -> Result<bool, Failure> {
    let print = fingerprint(sources)?;
    let stamp = stamp_of(result);
    if result.exists() && fs::read_to_string(&stamp).is_ok_and(|made_from| made_from == print) {
        return Ok(false);
    }
    // A step that fails half way must run again.
    let _ = fs::remove_file(&stamp);
    work()?;
    if let Some(folder) = stamp.parent() {
        fs::create_dir_all(folder).map_err(|error| Failure::at(folder, &error))?;
    }
    fs::write(&stamp, print).map_err(|error| Failure::at(&stamp, &error))?;
    Ok(true)
}

/// Beside the other stamps, not beside the result, which may be packed or served.
fn stamp_of(result: &Path) -> PathBuf {
    let name: String = result
        .to_string_lossy()
        .chars()
        .map(|char| if char.is_ascii_alphanumeric() { char } else { '-' })
        .collect();
    super::workplace().join("stamps").join(name)
}

/// A number that changes when a source does. The hasher is the same from run to run of one build of xtask; after an
/// update of Rust everything is made again, which is right.
fn fingerprint(sources: &[PathBuf]) -> Result<String, Failure> {
    let mut hasher = DefaultHasher::new();
    for source in sources {
        add(source, &mut hasher)?;
    }
    Ok(format!("{:016x}", hasher.finish()))
}

fn add(source: &Path, hasher: &mut DefaultHasher) -> Result<(), Failure> {
    source.hash(hasher);
    if source.is_dir() {
        for file in files_below(source)? {
            add(&file, hasher)?;
        }
        return Ok(());
    }
    match fs::read(source) {
        Ok(bytes) => bytes.hash(hasher),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0_u8.hash(hasher),
        Err(error) => return Err(Failure::at(source, &error)),
    }
    Ok(())
}

/// What lies directly in `folder`, in an order that does not depend on the disk, without what others install there.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| Failure::at(folder, &error))? {
        let entry = entry.map_err(|error| Failure::at(folder, &error))?;
        if entry.file_name() != "node_modules" {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_below_a_folder_changes_the_fingerprint() {
        let folder = std::env::temp_dir().join(format!("xtask-stage-{}", std::process::id()));
        fs::create_dir_all(folder.join("deep")).unwrap();
        let print = || fingerprint(std::slice::from_ref(&folder)).unwrap();
        fs::write(folder.join("deep/file"), "one").unwrap();
        let first = print();
        assert_eq!(print(), first);
        fs::write(folder.join("deep/file"), "two").unwrap();
        let second = print();
        fs::rename(folder.join("deep/file"), folder.join("deep/moved")).unwrap();
        let third = print();
        fs::remove_dir_all(&folder).unwrap();
        assert!(first != second && second != third);
    }
}
