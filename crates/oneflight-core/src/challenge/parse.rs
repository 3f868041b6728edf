//! `WWW-Authenticate = #challenge` (RFC 9110 §11.6.1), read to the end whatever it holds.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Challenge, Challenges, MAX_CHALLENGES, MAX_PARAMETERS};

/// Reads one header value and adds what it holds.
///
/// A comma separates both challenges and parameters, so what a token is shows only after it: with `=` it names a
/// parameter of the challenge before it, without it is a scheme.
pub(super) fn header(value: &[u8], into: &mut Challenges) {
    let mut reader = Reader { rest: value };
    let mut current: Option<Challenge> = None;
    while !reader.rest.is_empty() {
        let word = reader.token();
        if word.is_empty() {
            // A separator, a stray string, or garbage.
            if reader.quoted_string().is_none() {
                reader.skip(1);
            }
            continue;
        }
        let after_word = reader.rest;
        reader.skip_blanks();
        if reader.eat(b'=') {
            reader.skip_blanks();
            let value = match reader.quoted_string() {
                Some(value) => text(&value),
                None => text(reader.token()),
            };
            if let Some(challenge) = &mut current {
                into.truncated |= !add(challenge, word, value);
            }
            continue;
        }
        reader.rest = after_word;
        if !finish(current.take(), into) {
            return;
        }
        current = Some(Challenge {
            scheme: text(word),
            token68: reader.token68().map(text),
            parameters: Vec::new(),
        });
    }
    finish(current, into);
}

/// Of equal names the first counts, so later ones need no room.
fn add(challenge: &mut Challenge, name: &[u8], value: String) -> bool {
    if challenge.parameters.len() == MAX_PARAMETERS {
        return false;
    }
    challenge.parameters.push((text(name), value));
    true
}

/// Keeps a challenge; false if there is no room for it.
fn finish(challenge: Option<Challenge>, into: &mut Challenges) -> bool {
    let Some(challenge) = challenge else {
        return true;
    };
    let room = into.list.len() < MAX_CHALLENGES;
    into.truncated |= !room;
    if room {
        into.list.push(challenge);
    }
    room
}

/// What is no UTF-8 is read as Latin-1, as headers once were.
fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| char::from(*byte)));
    }
    text
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn skip(&mut self, bytes: usize) {
        self.rest = &self.rest[bytes..];
    }

    fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|byte| !wanted(*byte));
        let (taken, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        taken
    }

    fn skip_blanks(&mut self) {
        self.take_while(is_blank);
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.rest.first() == Some(&byte);
        if found {
            self.skip(1);
        }
        found
    }

    /// `token = 1*tchar` (RFC 9110 §5.6.2); empty if there is none.
    fn token(&mut self) -> &'a [u8] {
        self.take_while(is_tchar)
    }

    /// The unescaped text of a quoted string (RFC 9110 §5.6.4); to the end of the value if its closing quote is missing.
    fn quoted_string(&mut self) -> Option<Vec<u8>> {
        if !self.eat(b'"') {
            return None;
        }
        let mut unescaped = Vec::new();
        while let Some((&byte, rest)) = self.rest.split_first() {
            self.rest = rest;
            match byte {
                b'"' => break,
                b'\\' => {
                    if let Some((&escaped, rest)) = self.rest.split_first() {
                        self.rest = rest;
                        unescaped.push(escaped);
                    }
                }
                _ => unescaped.push(byte),
            }
        }
        Some(unescaped)
    }

    /// `1*SP token68` (RFC 9110 §11.2), which must be all there is before the next comma; else nothing is read.
    fn token68(&mut self) -> Option<&'a [u8]> {
        let start = self.rest;
        self.skip_blanks();
        if self.rest.len() == start.len() {
            return None;
        }
        let token = self.rest;
        let letters = self.take_while(is_token68).len();
        let padding = self.take_while(|byte| byte == b'=').len();
        let end = self.rest;
        self.skip_blanks();
        if letters > 0 && matches!(self.rest.first(), None | Some(b',')) {
            self.rest = end;
            return Some(&token[..letters + padding]);
        }
        self.rest = start;
        None
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn is_tchar(byte: u8) -> bool {
    // Not `contains`, which brings a search for long texts.
    matches!(
        byte,
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~'
    )
}

fn is_token68(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
}
