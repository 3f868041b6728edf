//! A record as the members of a line of JSON.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use oneflight_core::{
    BackOff, EndReason, HolderId, Mark, Record, Secret, State, TokenError, TokenSet, WallTime,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// What is secret of a record: all but whose it is.
#[derive(Serialize, Deserialize)]
pub(super) struct Content {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) live: Option<Live>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ended: Option<Ended>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Live {
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
pub(super) enum Ended {
    SignOut,
    GrantDead,
    GrantDeadAfterLoss,
    Removed,
}

impl Content {
    /// `None` if this format has no words for the record: better unsaved than saved wrong.
    pub(super) fn of(record: &Record) -> Option<Self> {
        Some(match &record.state {
            State::Live {
                tokens,
                mark,
                back_off,
            } => Self {
                live: Some(write_live(tokens, mark.as_ref(), back_off.as_ref())),
                ended: None,
            },
            State::Ended(reason) => Self {
                live: None,
                ended: Some(write_end(*reason)?),
            },
        })
    }

    /// `None` if it makes no sense.
    pub(super) fn state(self) -> Option<State> {
        match (self.live, self.ended) {
            (Some(live), None) => read_live(live),
            (None, Some(ended)) => Some(State::Ended(match ended {
                Ended::SignOut => EndReason::SignOut,
                Ended::GrantDead => EndReason::GrantDead { after_loss: false },
                Ended::GrantDeadAfterLoss => EndReason::GrantDead { after_loss: true },
                Ended::Removed => EndReason::Removed,
            })),
            _ => None,
        }
    }
}

/// The value as JSON, in a buffer that does not grow: that would leave copies of tokens behind.
pub(super) fn to_json(value: &impl Serialize, room: usize) -> Option<Zeroizing<Vec<u8>>> {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    serde_json::to_writer(&mut count, value).ok()?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(count.0 + room));
    serde_json::to_writer(&mut *bytes, value).ok()?;
    Some(bytes)
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

pub(super) fn to_hex(bytes: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(bytes))
}

pub(super) fn from_hex(text: &str) -> Option<[u8; 16]> {
    // `from_str_radix` would take a sign.
    let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = if digits {
        u128::from_str_radix(text, 16).ok()
    } else {
        None
    };
    number.map(u128::to_be_bytes)
}
