//! A server process on a port of its own: what it says, what it answers, how it ends.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{docent, write};

/// Longer than anything takes that is not stuck.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server process; killed with the test.
pub(crate) struct Served {
    pub(crate) child: Child,
    pub(crate) address: String,
    log: Receiver<String>,
    said: RefCell<Vec<String>>,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Served {
    /// Serves the docs of a folder that [`manual`] made.
    pub(crate) fn start(dir: &Path) -> Served {
        Served::run(serve(dir))
    }

    /// Runs a command that ends up serving.
    pub(crate) fn run(mut command: Command) -> Served {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("docent runs");
        let lines = BufReader::new(child.stderr.take().expect("its log")).lines();
        let (sender, log) = channel();
        std::thread::spawn(move || {
            lines.map_while(Result::ok).all(|line| sender.send(line).is_ok())
        });
        let mut served = Served { child, address: String::new(), log, said: RefCell::default() };
        let line = served.hears("endpoint: http");
        let (_, rest) = line.split_once("://").expect("it was looked for");
        served.address = rest.trim_end_matches("/mcp").to_owned();
        served
    }

    /// Waits for a line of the log that holds these words.
    pub(crate) fn hears(&self, words: &str) -> String {
        let end = Instant::now() + PATIENCE;
        while let Ok(line) = self.log.recv_timeout(end.saturating_duration_since(Instant::now())) {
            self.said.borrow_mut().push(line.clone());
            if line.contains(words) {
                return line;
            }
        }
        panic!("docent did not say {words:?} after all this:\n{}", self.said().join("\n"));
    }

    /// Waits until it follows the docs: what is broken before that is found by the first look
    /// instead.
    pub(crate) fn follows(&self) {
        let words = "following the docs";
        if !self.said().iter().any(|line| line.contains(words)) {
            self.hears(words);
        }
    }

    /// The whole log up to now.
    pub(crate) fn said(&self) -> Vec<String> {
        self.said.borrow_mut().extend(self.log.try_iter());
        self.said.borrow().clone()
    }

    /// A connection that gives up rather than wait for ever.
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a deadline");
        stream
    }

    pub(crate) fn ask(&self, head: &str, body: &str) -> String {
        Served::asked(self.connect(), &self.address, head, body)
    }

    /// What another address answers.
    pub(crate) fn at(address: &str, head: &str) -> String {
        Served::asked(TcpStream::connect(address).expect("it listens"), address, head, "")
    }

    /// What comes back over a connection.
    pub(crate) fn asked(mut stream: TcpStream, host: &str, head: &str, body: &str) -> String {
        write!(stream, "{head}Host: {host}\r\nConnection: close\r\n").expect("it reads");
        write!(stream, "Content-Length: {}\r\n\r\n{body}", body.len()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    }

    /// Calls a tool; the whole answer.
    pub(crate) fn call(&self, tool: &str, arguments: Value) -> String {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}});
        let head = "POST /mcp HTTP/1.1\r\nContent-Type: application/json\r\n\
                    Accept: application/json, text/event-stream\r\n\
                    MCP-Protocol-Version: 2025-11-25\r\n";
        self.ask(head, &body.to_string())
    }

    /// What `/readyz` says.
    pub(crate) fn ready(&self) -> Value {
        let answer = self.ask("GET /readyz HTTP/1.1\r\n", "");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        serde_json::from_str(body).expect("JSON")
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits for its end; the status.
    pub(crate) fn ends(&mut self) -> Option<i32> {
        self.child.wait().expect("it ends").code()
    }
}

/// The command that serves the docs of a folder that [`manual`] made.
pub(crate) fn serve(dir: &Path) -> Command {
    let mut command = docent();
    let words =
        ["serve", "docs", "--data-dir", "data", "--listen", "127.0.0.1:0", "--log", "human"];
    command.current_dir(dir).args(words);
    command
}

/// A folder with a few docs.
pub(crate) fn manual() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "docs/guide/ports.md", "# Ports\n\nChange `listen` to use another port.\n");
    write(dir.path(), "docs/install.md", "# Installation\n\n## Linux\n\nUse the package.\n");
    let path = dir.path().to_owned();
    (dir, path)
}
