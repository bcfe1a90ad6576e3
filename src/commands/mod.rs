//! One file per subcommand; the only place that sees every folder.

mod clients;
mod collections;
mod config;
mod connect;
mod eval;
mod index;
mod live;
mod log;
mod once;
mod search;
mod serve;
mod shell;
mod stdio;

use std::ffi::OsString;
use std::path::Path;

use clap::{CommandFactory, FromArgMatches};

use crate::config::{Arguments, Command, Settings};

/// Runs the command that the words name.
///
/// # Errors
///
/// Whatever stopped it, as a chain of sentences. Words that are no command end the process with
/// status 2, as clap does.
pub fn run(words: impl IntoIterator<Item = OsString>) -> anyhow::Result<()> {
    let matches = Arguments::command().get_matches_from(words);
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    // The flags are global: their sources stand with the subcommand.
    let inner = matches.subcommand().map_or(&matches, |(_, inner)| inner);
    let settings = |docs: Option<&Path>| Settings::resolve(&arguments.flags, inner, docs);
    match &arguments.command {
        Command::Serve(docs) => serve::run(&settings(docs.docs.as_deref())?),
        Command::Stdio(docs) => stdio::run(&settings(docs.docs.as_deref())?),
        Command::Index(index) => index::run(&settings(index.docs.as_deref())?, index.json),
        Command::Search(search) => search::run(&settings(search.docs.as_deref())?, search),
        Command::Eval(eval) => eval::run(&settings(eval.docs.as_deref())?, eval),
        Command::Connect { client, docs } => {
            // A name nobody knows is told first, whatever the settings are.
            let client = client.as_deref().map(str::parse).transpose()?;
            connect::run(client, &settings(docs.as_deref())?)
        }
        Command::Config(docs) => config::run(&settings(docs.docs.as_deref())?),
    }
}
