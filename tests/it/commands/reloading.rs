//! SIGHUP: settings that a running server takes, those that it names, and those that it refuses.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use serde_json::json;

use super::served::{Served, manual};
use crate::harness::{docent, write};

/// A server that takes keys, with these settings besides; the key that it lets in.
fn served(dir: &Path, settings: &str) -> (Served, String) {
    let mut key = docent();
    key.current_dir(dir).args(["key", "create", "--name", "ci", "--data-dir", "data"]);
    let key = key.output().expect("docent runs");
    let key = String::from_utf8(key.stdout).expect("text").trim().to_owned();
    set(dir, settings);
    let mut command = docent();
    command.current_dir(dir).args(["serve", "--listen", "127.0.0.1:0", "--log", "human"]);
    let served = Served::run(command);
    // The whole welcome, so that what is heard later was said later.
    served.follows();
    (served, key)
}

fn set(dir: &Path, settings: &str) {
    let fixed = "data_dir = \"data\"\naccess = \"keys\"";
    let file = format!("{fixed}\n{settings}\n[[collections]]\npath = \"docs\"\n");
    write(dir, "docent.toml", &file);
}

/// The head of the answer to a call.
fn call(served: &Served, key: &str, more: &str) -> String {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "search", "arguments": {"query": "port"}}});
    let head = format!(
        "POST /mcp HTTP/1.1\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nAuthorization: Bearer {key}\r\n{more}"
    );
    let answer = served.ask(&head, &body.to_string());
    answer.split("\r\n\r\n").next().unwrap_or_default().to_ascii_lowercase()
}

#[test]
fn a_limit_is_taken_and_who_has_called_is_not_forgotten() {
    let (_dir, dir) = manual();
    let (served, key) = served(&dir, "limits.key = \"10/hour\"");
    for left in ["r=9;", "r=8;"] {
        let head = call(&served, &key, "");
        assert!(head.contains("q=10;") && head.contains(left), "{head}");
    }
    set(&dir, "limits.key = \"3/hour\"");
    served.signal("HUP");
    let said = served.hears("limits.key is");
    assert!(said.contains("limits.key is \"3/hour\" now; it was \"10/hour\""), "{said}");
    served.hears("read the settings again");
    let head = call(&served, &key, "");
    assert!(head.contains("q=3;") && head.contains("r=0;"), "two came before: {head}");
    assert!(call(&served, &key, "").starts_with("http/1.1 429"));
}

#[test]
fn settings_with_a_mistake_change_nothing() {
    let (_dir, dir) = manual();
    let (served, key) = served(&dir, "limits.key = \"10/hour\"");
    for (wrong, words) in [
        ("limits.key = \"3\"", "limits.key: \"3\" is not CALLS/UNIT"),
        ("limits.key = \"3/hour\"\ncolour = 1", "unknown field `colour`"),
        ("limits.key = \"3/hour\"\nallowed_hosts = [\"a b\"]", "\"a b\" is not a host"),
        (
            "limits.key = \"3/hour\"\nkeys_file = \"none.toml\"",
            "cannot read the keys file none.toml",
        ),
    ] {
        set(&dir, wrong);
        served.signal("HUP");
        let said = served.hears("the settings from before stay in force: ");
        // What the parser of the file says goes on in lines of its own.
        if !said.contains(words) {
            served.hears(words);
        }
        assert!(call(&served, &key, "").contains("q=10;"), "{wrong}");
    }
}

#[test]
fn what_needs_a_restart_is_named() {
    let (_dir, dir) = manual();
    let (served, key) = served(&dir, "limits.key = \"10/hour\"");
    let more =
        "watch = \"poll\"\npublic_url = \"https://docs.example.com\"\nlimits.key = \"9/hour\"";
    set(&dir, more);
    served.signal("HUP");
    let said = served.hears("public_url needs");
    let words =
        "public_url needs a restart to become \"https://docs.example.com\"; \"\" stays in force";
    assert!(said.contains(words), "{said}");
    let said = served.hears("watch needs");
    assert!(said.contains("watch needs a restart to become \"poll\"; \"auto\" stays"), "{said}");
    served.hears("read the settings again");
    assert!(call(&served, &key, "").contains("q=9;"), "what can be taken is");
    // Nobody forgets that by asking twice.
    served.signal("HUP");
    served.hears("watch needs a restart");
}

#[test]
fn hosts_origins_proxies_and_keys_are_taken() {
    let (_dir, dir) = manual();
    let (served, key) = served(&dir, "limits.key = \"10/hour\"");
    let origin = "Origin: https://app.example.com\r\n";
    assert!(call(&served, &key, origin).starts_with("http/1.1 403"));
    let made = docent()
        .current_dir(&dir)
        .args(["key", "create", "--name", "file", "--for-file"])
        .output()
        .expect("docent runs");
    let other = String::from_utf8(made.stdout).expect("text").trim().to_owned();
    let entry = String::from_utf8(made.stderr).expect("text");
    let hash = entry.lines().last().unwrap_or_default();
    assert!(call(&served, &other, "").starts_with("http/1.1 401"));
    let more = format!(
        "key_hash = \"{hash}\"\nallowed_origins = [\"https://app.example.com\"]\n\
         trusted_proxies = [\"127.0.0.1\"]"
    );
    set(&dir, &more);
    served.signal("HUP");
    served.hears("read the settings again");
    assert!(call(&served, &key, origin).starts_with("http/1.1 200"));
    assert!(call(&served, &other, "").starts_with("http/1.1 200"), "the new key lets in");
    set(&dir, "");
    served.signal("HUP");
    served.hears("read the settings again");
    assert!(call(&served, &other, "").starts_with("http/1.1 401"), "and out it goes");
    assert!(
        call(&served, &key, "").starts_with("http/1.1 200"),
        "the one in the data folder stays"
    );
    assert!(call(&served, &key, origin).starts_with("http/1.1 403"));
}

#[test]
fn a_stream_outlives_a_reload() {
    let (_dir, dir) = manual();
    let (served, key) = served(&dir, "limits.key = \"10/hour\"");
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": {
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {}
        },
        "notifications": {"resourcesListChanged": true}
    }})
    .to_string();
    let mut stream = served.connect();
    write!(
        stream,
        "POST /mcp HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\n\
         Mcp-Method: subscriptions/listen\r\nAuthorization: Bearer {key}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        served.address,
        body.len()
    )
    .expect("it reads");
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    assert!(lines.by_ref().any(|line| line.contains("acknowledged")), "it is subscribed");
    set(&dir, "limits.key = \"3/hour\"");
    served.signal("HUP");
    served.hears("read the settings again");
    write(&dir, "docs/new.md", "# New\n");
    assert!(lines.by_ref().any(|line| line.contains("list_changed")), "it is told");
}
