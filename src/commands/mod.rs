//! One file per subcommand; the only place that sees every folder.

mod audit;
mod check;
mod clients;
mod collections;
mod config;
mod connect;
mod door;
mod eval;
mod exported;
mod following;
mod health;
mod index;
mod key;
mod live;
mod log;
mod model;
mod observe;
mod once;
mod published;
mod reload;
mod repositories;
mod sarif;
mod search;
mod serve;
mod shell;
mod sign_in;
mod state;
mod stdio;
mod telemetry;
mod times;
mod usage;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use crate::config::{Arguments, Command, Settings};

/// What stopped a command.
#[derive(Debug)]
pub struct Failure {
    /// A chain of sentences.
    pub error: anyhow::Error,
    /// What the process ends with.
    pub code: ExitCode,
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        Failure { error, code: ExitCode::FAILURE }
    }
}

/// Runs the command that the words name.
///
/// # Errors
///
/// Whatever stopped it. Words that are no command end the process with status 2, as clap does.
pub fn run(words: impl IntoIterator<Item = OsString>) -> Result<ExitCode, Failure> {
    let matches = Arguments::command().get_matches_from(words);
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    // The flags are global: their sources stand with the subcommand.
    let mut inner = &matches;
    while let Some((_, deeper)) = inner.subcommand() {
        inner = deeper;
    }
    let settings = |docs: Option<&Path>| Settings::resolve(&arguments.flags, inner, docs);
    match &arguments.command {
        Command::Serve(docs) => serve::run(&|| settings(docs.docs.as_deref())),
        Command::Stdio(docs) => stdio::run(&settings(docs.docs.as_deref())?),
        Command::Index(index) => index::run(&settings(index.docs.as_deref())?, index),
        Command::Search(search) => search::run(&settings(search.docs.as_deref())?, search),
        Command::Eval(eval) => eval::run(&settings(eval.docs.as_deref())?, eval),
        // Status 1 says that there are findings: whatever keeps it from looking has another one.
        Command::Check(asked) => {
            let checked = settings(asked.docs.as_deref()).and_then(|it| check::run(&it, asked));
            return checked.map_err(|error| Failure { error, code: ExitCode::from(2) });
        }
        Command::Model(action) => model::run(&settings(action.docs())?, action),
        Command::Key(action) => key::run(&settings(action.docs())?, action),
        Command::SignIn(action) => sign_in::run(&settings(action.docs())?, action),
        Command::Usage(asked) => usage::run(&settings(asked.whose.docs.as_deref())?, asked),
        Command::Audit(asked) => audit::run(&settings(asked.whose.docs.as_deref())?, asked),
        Command::Connect { client, docs, key } if client.as_deref() == Some(connect::REGISTRY) => {
            connect::registry(&settings(docs.as_deref())?, *key)
        }
        Command::Connect { client, docs, key } => {
            // A name nobody knows is told first, whatever the settings are.
            let client =
                client.as_deref().map(str::parse).transpose().map_err(anyhow::Error::from)?;
            connect::run(client, &settings(docs.as_deref())?, *key)
        }
        Command::Config(asked) => config::run(&settings(asked.docs.as_deref())?, asked.check),
        Command::Health(docs) => health::run(&settings(docs.docs.as_deref())?),
        Command::Completions { shell } => exported::completions(*shell),
        Command::Man { folder } => exported::man(folder),
    }?;
    Ok(ExitCode::SUCCESS)
}
