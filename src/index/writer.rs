//! Tantivy's writer: opened when something changed, sized for it, and closed when it failed.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use tantivy::directory::error::OpenWriteError;
use tantivy::indexer::{LogMergePolicy, NoMergePolicy, UserOperation};
use tantivy::{IndexWriter, TantivyDocument, TantivyError, Term};

use super::snapshot::Stamp;

/// Above this many changed files the writer uses all cores and merges at the end.
const BULK: usize = 256;
/// Sections of a segment that is worth merging with its like by itself; smaller ones are merged
/// by Tantivy as they pile up.
const LARGE: u32 = 5_000;
/// Memory of a writer thread before it writes a segment, in bytes: enough that 14,000 pages make
/// one segment a thread. Reserved as it is used.
const BULK_MEMORY: usize = 256 << 20;
/// The same for single pages: Tantivy's least.
const LIVE_MEMORY: usize = 15 << 20;

/// A writer that is open, or will be when it is needed.
pub(super) struct Writer {
    index: tantivy::Index,
    open: Option<Open>,
}

struct Open {
    writer: IndexWriter,
    bulk: bool,
    /// Tantivy numbers what it is told, and takes it to come in the order of the numbers.
    turn: Mutex<()>,
}

impl Writer {
    /// Nothing is opened yet.
    pub(super) fn new(index: tantivy::Index) -> Writer {
        Writer { index, open: None }
    }

    /// Gets ready to write this many files.
    pub(super) fn open(&mut self, files: usize) -> anyhow::Result<()> {
        let bulk = files > BULK;
        if self.open.as_ref().is_some_and(|open| open.bulk == bulk) {
            return Ok(());
        }
        // A process that was killed in the middle of a commit left files whose names come again.
        self.abandon();
        let writer: IndexWriter = if bulk {
            let threads = std::thread::available_parallelism().map_or(1, |n| n.get()).min(8);
            let writer = self
                .index
                .writer_with_num_threads(threads, threads * BULK_MEMORY)
                .map_err(plain)?;
            writer.set_merge_policy(Box::new(NoMergePolicy));
            writer
        } else {
            let writer = self.index.writer_with_num_threads(1, LIVE_MEMORY).map_err(plain)?;
            let mut policy = LogMergePolicy::default();
            // Tantivy's default never merges for the sake of deleted documents alone.
            policy.set_del_docs_ratio_before_merge(0.3);
            writer.set_merge_policy(Box::new(policy));
            writer
        };
        // The first number that a new writer gives is that of the last commit. A merge of segments as they
        // were then takes a deletion with this number for done where it is not, and what was deleted comes
        // back: a page in two versions. So nobody gets it.
        writer.run(std::iter::empty()).map_err(plain)?;
        self.open = Some(Open { writer, bulk, turn: Mutex::default() });
        Ok(())
    }

    /// Adds the documents of a page, in place of those under its key if it was known.
    pub(super) fn put(
        &self,
        replaced: Option<Term>,
        documents: Vec<TantivyDocument>,
    ) -> anyhow::Result<()> {
        let open = self.open.as_ref().context("no writer")?;
        let mut operations = Vec::with_capacity(documents.len() + 1);
        operations.extend(replaced.map(UserOperation::Delete));
        operations.extend(documents.into_iter().map(UserOperation::Add));
        // Pages come from several threads.
        let _turn = open.turn.lock().unwrap_or_else(PoisonError::into_inner);
        open.writer.run(operations).map_err(plain)?;
        Ok(())
    }

    /// Takes out what stands under these keys, and makes all of it visible at once.
    pub(super) fn commit(&mut self, removed: Vec<Term>, stamp: &Stamp) -> anyhow::Result<()> {
        let open = self.open.as_mut().context("no writer")?;
        for key in removed {
            open.writer.delete_term(key);
        }
        let mut prepared = open.writer.prepare_commit().map_err(plain)?;
        prepared.set_payload(&serde_json::to_string(stamp)?);
        prepared.commit().map_err(plain)?;
        if open.bulk {
            // The threads and their memory are not needed again soon.
            self.open = None;
        }
        Ok(())
    }

