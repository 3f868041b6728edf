//! The record as text: JSON, whose `refresh_token` other programs can read too.

use std::sync::Arc;
use std::time::Duration;

use oneflight_core::{
    BackOff, EndReason, HolderId, Mark, Record, SessionId, State, Stored, TokenError, TokenSet, Version,
    WallTime,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

/// The only format there is so far.
const FORMAT: u64 = 1;

/// An access token is part of every set; a grant that has none yet gets this one, which has expired before it was made.
const NO_ACCESS_TOKEN: &str = "none-yet";

/// Why a text holds no grant.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FormatError {
    #[error("it is no file")]
    NotAFile,
    #[error("it is empty")]
    Empty,
    #[error("it is longer than {most_bytes} bytes")]
    TooLong { most_bytes: u64 },
    #[error("it holds neither one token on one line nor JSON with a \"refresh_token\"")]
    Foreign,
    // serde_json's own message may quote the text, and the text may be a token.
    #[error("its JSON ends early or is damaged (line {line}, column {column})")]
    Damaged { line: usize, column: usize },
    #[error("it was written by a newer oneflight (format {format})")]
    Newer { format: u64 },
    #[error("its token cannot be one")]
    Token(#[from] TokenError),
    #[error("this record cannot be written in the format of the file")]
    Unwritable,
}

/// What a file holds.
pub(super) enum Content {
    /// A refresh token, as a user or another program put it there.
    Grant { refresh_token: Zeroizing<String> },
    /// A record of ours.
    Record(Stored),
}

#[derive(Serialize, Deserialize)]
struct Written {
    oneflight_record: u64,
    version: u64,
    session: String,
    set: u64,
    #[serde(flatten)]
    state: WrittenState,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WrittenState {
    #[serde(untagged)]
    Live(Box<WrittenSet>),
    #[serde(untagged)]
    Ended { ended: WrittenEnd },
}

#[derive(Serialize, Deserialize)]
struct WrittenSet {
    refresh_token: Option<Zeroizing<String>>,
    access_token: Zeroizing<String>,
    received_at_ms: u64,
    expires_in_ms: Option<u64>,
    scope: Option<String>,
    id_token: Option<Zeroizing<String>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    extra: Vec<(String, Zeroizing<String>)>,
    mark: Option<WrittenMark>,
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
enum WrittenEnd {
    SignOut,
    GrantDead,
    GrantDeadAfterLoss,
    Removed,
}

/// The first record of a grant.
pub(super) fn begin(session: SessionId, refresh_token: &str) -> Result<Record, FormatError> {
    let tokens = TokenSet::new(NO_ACCESS_TOKEN, WallTime::default())?
        .refresh_token(refresh_token)?
        .expires_in(Duration::ZERO);
    let state = State::Live {
        tokens: Arc::new(tokens),
        mark: None,
        back_off: None,
    };
    Ok(Record {
        session,
        set: 0,
        state,
    })
}

/// The next record of the same grant. When its access token runs out is left open: only a refusal will tell.
pub(super) fn follow(
    before: &Record,
    access_token: &str,
    refresh_token: &str,
) -> Result<Record, FormatError> {
    let tokens = TokenSet::new(access_token, WallTime::default())?.refresh_token(refresh_token)?;
    let state = State::Live {
        tokens: Arc::new(tokens),
        mark: None,
        back_off: None,
    };
    Ok(Record {
        session: before.session,
        set: before.set + 1,
        state,
    })
}

pub(super) fn parse(bytes: &[u8]) -> Result<Content, FormatError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| FormatError::Foreign)?
        .trim();
    if text.is_empty() {
        return Err(FormatError::Empty);
    }
    if !text.starts_with('{') {
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(FormatError::Foreign);
        }
        return Ok(Content::Grant {
            refresh_token: Zeroizing::new(text.to_owned()),
        });
    }
    let damaged = |error: serde_json::Error| FormatError::Damaged {
        line: error.line(),
        column: error.column(),
    };
    let value: Value = serde_json::from_str(text).map_err(damaged)?;
    match (
        value.get("oneflight_record").map(Value::as_u64),
        value.get("refresh_token").and_then(Value::as_str),
    ) {
        (Some(Some(FORMAT)), _) => serde_json::from_value(value)
            .map_err(damaged)
            .and_then(read)
            .map(Content::Record),
        (Some(Some(format)), _) => Err(FormatError::Newer { format }),
        (None, Some(token)) => Ok(Content::Grant {
            refresh_token: Zeroizing::new(token.to_owned()),
        }),
        (Some(None), _) | (None, None) => Err(FormatError::Foreign),
    }
}

fn read(written: Written) -> Result<Stored, FormatError> {
    let state = match written.state {
        WrittenState::Live(set) => live(*set)?,
        WrittenState::Ended { ended } => State::Ended(match ended {
            WrittenEnd::SignOut => EndReason::SignOut,
            WrittenEnd::GrantDead => EndReason::GrantDead { after_loss: false },
            WrittenEnd::GrantDeadAfterLoss => EndReason::GrantDead { after_loss: true },
            WrittenEnd::Removed => EndReason::Removed,
        }),
    };
    let session = SessionId(from_hex(&written.session)?);
    Ok(Stored {
        version: Version(written.version),
        record: Record {
            session,
            set: written.set,
            state,
        },
    })
}

