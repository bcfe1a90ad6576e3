//! One writer per index: a lock file that says who holds it.

#[cfg(unix)]
use std::fs::Metadata;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Another process writes this index.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the index in {dir} is in use by {holder}")]
pub struct Held {
    /// The data folder.
    pub dir: String,
    /// What the holder wrote about itself: command and process id.
    pub holder: String,
}

/// The data folder cannot be made or written to; what is in it may still be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to the data folder {dir} ({cause})")]
pub struct Unwritable {
    /// The data folder.
    pub dir: String,
    /// What the system said.
    pub cause: io::Error,
}

/// Held as long as it lives; the system releases it however the process ends.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    command: String,
    file: File,
}

impl Lock {
    /// Takes the lock of a data folder, which is made if it is not there, or says who has it.
    ///
    /// # Errors
    ///
    /// [`Held`], [`Unwritable`], or what the system says.
    pub fn take(dir: &Path, command: &str) -> anyhow::Result<Lock> {
        let path = dir.join("docent.lock");
        let unwritable = |cause| Unwritable { dir: dir.display().to_string(), cause };
        std::fs::create_dir_all(dir).map_err(unwritable)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(unwritable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // On Windows a locked file cannot be read; the refusal still stands.
                let _ = file.read_to_string(&mut holder);
                let holder = match holder.trim() {
                    "" => "another docent".to_owned(),
                    named => named.to_owned(),
                };
                return Err(Held { dir: dir.display().to_string(), holder }.into());
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
        // The name is for people: a disk that is full is no reason not to serve what is indexed.
        let named = format!("docent {command} (process {})\n", std::process::id());
        let written = file.set_len(0).and_then(|()| file.write_all(named.as_bytes()));
        if let Err(error) = written {
            tracing::debug!("cannot write into {}: {error}", path.display());
        }
        Ok(Lock { path, command: command.to_owned(), file })
    }

    /// Takes the lock again if its file was deleted: nobody else sees the one that is held.
    pub(super) fn renew(&mut self) -> anyhow::Result<()> {
        if !self.is_there() {
            let dir = self.path.parent().context("a lock without a folder")?.to_owned();
            *self = Lock::take(&dir, &self.command)?;
        }
        Ok(())
    }

    #[cfg(unix)]
    fn is_there(&self) -> bool {
        use std::os::unix::fs::MetadataExt as _;
        let same = |ours: Metadata, there: Metadata| {
            (ours.dev(), ours.ino()) == (there.dev(), there.ino())
        };
        let there = std::fs::metadata(&self.path);
        there.is_ok_and(|there| self.file.metadata().is_ok_and(|ours| same(ours, there)))
    }

    /// A file that is open cannot be deleted there.
    #[cfg(not(unix))]
    fn is_there(&self) -> bool {
        self.file.metadata().is_ok()
    }
}
