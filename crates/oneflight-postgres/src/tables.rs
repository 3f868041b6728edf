//! The tables' names, and the statements with these names in them.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// PostgreSQL cuts names at 63 bytes; `_record` comes after.
const NAME_MAX_BYTES: usize = 48;

/// An index entry holds no more than 2,704 bytes.
pub(crate) const KEY_MAX_BYTES: usize = 1_024;

const MIGRATION: &str = include_str!("../migrations/0001.sql");

/// Half a SHA-256 of a key: what messages call it.
pub(crate) type KeyHash = [u8; 16];

pub(crate) struct Tables {
    /// `"schema"."table`, without the end.
    stem: String,
    /// Binds sealed records to these tables.
    place: String,
    pub(crate) channel: String,
    pub(crate) migration: String,
    pub(crate) version: String,
    pub(crate) load: String,
    pub(crate) insert: String,
    pub(crate) update: String,
    pub(crate) take: String,
    pub(crate) renew: String,
    pub(crate) release: String,
    pub(crate) versions: String,
    pub(crate) page: String,
    pub(crate) prune: String,
    pub(crate) remove: String,
}

impl Tables {
    pub(crate) fn new(schema: &str, table: &str) -> Result<Self, &'static str> {
        for name in [schema, table] {
            if name.is_empty() || name.len() > NAME_MAX_BYTES || name.contains(char::is_control) {
                return Err("a name has 1 to 48 bytes and no control characters");
            }
        }
        let double = |name: &str| name.replace('"', "\"\"");
        let stem = format!("\"{}\".\"{}", double(schema), double(table));
        let (record, lease) = (format!("{stem}_record\""), format!("{stem}_lease\""));
        let hash = hash(&format!("{schema}\0{table}"));
        let migration = MIGRATION
            .replace(
                "'\"public\".\"oneflight_schema\"'",
                &format!("'{}_schema\"'", stem.replace('\'', "''")),
            )
            .replace("\"public\".\"oneflight", &stem);
        Ok(Self {
            place: format!("{schema}.{table}/"),
            channel: format!("oneflight_{}", hex(&hash)),
            migration,
            version: format!("SELECT version FROM {stem}_schema\""),
            load: format!("SELECT version, bytes FROM {record} WHERE key = $1"),
            insert: format!(
                "INSERT INTO {record} (key, version, ended, bytes, written) VALUES ($1, $2, $3, $4, clock_timestamp()) \
                 ON CONFLICT (key) DO NOTHING RETURNING version"
            ),
            update: format!(
                "UPDATE {record} SET version = $2, ended = $3, bytes = $4, written = clock_timestamp() \
                 WHERE key = $1 AND version = $5 RETURNING version"
            ),
            // What stands there was read before the claim: who finds a row that is just coming learns nothing of its length.
            take: format!(
                "WITH taken AS (INSERT INTO {lease} AS held (key, owner, until) \
                 VALUES ($1, $2, clock_timestamp() + $3 * interval '1 millisecond') \
                 ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, until = excluded.until \
                 WHERE held.until <= clock_timestamp() OR held.owner = excluded.owner RETURNING 1) \
                 SELECT EXISTS (SELECT FROM taken), (SELECT (extract(epoch FROM until - clock_timestamp()) * 1000)::float8 \
                 FROM {lease} WHERE key = $1)"
            ),
            renew: format!(
                "UPDATE {lease} SET until = clock_timestamp() + $3 * interval '1 millisecond' \
                 WHERE key = $1 AND owner = $2 AND until > clock_timestamp() RETURNING 1"
            ),
            release: format!(
                "WITH gone AS (DELETE FROM {lease} WHERE key = $1 AND owner = $2 RETURNING 1) \
                 SELECT pg_notify($3, $4) FROM gone"
            ),
            versions: format!("SELECT key, version FROM {record} WHERE key = ANY ($1)"),
            page: format!(
                "SELECT key FROM {record} WHERE $1::text IS NULL OR key > $1 ORDER BY key LIMIT $2"
            ),
            prune: format!(
                "WITH over AS (DELETE FROM {lease} WHERE until <= clock_timestamp()), \
                 old AS (DELETE FROM {record} WHERE written <= clock_timestamp() - \
                 CASE WHEN ended THEN $1 ELSE $2 END * interval '1 millisecond' RETURNING 1) SELECT count(*) FROM old"
            ),
            // A lease that is held stays: its owner writes, or finds that there is nothing to write over.
            remove: format!(
                "WITH over AS (DELETE FROM {lease} WHERE key = $1 AND until <= clock_timestamp()) \
                 DELETE FROM {record} WHERE key = $1 RETURNING version"
            ),
            stem,
        })
    }

    /// What a record is sealed for.
    pub(crate) fn place(&self, key: &str) -> String {
        format!("{}{key}", self.place)
    }

    /// For people.
    pub(crate) fn shown(&self) -> String {
        format!("{}_record\"", self.stem)
    }
}

pub(crate) fn hash(key: &str) -> KeyHash {
    let mut half = KeyHash::default();
    half.copy_from_slice(&Sha256::digest(key)[..16]);
    half
}

pub(crate) fn hex(hash: &KeyHash) -> String {
    hash.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::{MIGRATION, Tables};

    #[test]
    fn the_migration_by_hand_is_the_one_of_the_default_names() {
        let tables = Tables::new("public", "oneflight").unwrap();
        assert_eq!(tables.migration, MIGRATION);
    }

    #[test]
    fn names_are_quoted_and_bounded() {
        let odd = Tables::new("my schema", "o\"x'y").unwrap();
        assert_eq!(odd.shown(), "\"my schema\".\"o\"\"x'y_record\"");
        assert!(
            odd.migration
                .contains("hashtext('\"my schema\".\"o\"\"x''y_schema\"')")
        );
        for bad in ["", "a\0", &"x".repeat(49)] {
            assert!(Tables::new(bad, "t").is_err() && Tables::new("s", bad).is_err());
        }
    }
}
