//! The record as a text.

use std::sync::Arc;
use std::time::Duration;

use oneflight_core::{
    BackOff, EndReason, HolderId, Mark, Record, Secret, SessionId, State, TokenSet, Version, WallTime,
};
use oneflight_web::codec::{DecodeError, decode, encode};
use proptest::prelude::*;

fn live(access: &str, scope: &str, mark: bool) -> Record {
    let mut tokens = TokenSet::new(access, WallTime::from_unix_millis(7))
        .and_then(|tokens| tokens.refresh_token("refresh;2:"))
        .expect("tokens")
        .expires_in(Duration::from_millis(90_001))
        .scope(scope)
        .id_token("id.token");
    tokens.extra.push(("extra".into(), Secret::new("{\"a\":1}")));
    Record {
        session: SessionId([0xab; 16]),
        set: 3,
        state: State::Live {
            tokens: Arc::new(tokens),
            mark: mark.then_some(Mark {
                holder: HolderId([9; 16]),
                at: WallTime::from_unix_millis(11),
            }),
            back_off: mark.then_some(BackOff {
                start: WallTime::from_unix_millis(12),
                length: Duration::from_millis(13),
                step: 14,
            }),
        },
    }
}

#[test]
fn p6_a_record_that_was_cut_off_anywhere_is_refused() {
    let text = encode(&live("access", "a b", true), Version(5));
    for length in 0..text.len() {
        assert!(decode(&text[..length]).is_err(), "{length} bytes");
    }
    assert!(decode(&format!("{}x", *text)).is_err());
}

#[test]
fn p8_a_record_of_a_later_format_is_refused_by_name() {
    let text = encode(&live("access", "a b", false), Version(5));
    let later = text.replacen("oneflight/1;", "oneflight/2;", 1);
    assert_eq!(decode(&later).unwrap_err(), DecodeError::Newer);
    assert_eq!(decode("{}").unwrap_err(), DecodeError::Foreign);
}

#[test]
fn p8_tombstones_keep_their_reason() {
    for reason in [
        EndReason::SignOut,
        EndReason::GrantDead { after_loss: false },
        EndReason::GrantDead { after_loss: true },
        EndReason::Removed,
    ] {
        let record = Record {
            session: SessionId([1; 16]),
            set: 2,
            state: State::Ended(reason),
        };
        let stored = decode(&encode(&record, Version(1))).unwrap();
        assert!(matches!(stored.record.state, State::Ended(kept) if kept == reason));
    }
}

proptest! {
    #[test]
    fn p8_what_is_written_is_read_again(
        access in "[ -~]{1,80}",
        scope in ".{0,40}",
        version in any::<u64>(),
        mark in any::<bool>(),
    ) {
        let record = live(&access, &scope, mark);
        let text = encode(&record, Version(version));
        let stored = decode(&text).unwrap();
        prop_assert_eq!(stored.version, Version(version));
        let again = encode(&stored.record, Version(version));
        prop_assert_eq!(&*again, &*text);
    }

    #[test]
    fn p6_no_text_at_all_makes_the_decoder_panic(text in "(oneflight/1;)?([0-9]{1,20}[;:]|[+-];|.{0,20})*") {
        let _ = decode(&text);
    }
}
