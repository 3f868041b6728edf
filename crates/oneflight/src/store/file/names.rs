//! What the files of keyed records are called.
//!
//! `key-` and the key, with all but lower-case letters, digits, `-` and `_` as `%xx`: so no two keys meet where upper and
//! lower case are the same, no name is reserved, and a dot begins what stands beside a record. A key that would make too
//! long a name is called by its hash, `hash-` and SHA-256, and stands in the first line of the file.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// A longer key is refused, as by the other stores.
pub(super) const KEY_MAX_BYTES: usize = 1_024;

/// A longer name is replaced by a hash: some encrypted file systems have no more than 143 bytes.
const NAME_MAX_BYTES: usize = 128;

const PLAIN: &str = "key-";
const HASHED: &str = "hash-";

/// What stands beside a record.
pub(super) const BESIDE: [&str; 3] = [".lock", ".turn", ".new"];

/// The name of the file of this key, and whether the key cannot be read in it.
pub(super) fn name(key: &str) -> (String, bool) {
    let mut name = String::with_capacity(NAME_MAX_BYTES);
    name.push_str(PLAIN);
    for byte in key.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(byte)),
            _ => {
                let _ = write!(name, "%{byte:02x}");
            }
        }
        if name.len() > NAME_MAX_BYTES {
            return (hashed(key), true);
        }
    }
    (name, false)
}

fn hashed(key: &str) -> String {
    let mut name = HASHED.to_owned();
    for byte in Sha256::digest(key) {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

/// What a file is, by its name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// The record of this key.
    Key(String),
    /// The record of a key that stands in it.
    Hash,
    /// Beside the record of this name.
    Beside(String),
    /// None of ours.
    Foreign,
}

pub(super) fn read(name: &str) -> Named {
    if let Some(record) = BESIDE.iter().find_map(|ending| name.strip_suffix(ending)) {
        return match read(record) {
            Named::Key(_) | Named::Hash => Named::Beside(record.to_owned()),
            _ => Named::Foreign,
        };
    }
    if let Some(key) = name.strip_prefix(PLAIN).and_then(decode) {
        // Spelled otherwise it would be somebody else's.
        if self::name(&key) == (name.to_owned(), false) {
            return Named::Key(key);
        }
    }
    let hex = |digits: &str| {
        let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        digits.len() == 64 && digits.bytes().all(hex)
    };
    match name.strip_prefix(HASHED).is_some_and(hex) {
        true => Named::Hash,
        false => Named::Foreign,
    }
}

fn decode(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(code, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn p18_names_are_readable_and_no_two_keys_share_one() {
        assert_eq!(name("user-4711"), ("key-user-4711".to_owned(), false));
        assert_eq!(name("A.lock").0, "key-%41%2elock");
        let keys = [
            "", "a", "A", "a.lock", "a.turn", "%41", "..", "/", "a/b", "ü", "con", "a\0b",
        ];
        let mut names: Vec<String> = keys.iter().map(|key| name(key).0.to_lowercase()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), keys.len());
        for key in keys {
            assert_eq!(read(&name(key).0), Named::Key(key.to_owned()));
        }
        let long = "x".repeat(500);
        let (name, is_hashed) = name(&long);
        assert!(is_hashed && name.len() < NAME_MAX_BYTES, "{name}");
        assert_eq!(read(&name), Named::Hash);
        assert_eq!(read("key-a.lock"), Named::Beside("key-a".to_owned()));
        assert_eq!(read(&format!("{name}.turn")), Named::Beside(name));
        let foreign = [
            "",
            "key",
            "session",
            "key-A",
            "key-%4",
            "key-%61",
            "key-a.txt",
            "key-+a",
            "hash-0",
            "x.lock",
        ];
        for foreign in foreign {
            assert_eq!(read(foreign), Named::Foreign, "{foreign}");
        }
    }

    proptest! {
        #[test]
        fn p18_every_key_comes_back_from_its_name_and_every_name_is_fit(key in ".{0,60}") {
            let (name, is_hashed) = name(&key);
            prop_assert!(name.len() <= NAME_MAX_BYTES);
            prop_assert!(name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'%')));
            match is_hashed {
                true => prop_assert_eq!(read(&name), Named::Hash),
                false => prop_assert_eq!(read(&name), Named::Key(key)),
            }
        }

        #[test]
        fn p18_whatever_lies_in_the_folder_is_judged(name in ".{0,80}") {
            if let Named::Key(key) = read(&name) {
                prop_assert_eq!(self::super::name(&key).0, name);
            }
        }
    }
}
