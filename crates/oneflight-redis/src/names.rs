//! What the keys in Redis are called.

use std::fmt::Write as _;

const RECORD: &str = ":record";
const LEASE: &str = ":lease";

/// Where the keys of all records begin: `PREFIX:`.
#[derive(Debug, Clone)]
pub(crate) struct Prefix(Box<str>);

impl Prefix {
    /// Braces would move the hash tag; a prefix without letters would be nobody's.
    pub(crate) fn new(prefix: &str) -> Result<Self, &'static str> {
        if prefix.is_empty() {
            return Err("it must not be empty, or keys of others might be taken for records");
        }
        if prefix.contains(|c: char| matches!(c, '{' | '}') || c.is_control()) {
            return Err("it must not hold braces or control characters");
        }
        Ok(Self(prefix.into()))
    }

    /// What all names of one record begin with, and the channel that speaks of it: `PREFIX:{KEY}`. What stands in braces
    /// decides the slot in a cluster, so lease and record stay together.
    pub(crate) fn base(&self, key: &str) -> String {
        let mut base = format!("{}:{{", self.0);
        for c in key.chars() {
            match c {
                '{' | '}' | '%' => {
                    let _ = write!(base, "%{:02X}", u32::from(c));
                }
                c => base.push(c),
            }
        }
        if key.is_empty() {
            // Empty braces are no hash tag; a lone % comes of no other key.
            base.push('%');
        }
        base.push('}');
        base
    }

    /// The pattern of all records' names, for SCAN.
    pub(crate) fn pattern(&self) -> String {
        let mut pattern = String::new();
        for c in self.0.chars() {
            if matches!(c, '*' | '?' | '[' | ']' | '\\' | '^') {
                pattern.push('\\');
            }
            pattern.push(c);
        }
        pattern + ":{*}" + RECORD
    }

    /// The key whose record has this name; `None`: it is no name of ours.
    pub(crate) fn key(&self, name: &str) -> Option<String> {
        let tag = name
            .strip_prefix(&*self.0)?
            .strip_prefix(":{")?
            .strip_suffix(RECORD)?
            .strip_suffix('}')?;
        if tag == "%" {
            return Some(String::new());
        }
        let mut parts = tag.split('%');
        let mut key = parts.next()?.to_owned();
        for part in parts {
            let (code, rest) = part.split_at_checked(2)?;
            key.push(match code {
                "25" => '%',
                "7B" => '{',
                "7D" => '}',
                _ => return None,
            });
            key.push_str(rest);
        }
        (!tag.is_empty()).then_some(key)
    }
}

pub(crate) fn record(base: &str) -> String {
    format!("{base}{RECORD}")
}

pub(crate) fn lease(base: &str) -> String {
    format!("{base}{LEASE}")
}

#[cfg(test)]
mod tests {
    use super::{Prefix, lease, record};

    #[test]
    fn names_and_keys_translate_both_ways() {
        let prefix = Prefix::new("my:app*").unwrap();
        for key in ["", "%", "user-4711", "{a}{b}", "100%", "%7B", "ü 🦀", "a:record"] {
            let base = prefix.base(key);
            assert_eq!(prefix.key(&record(&base)).as_deref(), Some(key), "{base}");
            assert_eq!(base.matches(['{', '}']).count(), 2, "one hash tag: {base}");
            assert_eq!(prefix.key(&lease(&base)), None);
        }
        assert_eq!(prefix.key("my:app*:{%41}:record"), None);
        assert_eq!(prefix.key("other:{a}:record"), None);
        assert_eq!(prefix.pattern(), "my:app\\*:{*}:record");
    }

    #[test]
    fn a_prefix_has_no_braces_and_is_not_empty() {
        assert!(Prefix::new("").is_err());
        assert!(Prefix::new("a{b}").is_err());
        assert!(Prefix::new("oneflight").is_ok());
    }
}
