//! A git repository that somebody writes, and a server that hands it out.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::harness::write;

/// A repository with docs; goes away with the test.
pub(crate) struct Upstream {
    dir: TempDir,
}

/// A repository of these files, in one commit.
pub(crate) fn upstream(files: &[(&str, &str)]) -> Upstream {
    let upstream = Upstream { dir: tempfile::tempdir().expect("a folder") };
    std::fs::create_dir(upstream.path()).expect("a folder");
    upstream.git(&["init", "--quiet", "--initial-branch=main"]);
    files.iter().for_each(|(path, text)| upstream.write(path, text));
    upstream.commit();
    upstream
}

impl Upstream {
    /// Where it is.
    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("guide")
    }

    /// Writes a file, which is in the next commit.
    pub(crate) fn write(&self, path: &str, text: &str) {
        write(&self.path(), path, text);
    }

    /// Commits all there is; the commit.
    pub(crate) fn commit(&self) -> String {
        self.git(&["add", "--all", "--force"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message=docs"]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Runs git in it; what it printed.
    pub(crate) fn git(&self, words: &[&str]) -> String {
        let output = git().current_dir(self.path()).args(words).output();
        let output = output.expect("git runs: install it (apt install git, brew install git)");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {words:?}: {said}");
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }

    /// Hands it out on a free port.
    pub(crate) fn serve(&self) -> Daemon {
        // Another test may take the port between the look and the start.
        (0..20).find_map(|_| Daemon::start(self.dir.path(), free_port())).expect("a daemon runs")
    }

    /// Hands it out again on a port that was stopped.
    pub(crate) fn serve_at(&self, port: u16) -> Daemon {
        Daemon::start(self.dir.path(), port).expect("a daemon runs")
    }
}

/// The program, without the settings of whoever runs the tests.
fn git() -> Command {
    let mut command = Command::new("git");
    command
        .args(["-c", "user.name=docs", "-c", "user.email=docs@example.com"])
        .args(["-c", "commit.gpgSign=false", "-c", "protocol.file.allow=always"])
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", if cfg!(windows) { "NUL" } else { "/dev/null" });
    command
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port()
}

/// `git daemon`; killed with the test.
pub(crate) struct Daemon {
    child: Child,
    pub(crate) port: u16,
}

impl Daemon {
    fn start(base: &Path, port: u16) -> Option<Daemon> {
        let folder = git().arg("--exec-path").output().expect("git runs").stdout;
        let folder = String::from_utf8(folder).expect("text");
        // Not by way of git, which would not take its daemon along when it is killed.
        let mut child = Command::new(Path::new(folder.trim()).join("git-daemon"))
            .args(["--verbose", "--reuseaddr", "--export-all", "--listen=127.0.0.1"])
            .arg(format!("--port={port}"))
            .arg(format!("--base-path={}", base.display()))
            .stderr(Stdio::piped())
            .spawn()
            .expect("git daemon runs: it comes with git (apk add git-daemon)");
        let said = BufReader::new(child.stderr.take().expect("its log"));
        let mut lines = said.lines().map_while(Result::ok);
        let ready = lines.by_ref().any(|line| line.contains("Ready to rumble"));
        // What it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let daemon = Daemon { child, port };
        ready.then_some(daemon)
    }

    /// Where the repository is.
    pub(crate) fn address(&self) -> String {
        format!("git://127.0.0.1:{}/guide", self.port)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
