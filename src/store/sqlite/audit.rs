//! The audit log in SQLite.

use anyhow::Context;
use rusqlite::{Row, params};

use super::SqliteStore;
use crate::store::{AuditRow, AuditStore};

pub(super) const TABLE: &str = "
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        event TEXT NOT NULL,
        refused TEXT,
        who TEXT,
        client TEXT,
        network TEXT,
        times INTEGER NOT NULL
    ) STRICT;
    CREATE TRIGGER audit_is_only_added_to BEFORE UPDATE ON audit BEGIN
        SELECT RAISE(ABORT, 'the audit log is only added to');
    END;
";

impl AuditStore for SqliteStore {
    fn add_audit(&self, rows: &[AuditRow]) -> anyhow::Result<()> {
        let mut connection = self.writer();
        let change = connection.transaction()?;
        {
            let mut add = change.prepare_cached(
                "INSERT INTO audit (at, event, refused, who, client, network, times)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?;
            for AuditRow { at, event, refused, who, client, network, times } in rows {
                add.execute(params![at, event, refused, who, client, network, times])?;
            }
        }
        change.commit().context("cannot add to the audit log")
    }

    fn audit(&self, since: u64) -> anyhow::Result<Vec<AuditRow>> {
        let connection = self.reader();
        let mut asked = connection.prepare_cached(
            "SELECT at, event, refused, who, client, network, times FROM audit
             WHERE at >= ?1 ORDER BY at, id",
        )?;
        let rows = asked.query_map([since], read)?.collect::<Result<Vec<AuditRow>, _>>();
        rows.context("cannot read the audit log")
    }

    fn sweep_audit(&self, before: u64, most: u64) -> anyhow::Result<()> {
        let mut connection = self.writer();
        let change = connection.transaction()?;
        change.execute("DELETE FROM audit WHERE at < ?1", [before])?;
        let rows: u64 = change.query_row("SELECT count(*) FROM audit", [], |row| row.get(0))?;
        if rows > most {
            change.execute(
                "DELETE FROM audit WHERE id IN
                     (SELECT id FROM audit
                      ORDER BY refused IS NULL AND (event LIKE 'key.%' OR event = 'sign_in.done'),
                               id LIMIT ?1)",
                [rows - most],
            )?;
        }
        change.commit().context("cannot sweep the audit log")
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<AuditRow> {
    Ok(AuditRow {
        at: row.get("at")?,
        event: row.get("event")?,
        refused: row.get("refused")?,
        who: row.get("who")?,
        client: row.get("client")?,
        network: row.get("network")?,
        times: row.get("times")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_row_is_changed() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(dir.path()).unwrap();
        let row = AuditRow {
            at: 1,
            event: "key.shown".into(),
            refused: None,
            who: None,
            client: None,
            network: None,
            times: 1,
        };
        store.add_audit(&[row]).unwrap();
        let error = store.writer().execute("UPDATE audit SET at = 2", []).unwrap_err();
        assert!(error.to_string().contains("only added to"), "{error}");
    }
}
