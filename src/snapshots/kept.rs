//! Snapshots that were brought here, each in a folder of its own in the data folder.
//!
//! ```text
//! snapshots/PLACE/ID/manifest.json
//! snapshots/PLACE/ID/search/…          the index
//! snapshots/PLACE/ID/vectors           of the sections, if there are any
//! snapshots/PLACE/ID.1/…               the same, brought again because the first one was harmed
//! snapshots/PLACE/ID.part              one that is being brought, or was when that failed
//! ```
//!
//! PLACE is made of the address that they were published to: who follows another one never serves
//! these.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
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
/// The ending of what is not whole.
const PART: &str = "part";
/// Letters of the name of the folder of an address.
const LETTERS: usize = 16;

/// The folder of the snapshots of one address, of one process alone, or of whoever only reads.
pub(super) struct Kept {
    /// Of all addresses, and of this one.
    all: PathBuf,
    dir: PathBuf,
    locks: Option<[Lock; 2]>,
}

/// The folder of a snapshot.
struct Folder {
    id: String,
    /// How often it was brought again.
    number: u32,
    path: PathBuf,
}

impl Kept {
    /// Opens the folder in a data folder. The data folder itself is locked, too: whoever makes an
    /// index there writes the same vectors.
    ///
    /// # Errors
    ///
    /// As [`Lock::take`]: another process follows into it, or nobody can write there.
    pub(super) fn open(data_dir: &Path, address: &str, command: &str) -> anyhow::Result<Kept> {
        let kept = Kept::beside(data_dir, address);
        let locks = [Lock::take(&kept.all, command)?, Lock::take(data_dir, command)?];
        fs::create_dir_all(&kept.dir)?;
        Ok(Kept { locks: Some(locks), ..kept })
    }

    /// The same, for reading beside the process that follows.
    pub(super) fn beside(data_dir: &Path, address: &str) -> Kept {
        let all = data_dir.join(FOLDER);
        let hash = manifest::hash(address.trim_end_matches('/').as_bytes());
        Kept { dir: all.join(&hash[..LETTERS]), all, locks: None }
    }

    /// The folder of a snapshot: of several the one that was brought last.
    pub(super) fn of(&self, id: &str) -> PathBuf {
        let folders = self.folders().into_iter().filter(|folder| folder.id == id);
        let last = folders.max_by_key(|folder| folder.number);
        last.map_or_else(|| self.dir.join(id), |folder| folder.path)
    }

    /// The folder of one that is being brought.
    pub(super) fn part_of(&self, id: &str) -> PathBuf {
        self.dir.join(format!("{id}.{PART}"))
    }

