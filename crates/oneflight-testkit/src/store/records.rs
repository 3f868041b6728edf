//! Records to write, and how to tell whether they came back.

use std::sync::Arc;
use std::time::Duration;

use oneflight::{BackOff, EndReason, HolderId, Mark, Record, Secret, SessionId, State, TokenSet, WallTime};

use super::report::{Verdict, failed};

/// What every secret of the suite begins with.
pub(super) const MARKER: &str = "s3cret-of-the-suite";

const SESSION: SessionId = SessionId([0x5a; 16]);
const RECEIVED: WallTime = WallTime::from_unix_millis(1_700_000_000_123);

/// A record that can be made over and over.
pub(super) struct Shape {
    pub(super) name: &'static str,
    pub(super) make: Box<dyn Fn() -> Record + Send + Sync>,
}

impl Shape {
    fn new(name: &'static str, make: impl Fn() -> Record + Send + Sync + 'static) -> Self {
        Self {
            name,
            make: Box::new(make),
        }
    }

    pub(super) fn record(&self) -> Record {
        (self.make)()
    }

    /// Fails unless this is what was written, to the last bit.
    pub(super) fn must_be(&self, found: &Record) -> Verdict {
        let (wanted, found) = (parts(&self.record()), parts(found));
        for ((name, wanted), (_, found)) in wanted.iter().zip(&found) {
            if wanted != found {
                return Err(failed(
                    format!("the record \"{}\" to come back with its {name}", self.name),
                    differs(wanted, found),
                ));
            }
        }
        Ok(())
    }
}

/// Secrets are not shown, not even these.
fn differs(wanted: &str, found: &str) -> String {
    let hide = |text: &str| match text.contains(MARKER) {
        true => format!("{} characters with a secret in them", text.len()),
        false => text.to_owned(),
    };
    format!("{} in place of {}", hide(found), hide(wanted))
}

/// Whatever makes a record what it is.
fn parts(record: &Record) -> Vec<(&'static str, String)> {
    let mut parts = vec![
        ("session id", format!("{:?}", record.session)),
        ("number of its token set", record.set.to_string()),
    ];
    match &record.state {
        State::Ended(reason) => parts.push(("state", format!("ended: {reason:?}"))),
        State::Live {
            tokens,
            mark,
            back_off,
        } => {
            let secret =
                |secret: Option<&str>| secret.map_or_else(|| "none".to_owned(), |text| format!("={text}"));
            let refresh = tokens.refresh_token.as_ref().map(|token| token.expose());
            let extra = tokens.extra.iter().map(|(name, value)| (name, value.expose()));
            parts.extend([
                ("state", "live".to_owned()),
                ("access token", tokens.access_token.expose().to_owned()),
                ("refresh token", secret(refresh)),
                ("time of receipt", format!("{:?}", tokens.received_at)),
                ("lifetime", format!("{:?}", tokens.expires_in)),
                ("scope", format!("{:?}", tokens.scope)),
                ("ID token", secret(tokens.id_token.as_ref().map(Secret::expose))),
                ("extra members", format!("{:?}", extra.collect::<Vec<_>>())),
                ("mark", format!("{mark:?}")),
                ("back-off", format!("{back_off:?}")),
            ]);
        }
    }
    parts
}

fn token(name: &str) -> String {
    format!("{MARKER}-{name}")
}

fn set(number: u64) -> TokenSet {
    TokenSet::new(&token(&format!("access-{number}")), RECEIVED).expect("a token")
}

fn full(number: u64) -> TokenSet {
    let refresh = token(&format!("refresh-{number}"));
    let set = set(number).refresh_token(&refresh).expect("a token");
    set.expires_in(Duration::from_secs(900))
}

fn record(set: u64, tokens: TokenSet) -> Record {
    Record {
        session: SESSION,
        set,
        state: State::Live {
            tokens: Arc::new(tokens),
            mark: None,
            back_off: None,
        },
    }
}

/// The token set of this number: tokens and a lifetime.
pub(super) fn live(number: u64) -> Shape {
    Shape::new("tokens and a lifetime", move || record(number, full(number)))
}

