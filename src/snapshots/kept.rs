//! Snapshots that were brought here, each in a folder of its own in the data folder.
//!
//! ```text
//! snapshots/ID/manifest.json
//! snapshots/ID/search/…          the index
//! snapshots/ID/vectors           of the sections, if there are any
//! snapshots/ID.part              one that is being brought, or was when docent ended
//! ```

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use super::manifest::{self, File, MOST_OF_MANIFEST, Manifest};
use crate::index::{Index, Lock};

/// The folder in a data folder.
const FOLDER: &str = "snapshots";
/// The name of the manifest.
const MANIFEST: &str = "manifest.json";
/// The name of the vectors.
const VECTORS: &str = "vectors";

/// The folder of the snapshots, of one process alone, or of whoever only reads.
pub(super) struct Kept {
    dir: PathBuf,
    _lock: Option<Lock>,
}

impl Kept {
    /// Opens the folder in a data folder.
    ///
    /// # Errors
    ///
    /// As [`Lock::take`]: another process follows into it, or nobody can write there.
    pub(super) fn open(data_dir: &Path, command: &str) -> anyhow::Result<Kept> {
        let dir = data_dir.join(FOLDER);
        let lock = Some(Lock::take(&dir, command)?);
        Ok(Kept { dir, _lock: lock })
    }

    /// The same, for reading beside the process that follows.
    pub(super) fn beside(data_dir: &Path) -> Kept {
        Kept { dir: data_dir.join(FOLDER), _lock: None }
    }

    /// The folder of a snapshot.
    pub(super) fn of(&self, id: &str) -> PathBuf {
        self.dir.join(id)
    }

    /// The folder of one that is being brought.
    pub(super) fn part_of(&self, id: &str) -> PathBuf {
        self.dir.join(format!("{id}.part"))
    }

    /// The snapshots that are here, newest first; whether they are whole nobody knows.
    pub(super) fn ids(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut ids: Vec<String> = names
            .filter(|id| manifest::check_id(id).is_ok() && self.of(id).join(MANIFEST).is_file())
            .collect();
        ids.sort_unstable_by(|a, b| b.cmp(a));
        ids
    }

    /// The manifest of a snapshot that is here.
    pub(super) fn manifest(&self, id: &str) -> anyhow::Result<Manifest> {
        let path = self.of(id).join(MANIFEST);
        let file =
            fs::File::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut text = Vec::new();
        file.take(MOST_OF_MANIFEST).read_to_end(&mut text)?;
        let manifest = Manifest::read_any(MANIFEST, &text)?;
        ensure!(manifest.id == id, "{} is that of {}", path.display(), manifest.id);
        Ok(manifest)
    }

    /// The manifest of a snapshot that is here and whole: each of its files is what it says.
    pub(super) fn whole(&self, id: &str) -> anyhow::Result<Manifest> {
        let manifest = self.manifest(id)?;
        check(&manifest, &self.of(id))?;
        Ok(manifest)
    }

    /// Makes a snapshot of what was brought, in place of one that was not whole.
    pub(super) fn finish(&self, manifest: &Manifest) -> anyhow::Result<()> {
        let (part, dir) = (self.part_of(&manifest.id), self.of(&manifest.id));
        let names: Vec<&str> = manifest.files.iter().map(|file| file.name.as_str()).collect();
        Index::complete_copy(&Index::folder_of_copy(&part), &names)?;
        fs::write(part.join(MANIFEST), serde_json::to_vec(manifest)?)?;
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        Ok(fs::rename(&part, &dir)?)
    }

    /// Deletes all snapshots but these, and what was left of those that did not come whole.
    pub(super) fn tidy(&self, stay: &[&str]) {
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let stays = stay.iter().any(|id| name == **id);
            if !stays
                && entry.path().is_dir()
                && let Err(error) = fs::remove_dir_all(entry.path())
            {
                // Where a file that is read cannot be deleted, the next time does it.
                tracing::debug!("{} is deleted later: {error}", entry.path().display());
            }
        }
    }
}

/// Where the files of a snapshot are in its folder.
pub(super) fn places<'a>(
    manifest: &'a Manifest,
    dir: &Path,
) -> impl Iterator<Item = (PathBuf, &'a File)> {
    let search = Index::folder_of_copy(dir);
    let vectors = manifest.vectors.as_ref().map(|vectors| (vectors_of(dir), &vectors.file));
    manifest.files.iter().map(move |file| (search.join(&file.name), file)).chain(vectors)
}

/// Where the vectors are in the folder of a snapshot.
pub(super) fn vectors_of(dir: &Path) -> PathBuf {
    dir.join(VECTORS)
}

/// Fails unless each file is what the manifest says.
pub(super) fn check(manifest: &Manifest, dir: &Path) -> anyhow::Result<()> {
    places(manifest, dir).try_for_each(|(path, file)| check_file(&path, file))
}

/// Fails unless a file is what is said of it.
pub(super) fn check_file(path: &Path, file: &File) -> anyhow::Result<()> {
    let failed = || format!("cannot read {}", path.display());
    let size = fs::metadata(path).with_context(failed)?.len();
    ensure!(size == file.size, "{} has {size} bytes and not {}", path.display(), file.size);
    let mut hasher = blake3::Hasher::new();
    let mut open = fs::File::open(path).with_context(failed)?;
    let mut buffer = vec![0; 1 << 18];
    loop {
        match open.read(&mut buffer).with_context(failed)? {
            0 => break,
            read => hasher.update(&buffer[..read]),
        };
    }
    let hash = hasher.finalize().to_hex();
    ensure!(hash.as_str() == file.blake3, "{} is not what was published", path.display());
    Ok(())
}