fn live(set: WrittenSet) -> Result<State, FormatError> {
    let mut tokens = TokenSet::new(&set.access_token, WallTime::from_unix_millis(set.received_at_ms))?;
    if let Some(token) = &set.refresh_token {
        tokens = tokens.refresh_token(token)?;
    }
    if let Some(millis) = set.expires_in_ms {
        tokens = tokens.expires_in(Duration::from_millis(millis));
    }
    if let Some(scope) = &set.scope {
        tokens = tokens.scope(scope);
    }
    if let Some(token) = &set.id_token {
        tokens = tokens.id_token(token);
    }
    tokens.extra = set
        .extra
        .iter()
        .map(|(name, value)| (name.as_str().into(), oneflight_core::Secret::new(value)))
        .collect();
    let mark = match &set.mark {
        Some(mark) => Some(Mark {
            holder: HolderId(from_hex(&mark.holder)?),
            at: WallTime::from_unix_millis(mark.at_ms),
        }),
        None => None,
    };
    let back_off = set.back_off.map(|back_off| BackOff {
        start: WallTime::from_unix_millis(back_off.start_ms),
        length: Duration::from_millis(back_off.length_ms),
        step: back_off.step,
    });
    Ok(State::Live {
        tokens: Arc::new(tokens),
        mark,
        back_off,
    })
}

pub(super) fn write(stored: &Stored) -> Result<Zeroizing<String>, FormatError> {
    let state = match &stored.record.state {
        State::Live {
            tokens,
            mark,
            back_off,
        } => WrittenState::Live(Box::new(WrittenSet {
            refresh_token: tokens.refresh_token.as_ref().map(|token| secret(token.expose())),
            access_token: secret(tokens.access_token.expose()),
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
        })),
        State::Ended(reason) => WrittenState::Ended {
            ended: match reason {
                EndReason::SignOut => WrittenEnd::SignOut,
                EndReason::GrantDead { after_loss: false } => WrittenEnd::GrantDead,
                EndReason::GrantDead { after_loss: true } => WrittenEnd::GrantDeadAfterLoss,
                EndReason::Removed => WrittenEnd::Removed,
                // What a newer core may say: better unsaved than saved wrong.
                _ => return Err(FormatError::Unwritable),
            },
        },
    };
    let written = Written {
        oneflight_record: FORMAT,
        version: stored.version.0,
        session: to_hex(stored.record.session.0),
        set: stored.record.set,
        state,
    };
    let mut text = serde_json::to_string_pretty(&written).map_err(|_| FormatError::Unwritable)?;
    text.push('\n');
    Ok(Zeroizing::new(text))
}

fn secret(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_owned())
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn to_hex(bytes: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(bytes))
}

fn from_hex(text: &str) -> Result<[u8; 16], FormatError> {
    // `from_str_radix` would take a sign.
    let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = if digits {
        u128::from_str_radix(text, 16).ok()
    } else {
        None
    };
    number.map(u128::to_be_bytes).ok_or(FormatError::Foreign)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(record: Record) -> Record {
        let text = write(&Stored {
            version: Version(7),
            record,
        })
        .unwrap();
        match parse(text.as_bytes()).unwrap() {
            Content::Record(stored) => {
                assert_eq!(stored.version, Version(7));
                stored.record
            }
            Content::Grant { .. } => panic!("a record is no bare grant: {}", *text),
        }
    }

    #[test]
    fn p8_everything_in_a_record_comes_back() {
        let mut tokens = TokenSet::new("access", WallTime::from_unix_millis(5))
            .unwrap()
            .refresh_token("refresh")
            .unwrap();
        tokens = tokens
            .expires_in(Duration::from_millis(900))
            .scope("read write")
            .id_token("id");
        tokens.extra = vec![("x".into(), oneflight_core::Secret::new("{\"deep\":1}"))];
        let mark = Mark {
            holder: HolderId([0xab; 16]),
            at: WallTime::from_unix_millis(6),
        };
        let back_off = BackOff {
            start: WallTime::from_unix_millis(7),
            length: Duration::from_secs(8),
            step: 9,
        };
        let state = State::Live {
            tokens: Arc::new(tokens),
            mark: Some(mark),
            back_off: Some(back_off),
        };
        let back = round_trip(Record {
            session: SessionId([1; 16]),
            set: 3,
            state,
        });
        assert_eq!((back.session, back.set), (SessionId([1; 16]), 3));
        let State::Live {
            tokens,
            mark: Some(mark_back),
            back_off: Some(back_off_back),
        } = back.state
        else {
            panic!("live, marked and backing off")
        };
        assert_eq!((mark_back, back_off_back), (mark, back_off));
        assert_eq!(tokens.access_token.expose(), "access");
        assert_eq!(tokens.refresh_token.as_ref().unwrap().expose(), "refresh");
        assert_eq!(
            (tokens.received_at, tokens.expires_in),
            (WallTime::from_unix_millis(5), Some(Duration::from_millis(900)))
        );
        assert_eq!(
            (
                tokens.scope.as_deref(),
                tokens.id_token.as_ref().unwrap().expose()
            ),
            (Some("read write"), "id")
        );
        assert_eq!(
            (&*tokens.extra[0].0, tokens.extra[0].1.expose()),
            ("x", "{\"deep\":1}")
        );
    }

    #[test]
    fn p8_a_tombstone_comes_back_with_its_reason() {
        for reason in [
            EndReason::SignOut,
            EndReason::GrantDead { after_loss: false },
            EndReason::GrantDead { after_loss: true },
            EndReason::Removed,
        ] {
            let back = round_trip(Record {
                session: SessionId([2; 16]),
                set: 4,
                state: State::Ended(reason),
            });
            assert!(
                matches!(back.state, State::Ended(found) if found == reason),
                "{reason:?}"
            );
        }
    }
}
