//! The program git: called so that it asks nobody, runs nothing of what it fetched, and ends.

use std::io::{ErrorKind, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};

use super::address::hidden;

/// How often it is looked whether the program has ended.
const LOOK: Duration = Duration::from_millis(10);
/// How long a call may take that asks the program of itself: a machine that was just started reads it
/// from a cold disk.
const COLD: Duration = Duration::from_secs(30);
/// How long a program that was told to end is waited for, and what it leaves behind.
const GRACE: Duration = Duration::from_secs(2);
/// Bytes that are kept of what it prints.
const KEPT: usize = 16 * 1024;
/// Characters of its words that are told on.
const TOLD: usize = 300;

/// What git said of itself when it failed. All other errors (there is no git, it was ended, it took
/// too long) say nothing of the clone.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Failed(pub(super) String);

/// Whether the program is there.
///
/// # Errors
///
/// It is not, and how to get it.
pub fn check_program() -> anyhow::Result<()> {
    let mut command = Command::new("git");
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    run(command, COLD, &|_| {}).map(drop)
}

/// What holds for every call. Nothing is run that a repository, or a setting of the operator's own
/// work, brings along: hooks, monitors of files, submodules, upkeep in the background.
const ALWAYS: [&str; 8] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "core.longPaths=true",
    "advice.detachedHead=false",
];

/// Variables of git that say how a server is reached; those that say where a repository is, and all
/// others, are taken away.
const REACHING: [&str; 6] =
    ["GIT_SSH", "GIT_SSL_", "GIT_PROXY_", "GIT_CONFIG_", "GIT_HTTP_", "GIT_EXEC_PATH"];

/// What ssh is told unless the operator tells it something else: to ask nobody, and to notice that
/// the other side is gone.
const SSH: &str = "ssh -o BatchMode=yes -o ConnectTimeout=20 -o ServerAliveInterval=15";

/// A call that reads and writes what is here. It knows nothing of the settings of whoever runs it,
/// so that these cannot change a byte of the files: line ends, filters, encodings.
pub(super) fn local(tree: &Path) -> Command {
    let mut command = base(tree);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GIT_") {
            command.env_remove(name);
        }
    }
    let nowhere = tree.join(".git");
    command.env("HOME", &nowhere).env("XDG_CONFIG_HOME", &nowhere).env("GIT_CONFIG_NOSYSTEM", "1");
    command.env("GIT_TERMINAL_PROMPT", "0");
    command
}

/// A call that asks a server, with these protocols and no others. It knows the settings of whoever
/// runs it: credential helpers, proxies, certificates.
pub(super) fn remote(tree: &Path, protocols: &str) -> Command {
    let mut command = base(tree);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let reaches = REACHING.iter().any(|start| text.starts_with(start));
        if text.starts_with("GIT_") && (!reaches || text == "GIT_CONFIG_PARAMETERS") {
            command.env_remove(name);
        }
    }
    command
        // A server that sends nothing for a minute is given up.
        .args(["-c", "http.lowSpeedLimit=100", "-c", "http.lowSpeedTime=60"])
        .env("GIT_ALLOW_PROTOCOL", protocols)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_ASKPASS", "")
        .env("SSH_ASKPASS", "");
    command
}

/// Tells ssh not to ask, unless the operator has said how ssh is called.
pub(super) fn quiet_ssh(command: &mut Command, tree: &Path) {
    let mut asked = remote(tree, "");
    asked.args(["config", "--get", "core.sshCommand"]);
    let set = ["GIT_SSH_COMMAND", "GIT_SSH"].iter().any(|name| std::env::var_os(name).is_some());
    if !set && run(asked, COLD, &|_| {}).is_err() {
        command.env("GIT_SSH_COMMAND", SSH);
    }
}

fn base(tree: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .arg("--git-dir")
        .arg(tree.join(".git"))
        .arg("--work-tree")
        .arg(tree)
        .args(ALWAYS.iter().flat_map(|setting| ["-c", setting]))
        .current_dir(tree)
        // Its words are looked at here.
        .env("LC_ALL", "C")
        .env_remove("LANGUAGE")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // A group of its own, so that what it has started can be ended with it.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command
}

/// Runs a call to its end; what it printed, without the line end. `progress` is given its lines as
/// they come.
///
/// # Errors
///
/// There is no git; it failed, with its own words; or it took longer than `patience`.
pub(super) fn run(
    mut command: Command,
    patience: Duration,
    progress: &(dyn Fn(&str) + Sync),
) -> anyhow::Result<String> {
    let started = Instant::now();
    let is_here = command.get_current_dir().is_none_or(Path::is_dir);
    let mut child = command.spawn().map_err(|error| match error.kind() {
        ErrorKind::NotFound if !is_here => anyhow!("the clone is gone"),
        ErrorKind::NotFound => anyhow!(
            "the program git is not here, and docs from a git repository need it: install it \
             (apt install git, apk add git, brew install git, https://git-scm.com)"
        ),
        _ => anyhow::Error::from(error).context("the program git cannot be started"),
    })?;
    let (printed, said, lines) = listen(&mut child)?;
    let status = loop {
        for line in lines.try_iter() {
            progress(&line);
        }
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if started.elapsed() > patience {
            end(&mut child);
            bail!("git took longer than {} s and was ended", patience.as_secs());
        }
        std::thread::sleep(LOOK);
    };
    // Whatever it left behind may hold its output open.
    let of = |end: Receiver<String>| end.recv_timeout(GRACE).unwrap_or_default();
    let (printed, said) = (of(printed), of(said));
    if !status.success() {
        return Err(failure(status, &said));
    }
    Ok(printed.trim_end().to_owned())
}