    /// The snapshots that are here, newest first; whether they are whole nobody knows.
    pub(super) fn ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.folders().into_iter().map(|folder| folder.id).collect();
        ids.sort_unstable_by(|a, b| b.cmp(a));
        ids.dedup();
        ids
    }

    fn folders(&self) -> Vec<Folder> {
        let folder = |path: PathBuf| {
            let name = path.file_name()?.to_str()?;
            let (id, number) = match name.split_once('.') {
                Some((id, number)) => (id, number.parse().ok()?),
                None => (name, 0),
            };
            let fits = manifest::check_id(id).is_ok() && path.join(MANIFEST).is_file();
            fits.then(|| Folder { id: id.to_owned(), number, path: path.clone() })
        };
        entries(&self.dir).filter_map(folder).collect()
    }

    /// The manifest of a snapshot that is here.
    pub(super) fn manifest(&self, id: &str) -> anyhow::Result<Manifest> {
        manifest_in(&self.of(id), id)
    }

    /// All that is here, whole or not, with the folders: what is here need not be fetched.
    pub(super) fn sources(&self) -> Vec<(Manifest, PathBuf)> {
        let folders = self.folders().into_iter().map(|folder| folder.path);
        let parts = entries(&self.dir).filter(|path| is_part(path));
        let read = |path: PathBuf| Some((read_manifest(&path.join(MANIFEST)).ok()?, path));
        folders.chain(parts).filter_map(read).collect()
    }

    /// The manifest of a snapshot that is here and whole: each of its files is what it says.
    pub(super) fn whole(&self, id: &str) -> anyhow::Result<Manifest> {
        let (manifest, dir) = (self.manifest(id)?, self.of(id));
        check(&manifest, &dir)?;
        if self.locks.is_some() {
            // No hash is known of what is written here.
            complete(&manifest, &dir)?;
        }
        Ok(manifest)
    }

    /// Begins the folder of one that is brought. What is left of an earlier try stands aside then, as
    /// one of the sources.
    pub(super) fn begin(&self, manifest: &Manifest) -> anyhow::Result<PathBuf> {
        let part = self.part_of(&manifest.id);
        if part.exists() {
            let aside = self.part_of(&format!("{}.before", manifest.id));
            if aside.exists() {
                fs::remove_dir_all(&aside)?;
            }
            fs::rename(&part, aside)?;
        }
        fs::create_dir_all(&part)?;
        fs::write(part.join(MANIFEST), serde_json::to_vec(manifest)?)?;
        Ok(part)
    }

    /// Makes a snapshot of what was brought, beside one that was not whole: that may be in use.
    pub(super) fn finish(&self, manifest: &Manifest) -> anyhow::Result<()> {
        let (id, part) = (&manifest.id, self.part_of(&manifest.id));
        complete(manifest, &part)?;
        let number = |path: PathBuf| {
            let name = path.file_name()?.to_str()?;
            match name.strip_prefix(id.as_str())? {
                "" => Some(0),
                number => number.strip_prefix('.')?.parse().ok(),
            }
        };
        let last: Option<u32> = entries(&self.dir).filter_map(number).max();
        let name = last.map_or_else(|| id.clone(), |last| format!("{id}.{}", last + 1));
        Ok(fs::rename(&part, self.dir.join(name))?)
    }

    /// Deletes what was left of snapshots that did not come whole, but for this one.
    pub(super) fn tidy_parts(&self, stays: Option<&Path>) {
        for path in entries(&self.dir).filter(|path| is_part(path) && stays != Some(path)) {
            delete(&path);
        }
    }

    /// Deletes all snapshots but these, also those of other addresses. Nothing that docent did not
    /// bring is touched.
    pub(super) fn tidy(&self, stay: &[&str]) {
        for Folder { id, path, .. } in self.folders() {
            let stays = stay.contains(&id.as_str()) && path == self.of(&id);
            if !stays && manifest_in(&path, &id).is_ok() {
                delete(&path);
            }
        }
        let hex = |name: &OsStr| {
            name.len() == LETTERS && name.to_string_lossy().chars().all(|c| c.is_ascii_hexdigit())
        };
        let others = entries(&self.all).filter(|path| path.file_name().is_some_and(hex));
        for dir in others.filter(|path| *path != self.dir) {
            let other = Kept { all: dir.clone(), dir, locks: None };
            other.tidy_parts(None);
            other.tidy(&[]);
            // Only if nothing else is in it.
            let _ = fs::remove_dir(&other.dir);
        }
    }
}

/// The folders in a folder.
fn entries(dir: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir())
}

fn is_part(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == PART)
}

/// Deletes a folder, which is none of a snapshot from the first moment on.
fn delete(path: &Path) {
    let mut gone = path.to_owned();
    if !is_part(path) {
        gone.as_mut_os_string().push(format!(".gone.{PART}"));
    }
    let deleted = fs::rename(path, &gone).and_then(|()| fs::remove_dir_all(&gone));
    if let Err(error) = deleted {
        // Where a file that is read cannot be deleted, the next time does it.
        tracing::debug!("{} is deleted later: {error}", path.display());
    }
}

fn read_manifest(path: &Path) -> anyhow::Result<Manifest> {
    let file = fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut text = Vec::new();
    file.take(MOST_OF_MANIFEST).read_to_end(&mut text)?;
    Ok(Manifest::read_any(MANIFEST, &text)?)
}

/// The manifest in a folder, if it is that of this snapshot.
fn manifest_in(dir: &Path, id: &str) -> anyhow::Result<Manifest> {
    let path = dir.join(MANIFEST);
    let manifest = read_manifest(&path)?;
    ensure!(manifest.id == id, "{} is that of {}", path.display(), manifest.id);
    Ok(manifest)
}

/// Writes what no manifest has.
fn complete(manifest: &Manifest, dir: &Path) -> anyhow::Result<()> {
    let names: Vec<&str> = manifest.files.iter().map(|file| file.name.as_str()).collect();
    Index::complete_copy(&Index::folder_of_copy(dir), &names)
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
    let hash = hash_of(path).with_context(failed)?;
    ensure!(hash == file.blake3, "{} is not what was published", path.display());
    Ok(())
}

/// The hash of what stands in a file, as hex.
pub(super) fn hash_of(path: &Path) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    let mut open = fs::File::open(path)?;
    let mut buffer = vec![0; 1 << 18];
    loop {
        match open.read(&mut buffer)? {
            0 => break,
            read => hasher.update(&buffer[..read]),
        };
    }
    Ok(hasher.finalize().to_hex().to_string())
}
