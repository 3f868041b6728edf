//! The record as text: a line that says what follows, and the record as one line of JSON.
//!
//! The first line can be read without the second: a program that knows only this format still learns that a file is of
//! a later one, and leaves it alone. The checksum covers the version and the second line.

use std::sync::Arc;
use std::time::Duration;

use oneflight_core::{
    BackOff, EndReason, HolderId, Mark, Record, Secret, SessionId, State, Stored, TokenError, TokenSet,
    Version, WallTime,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The only format there is so far.
pub(super) const FORMAT: u64 = 1;

/// What is wrong with the content of a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// It was never one of ours, or its first line is damaged.
    #[error("it does not begin as a record of oneflight does")]
    Foreign,
    /// It ends before its first line says it does, or goes on after it.
    #[error("it is {found} bytes long after its first line, where {expected} were written")]
    Length {
        /// What was written, in bytes.
        expected: u64,
        /// What is there, in bytes.
        found: u64,
    },
    /// It is as long as it should be, and something else than was written.
    #[error("its checksum is wrong")]
    Checksum,
    /// Its checksum is right, and what it says makes no sense.
    #[error("its record makes no sense")]
    Nonsense,
    /// It is longer than any record.
    #[error("it is longer than {most_bytes} bytes")]
    TooLong {
        /// The most that is read, in bytes.
        most_bytes: u64,
    },
}

/// Why a text holds no record that can be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    Damaged(Damage),
    /// Written by a later version of this crate.
    Newer {
        format: u64,
    },
}

impl From<Damage> for Unreadable {
    fn from(damage: Damage) -> Self {
        Self::Damaged(damage)
    }
}

/// The first line.
#[derive(Serialize, Deserialize)]
struct Head {
    oneflight_file: u64,
    version: u64,
    bytes: u64,
    crc32: u32,
}

/// What any format's first line says.
#[derive(Deserialize)]
struct AnyHead {
    oneflight_file: u64,
}

/// The second line.
#[derive(Serialize, Deserialize)]
struct Body {
    session: String,
    set: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    live: Option<Live>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<Ended>,
}

#[derive(Serialize, Deserialize)]
struct Live {
    access_token: Zeroizing<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<Zeroizing<String>>,
    received_at_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<Zeroizing<String>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    extra: Vec<(String, Zeroizing<String>)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mark: Option<WrittenMark>,
    #[serde(skip_serializing_if = "Option::is_none")]
    back_off: Option<WrittenBackOff>,
}

