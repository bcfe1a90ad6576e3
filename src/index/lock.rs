//! One writer per index: a lock file that says who holds it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

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

/// Held as long as it lives; the system releases it however the process ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of an index folder, or says who has it.
    pub(super) fn take(dir: &Path, command: &str) -> anyhow::Result<Lock> {
        let path = dir.join("docent.lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .with_context(|| format!("cannot write to {}", dir.display()))?;
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
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0))?;
        writeln!(file, "docent {command} (process {})", std::process::id())?;
        Ok(Lock { _file: file })
    }
}
