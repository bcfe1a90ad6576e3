//! Clients in SQLite.

use anyhow::Context;
use rusqlite::{OptionalExtension, Row, params};

use super::{SqliteStore, begin};
use crate::store::{Client, ClientStore};

pub(super) const TABLE: &str = "
    CREATE TABLE clients (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        redirect_uris TEXT NOT NULL,
        created INTEGER NOT NULL,
        used INTEGER,
        fresh_until INTEGER
    ) STRICT;
";

const COLUMNS: &str = "id, name, redirect_uris, created, used, fresh_until";

/// Nobody is signed in with it: it may go.
const IDLE: &str = "NOT EXISTS (SELECT 1 FROM grants WHERE grants.client = clients.id)";

impl ClientStore for SqliteStore {
    fn client(&self, id: &str) -> anyhow::Result<Option<Client>> {
        let connection = self.reader();
        let sql = format!("SELECT {COLUMNS} FROM clients WHERE id = ?1");
        let mut asked = connection.prepare_cached(&sql)?;
        asked.query_row([id], read).optional().context("cannot read the clients")
    }

    fn put_client(&self, client: &Client, most: u64) -> anyhow::Result<()> {
        let mut connection = self.writer();
        let change = begin(&mut connection)?;
        let kind = if client.fresh_until.is_some() { "NOT NULL" } else { "NULL" };
        let known: bool = change.query_row(
            "SELECT EXISTS (SELECT 1 FROM clients WHERE id = ?1)",
            [&client.id],
            |row| row.get(0),
        )?;
        let count: u64 = change.query_row(
            &format!("SELECT count(*) FROM clients WHERE fresh_until IS {kind}"),
            [],
            |row| row.get(0),
        )?;
        if !known && count >= most {
            let sql = format!(
                "DELETE FROM clients WHERE id = (SELECT id FROM clients WHERE fresh_until IS {kind}
                 ORDER BY {IDLE} DESC, ifnull(used, created), rowid LIMIT 1)"
            );
            change.execute(&sql, [])?;
        }
        change.execute(
            &format!(
                "INSERT INTO clients ({COLUMNS}) VALUES (?1,?2,?3,?4,?5,?6)
                 ON CONFLICT (id) DO UPDATE SET name = excluded.name,
                 redirect_uris = excluded.redirect_uris, fresh_until = excluded.fresh_until"
            ),
            params![
                client.id,
                client.name,
                serde_json::to_string(&client.redirect_uris)?,
                client.created,
                client.used,
                client.fresh_until,
            ],
        )?;
        change.commit().context("cannot keep the client")
    }

    fn use_client(&self, id: &str, now: u64) -> anyhow::Result<()> {
        let sql = "UPDATE clients SET used = ?2 WHERE id = ?1";
        self.writer().execute(sql, params![id, now]).context("cannot note the use of a client")?;
        Ok(())
    }

    fn forget_clients(&self, since: u64) -> anyhow::Result<usize> {
        let sql = format!("DELETE FROM clients WHERE ifnull(used, created) < ?1 AND {IDLE}");
        self.writer().execute(&sql, [since]).context("cannot forget old clients")
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Client> {
    let uris: String = row.get("redirect_uris")?;
    Ok(Client {
        id: row.get("id")?,
        name: row.get("name")?,
        // What cannot be read sends nobody anywhere.
        redirect_uris: serde_json::from_str(&uris).unwrap_or_default(),
        created: row.get("created")?,
        used: row.get("used")?,
        fresh_until: row.get("fresh_until")?,
    })
}
