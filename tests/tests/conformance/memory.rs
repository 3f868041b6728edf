//! In memory: all holders are in one process.

use oneflight::MemoryStore;
use oneflight_testkit::store::Subject;

async fn memory() -> Subject {
    let record = MemoryStore::new();
    Subject::new(move || std::future::ready(record.clone())).tells_changes()
}

oneflight_testkit::store_conformance!(memory);
