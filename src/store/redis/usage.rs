//! What was asked, in Redis: two streams that are cut off where they become too long.

use anyhow::Context;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Line, Names};
use crate::store::{CallRow, FeedbackRow, UsageStore};

/// Most calls that are kept, some 120 MB: unlike a disk, memory is dear.
const MOST_CALLS: u64 = 250_000;
/// Most sentences that are kept.
const MOST_SENTENCES: u64 = 10_000;
/// Entries that are read in one go.
const BATCH: usize = 1000;
/// Entries that are written in one go.
const AT_ONCE: usize = 200;
/// The one field of an entry.
const ROW: &str = "row";
/// Milliseconds by which an entry may be younger than what it tells of: servers write what they have seen
/// from time to time, and their clocks differ.
const LATE: u64 = 10 * 60 * 1000;

/// What was asked of several servers.
pub struct RedisUsage {
    line: Line,
    names: Names,
}

/// An entry of a stream: its id, and fields with their values.
type Entry = (String, Vec<String>);

impl RedisUsage {
    /// What was asked over a connection, under these names.
    pub fn new(line: Line, names: Names) -> RedisUsage {
        RedisUsage { line, names }
    }

    /// Shows the rows of a stream that were written from a time on, with their ids, until it has seen
    /// enough.
    fn each<T: DeserializeOwned>(
        &self,
        stream: &str,
        since: u64,
        mut see: impl FnMut(&str, T) -> bool,
    ) -> anyhow::Result<()> {
        let mut from = since.to_string();
        loop {
            let mut command = redis::cmd("XRANGE");
            command.arg(self.names.usage(stream)).arg(&from).arg("+").arg("COUNT").arg(BATCH);
            let entries: Vec<Entry> = self.line.wait(self.line.ask(command))?;
            for (id, fields) in &entries {
                let row = fields.get(1).context("an entry of the usage has no row")?;
                let row = serde_json::from_str(row).context("the usage cannot be read")?;
                if !see(id, row) {
                    return Ok(());
                }
            }
            match entries.last() {
                Some((last, _)) if entries.len() == BATCH => from = format!("({last}"),
                _ => return Ok(()),
            }
        }
    }

    /// Adds rows, a few at a time: nobody else is answered meanwhile, and callers are counted there.
    fn append(&self, stream: &str, most: u64, rows: &[impl Serialize]) -> anyhow::Result<()> {
        for rows in rows.chunks(AT_ONCE) {
            let mut all = redis::pipe();
            for row in rows {
                let command = all.cmd("XADD").arg(self.names.usage(stream));
                command.arg("MAXLEN").arg("~").arg(most).arg("*");
                command.arg(ROW).arg(serde_json::to_string(row)?).ignore();
            }
            self.line.wait(self.line.ask_all::<()>(all))?;
        }
        Ok(())
    }

    /// Deletes the entries at the beginning of a stream that are older than a time, and then the oldest
    /// of too many.
    fn cut<T: DeserializeOwned>(
        &self,
        stream: &str,
        before: u64,
        most: u64,
        at: impl Fn(&T) -> u64,
    ) -> anyhow::Result<()> {
        let mut old = Vec::new();
        self.each(stream, 0, |id, row: T| {
            let is_old = at(&row) < before;
            if is_old {
                old.push(id.to_owned());
            }
            is_old
        })?;
        for ids in old.chunks(BATCH) {
            let mut command = redis::cmd("XDEL");
            command.arg(self.names.usage(stream)).arg(ids);
            self.line.wait(self.line.ask::<()>(command))?;
        }
        let mut command = redis::cmd("XTRIM");
        command.arg(self.names.usage(stream)).arg("MAXLEN").arg(most);
        Ok(self.line.wait(self.line.ask(command))?)
    }
}

impl UsageStore for RedisUsage {
    fn add(&self, calls: &[CallRow], feedback: &[FeedbackRow]) -> anyhow::Result<()> {
        self.append("calls", MOST_CALLS, calls)?;
        self.append("feedback", MOST_SENTENCES, feedback)
    }

    fn each_call(&self, since: u64, see: &mut dyn FnMut(CallRow)) -> anyhow::Result<()> {
        // The order is that in which they were written, which is theirs but for seconds.
        self.each("calls", since.saturating_sub(LATE), |_, row: CallRow| {
            if row.at >= since {
                see(row);
            }
            true
        })
    }

    fn feedback(&self, since: u64) -> anyhow::Result<Vec<FeedbackRow>> {
        let mut rows = Vec::new();
        self.each("feedback", since.saturating_sub(LATE), |_, row: FeedbackRow| {
            if row.at >= since {
                rows.push(row);
            }
            true
        })?;
        rows.reverse();
        Ok(rows)
    }

    fn sweep(&self, before: u64, calls: u64, sentences: u64) -> anyhow::Result<()> {
        self.cut("calls", before, calls.min(MOST_CALLS), |row: &CallRow| row.at)?;
        self.cut("feedback", before, sentences.min(MOST_SENTENCES), |row: &FeedbackRow| row.at)
    }
}
