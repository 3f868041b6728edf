//! In a file, plain and encrypted. Each holder opens it for itself, as a process of its own would.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use oneflight::FileStore;
use oneflight::record::RecordCodec;
use oneflight_testkit::store::Subject;

const NAMES: [&str; 4] = ["session", "session.lock", "session.new", "session.turn"];

fn subject(codec: fn() -> RecordCodec) -> (Subject, Arc<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let path = Arc::new(folder.path().join("session"));
    let (open, removed) = (Arc::clone(&path), Arc::clone(&path));
    let subject = Subject::new(move || std::future::ready(FileStore::open_with(&*open, codec()).unwrap()))
        .remove(move || {
            fs::remove_file(&*removed).unwrap();
            std::future::ready(())
        })
        .keep(folder);
    let subject = match cfg!(target_os = "linux") {
        true => subject.tells_changes(),
        false => subject,
    };
    (subject, path)
}

mod plain {
    use super::*;

    async fn plain() -> Subject {
        subject(RecordCodec::dangerously_unencrypted).0
    }

    oneflight_testkit::store_conformance!(plain);
}

mod encrypted {
    use super::*;

    async fn encrypted() -> Subject {
        let (subject, path) = subject(crate::codec);
        subject.raw(move || {
            let files = NAMES.map(|name| fs::read(path.with_file_name(name)).unwrap_or_default());
            std::future::ready(files.concat())
        })
    }

    oneflight_testkit::store_conformance!(encrypted);
}
