//! What was granted, in SQLite.

use anyhow::{Context, ensure};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{SqliteStore, begin};
use crate::store::{Decide, GrantKind, GrantRecord, GrantStore, Revocation, Standing};

pub(super) const TABLES: &str = "
    CREATE TABLE grants (
        kind INTEGER NOT NULL,
        hash BLOB NOT NULL,
        client TEXT NOT NULL,
        family TEXT,
        person TEXT,
        established INTEGER NOT NULL,
        expires INTEGER,
        successor BLOB,
        sealed BLOB NOT NULL,
        PRIMARY KEY (kind, hash)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX grants_of_family ON grants (family);
    CREATE INDEX grants_of_client ON grants (client);
    CREATE INDEX grants_by_expiry ON grants (expires);
    CREATE TABLE revoked (
        scope TEXT PRIMARY KEY,
        at INTEGER NOT NULL,
        until INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
";

const COLUMNS: &str = "kind, hash, client, family, person, established, expires, successor, sealed";

impl GrantStore for SqliteStore {
    fn grant(&self, kind: GrantKind, hash: &[u8; 32]) -> anyhow::Result<Option<GrantRecord>> {
        find(&self.reader(), kind, hash).context("cannot read who is signed in")
    }

    fn put_grant(&self, record: &GrantRecord) -> anyhow::Result<bool> {
        let mut connection = self.writer();
        let change = begin(&mut connection)?;
        if record.kind != GrantKind::Code && is_revoked(&change, record)? {
            return Ok(false);
        }
        put(&change, record)?;
        change.commit().context("cannot keep who is signed in")?;
        Ok(true)
    }

    fn take_grant(&self, kind: GrantKind, hash: &[u8; 32]) -> anyhow::Result<Option<GrantRecord>> {
        let sql = format!("DELETE FROM grants WHERE kind = ?1 AND hash = ?2 RETURNING {COLUMNS}");
        let mut connection = self.writer();
        // By itself the statement would have its row read before it is kept, and what keeps it from being
        // kept would be told to nobody.
        let change = begin(&mut connection)?;
        let taken =
            change.query_row(&sql, params![kind as u8, hash.as_slice()], read).optional()?;
        change.commit().context("cannot change who is signed in")?;
        Ok(taken)
    }

    fn replace_grant(
        &self,
        kind: GrantKind,
        hash: &[u8; 32],
        decide: &mut Decide<'_>,
    ) -> anyhow::Result<bool> {
        let mut connection = self.writer();
        let change = begin(&mut connection)?;
        let Some(record) = find(&change, kind, hash)? else { return Ok(false) };
        if kind != GrantKind::Code && is_revoked(&change, &record)? {
            return Ok(false);
        }
        let Some(records) = decide(&record)? else { return Ok(false) };
        for record in &records {
            put(&change, record)?;
        }
        change.commit().context("cannot change who is signed in")?;
        Ok(true)
    }

    fn revoke(&self, what: Revocation<'_>, at: u64, until: u64) -> anyhow::Result<(u64, bool)> {
        let (column, name) = match what {
            Revocation::Family(family) => ("family", family),
            Revocation::Client(client) => ("client", client),
            Revocation::Person(person) => ("person", person),
            // Of every kind of record there is one.
            Revocation::All => ("'all'", "all"),
        };
        ensure!(!name.is_empty(), "an empty name names nothing that could be revoked");
        let mut connection = self.writer();
        let change = begin(&mut connection)?;
        change.execute(
            "INSERT INTO revoked (scope, at, until) VALUES (?1, ?2, ?3) ON CONFLICT (scope)
             DO UPDATE SET at = max(at, excluded.at), until = max(until, excluded.until)",
            params![what.scope(), at, until],
        )?;
        // A code of a revoked sign-in stays, so that its second use is known for what it is.
        let codes = if matches!(what, Revocation::Family(_)) { " AND kind != 0" } else { "" };
        let gone =
            change.execute(&format!("DELETE FROM grants WHERE {column} = ?1{codes}"), [name])?;
        let known = matches!(what, Revocation::Client(_))
            && change.execute("DELETE FROM clients WHERE id = ?1", [name])? > 0;
        change.commit().context("cannot revoke")?;
        Ok((gone as u64, known))
    }

    fn standing(&self, now: u64) -> anyhow::Result<Vec<Standing>> {
        let connection = self.reader();
        let mut asked = connection.prepare_cached(
            "SELECT person, client, established, expires FROM grants
             WHERE kind = 2 AND successor IS NULL AND expires > ?1 AND person IS NOT NULL
             ORDER BY established",
        )?;
        let standing = asked.query_map([now], |row| {
            Ok(Standing {
                person: row.get("person")?,
                client: row.get("client")?,
                since: row.get("established")?,
                until: row.get("expires")?,
            })
        })?;
        standing.collect::<Result<_, _>>().context("cannot read who is signed in")
    }

    fn sweep_grants(&self, now: u64) -> anyhow::Result<u64> {
        let connection = self.writer();
        let gone = connection.execute("DELETE FROM grants WHERE expires <= ?1", [now])?
            + connection.execute("DELETE FROM revoked WHERE until <= ?1", [now])?;
        Ok(gone as u64)
    }
}

/// Whether something that a record belongs to was revoked after it was established. A sign-in
/// that was revoked comes never back, whenever its next token is written.
fn is_revoked(connection: &Connection, record: &GrantRecord) -> rusqlite::Result<bool> {
    let GrantRecord { client, family, person, established, .. } = record;
    let scope = |what: Revocation<'_>| what.scope();
    let mut asked = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM revoked WHERE scope = ?1
         OR (scope IN (?2, ?3, 'all') AND at >= ?4))",
    )?;
    let family = family.as_ref().map(|family| scope(Revocation::Family(family)));
    let person = person.as_ref().map(|person| scope(Revocation::Person(person)));
    let revoked: bool = asked.query_row(
        params![family, scope(Revocation::Client(client)), person, established],
        |row| row.get(0),
    )?;
    Ok(revoked)
}

fn find(
    connection: &Connection,
    kind: GrantKind,
    hash: &[u8; 32],
) -> rusqlite::Result<Option<GrantRecord>> {
    let sql = format!("SELECT {COLUMNS} FROM grants WHERE kind = ?1 AND hash = ?2");
    let mut asked = connection.prepare_cached(&sql)?;
    asked.query_row(params![kind as u8, hash.as_slice()], read).optional()
}

fn put(connection: &Connection, record: &GrantRecord) -> rusqlite::Result<()> {
    let sql =
        format!("INSERT OR REPLACE INTO grants ({COLUMNS}) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9)");
    connection.prepare_cached(&sql)?.execute(params![
        record.kind as u8,
        record.hash.as_slice(),
        record.client,
        record.family,
        record.person,
        record.established,
        record.expires,
        record.successor.as_ref().map(<[u8; 32]>::as_slice),
        record.sealed,
    ])?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<GrantRecord> {
    let kind = match row.get::<_, u8>("kind")? {
        0 => GrantKind::Code,
        1 => GrantKind::Access,
        _ => GrantKind::Refresh,
    };
    Ok(GrantRecord {
        kind,
        hash: row.get("hash")?,
        client: row.get("client")?,
        family: row.get("family")?,
        person: row.get("person")?,
        established: row.get("established")?,
        expires: row.get("expires")?,
        successor: row.get("successor")?,
        sealed: row.get("sealed")?,
    })
}
