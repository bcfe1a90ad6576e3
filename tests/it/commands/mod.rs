//! The commands, as processes.

#[cfg(unix)]
mod auditing;
mod checking;
mod connecting;
mod deploying;
mod empty;
mod evaluating;
mod exporting;
#[cfg(unix)]
pub(crate) mod failing;
mod health;
mod help;
mod keys;
mod keys_file;
mod modelling;
mod pulling;
#[cfg(unix)]
mod reloading;
mod searching;
pub(crate) mod served;
pub(crate) mod serving;
mod settings;
mod sign_ins;
mod tls;
mod using;

use std::process::{Command, Output};

/// What a process said on standard error.
pub(crate) fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs a command that must fail; its last line.
pub(crate) fn fails(command: &mut Command) -> String {
    let output = command.output().expect("docent runs");
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    errors(&output).lines().last().unwrap_or_default().to_owned()
}
