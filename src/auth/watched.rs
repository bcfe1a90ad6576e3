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

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_that_is_written_replaced_or_taken_away_has_changed_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        std::fs::write(&path, "a").unwrap();
        let mut watched = Watched::new(vec![path.clone()]);
        assert!(!watched.changed());
        let other = dir.path().join("other");
        std::fs::write(&other, "b").unwrap();
        let write = || std::fs::write(&path, "longer").unwrap();
        let replace = || std::fs::rename(&other, &path).unwrap();
        let remove = || std::fs::remove_file(&path).unwrap();
        for change in [&write as &dyn Fn(), &replace, &remove] {
            change();
            assert!(watched.changed());
            assert!(!watched.changed());
        }
    }

    #[test]
    fn who_else_may_read_or_write_a_file_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        std::fs::write(&path, "a").unwrap();
        for (mode, read, write) in [
            (0o600, false, false),
            (0o640, false, false),
            (0o604, true, false),
            (0o620, false, true),
            (0o602, false, true),
            (0o755, true, false),
        ] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!((others_read(&path), others_write(&path)), (read, write), "{mode:o}");
        }
        assert!(!others_read(&dir.path().join("nowhere")));
    }
}
