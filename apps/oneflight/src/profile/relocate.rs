//! Profiles that go away, or get another name.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use oneflight::{EndReason, FileStore, Record, State, Store as _, StoreError, Stored, Swap};

use super::{Place, Profile, ProfileError, ProfileName};

/// How long another process may keep the session's lock: a request and its saving.
const PATIENCE: Duration = Duration::from_secs(40);

/// Removes the files of a profile, whatever is in them. Sign its session out first.
///
/// The two files that are locked stay, empty: whoever still waits for one of them would otherwise hold another lock than
/// the next session of that name.
///
/// # Errors
/// [`ProfileError::Unknown`] and [`ProfileError::Io`].
pub(crate) fn remove(name: &ProfileName) -> Result<(), ProfileError> {
    let place = Place::find()?;
    place.check()?;
    let (settings, session) = (place.settings(name), place.session(name));
    if !exists(&settings)? && !exists(&session)? {
        return Err(ProfileError::Unknown { name: name.clone() });
    }
    gone(&session)?;
    // What a process that died left behind may hold tokens.
    gone(&PathBuf::from(format!("{}.new", session.display())))?;
    gone(&settings)
}

/// Gives a profile another name, and its session with it.
///
/// The session moves under its lock, so no renewal is under way: first it ends under the old name, then it begins under the
/// new one. It never stands under two names, where two processes would spend one refresh token; a crash between the two
/// costs a sign-in.
///
/// # Errors
/// [`ProfileError`]; the session is where it was, unless [`ProfileError::Lost`] says otherwise.
pub(crate) async fn rename(old: &ProfileName, new: &ProfileName) -> Result<(), ProfileError> {
    let from = Profile::open(old)?;
    let place = Place::ready()?;
    if exists(&place.settings(new))? || exists(&place.session(new))? {
        return Err(ProfileError::Exists { name: new.clone() });
    }
    if from.record()?.is_some() {
        let store = from.store()?;
        let guard = tokio::time::timeout(PATIENCE, store.lock())
            .await
            .map_err(|_elapsed| ProfileError::Busy { name: old.clone() })??;
        let to = Profile::make(new, from.settings)?;
        to.save()?;
        let moved = carry(&store, &to.store()?, new).await;
        guard.release().await;
        if moved.is_err() {
            gone(&place.settings(new))?;
        }
        moved?;
    } else {
        Profile::make(new, from.settings)?.save()?;
    }
    remove(old)
}

async fn carry(from: &FileStore, to: &FileStore, new: &ProfileName) -> Result<(), ProfileError> {
    let Some(Stored { version, record }) = from.load().await? else {
        return Ok(());
    };
    if !matches!(record.state, State::Live { .. }) {
        return Ok(());
    }
    let tombstone = Record {
        state: State::Ended(EndReason::Removed),
        ..record.clone()
    };
    let contended = || StoreError::new("the session was written by another process at that moment");
    let Swap::Written(buried) = from.compare_and_swap(Some(version), tombstone).await? else {
        return Err(contended().into());
    };
    let failed = match to.compare_and_swap(None, record.clone()).await {
        Ok(Swap::Written(_)) => return Ok(()),
        Ok(Swap::Conflict) => contended(),
        Err(error) => error,
    };
    match from.compare_and_swap(Some(buried), record).await {
        Ok(Swap::Written(_)) => Err(failed.into()),
        _ => Err(ProfileError::Lost {
            name: new.clone(),
            source: failed,
        }),
    }
}

fn exists(path: &Path) -> Result<bool, ProfileError> {
    path.try_exists()
        .map_err(|source| ProfileError::io(path, "looked at", source))
}

fn gone(path: &Path) -> Result<(), ProfileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(ProfileError::io(path, "removed", error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use oneflight::{SessionId, TokenSet, WallTime};

    use super::*;

    async fn live(folder: &Path) -> FileStore {
        let store = FileStore::open(folder.join("old.session")).unwrap();
        let tokens = TokenSet::new("a", WallTime::default()).unwrap();
        let record = Record {
            session: SessionId([7; 16]),
            set: 0,
            state: State::Live {
                tokens: tokens.refresh_token("r").unwrap().into(),
                mark: None,
                back_off: None,
            },
        };
        store.compare_and_swap(None, record).await.unwrap();
        store
    }

    async fn state(store: &FileStore) -> State {
        store.load().await.unwrap().unwrap().record.state
    }

    #[tokio::test]
    async fn c9_a_session_never_lives_under_two_names() {
        let folder = tempfile::tempdir().unwrap();
        let from = live(folder.path()).await;
        let to = FileStore::open(folder.path().join("new.session")).unwrap();
        carry(&from, &to, &ProfileName::default()).await.unwrap();
        assert!(matches!(state(&from).await, State::Ended(EndReason::Removed)));
        assert!(matches!(state(&to).await, State::Live { .. }));
    }

    #[tokio::test]
    async fn c9_a_session_that_cannot_be_moved_stays_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let from = live(folder.path()).await;
        let path = folder.path().join("new.session");
        let to = FileStore::open(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let problem = carry(&from, &to, &ProfileName::default()).await.unwrap_err();
        assert!(matches!(problem, ProfileError::Moving(_)), "{problem}");
        assert!(matches!(state(&from).await, State::Live { .. }));
    }
}
