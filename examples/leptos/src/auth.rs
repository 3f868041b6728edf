//! The session, and signals of what it says.

use leptos::prelude::*;
use oneflight_web::Session;
use oneflight_web::session::{Endpoint, Error, Snapshot, Status, Storage};

/// How many lines of the log are kept.
const LOG_LINES: usize = 200;

/// In the context of every component.
#[derive(Clone, Copy)]
pub struct Auth {
    /// A session belongs to the page's one thread; this holder may be put into a context.
    session: StoredValue<Session, LocalStorage>,
    snapshot: ReadSignal<Snapshot>,
    /// Changes only when the status does, not with every token.
    pub status: Memo<Status>,
    /// What happened, newest first.
    pub log: ReadSignal<Vec<String>>,
}

impl Auth {
    /// Makes the session. Once, for as long as the page lives.
    pub fn begin() -> Result<Self, Error> {
        // POST {"refreshToken"} gives {"accessToken", "refreshToken", "expiresIn"}, at a back end of one's own.
        let endpoint = Endpoint::json("/api/auth/refresh").sign_out("/api/auth/logout");
        let session = Session::builder(endpoint)
            .origins(["self"])
            .storage(Storage::Local)
            .build()?;

        let (snapshot, set_snapshot) = signal(session.snapshot());
        let (log, set_log) = signal(Vec::new());
        session
            .subscribe(move |snapshot| set_snapshot.set(snapshot))
            .forever();
        session
            .events(move |event| {
                set_log.update(|log| {
                    log.insert(0, format!("{event:?}"));
                    log.truncate(LOG_LINES);
                });
            })
            .forever();
        Ok(Self {
            session: StoredValue::new_local(session),
            snapshot,
            status: Memo::new(move |_| snapshot.get().status),
            log,
        })
    }

    /// The one that `main` put into the context.
    pub fn expect() -> Self {
        expect_context()
    }

    pub fn session(self) -> Session {
        self.session.get_value()
    }

    pub fn described(self) -> String {
        let Snapshot { status, sharing, .. } = self.snapshot.get();
        format!("{status:?}, shared: {sharing:?}")
    }

    /// Grows with every token.
    pub fn generation(self) -> u64 {
        self.snapshot.get().generation
    }
}
