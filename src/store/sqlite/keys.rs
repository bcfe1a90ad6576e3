//! Bearer keys in SQLite.

use anyhow::Context;
use rusqlite::{OptionalExtension, Row, params};

use super::SqliteStore;
use crate::store::{Key, KeyLimit, KeyScope, KeyStore};

pub(super) const TABLE: &str = "
    CREATE TABLE keys (
        id TEXT PRIMARY KEY,
        hash BLOB NOT NULL,
        name TEXT NOT NULL,
        family TEXT NOT NULL,
        calls INTEGER,
        seconds INTEGER,
        created INTEGER NOT NULL,
        expires INTEGER,
        revoked INTEGER,
        used INTEGER
    ) STRICT;
";

/// What a key may see and use: names joined by commas, and nothing where it is all. No name of a
/// collection or tool has a comma in it.
pub(super) const SCOPE: &str = "
    ALTER TABLE keys ADD COLUMN collections TEXT;
    ALTER TABLE keys ADD COLUMN tools TEXT;
";

const COLUMNS: &str = "id, hash, name, family, calls, seconds, created, expires, revoked, used, \
                       collections, tools";

impl KeyStore for SqliteStore {
    fn keys(&self) -> anyhow::Result<Vec<Key>> {
        let connection = self.reader();
        let sql = format!("SELECT {COLUMNS} FROM keys ORDER BY created, rowid");
        let mut asked = connection.prepare_cached(&sql)?;
        let keys = asked.query_map([], read)?.collect::<Result<Vec<Key>, _>>();
        keys.context("cannot read the keys")
    }

    fn key(&self, id: &str) -> anyhow::Result<Option<Key>> {
        let connection = self.reader();
        let sql = format!("SELECT {COLUMNS} FROM keys WHERE id = ?1");
        let key = connection.query_row(&sql, [id], read).optional();
        key.context("cannot read the keys")
    }

    fn add_key(&self, key: &Key, ends: Option<(&str, u64)>) -> anyhow::Result<()> {
        let mut connection = self.writer();
        let change = connection.transaction()?;
        change.execute(
            &format!(
                "INSERT INTO keys ({COLUMNS}) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)"
            ),
            params![
                key.id,
                key.hash.as_slice(),
                key.name,
                key.family,
                key.limit.map(|limit| limit.calls),
                key.limit.map(|limit| limit.seconds),
                key.created,
                key.expires,
                key.revoked,
                key.used,
                key.scope.collections.as_ref().map(|names| names.join(",")),
                key.scope.tools.as_ref().map(|names| names.join(",")),
            ],
        )?;
        if let Some((id, at)) = ends {
            // It may end sooner already.
            change.execute(
                "UPDATE keys SET expires = min(?2, ifnull(expires, ?2)) WHERE id = ?1",
                params![id, at],
            )?;
        }
        change.commit().context("cannot keep the key")
    }

    fn revoke_key(&self, id: &str, now: u64) -> anyhow::Result<()> {
        let sql = "UPDATE keys SET revoked = ?2 WHERE id = ?1 AND revoked IS NULL";
        self.writer().execute(sql, params![id, now]).context("cannot revoke the key")?;
        Ok(())
    }

    fn use_key(&self, id: &str, now: u64) -> anyhow::Result<()> {
        let sql = "UPDATE keys SET used = ?2 WHERE id = ?1";
        self.writer().execute(sql, params![id, now]).context("cannot note the use of a key")?;
        Ok(())
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Key> {
    let limit = match (row.get("calls")?, row.get("seconds")?) {
        (Some(calls), Some(seconds)) => Some(KeyLimit { calls, seconds }),
        _ => None,
    };
    let names = |column: &str| -> rusqlite::Result<Option<Vec<String>>> {
        let names: Option<String> = row.get(column)?;
        Ok(names.map(|names| names.split(',').map(str::to_owned).collect()))
    };
    Ok(Key {
        id: row.get("id")?,
        hash: row.get("hash")?,
        name: row.get("name")?,
        family: row.get("family")?,
        limit,
        scope: KeyScope { collections: names("collections")?, tools: names("tools")? },
        created: row.get("created")?,
        expires: row.get("expires")?,
        revoked: row.get("revoked")?,
        used: row.get("used")?,
    })
}
