//! What the system tells of folders whose files are replaced: inotify, one for the process.
//!
//! The folder is watched and not the file: the file is renamed over, and a watch would stay with the one that is gone.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use tokio::sync::watch;

use super::news::News;
use super::read;

/// Events are read so many bytes at a time; one has a name of 255 bytes at most.
const ROOM_BYTES: usize = 8 * 1024;

/// There while somebody listens to a file. Its thread waits in the system, and ends with the last who listens.
static EAR: Mutex<Option<Ear>> = Mutex::new(None);

struct Ear {
    inotify: Arc<OwnedFd>,
    /// By watch, and in it by name. None of them is empty.
    folders: HashMap<i32, HashMap<OsString, Weak<Place>>>,
}

/// A file that somebody listens to; the same for all who do.
pub(super) struct Place {
    path: PathBuf,
    watch: i32,
    news: watch::Sender<News>,
}

fn ear() -> MutexGuard<'static, Option<Ear>> {
    // Nothing below can panic half-way through a change.
    EAR.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Listens to this file as long as the result lives, and looks what stands there now.
pub(super) fn listen(path: &Path) -> io::Result<Arc<Place>> {
    let place = register(path)?;
    place.look();
    Ok(place)
}

fn register(path: &Path) -> io::Result<Arc<Place>> {
    let mut guard = ear();
    let inotify = match &*guard {
        Some(ear) => Arc::clone(&ear.inotify),
        None => Arc::new(inotify::init(CreateFlags::CLOEXEC)?),
    };
    let folder = path.parent().unwrap_or(path);
    let watch = inotify::add_watch(&inotify, folder, WatchFlags::MOVED_TO | WatchFlags::ONLYDIR)?;
    if guard.is_none() {
        let heard = Arc::clone(&inotify);
        let named = thread::Builder::new().name("oneflight-watch".to_owned());
        named.spawn(move || run(&heard))?;
    }
    let ear = guard.get_or_insert_with(|| Ear {
        inotify,
        folders: HashMap::new(),
    });
    let files = ear.folders.entry(watch).or_default();
    let name = name(path);
    if let Some(place) = files.get(name).and_then(Weak::upgrade) {
        return Ok(place);
    }
    let place = Arc::new(Place {
        path: path.to_owned(),
        watch,
        news: watch::Sender::default(),
    });
    files.insert(name.to_owned(), Arc::downgrade(&place));
    Ok(place)
}

fn name(path: &Path) -> &OsStr {
    path.file_name().unwrap_or_default()
}

impl Place {
    pub(super) fn news(&self) -> watch::Receiver<News> {
        self.news.subscribe()
    }

    /// Reads the version. A file that cannot be read now says so to whoever loads it.
    fn look(&self) {
        let Some(version) = read::version(&self.path) else {
            return;
        };
        self.news.send_if_modified(|news| {
            let newer = version.0 > news.version;
            news.version = news.version.max(version.0);
            newer
        });
    }

    fn over(&self) {
        self.news.send_modify(|news| news.over = true);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut guard = ear();
        let Some(ear) = &mut *guard else { return };
        let Some(files) = ear.folders.get_mut(&self.watch) else {
            return;
        };
        let name = name(&self.path);
        // Another one may have come into its place.
        if files.get(name).is_some_and(|place| place.strong_count() == 0) {
            files.remove(name);
        }
        if files.is_empty() {
            ear.folders.remove(&self.watch);
            // The thread hears of it, and ends if this was the last.
            let _ = inotify::remove_watch(&ear.inotify, self.watch);
        }
    }
}

/// What an event is about. Dropped without the ear's lock, which the end of a place takes.
pub(super) enum Heard {
    Changed(Vec<Arc<Place>>),
    /// The folder is gone.
    Over(Vec<Arc<Place>>),
}

fn run(inotify: &OwnedFd) {
    let mut room = [MaybeUninit::uninit(); ROOM_BYTES];
    let mut events = Reader::new(inotify, &mut room);
    loop {
        let heard = match events.next() {
            Ok(event) => {
                let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()));
                hear(event.wd(), event.events(), name)
            }
            Err(Errno::INTR) => continue,
            Err(error) => return fall_silent(&error.into()),
        };
        match heard {
            Some(Heard::Changed(places)) => places.iter().for_each(|place| place.look()),
            Some(Heard::Over(places)) => places.iter().for_each(|place| place.over()),
            None => {}
        }
        let mut guard = ear();
        // Whoever listens now has either found this ear, or will make another.
        if guard.as_ref().is_none_or(|ear| ear.folders.is_empty()) {
            *guard = None;
            return;
        }
    }
}

/// Whoever listens from now on makes another ear.
fn fall_silent(error: &io::Error) {
    tracing::warn!(%error, "changes of files are not heard any more; holders learn of each other when they read");
    let places = ear().take().map(|ear| alive(ear.folders.values()));
    places.iter().flatten().for_each(|place| place.over());
}

pub(super) fn hear(watch: i32, events: ReadFlags, name: Option<&OsStr>) -> Option<Heard> {
    let mut guard = ear();
    let ear = guard.as_mut()?;
    if events.contains(ReadFlags::QUEUE_OVERFLOW) {
        // Something was missed: look again at everything.
        return Some(Heard::Changed(alive(ear.folders.values())));
    }
    if events.contains(ReadFlags::IGNORED) {
        // If it was not given up here, the folder is gone.
        let files = ear.folders.remove(&watch)?;
        tracing::warn!(
            "a folder that was watched is gone; holders of the sessions in it learn of each other when they read"
        );
        return Some(Heard::Over(alive([&files])));
    }
    let place = ear.folders.get(&watch)?.get(name?)?.upgrade()?;
    Some(Heard::Changed(vec![place]))
}

fn alive<'a>(folders: impl IntoIterator<Item = &'a HashMap<OsString, Weak<Place>>>) -> Vec<Arc<Place>> {
    let places = folders.into_iter().flat_map(HashMap::values);
    places.filter_map(Weak::upgrade).collect()
}
