//! What holds whatever is tried: the process lives, nothing panics, no answer is a failure of the
//! server or late, memory does not pile up, the log is clean, and the next honest request works.

use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Request;
use docent::http::Options;
use docent::mcp::Docs;
use serde_json::{Value, json};
use tracing_subscriber::EnvFilter;

use crate::commands::served::Served;
use crate::http::{Answer, Server, call};

/// Two seconds for an answer. Unoptimised and beside all other tests, five times as long: what is
/// not linear takes minutes.
const LATE: Duration = Duration::from_secs(if cfg!(debug_assertions) { 10 } else { 2 });
/// Kilobytes by which a process may grow.
const GROWTH: u64 = 64 * 1024;

/// A router that everything is tried on, with its log.
pub(crate) struct Oracle {
    pub(crate) server: Server,
    log: Log,
    /// Bytes of the log that were looked at.
    read: Cell<usize>,
    /// What must be in no log.
    secrets: RefCell<Vec<String>>,
    /// What honest callers show.
    authorization: Option<String>,
    _listening: tracing::subscriber::DefaultGuard,
}

impl Oracle {
    /// Over a few pages.
    pub(crate) fn new() -> Oracle {
        Oracle::of(Server::new)
    }

    /// Over the docs of a folder.
    pub(crate) fn over((folder, docs): (crate::harness::Folder, Docs)) -> Oracle {
        Oracle::of(|| Server::over(Box::new(folder), docs, |_| {}))
    }

    /// Over a few pages, with these options.
    pub(crate) fn with(change: impl FnOnce(&mut Options)) -> Oracle {
        Oracle::of(|| Server::with(change))
    }

    fn of(server: impl FnOnce() -> Server) -> Oracle {
        let log = Log::default();
        let listening = log.listen();
        Oracle {
            server: server(),
            log,
            read: Cell::new(0),
            secrets: RefCell::default(),
            authorization: None,
            _listening: listening,
        }
    }

    /// What honest callers have to show here.
    pub(crate) fn known_by(mut self, key: &str) -> Oracle {
        self.authorization = Some(format!("Bearer {key}"));
        self.keeps(key);
        self
    }

    /// A text that no log may hold.
    pub(crate) fn keeps(&self, secret: &str) {
        self.secrets.borrow_mut().push(secret.to_owned());
    }

    /// Whatever is tried; the answer, if it is one that may be given.
    pub(crate) async fn ask(&self, request: Request<Body>) -> Answer {
        let tried = self.try_it(request).await;
        let honest = self.honest().await;
        assert_eq!(honest.status, 200, "after {}: {}", tried.text, honest.text);
        assert!(honest.json()["result"]["tools"].is_array(), "{}", honest.text);
        tried
    }

    /// The same without an honest request after it, for what is tried thousands of times.
    pub(crate) async fn try_it(&self, request: Request<Body>) -> Answer {
        let started = Instant::now();
        let answer = self.server.ask(request).await;
        assert!(started.elapsed() < LATE, "{:?} for {}", started.elapsed(), answer.text);
        let status = answer.status.as_u16();
        assert!(status < 500 || matches!(status, 503 | 504), "{status}: {}", answer.text);
        for trace in ["panicked", "src/", "RUST_BACKTRACE"] {
            assert!(!answer.text.contains(trace), "{trace}: {}", answer.text);
        }
        self.reads_the_log();
        answer
    }

    /// Looks at what was logged since it was looked at last.
    fn reads_the_log(&self) {
        let log = self.log.text();
        let new = &log[self.read.replace(log.len())..];
        new.lines().for_each(is_clean);
        for secret in self.secrets.borrow().iter() {
            assert!(!new.contains(secret.as_str()), "a secret is in the log: {new}");
        }
    }

    async fn honest(&self) -> Answer {
        let request = match &self.authorization {
            Some(authorization) => call().header("authorization", authorization),
            None => call(),
        };
        let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#;
        self.try_it(request.body(list.into()).expect("a request")).await
    }

    /// A body sent to the endpoint.
    pub(crate) async fn body(&self, body: impl Into<Body>) -> Answer {
        self.ask(call().body(body.into()).expect("a request")).await
    }