    /// Merges the large segments that a bulk run leaves, one a thread, into one: long questions
    /// are answered a fifth faster. Tells whether there was something to merge.
    pub(super) fn compact(&mut self) -> anyhow::Result<bool> {
        let metas = self.index.searchable_segment_metas()?;
        let large: Vec<_> =
            metas.iter().filter(|meta| meta.num_docs() >= LARGE).map(|meta| meta.id()).collect();
        if large.len() < 2 {
            return Ok(false);
        }
        self.open(0)?;
        self.open.as_mut().context("no writer")?.writer.merge(&large).wait().map_err(plain)?;
        Ok(true)
    }

    /// Waits for the merges that run in the background; tells whether there may have been some.
    pub(super) fn rest(&mut self) -> anyhow::Result<bool> {
        let Some(open) = self.open.take() else { return Ok(false) };
        open.writer.wait_merging_threads().map_err(plain)?;
        Ok(true)
    }

    /// Why a thread of the writer ended, if one did: who hands it documents is only told that it is gone.
    pub(super) fn cause(&mut self) -> Option<anyhow::Error> {
        self.open.as_mut()?.writer.prepare_commit().err().map(plain)
    }

    /// Forgets what was not committed; the next change opens a new writer. What was half-written
    /// is deleted: on a disk that is full it would keep the room that the next try needs.
    pub(super) fn abandon(&mut self) {
        self.open = None;
        let Ok(metas) = self.index.load_metas() else { return };
        let mut living = metas.list_segment_files();
        living.insert(Path::new("meta.json").to_owned());
        // What cannot be deleted now is deleted after the next commit.
        let _ = self.index.directory_mut().garbage_collect(|| living);
    }
}

/// What the system said, where it did: without the names of files that nobody knows, a disk that
/// is full says the same each time.
pub(super) fn plain(error: TantivyError) -> anyhow::Error {
    match error {
        TantivyError::IoError(error)
        | TantivyError::OpenWriteError(OpenWriteError::IoError { io_error: error, .. }) => {
            anyhow::anyhow!("{error}")
        }
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{analyzer, schema};

    #[test]
    fn files_of_a_commit_that_was_broken_off_are_not_in_the_way() {
        let (schema, fields) = schema::schema();
        let dir = tempfile::tempdir().unwrap();
        let known = |index: tantivy::Index| {
            index.tokenizers().register(analyzer::NAME, analyzer::Analyzer);
            index
        };
        let index = known(tantivy::Index::create_in_dir(dir.path(), schema).unwrap());
        let key = |name: &str| Term::from_field_text(fields.under, name);
        let mut writer = Writer::new(index.clone());
        writer.open(1).unwrap();
        // So many that a deletion is no reason for a merge.
        for name in ["a", "b", "c", "d", "e"] {
            let mut document = TantivyDocument::default();
            document.add_text(fields.under, name);
            writer.put(None, vec![document]).unwrap();
        }
        writer.commit(Vec::new(), &Stamp::default()).unwrap();
        writer.rest().unwrap();
        let before = std::fs::read(dir.path().join("meta.json")).unwrap();
        let take_out = |writer: &mut Writer| {
            writer.open(1)?;
            writer.commit(vec![key("a")], &Stamp::default())
        };
        take_out(&mut writer).unwrap();
        writer.rest().unwrap();
        // It is killed before the commit counts: all of its files are there but the last.
        std::fs::write(dir.path().join("meta.json"), before).unwrap();
        let index = known(tantivy::Index::open_in_dir(dir.path()).unwrap());
        take_out(&mut Writer::new(index.clone())).unwrap();
        assert_eq!(index.reader().unwrap().searcher().num_docs(), 4);
    }

    #[test]
    fn what_a_new_writer_does_comes_after_the_last_commit() {
        let (schema, fields) = schema::schema();
        let index = tantivy::Index::create_in_ram(schema);
        let mut writer = Writer::new(index.clone());
        for files in [1, BULK + 1, 1] {
            writer.open(files).unwrap();
            writer.commit(Vec::new(), &Stamp::default()).unwrap();
            writer.abandon();
            let committed = index.load_metas().unwrap().opstamp;
            writer.open(files).unwrap();
            let term = Term::from_field_text(fields.under, "a");
            let first = writer.open.as_ref().unwrap().writer.delete_term(term);
            assert!(first > committed, "{first} after {committed}");
        }
    }
}
