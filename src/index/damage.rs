//! Notices that files of the index were damaged or deleted underneath while it is served.
//!
//! Tantivy writes a file once and never again: one whose size or time differs from what it was
//! after the commit was touched by somebody else. That costs a look at some ten files where
//! checksums would cost reading all of them; those decide only when there is a reason to ask.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tantivy::TantivyError;
use tantivy::directory::error::OpenReadError;

use super::snapshot::{Index, Stamp};

/// What the files of an index looked like when they were known to be whole.
#[derive(Debug, Default)]
pub struct Marks(BTreeMap<PathBuf, Mark>);

type Mark = (u64, Option<SystemTime>);

impl Marks {
    /// Looks at the files now; they are known to be whole.
    pub fn of(index: &Index) -> Marks {
        let mut marks = Marks::default();
        let dir = index.dir();
        if let Ok(metas) = index.tantivy().load_metas() {
            let files = metas.list_segment_files().into_iter();
            marks.0 = files
                .filter_map(|file| Some((mark(&dir, &file)?, file)))
                .map(|(mark, file)| (file, mark))
                .collect();
        }
        marks
    }

    /// Why the files on the disk are not what is served, if they are not.
    ///
    /// # Errors
    ///
    /// What keeps the files from being looked at, such as a lack of file descriptors: that says
    /// nothing about them.
    pub fn differ(&mut self, index: &Index) -> anyhow::Result<Option<String>> {
        let reason = self.look(index)?;
        // A folder may go at any moment of a look, which then finds this or that missing.
        let gone = reason.is_some() && !index.dir().exists();
        Ok(if gone { Some("the index was deleted".into()) } else { reason })
    }

    fn look(&mut self, index: &Index) -> anyhow::Result<Option<String>> {
        let damage = |what: String| Ok(Some(what));
        let mut suspected = index.was_suspected();
        let metas = match index.tantivy().load_metas() {
            Ok(metas) => metas,
            Err(error) => {
                looked_at(&error)?;
                return damage(format!("the index cannot be read ({error})"));
            }
        };
        let stamp = metas.payload.as_deref().map(serde_json::from_str::<Stamp>);
        if !stamp.is_some_and(|stamp| stamp.is_ok_and(|it| it == *index.snapshot().stamp())) {
            return damage("the index on the disk is not the one that is served".into());
        }
        let mut seen = BTreeMap::new();
        let dir = index.dir();
        for file in metas.list_segment_files() {
            let name = file.display();
            match (self.0.get(&file), mark(&dir, &file)) {
                (Some(_), None) => return damage(format!("{name} was deleted")),
                // Not to be read any more: a page of it that is gone ends the process.
                (Some(before), Some(now)) if now.0 < before.0 => {
                    return damage(format!("{name} was cut off"));
                }
                (before, Some(now)) => {
                    suspected |= before.is_some_and(|before| *before != now);
                    seen.insert(file, now);
                }
                (None, None) => {}
            }
        }
        if suspected && let Err(error) = index.verify() {
            error.downcast_ref().map_or(Ok(()), looked_at)?;
            return damage(format!("{error:#}"));
        }
        self.0 = seen;
        Ok(None)
    }
}

/// Fails if the error came from the system rather than from what stands in the files.
fn looked_at(error: &TantivyError) -> anyhow::Result<()> {
    match error {
        TantivyError::OpenReadError(OpenReadError::IoError { io_error, .. })
            if io_error.raw_os_error().is_some() =>
        {
            anyhow::bail!("the index cannot be looked at: {io_error}")
        }
        _ => Ok(()),
    }
}

fn mark(dir: &Path, file: &Path) -> Option<Mark> {
    let meta = std::fs::metadata(dir.join(file)).ok()?;
    Some((meta.len(), meta.modified().ok()))
}