    /// A method called.
    pub(crate) async fn method(&self, method: &str, params: Value) -> Value {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        self.body(body.to_string()).await.json()
    }

    /// A method called as 2026-07-28 has it, with what headers repeat of it.
    pub(crate) async fn modern(
        &self,
        method: &str,
        mut params: Value,
        name: Option<&str>,
    ) -> Value {
        use base64::Engine as _;
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let mut request =
            call().header("mcp-protocol-version", "2026-07-28").header("mcp-method", method);
        if let Some(name) = name {
            let encoded = base64::prelude::BASE64_STANDARD.encode(name);
            request = request.header("mcp-name", format!("=?base64?{encoded}?="));
        }
        self.ask(request.body(body.to_string().into()).expect("a request")).await.json()
    }

    /// A tool called: its answer, or what it says is wrong.
    pub(crate) async fn tool(&self, tool: &str, arguments: Value) -> Result<Value, String> {
        let answer = self.method("tools/call", json!({"name": tool, "arguments": arguments})).await;
        let result = &answer["result"];
        let text = result["content"][0]["text"].as_str();
        let text = text.unwrap_or_else(|| panic!("no answer of a tool: {answer}")).to_owned();
        if result["isError"] == true {
            return Err(text);
        }
        let whole: Value = serde_json::from_str(&text).expect("the answer is JSON");
        assert_eq!(whole, result["structuredContent"], "both channels say the same");
        Ok(whole)
    }

    /// Everything that was logged.
    pub(crate) fn log(&self) -> String {
        self.log.text()
    }
}

/// A log in memory, as `docent serve --log human` writes it, with all that is said for debugging.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new("warn,docent=debug,rmcp=error,tantivy=error"))
            .with_ansi(false)
            .with_target(false)
            .with_writer(move || log.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no panic").clone()).expect("a log is text")
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A line of a log in the form for people: nobody wrote it but docent, and no terminal obeys it.
fn is_clean(line: &str) {
    assert!(!line.contains("panicked"), "{line}");
    assert!(!line.chars().any(|c| c.is_control() || c == '\u{202e}'), "{line:?}");
    let dated = line.len() > 20 && line.starts_with("20") && line.as_bytes()[10] == b'T';
    assert!(dated, "a line that docent did not begin: {line:?}");
}

/// A process that everything is tried on.
pub(crate) struct Process {
    pub(crate) served: Served,
    before: u64,
}

impl Process {
    /// Serves the docs of a folder that `manual` made.
    pub(crate) fn start(dir: &Path) -> Process {
        Process::run(crate::commands::served::serve(dir))
    }

    /// Runs a command that ends up serving.
    pub(crate) fn run(command: Command) -> Process {
        let served = Served::run(command);
        // What the first call brings into memory stays there.
        served.ready();
        let before = memory(&served);
        Process { served, before }
    }

    /// Sends bytes, half-closes nothing, and reads what is answered until the end.
    pub(crate) fn send(&self, bytes: &[u8]) -> String {
        let mut stream = self.served.connect();
        // The other side may have closed before it has read all.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Holds the process to all that a router cannot show; the log so far.
    pub(crate) fn survives(&mut self, secrets: &[&str]) -> String {
        let ended = self.served.child.try_wait().expect("its state");
        assert!(ended.is_none(), "it ended: {ended:?}\n{}", self.served.said().join("\n"));
        assert_eq!(self.served.ready()["ready"], true);
        let grown = memory(&self.served).saturating_sub(self.before);
        assert!(grown < GROWTH, "{grown} KiB more than before");
        let said = self.served.said();
        let log = said.iter().skip_while(|line| !line.starts_with("what was asked:")).skip(1);
        log.for_each(|line| is_clean(line));
        let whole = said.join("\n");
        for secret in secrets {
            assert!(!whole.contains(secret), "a secret is in the log: {whole}");
        }
        whole
    }
}

/// Kilobytes that the process holds in memory; 0 where the system does not tell.
fn memory(served: &Served) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", served.child.id()));
    let status = status.unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