pub(super) fn ended(reason: EndReason) -> Shape {
    Shape::new("a tombstone", move || Record {
        session: SESSION,
        set: 3,
        state: State::Ended(reason),
    })
}

/// What a sign-in or a renewal may bring.
pub(super) fn token_sets() -> Vec<Shape> {
    let every_character: String = (0x20..=0x7eu8).map(char::from).collect();
    vec![
        Shape::new("an access token alone", || record(0, set(1))),
        live(7),
        Shape::new("a lifetime of nothing", || {
            record(1, full(1).expires_in(Duration::ZERO))
        }),
        Shape::new("a lifetime of milliseconds", || {
            record(1, full(1).expires_in(Duration::from_millis(1)))
        }),
        Shape::new("a lifetime of ten years", || {
            record(1, full(1).expires_in(Duration::from_secs(315_360_000)))
        }),
        Shape::new("a scope in other scripts", || {
            record(2, full(2).scope("lesen schreiben größe 読む 🗝"))
        }),
        Shape::new("an empty scope", || record(2, full(2).scope(""))),
        Shape::new("an ID token", || {
            record(2, full(2).id_token(&token("id.eyJ.sig")))
        }),
        Shape::new("extra members", || {
            let mut tokens = full(3);
            tokens.extra = vec![
                ("b".into(), Secret::new("{\"deep\": [1, null,\t\"\\u00e9\"]}")),
                ("a".into(), Secret::new("12345678901234567890.5e-300")),
                ("größe".into(), Secret::new(&format!("\"{}\"", token("extra")))),
                ("a".into(), Secret::new("\"twice\"")),
            ];
            record(3, tokens)
        }),
        Shape::new("every character that a token may have", move || {
            let tokens = TokenSet::new(&every_character, RECEIVED).expect("a token");
            record(4, tokens.refresh_token(&every_character).expect("a token"))
        }),
        Shape::new("a token set with a number that no double can hold", || {
            record((1 << 53) + 1, full(5))
        }),
        Shape::new("a session id of zeros, received in the first millisecond", || {
            let tokens = TokenSet::new(&token("early"), WallTime::from_unix_millis(1)).expect("a token");
            let mut record = record(0, tokens);
            record.session = SessionId([0; 16]);
            record
        }),
        Shape::new("a session id of ones, received in the far future", || {
            let tokens = TokenSet::new(&token("late"), WallTime::from_unix_millis(1 << 52)).expect("a token");
            let mut record = record(0, tokens);
            record.session = SessionId([0xff; 16]);
            record
        }),
    ]
}

pub(super) fn long_tokens() -> Shape {
    let long = format!("{MARKER}-{}", "0123456789abcdef".repeat(4096));
    Shape::new("tokens of 64 KiB", move || {
        let tokens = TokenSet::new(&long, RECEIVED).expect("a token");
        record(9, tokens.refresh_token(&long).expect("a token").id_token(&long))
    })
}

/// What an attempt leaves in the record.
pub(super) fn troubled() -> Vec<Shape> {
    let with = |mark: Option<Mark>, back_off: Option<BackOff>| {
        move || {
            let mut record = record(6, full(6));
            if let State::Live {
                mark: marked,
                back_off: pausing,
                ..
            } = &mut record.state
            {
                (*marked, *pausing) = (mark, back_off);
            }
            record
        }
    };
    let mark = Mark {
        holder: HolderId([0xab; 16]),
        at: WallTime::from_unix_millis(1_700_000_000_001),
    };
    let back_off = BackOff {
        start: WallTime::from_unix_millis(1_700_000_000_002),
        length: Duration::from_millis(300_001),
        step: u32::MAX,
    };
    vec![
        Shape::new("a mark", with(Some(mark), None)),
        Shape::new("a pause", with(None, Some(back_off))),
        Shape::new("a mark and a pause", with(Some(mark), Some(back_off))),
    ]
}

/// Every way in which a session ends.
pub(super) fn tombstones() -> Vec<Shape> {
    let reasons = [
        EndReason::SignOut,
        EndReason::GrantDead { after_loss: false },
        EndReason::GrantDead { after_loss: true },
        EndReason::Removed,
    ];
    reasons.map(ended).into()
}
