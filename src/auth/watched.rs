//! Files that somebody else writes, such as keys and certificates: whether they have, and who may.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Some files, and what was last seen of them.
pub struct Watched {
    paths: Vec<PathBuf>,
    seen: Vec<Option<Stamp>>,
}

/// What differs when a file was written, or another one put in its place.
#[derive(PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    file: u64,
}

impl Watched {
    /// Looks at the files. Read them after this: what is written in between is seen as a change.
    pub fn new(paths: Vec<PathBuf>) -> Watched {
        let seen = stamps(&paths);
        Watched { paths, seen }
    }

    /// Whether one of them was written, replaced or taken away since it was last looked at.
    pub fn changed(&mut self) -> bool {
        let before = std::mem::replace(&mut self.seen, stamps(&self.paths));
        before != self.seen
    }
}

/// Whether users of this machine who are neither the owner nor in its group may read the file.
pub fn others_read(path: &Path) -> bool {
    mode(path) & 0o004 != 0
}

/// Whether users of this machine other than the owner may write the file.
pub fn others_write(path: &Path) -> bool {
    mode(path) & 0o022 != 0
}

fn stamps(paths: &[PathBuf]) -> Vec<Option<Stamp>> {
    paths.iter().map(|path| Stamp::of(path)).collect()
}

impl Stamp {
    fn of(path: &Path) -> Option<Stamp> {
        let data = std::fs::metadata(path).ok()?;
        #[cfg(unix)]
        let file = std::os::unix::fs::MetadataExt::ino(&data);
        #[cfg(not(unix))]
        let file = 0;
        Some(Stamp { modified: data.modified().ok(), bytes: data.len(), file })
    }
}

/// The permissions of a file, as Unix has them; none elsewhere.
fn mode(path: &Path) -> u32 {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(path).map_or(0, |data| data.permissions().mode())
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        0
    }
}
