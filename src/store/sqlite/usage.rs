//! What was asked, in SQLite. It has a file of its own: its many writes would make every look at a key
//! a look at all of them, and what it holds is not worth a wait for the disk.

use std::path::Path;

use anyhow::Context;
use rusqlite::{Row, params};

use super::{Database, Durability};
use crate::store::{CallRow, FeedbackRow, UsageStore};

/// Name of the file in a data folder.
const FILE: &str = "usage.sqlite";
const STEPS: &[&str] = &["
    CREATE TABLE calls (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        tool TEXT NOT NULL,
        outcome TEXT NOT NULL,
        collection TEXT,
        caller TEXT NOT NULL,
        who TEXT,
        client TEXT,
        client_version TEXT,
        query TEXT,
        results INTEGER,
        coverage REAL,
        ids TEXT NOT NULL,
        corrected TEXT NOT NULL,
        tokens INTEGER NOT NULL,
        micros INTEGER NOT NULL,
        times INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX calls_at ON calls (at);
    CREATE TABLE feedback (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        page TEXT,
        problem TEXT NOT NULL,
        comment TEXT NOT NULL,
        client TEXT
    ) STRICT;
    CREATE INDEX feedback_at ON feedback (at);
"];
/// What parts the items of a list in one column; none of them holds it.
const BETWEEN: char = '\n';

/// The file, open.
pub struct SqliteUsage(Database);

impl SqliteUsage {
    /// Opens the file of a data folder, and makes it if there is none.
    ///
    /// # Errors
    ///
    /// A file that cannot be written, is damaged, or is of a newer docent.
    pub fn open(data_dir: &Path) -> anyhow::Result<SqliteUsage> {
        Database::open(data_dir, FILE, "the usage", STEPS, Durability::Normal).map(SqliteUsage)
    }

    /// Whether a data folder has the file.
    pub fn is_in(data_dir: &Path) -> bool {
        data_dir.join(FILE).exists()
    }
}

impl UsageStore for SqliteUsage {
    fn add(&self, calls: &[CallRow], feedback: &[FeedbackRow]) -> anyhow::Result<()> {
        let mut connection = self.0.writer();
        let change = connection.transaction()?;
        {
            let mut add = change.prepare_cached(
                "INSERT INTO calls (at, tool, outcome, collection, caller, who, client,
                     client_version, query, results, coverage, ids, corrected, tokens, micros, times)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
            )?;
            for row in calls {
                add.execute(params![
                    row.at,
                    row.tool,
                    row.outcome,
                    row.collection,
                    row.caller,
                    row.who,
                    row.client,
                    row.client_version,
                    row.query,
                    row.results,
                    row.coverage,
                    joined(&row.ids),
                    joined(&row.corrected),
                    row.tokens,
                    row.micros,
                    row.times,
                ])?;
            }
            let mut add = change.prepare_cached(
                "INSERT INTO feedback (at, page, problem, comment, client)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            for FeedbackRow { at, page, problem, comment, client } in feedback {
                add.execute(params![at, page, problem, comment, client])?;
            }
        }
        change.commit().context("cannot add to what was asked")
    }

    fn each_call(&self, since: u64, see: &mut dyn FnMut(CallRow)) -> anyhow::Result<()> {
        let connection = self.0.reader();
        let mut asked =
            connection.prepare_cached("SELECT * FROM calls WHERE at >= ?1 ORDER BY at, id")?;
        for row in asked.query_map([since], call)? {
            see(row.context("cannot read what was asked")?);
        }
        Ok(())
    }

    fn feedback(&self, since: u64) -> anyhow::Result<Vec<FeedbackRow>> {
        let connection = self.0.reader();
        let mut asked = connection
            .prepare_cached("SELECT * FROM feedback WHERE at >= ?1 ORDER BY at DESC, id DESC")?;
        let rows = asked.query_map([since], |row| {
            Ok(FeedbackRow {
                at: row.get("at")?,
                page: row.get("page")?,
                problem: row.get("problem")?,
                comment: row.get("comment")?,
                client: row.get("client")?,
            })
        })?;
        rows.collect::<Result<_, _>>().context("cannot read the feedback")
    }

    fn sweep(&self, before: u64, calls: u64, sentences: u64) -> anyhow::Result<()> {
        let mut connection = self.0.writer();
        let change = connection.transaction()?;
        for (table, most) in [("calls", calls), ("feedback", sentences)] {
            change.execute(&format!("DELETE FROM {table} WHERE at < ?1"), [before])?;
            // Ids are given in order, so that the newest are those with the highest.
            change.execute(
                &format!("DELETE FROM {table} WHERE id <= (SELECT max(id) FROM {table}) - ?1"),
                [most],
            )?;
        }
        change.commit().context("cannot sweep what was asked")
    }
}

fn call(row: &Row<'_>) -> rusqlite::Result<CallRow> {
    Ok(CallRow {
        at: row.get("at")?,
        tool: row.get("tool")?,
        outcome: row.get("outcome")?,
        collection: row.get("collection")?,
        caller: row.get("caller")?,
        who: row.get("who")?,
        client: row.get("client")?,
        client_version: row.get("client_version")?,
        query: row.get("query")?,
        results: row.get("results")?,
        coverage: row.get("coverage")?,
        ids: parted(&row.get::<_, String>("ids")?),
        corrected: parted(&row.get::<_, String>("corrected")?),
        tokens: row.get("tokens")?,
        micros: row.get("micros")?,
        times: row.get("times")?,
    })
}

fn joined(items: &[String]) -> String {
    items.join(&BETWEEN.to_string())
}

fn parted(text: &str) -> Vec<String> {
    text.split(BETWEEN).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}