type Heard = (Receiver<String>, Receiver<String>, Receiver<String>);

/// What it prints, what it says on standard error, and the lines of the latter as they come.
fn listen(child: &mut Child) -> anyhow::Result<Heard> {
    let mut output = child.stdout.take().context("git has no output")?;
    let mut errors = child.stderr.take().context("git has no errors")?;
    let (print, printed) = channel();
    let (say, said) = channel();
    let (hand_on, lines) = channel();
    std::thread::spawn(move || {
        let mut text = Vec::new();
        read(&mut output, |piece| keep(&mut text, piece));
        let _ = print.send(String::from_utf8_lossy(&text).into_owned());
    });
    std::thread::spawn(move || {
        let (mut text, mut line) = (Vec::new(), Vec::new());
        read(&mut errors, |piece| {
            for &byte in piece {
                match byte {
                    // Progress is written over itself.
                    b'\r' => {
                        let _ = hand_on.send(String::from_utf8_lossy(&line).into_owned());
                        line.clear();
                    }
                    b'\n' => {
                        line.push(byte);
                        keep(&mut text, &line);
                        line.clear();
                    }
                    _ if line.len() < KEPT => line.push(byte),
                    _ => {}
                }
            }
        });
        keep(&mut text, &line);
        let _ = say.send(String::from_utf8_lossy(&text).into_owned());
    });
    Ok((printed, said, lines))
}

fn read(from: &mut impl Read, mut take: impl FnMut(&[u8])) {
    let mut buffer = [0; 4096];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return,
            Ok(read) => take(&buffer[..read]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// Keeps the end: it says why.
fn keep(text: &mut Vec<u8>, piece: &[u8]) {
    text.extend_from_slice(piece);
    let above = text.len().saturating_sub(KEPT);
    text.drain(..above);
}

/// Ends the program and all that it has started: first in peace, so that it deletes its lock files.
fn end(child: &mut Child) {
    #[cfg(unix)]
    {
        use rustix::process::{Pid, Signal, kill_process_group};
        let group = Pid::from_child(child);
        let _ = kill_process_group(group, Signal::TERM);
        let told = Instant::now();
        while told.elapsed() < GRACE && matches!(child.try_wait(), Ok(None)) {
            std::thread::sleep(LOOK);
        }
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// Its own words, from where it says that it failed.
fn failure(status: ExitStatus, said: &str) -> anyhow::Error {
    let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
    let fails = |line: &&str| line.starts_with("fatal: ") || line.starts_with("error: ");
    let mut words: Vec<&str> = lines().skip_while(|line| !fails(line)).collect();
    if words.is_empty() {
        words.extend(lines().next_back());
    }
    words.retain(|line| !line.starts_with("hint:"));
    // Advice for people at a keyboard, at the end.
    if let Some(advice) = words.iter().position(|line| line.starts_with("Please make sure")) {
        words.truncate(advice);
    }
    let plain =
        |line: &&str| line.trim_start_matches("fatal: ").trim_start_matches("error: ").to_owned();
    let words = words.iter().map(plain).collect::<Vec<_>>().join("; ");
    let words: String = words.chars().filter(|c| !c.is_control()).take(TOLD).collect();
    let words = match words.as_str() {
        "" => format!("git failed ({status})"),
        words => hidden(words),
    };
    match status.code() {
        Some(_) => Failed(words).into(),
        None => anyhow!("{words}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_failure_is_told_in_gits_own_words_without_secrets() {
        use std::os::unix::process::ExitStatusExt;
        let of = |said: &str| failure(ExitStatus::from_raw(128 << 8), said).to_string();
        assert_eq!(
            of("Cloning\nfatal: unable to connect to 127.0.0.1:\n127.0.0.1[0]: errno=refused\n"),
            "unable to connect to 127.0.0.1:; 127.0.0.1[0]: errno=refused"
        );
        assert_eq!(
            of("error: a\nhint: b\nfatal: cannot read 'https://u:hunter2@h/p'\n"),
            "a; cannot read 'https://…@h/p'"
        );
        assert_eq!(of(""), "git failed (exit status: 128)");
    }

    #[cfg(unix)]
    #[test]
    fn what_hangs_is_ended_with_all_that_it_started() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 60 & sleep 60"]).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let started = Instant::now();
        let error = run(command, Duration::from_millis(50), &|_| {}).unwrap_err().to_string();
        assert!(error.contains("took longer"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}