#[derive(Serialize, Deserialize)]
struct WrittenMark {
    holder: String,
    at_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct WrittenBackOff {
    start_ms: u64,
    length_ms: u64,
    step: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Ended {
    SignOut,
    GrantDead,
    GrantDeadAfterLoss,
    Removed,
}

/// Reads a whole file.
pub(super) fn parse(bytes: &[u8]) -> Result<Stored, Unreadable> {
    if bytes.is_empty() {
        return Err(Damage::Empty.into());
    }
    let end = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .ok_or(Damage::Foreign)?;
    let (first, body) = (&bytes[..end], &bytes[end + 1..]);
    let any: AnyHead = serde_json::from_slice(first).map_err(|_| Damage::Foreign)?;
    if any.oneflight_file < FORMAT {
        // There was none before the first.
        return Err(Damage::Foreign.into());
    }
    if any.oneflight_file > FORMAT {
        return Err(Unreadable::Newer {
            format: any.oneflight_file,
        });
    }
    let head: Head = serde_json::from_slice(first).map_err(|_| Damage::Foreign)?;
    let found = u64::try_from(body.len()).unwrap_or(u64::MAX);
    if found != head.bytes {
        return Err(Damage::Length {
            expected: head.bytes,
            found,
        }
        .into());
    }
    if checksum(head.version, body) != head.crc32 {
        return Err(Damage::Checksum.into());
    }
    let record = serde_json::from_slice::<Body>(body).ok().and_then(read);
    Ok(Stored {
        version: Version(head.version),
        record: record.ok_or(Damage::Nonsense)?,
    })
}

fn checksum(version: u64, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&version.to_be_bytes());
    hasher.update(body);
    hasher.finalize()
}

fn read(body: Body) -> Option<Record> {
    let state = match (body.live, body.ended) {
        (Some(live), None) => read_live(live)?,
        (None, Some(ended)) => State::Ended(match ended {
            Ended::SignOut => EndReason::SignOut,
            Ended::GrantDead => EndReason::GrantDead { after_loss: false },
            Ended::GrantDeadAfterLoss => EndReason::GrantDead { after_loss: true },
            Ended::Removed => EndReason::Removed,
        }),
        _ => return None,
    };
    Some(Record {
        session: SessionId(from_hex(&body.session)?),
        set: body.set,
        state,
    })
}

fn read_live(live: Live) -> Option<State> {
    let mark = match &live.mark {
        Some(mark) => Some(Mark {
            holder: HolderId(from_hex(&mark.holder)?),
            at: WallTime::from_unix_millis(mark.at_ms),
        }),
        None => None,
    };
    let back_off = live.back_off.as_ref().map(|back_off| BackOff {
        start: WallTime::from_unix_millis(back_off.start_ms),
        length: Duration::from_millis(back_off.length_ms),
        step: back_off.step,
    });
    Some(State::Live {
        tokens: Arc::new(read_tokens(&live).ok()?),
        mark,
        back_off,
    })
}

fn read_tokens(live: &Live) -> Result<TokenSet, TokenError> {
    let mut tokens = TokenSet::new(
        &live.access_token,
        WallTime::from_unix_millis(live.received_at_ms),
    )?;
    if let Some(token) = &live.refresh_token {
        tokens = tokens.refresh_token(token)?;
    }
    if let Some(length) = live.expires_in_ms {
        tokens = tokens.expires_in(Duration::from_millis(length));
    }
    if let Some(scope) = &live.scope {
        tokens = tokens.scope(scope);
    }
    if let Some(token) = &live.id_token {
        tokens = tokens.id_token(token);
    }
    let extra = live.extra.iter();
    tokens.extra = extra
        .map(|(name, value)| (name.as_str().into(), Secret::new(value)))
        .collect();
    Ok(tokens)
}

/// A whole file; `None` if this format has no words for the record: better unsaved than saved wrong.
pub(super) fn write(version: Version, record: &Record) -> Option<Zeroizing<Vec<u8>>> {
    let (live, ended) = match &record.state {
        State::Live {
            tokens,
            mark,
            back_off,
        } => (Some(write_live(tokens, mark.as_ref(), back_off.as_ref())), None),
        State::Ended(reason) => (None, Some(write_end(*reason)?)),
    };
    let body = Body {
        session: to_hex(record.session.0),
        set: record.set,
        live,
        ended,
    };
    let mut line = Zeroizing::new(serde_json::to_vec(&body).ok()?);
    line.push(b'\n');
    let head = Head {
        oneflight_file: FORMAT,
        version: version.0,
        bytes: u64::try_from(line.len()).ok()?,
        crc32: checksum(version.0, &line),
    };
    let first = serde_json::to_vec(&head).ok()?;
    let mut whole = Zeroizing::new(Vec::with_capacity(first.len() + 1 + line.len()));
    whole.extend_from_slice(&first);
    whole.push(b'\n');
    whole.extend_from_slice(&line);
    Some(whole)
}

fn write_live(tokens: &TokenSet, mark: Option<&Mark>, back_off: Option<&BackOff>) -> Live {
    let secret = |text: &str| Zeroizing::new(text.to_owned());
    Live {
        access_token: secret(tokens.access_token.expose()),
        refresh_token: tokens.refresh_token.as_ref().map(|token| secret(token.expose())),
        received_at_ms: tokens.received_at.as_unix_millis(),
        expires_in_ms: tokens.expires_in.map(millis),
        scope: tokens.scope.as_deref().map(str::to_owned),
        id_token: tokens.id_token.as_ref().map(|token| secret(token.expose())),
        extra: tokens
            .extra
            .iter()
            .map(|(name, value)| (name.to_string(), secret(value.expose())))
            .collect(),
        mark: mark.map(|mark| WrittenMark {
            holder: to_hex(mark.holder.0),
            at_ms: mark.at.as_unix_millis(),
        }),
        back_off: back_off.map(|back_off| WrittenBackOff {
            start_ms: back_off.start.as_unix_millis(),
            length_ms: millis(back_off.length),
            step: back_off.step,
        }),
    }
}

fn write_end(reason: EndReason) -> Option<Ended> {
    Some(match reason {
        EndReason::SignOut => Ended::SignOut,
        EndReason::GrantDead { after_loss: false } => Ended::GrantDead,
        EndReason::GrantDead { after_loss: true } => Ended::GrantDeadAfterLoss,
        EndReason::Removed => Ended::Removed,
        _ => return None,
    })
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

fn to_hex(bytes: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(bytes))
}

fn from_hex(text: &str) -> Option<[u8; 16]> {
    // `from_str_radix` would take a sign.
    let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = if digits {
        u128::from_str_radix(text, 16).ok()
    } else {
        None
    };
    number.map(u128::to_be_bytes)
}
