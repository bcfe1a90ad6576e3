//! The commands, as processes.

#[cfg(unix)]
mod auditing;
mod checking;
mod connecting;
mod empty;
#[cfg(unix)]
mod ending;
mod evaluating;
#[cfg(unix)]
mod failing;
mod help;
mod keys;
mod keys_file;
mod modelling;
mod searching;
mod served;
mod serving;
mod settings;
mod tls;

use std::process::{Command, Output};

/// What a process said on standard error.
fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs a command that must fail; its last line.
fn fails(command: &mut Command) -> String {
    let output = command.output().expect("docent runs");
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    errors(&output).lines().last().unwrap_or_default().to_owned()
}
