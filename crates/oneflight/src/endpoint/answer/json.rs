//! JSON objects, taken apart without copying what need not be copied.

use std::fmt;

use oneflight_core::answer::Value;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

/// What some servers put in front of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The members of an object, each with its JSON text.
pub(super) struct Object<'a>(Vec<(Text<'a>, &'a RawValue)>);

/// Takes a body apart; `None` if it is anything else than one JSON object.
pub(super) fn object(body: &[u8]) -> Option<Object<'_>> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    serde_json::from_slice(body).ok()
}

/// The object that a member holds.
pub(super) fn nested(raw: &RawValue) -> Option<Object<'_>> {
    serde_json::from_str(raw.get()).ok()
}

impl<'a> Object<'a> {
    /// A member; of equal names the last, as most parsers have it.
    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let found = self.0.iter().rfind(|(known, _)| known.as_str() == name);
        found.map(|(_, value)| *value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.get()))
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// A string: lent by the body, or unescaped into memory that is wiped.
pub(super) enum Text<'a> {
    Lent(&'a str),
    Unescaped(Zeroizing<String>),
}

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Lent(text) => text,
            Self::Unescaped(text) => text,
        }
    }
}

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Characters;
        impl<'de> Visitor<'de> for Characters {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text::Lent(text))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text::Unescaped(Zeroizing::new(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Characters)
    }
}

/// A value, with what the judgement wants to see of it.
pub(super) enum Held<'a> {
    Absent,
    Text(Text<'a>),
    Number(f64),
    Flag(bool),
    Object(Option<Text<'a>>),
    Array,
}

impl<'a> Held<'a> {
    /// Reads a value; of an object, the first text among the members with these names.
    pub(super) fn read(raw: Option<&'a RawValue>, names: &[&str]) -> Self {
        let Some(raw) = raw else { return Self::Absent };
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b'"') => serde_json::from_str(text).map_or(Self::Absent, Self::Text),
            Some(b't') => Self::Flag(true),
            Some(b'f') => Self::Flag(false),
            Some(b'{') => Self::Object(nested(raw).and_then(|object| first_text(&object, names))),
            Some(b'[') => Self::Array,
            Some(b'n') | None => Self::Absent,
            // A number too large for its type is infinite, and the judgement bounds it.
            Some(_) => Self::Number(text.parse().unwrap_or(f64::INFINITY)),
        }
    }

    pub(super) fn value(&self) -> Value<'_> {
        match self {
            Self::Absent => Value::Absent,
            Self::Text(text) => Value::Text(text.as_str()),
            Self::Number(number) => Value::Number(*number),
            Self::Flag(flag) => Value::Flag(*flag),
            Self::Object(code) => Value::Object {
                code: code.as_ref().map(Text::as_str),
            },
            Self::Array => Value::Array,
        }
    }
}

fn first_text<'a>(object: &Object<'a>, names: &[&str]) -> Option<Text<'a>> {
    names
        .iter()
        .filter_map(|name| object.get(name))
        .find(|raw| raw.get().starts_with('"'))
        .and_then(|raw| serde_json::from_str(raw.get()).ok())
}
