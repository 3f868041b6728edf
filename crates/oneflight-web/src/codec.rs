//! The stored record as one text.
//!
//! `oneflight/1;` and then fields, each ended by `;`: numbers in decimal, texts as their length in bytes, a colon and the
//! bytes, `-` for what is absent; a full stop ends the record. A text that was cut off, or that somebody else wrote, is
//! never taken for a record, and one of a later format is refused by name, so that it is not overwritten.
//!
//! The record carries its own version number, because the versions of a store of the application are opaque and the
//! core's grow.

use alloc::string::String;
use alloc::sync::Arc;
use core::time::Duration;

use oneflight_core::time::millis;
use oneflight_core::{
    BackOff, EndReason, HolderId, Mark, Record, Secret, SessionId, State, Stored, TokenSet, Version, WallTime,
};
use zeroize::Zeroizing;

const NAME: &str = "oneflight/";
const FORMAT: u64 = 1;

/// Why a text is not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DecodeError {
    /// Somebody else's text.
    Foreign,
    /// A record of a later format.
    Newer,
    /// It begins as a record and does not go on as one.
    Torn,
}

/// The record as a text, under this version. The text holds the tokens and is wiped when dropped.
#[must_use]
pub fn encode(record: &Record, version: Version) -> Zeroizing<String> {
    let mut writer = Writer(Zeroizing::new(String::with_capacity(capacity(record))));
    writer.0.push_str(NAME);
    writer.number(FORMAT);
    writer.number(version.0);
    writer.bytes16(&record.session.0);
    writer.number(record.set);
    match &record.state {
        State::Ended(reason) => {
            writer.number(0);
            writer.number(match reason {
                EndReason::SignOut => 0,
                EndReason::GrantDead { after_loss: false } => 1,
                EndReason::GrantDead { after_loss: true } => 2,
                // What a later core may say: over, whatever the reason.
                _ => 3,
            });
        }
        State::Live {
            tokens,
            mark,
            back_off,
        } => {
            writer.number(1);
            writer.tokens(tokens);
            writer.present(mark.is_some());
            if let Some(mark) = mark {
                writer.bytes16(&mark.holder.0);
                writer.number(mark.at.as_unix_millis());
            }
            writer.present(back_off.is_some());
            if let Some(back_off) = back_off {
                writer.number(back_off.start.as_unix_millis());
                writer.number(millis(back_off.length));
                writer.number(back_off.step.into());
            }
        }
    }
    writer.0.push('.');
    writer.0
}

/// Enough for the whole text: a text that grows leaves unwiped copies behind.
fn capacity(record: &Record) -> usize {
    const NUMBERS: usize = 512;
    const PER_TEXT: usize = 24;
    let State::Live { tokens, .. } = &record.state else {
        return NUMBERS;
    };
    let text = |length: usize| length + PER_TEXT;
    let extra = tokens
        .extra
        .iter()
        .map(|(name, secret)| text(name.len()) + text(secret.expose().len()));
    NUMBERS
        + text(tokens.access_token.expose().len())
        + tokens
            .refresh_token
            .as_ref()
            .map_or(0, |token| text(token.expose().len()))
        + tokens.scope.as_ref().map_or(0, |scope| text(scope.len()))
        + tokens
            .id_token
            .as_ref()
            .map_or(0, |token| text(token.expose().len()))
        + extra.sum::<usize>()
}

struct Writer(Zeroizing<String>);

