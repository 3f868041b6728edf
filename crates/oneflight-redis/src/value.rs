//! What stands before the record in its value: `oneflight:1:VERSION:STATE:WRITTEN`, and a line feed.
//!
//! Enough to compare versions and to prune without the key that the record is encrypted with. The version is bound into
//! the record, too; state and time only serve pruning.

use oneflight::Version;

/// No header is longer, in bytes.
pub(crate) const HEAD_MAX_BYTES: usize = 80;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) version: Version,
    pub(crate) ended: bool,
    /// When the server wrote it, in milliseconds since 1970 by its clock.
    pub(crate) written: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    Foreign,
    Newer(u64),
}

/// The header and what follows it.
pub(crate) fn split(value: &[u8]) -> Result<(Head, &[u8]), Unfit> {
    let within = &value[..value.len().min(HEAD_MAX_BYTES)];
    let end = within
        .iter()
        .position(|&byte| byte == b'\n')
        .ok_or(Unfit::Foreign)?;
    let head = std::str::from_utf8(&value[..end]).map_err(|_| Unfit::Foreign)?;
    Ok((parse(head)?, &value[end + 1..]))
}

fn parse(head: &str) -> Result<Head, Unfit> {
    let mut parts = head.split(':');
    if parts.next() != Some("oneflight") {
        return Err(Unfit::Foreign);
    }
    let mut number = || parts.next().and_then(number).ok_or(Unfit::Foreign);
    match number()? {
        1 => {}
        format => return Err(Unfit::Newer(format)),
    }
    let version = Version(number()?);
    let ended = match parts.next() {
        Some("live") => false,
        Some("ended") => true,
        _ => return Err(Unfit::Foreign),
    };
    let written = parts.next().and_then(self::number).ok_or(Unfit::Foreign)?;
    match parts.next() {
        None => Ok(Head {
            version,
            ended,
            written,
        }),
        Some(_) => Err(Unfit::Foreign),
    }
}

/// Digits only: a number has one spelling, as versions are compared as text.
pub(crate) fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p6_only_what_the_store_wrote_is_read() {
        let whole = b"oneflight:1:18446744073709551615:live:1700000000000\nrest\n";
        let (head, rest) = split(whole).unwrap();
        assert_eq!(head.version, Version(u64::MAX));
        assert_eq!(
            (head.ended, head.written, rest),
            (false, 1_700_000_000_000, &b"rest\n"[..])
        );
        for end in 0..51 {
            assert_eq!(split(&whole[..end]).unwrap_err(), Unfit::Foreign, "cut at {end}");
        }
        for foreign in [
            "",
            "\n",
            "hello",
            "oneflight:1:01:live:1\n",
            "oneflight:1:+1:live:1\n",
            "oneflight:1:1:dead:1\n",
            "oneflight:1:18446744073709551616:live:1\n",
            "oneflight:1:1:live:1:1\n",
            "oneflight:1:1:live\n",
        ] {
            assert_eq!(
                split(foreign.as_bytes()).unwrap_err(),
                Unfit::Foreign,
                "{foreign:?}"
            );
        }
    }

    #[test]
    fn p8_a_newer_format_is_told_from_rubbish() {
        assert_eq!(split(b"oneflight:2:who:knows\n").unwrap_err(), Unfit::Newer(2));
    }
}
