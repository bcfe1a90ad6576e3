//! Programs that people sign in with. Times are seconds since 1970.

use anyhow::Context;
use rusqlite::{OptionalExtension, Row, params};

use super::Store;

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

/// A client as it is kept. All of them are public clients, so that there is no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// What it calls itself by: a random name, or the address of its metadata document.
    pub id: String,
    /// What it says it is called, which nobody has checked.
    pub name: String,
    /// Where people may be sent back to.
    pub redirect_uris: Vec<String>,
    /// When it was first seen.
    pub created: u64,
    /// When somebody last signed in with it.
    pub used: Option<u64>,
    /// Until when its document need not be fetched again; none for one that registered.
    pub fresh_until: Option<u64>,
}

impl Store {
    /// One client.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn client(&self, id: &str) -> anyhow::Result<Option<Client>> {
        let connection = self.reader();
        let sql = format!("SELECT {COLUMNS} FROM clients WHERE id = ?1");
        let mut asked = connection.prepare_cached(&sql)?;
        asked.query_row([id], read).optional().context("cannot read the clients")
    }

    /// Keeps a client, new or changed. Where there are `most` of its kind (those with a document,
    /// those that registered), one makes room: of those that nobody is signed in with the one that
    /// was not used for longest, else of all. Who is signed in with it has to sign in again.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn put_client(&self, client: &Client, most: u64) -> anyhow::Result<()> {
        let mut connection = self.writer();
        let change = connection.transaction()?;
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

    /// Notes that somebody signed in with a client.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn use_client(&self, id: &str, now: u64) -> anyhow::Result<()> {
        let sql = "UPDATE clients SET used = ?2 WHERE id = ?1";
        self.writer().execute(sql, params![id, now]).context("cannot note the use of a client")?;
        Ok(())
    }

    /// Forgets clients that nobody has used since a time and nobody is signed in with.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn forget_clients(&self, since: u64) -> anyhow::Result<usize> {
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