impl Writer {
    fn digits(&mut self, mut number: u64) {
        let mut digits = [0_u8; 20];
        let mut start = digits.len();
        loop {
            start -= 1;
            digits[start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.0
            .extend(digits[start..].iter().map(|digit| char::from(*digit)));
    }

    fn number(&mut self, number: u64) {
        self.digits(number);
        self.0.push(';');
    }

    fn present(&mut self, present: bool) {
        self.0.push_str(if present { "+;" } else { "-;" });
    }

    fn text(&mut self, text: &str) {
        self.digits(text.len() as u64);
        self.0.push(':');
        self.0.push_str(text);
        self.0.push(';');
    }

    fn optional(&mut self, text: Option<&str>) {
        self.present(text.is_some());
        if let Some(text) = text {
            self.text(text);
        }
    }

    fn bytes16(&mut self, bytes: &[u8; 16]) {
        push_hex(&mut self.0, bytes);
        self.0.push(';');
    }

    fn tokens(&mut self, tokens: &TokenSet) {
        self.text(tokens.access_token.expose());
        self.optional(tokens.refresh_token.as_ref().map(|token| token.expose()));
        self.number(tokens.received_at.as_unix_millis());
        self.present(tokens.expires_in.is_some());
        if let Some(lifetime) = tokens.expires_in {
            self.number(millis(lifetime));
        }
        self.optional(tokens.scope.as_deref());
        self.optional(tokens.id_token.as_ref().map(Secret::expose));
        self.number(tokens.extra.len() as u64);
        for (name, secret) in &tokens.extra {
            self.text(name);
            self.text(secret.expose());
        }
    }
}

/// Writes bytes in hexadecimal.
pub(crate) fn push_hex(text: &mut String, bytes: &[u8; 16]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

/// Reads 16 bytes from 32 hexadecimal digits.
pub(crate) fn read_hex(text: &str) -> Option<[u8; 16]> {
    let digits = text.as_bytes();
    if digits.len() != 32 {
        return None;
    }
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = (high * 16 + low) as u8;
    }
    Some(bytes)
}

/// Reads a record and its version.
///
/// # Errors
/// [`DecodeError`] for anything that [`encode`] did not write.
pub fn decode(text: &str) -> Result<Stored, DecodeError> {
    let rest = text.strip_prefix(NAME).ok_or(DecodeError::Foreign)?;
    let mut reader = Reader(rest);
    let format = reader.number().ok_or(DecodeError::Torn)?;
    if format > FORMAT {
        return Err(DecodeError::Newer);
    }
    reader
        .stored()
        .filter(|_| format == FORMAT && reader.0 == ".")
        .ok_or(DecodeError::Torn)
}

struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    fn until(&mut self, end: u8) -> Option<&'a str> {
        let length = self.0.bytes().position(|byte| byte == end)?;
        let field = self.0.get(..length)?;
        self.0 = self.0.get(length + 1..)?;
        Some(field)
    }

    fn number(&mut self) -> Option<u64> {
        digits(self.until(b';')?)
    }

    fn present(&mut self) -> Option<bool> {
        match self.until(b';')? {
            "+" => Some(true),
            "-" => Some(false),
            _ => None,
        }
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(digits(self.until(b':')?)?).ok()?;
        let text = self.0.get(..length)?;
        self.0 = self.0.get(length..)?.strip_prefix(';')?;
        Some(text)
    }

    fn optional(&mut self) -> Option<Option<&'a str>> {
        Some(if self.present()? { Some(self.text()?) } else { None })
    }

    fn bytes16(&mut self) -> Option<[u8; 16]> {
        read_hex(self.until(b';')?)
    }

    fn wall(&mut self) -> Option<WallTime> {
        self.number().map(WallTime::from_unix_millis)
    }

    fn length(&mut self) -> Option<Duration> {
        self.number().map(Duration::from_millis)
    }

    fn stored(&mut self) -> Option<Stored> {
        let version = Version(self.number()?);
        let session = SessionId(self.bytes16()?);
        let set = self.number()?;
        let state = match self.number()? {
            0 => State::Ended(match self.number()? {
                0 => EndReason::SignOut,
                1 => EndReason::GrantDead { after_loss: false },
                2 => EndReason::GrantDead { after_loss: true },
                3 => EndReason::Removed,
                _ => return None,
            }),
            1 => State::Live {
                tokens: Arc::new(self.tokens()?),
                mark: self.mark()?,
                back_off: self.back_off()?,
            },
            _ => return None,
        };
        let record = Record { session, set, state };
        Some(Stored { version, record })
    }

    fn mark(&mut self) -> Option<Option<Mark>> {
        if !self.present()? {
            return Some(None);
        }
        let holder = HolderId(self.bytes16()?);
        Some(Some(Mark {
            holder,
            at: self.wall()?,
        }))
    }

    fn back_off(&mut self) -> Option<Option<BackOff>> {
        if !self.present()? {
            return Some(None);
        }
        Some(Some(BackOff {
            start: self.wall()?,
            length: self.length()?,
            step: u32::try_from(self.number()?).ok()?,
        }))
    }

    fn tokens(&mut self) -> Option<TokenSet> {
        let access_token = self.text()?;
        let refresh_token = self.optional()?;
        let mut tokens = TokenSet::new(access_token, self.wall()?).ok()?;
        if let Some(refresh_token) = refresh_token {
            tokens = tokens.refresh_token(refresh_token).ok()?;
        }
        if self.present()? {
            tokens = tokens.expires_in(self.length()?);
        }
        if let Some(scope) = self.optional()? {
            tokens = tokens.scope(scope);
        }
        if let Some(id_token) = self.optional()? {
            tokens = tokens.id_token(id_token);
        }
        for _ in 0..self.number()? {
            let name = self.text()?;
            tokens.extra.push((name.into(), Secret::new(self.text()?)));
        }
        Some(tokens)
    }
}

/// A number that is nothing but digits and no larger than can be counted.
fn digits(text: &str) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.bytes().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        // Not `checked_mul`, which multiplies in 128 bits here.
        (number <= u64::MAX / 10).then(|| number * 10)?.checked_add(digit)
    })
}
