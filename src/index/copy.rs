//! What a copy of an index consists of, for others who serve it without the docs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::schema::PageRecord;
use super::snapshot::{Index, Snapshot};

/// The file that says which segments there are.
const META: &str = "meta.json";

impl Index {
    /// The files of the newest commit, with their paths, by name. They are whole only as long as
    /// nobody writes: whoever has the indexer, and [`rest`](super::Indexer::rest)s.
    ///
    /// # Errors
    ///
    /// What the disk says.
    pub fn files(&self) -> anyhow::Result<Vec<(String, PathBuf)>> {
        let dir = self.dir();
        let mut names = self.tantivy().load_metas()?.list_segment_files();
        names.insert(PathBuf::from(META));
        let names: BTreeSet<String> =
            names.iter().filter_map(|name| name.to_str().map(str::to_owned)).collect();
        // A segment may have files for what it does not have, such as deleted documents.
        let there = |name: String| {
            let path = dir.join(&name);
            path.exists().then_some((name, path))
        };
        Ok(names.into_iter().filter_map(there).collect())
    }

    /// Completes a copy of the files: what they are called stands in a file of its own, without which
    /// Tantivy would look at no checksum. Where that says so already, nothing is written.
    ///
    /// # Errors
    ///
    /// What the disk says.
    pub fn complete_copy(folder: &Path, names: &[&str]) -> anyhow::Result<()> {
        let (path, text) = (folder.join(".managed.json"), serde_json::to_vec(names)?);
        if std::fs::read(&path).is_ok_and(|there| there == text) {
            return Ok(());
        }
        Ok(std::fs::write(path, text)?)
    }

    /// The folder of the files in that of a copy.
    pub fn folder_of_copy(dir: &Path) -> PathBuf {
        dir.join(super::snapshot::FOLDER)
    }
}

impl Snapshot {
    /// A hash of what is answered from this generation. Two runs over the same docs have the same one,
    /// whatever segments they made and whenever the files were written.
    ///
    /// # Errors
    ///
    /// The index cannot be read.
    pub fn content(&self) -> anyhow::Result<String> {
        let mut hasher = blake3::Hasher::new();
        let stamp = self.stamp();
        hasher.update(&serde_json::to_vec(&(&stamp.made_by, &stamp.languages, &stamp.commits))?);
        for page in self.catalog()?.pages() {
            // A checkout gives every file a new time. A date that stands in the page is in its hash.
            let timeless = PageRecord {
                size: 0,
                modified: 0,
                included: 0,
                updated: None,
                ..PageRecord::clone(page)
            };
            hasher.update(&postcard::to_stdvec(&timeless)?);
            // The page's own hash says nothing of the files that it pulls in.
            if !page.includes.is_empty() {
                for section in self.sections(&page.collection, &page.path)? {
                    hasher.update(&postcard::to_stdvec(&section)?);
                }
            }
        }
        Ok(hasher.finalize().to_hex().to_string())
    }
}
