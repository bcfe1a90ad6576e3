//! `docent completions` and `docent man`: the command line for shells and for `man`.

use std::io::Write;
use std::path::Path;

use anyhow::Context;
use clap_complete::Shell;

use crate::config;

/// Prints the completions of a shell.
pub(super) fn completions(shell: Shell) -> anyhow::Result<()> {
    Ok(std::io::stdout().lock().write_all(&config::completions(shell))?)
}

/// Writes a manual page for every command into a folder.
pub(super) fn man(folder: &Path) -> anyhow::Result<()> {
    let write = || -> std::io::Result<usize> {
        std::fs::create_dir_all(folder)?;
        let pages = config::pages()?;
        for (name, roff) in &pages {
            std::fs::write(folder.join(name), roff)?;
        }
        Ok(pages.len())
    };
    let count = write().with_context(|| format!("cannot write to {}", folder.display()))?;
    eprintln!(
        "{count} pages in {}; to read one: man -l {}",
        folder.display(),
        folder.join("docent.1").display()
    );
    Ok(())
}
