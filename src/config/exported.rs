//! The command line as other programs read it: completions for shells, pages for `man`.

use std::io;

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use super::Arguments;

/// The completions of a shell, as a script in its language.
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "docent", &mut script);
    script
}

/// A manual page for every command, in roff, with the name of its file: `docent-key-create.1`.
pub fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut command = Arguments::command();
    // Names and global flags of what is below are filled in.
    command.build();
    let mut pages = Vec::new();
    add(command, &mut pages)?;
    Ok(pages)
}

fn add(command: Command, pages: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    let below: Vec<Command> = command.get_subcommands().cloned().collect();
    let source = concat!("docent ", env!("CARGO_PKG_VERSION"));
    // A page of the same version is the same page, so it has no date. An empty one would be left out
    // of the title line, and what stands behind it taken for it.
    let page = Man::new(command).manual("docent").source(source).date(" ");
    let mut roff = Vec::new();
    page.render(&mut roff)?;
    pages.push((page.get_filename(), roff));
    below.into_iter().try_for_each(|command| add(command, pages))
}
