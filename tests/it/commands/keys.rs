//! `key`, and a server that is behind one.

use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::served::{Served, manual, serve};
use super::{errors, fails};
use crate::harness::{docent, write};

fn key(dir: &Path, words: &[&str]) -> Command {
    let mut command = docent();
    command.current_dir(dir).arg("key").args(words).args(["--data-dir", "data"]);
    command
}

/// What it prints on standard output, and what it says.
fn runs(dir: &Path, words: &[&str]) -> (String, String) {
    let output = key(dir, words).output().expect("docent runs");
    assert!(output.status.success(), "{words:?}: {}", errors(&output));
    (String::from_utf8(output.stdout.clone()).expect("text"), errors(&output))
}

/// A key and its id.
fn made(dir: &Path, words: &[&str]) -> (String, String) {
    let (printed, said) = runs(dir, words);
    let key = printed.trim_end().to_owned();
    assert!(key.starts_with("dk_live_") && key.len() == 66, "{key}");
    assert!(!said.contains(&key), "it is shown once");
    let id = key[8..16].to_owned();
    assert!(said.contains(&id), "{said}");
    (key, id)
}

fn list(dir: &Path) -> Value {
    serde_json::from_str(&runs(dir, &["list", "--json"]).0).expect("JSON")
}

/// Calls `search` with a key; the first line of the answer.
pub(super) fn search(served: &Served, key: &str) -> String {
    found(served, key).lines().next().unwrap_or_default().to_owned()
}

/// The whole answer.
fn found(served: &Served, key: &str) -> String {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search","arguments":{"query":"port"}}}"#;
    let mut stream = served.connect();
    write!(
        stream,
        "POST /mcp HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
         MCP-Protocol-Version: 2025-11-25\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        served.address,
        body.len()
    )
    .expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

#[test]
fn keys_are_made_listed_replaced_and_revoked() {
    let (_dir, dir) = manual();
    assert!(runs(&dir, &["list"]).1.contains("there are no keys"));
    let (first, id) = made(&dir, &["create", "--name", "ci", "--limit", "600/hour"]);
    let (_, other) = made(&dir, &["create", "--name", "für später", "--never"]);
    let listed = list(&dir);
    assert_eq!(listed[0]["id"], *id);
    assert_eq!((&listed[0]["name"], &listed[0]["limit"]), (&"ci".into(), &"600/hour".into()));
    assert_eq!((&listed[0]["valid"], &listed[0]["used"]), (&true.into(), &Value::Null));
    assert_eq!((&listed[1]["name"], &listed[1]["expires"]), (&"für später".into(), &Value::Null));
    let (readable, _) = runs(&dir, &["list"]);
    assert!(readable.contains("valid until 20"), "{readable}");
    assert!(readable.contains("valid, never ends"), "{readable}");
    assert!(!readable.contains(&first[17..]), "no secret is shown again");

    let (_, said) = runs(&dir, &["rotate", &id, "--overlap", "1h", "--expires", "7d"]);
    assert!(said.contains(&format!("the key {id} ends at 20")), "{said}");
    let listed = list(&dir);
    assert_eq!((&listed[2]["name"], &listed[2]["family"]), (&"ci".into(), &id.clone().into()));
    assert!(runs(&dir, &["list"]).0.contains("valid, ends soon: 20"));

    let (_, said) = runs(&dir, &["revoke", &other]);
    assert!(said.contains("lets nobody in any more"), "{said}");
    assert_eq!(list(&dir)[1]["valid"], false);
}

#[test]
fn a_key_is_limited_to_collections_and_tools_that_there_are() {
    let (_dir, dir) = manual();
    let settings = "[[collections]]\nname = \"a\"\npath = \"docs\"\n\n\
                    [[collections]]\nname = \"b\"\npath = \"docs\"\n";
    write(&dir, "docent.toml", settings);
    let create = ["create", "--name", "ci", "--collections", "b,a,b", "--tools", "search"];
    let (key, id) = made(&dir, &create);
    made(&dir, &["create", "--name", "all"]);
    runs(&dir, &["rotate", &id]);
    let listed = list(&dir);
    for (at, scope) in [(0, json!([["a", "b"], ["search"]])), (2, json!([["a", "b"], ["search"]]))]
    {
        assert_eq!(json!([listed[at]["collections"], listed[at]["tools"]]), scope);
    }
    assert_eq!((&listed[1]["collections"], &listed[1]["tools"]), (&Value::Null, &Value::Null));
    let (readable, _) = runs(&dir, &["list"]);
    assert!(readable.contains("; collections: a, b; tools: search"), "{readable}");
    assert!(!readable.contains(&key[17..]));

    for (words, part) in [
        (["--collections", "a,nope"], "--collections: there is no \"nope\"; there is: a, b"),
        (["--collections", ""], "--collections: there is no \"\"; there is: a, b"),
        (["--tools", "search,write"], "there is no \"write\"; there is: search, fetch, outline"),
    ] {
        let mut create = vec!["create", "--name", "x"];
        create.extend(words);
        let said = fails(&mut self::key(&dir, &create));
        assert!(said.contains(part), "{words:?}: {said}");
    }
    // Where it is not known what is served, nothing is promised.
    std::fs::remove_file(dir.join("docent.toml")).expect("it is there");
    let create = ["create", "--name", "x", "--collections", "a"];
    let said = fails(&mut self::key(&dir, &create));
    assert!(said.contains("--collections: what is served is not known"), "{said}");
    assert_eq!(list(&dir).as_array().map(Vec::len), Some(3));
}

#[test]
fn a_running_server_shows_a_key_its_collections_and_no_other() {
    let (_dir, dir) = manual();
    write(&dir, "other/zanzibar.md", "# Zanzibar\n\nThe port of Zanzibar is a port.\n");
    let settings = "access = \"keys\"\nlisten = \"127.0.0.1:0\"\ndata_dir = \"data\"\n\
                    [[collections]]\nname = \"ours\"\npath = \"docs\"\n\
                    [[collections]]\nname = \"theirs\"\npath = \"other\"\n";
    write(&dir, "docent.toml", settings);
    let mut command = docent();
    command.current_dir(&dir).args(["serve", "--log", "human"]);
    let served = Served::run(command);
    let (narrow, _) = made(&dir, &["create", "--name", "n", "--collections", "ours"]);
    let (wide, _) = made(&dir, &["create", "--name", "w"]);
    let (narrow, wide) = (found(&served, &narrow), found(&served, &wide));
    assert!(narrow.contains("ours/guide/ports.md#ports"), "{narrow}");
    assert!(wide.contains("theirs/zanzibar.md#zanzibar"), "{wide}");
    assert!(!narrow.contains("theirs") && !narrow.contains("anzibar"), "{narrow}");
}

#[test]
fn what_makes_no_key_says_so() {
    let (_dir, dir) = manual();
    for (words, part) in [
        (vec!["revoke", "12345678"], "there is no key 12345678; docent key list shows"),
        (vec!["rotate", "12345678"], "there is no key 12345678"),
        (vec!["create", "--name", " "], "--name: a name has 1 to 64 characters"),
        (vec!["create", "--name", "a\nb"], "--name: a name has 1 to 64 characters"),
        (vec!["create", "--name", "a", "--expires", "soon"], "--expires: \"soon\" is no time"),
        (vec!["create", "--name", "a", "--expires", "0s"], "never let anybody in"),
        (vec!["create", "--name", "a", "--expires", "9999999y"], "is no time such as 90d"),
        (vec!["create", "--name", "a", "--limit", "40/week"], "\"week\" is not one of: second"),
    ] {
        let said = fails(&mut key(&dir, &words));
        assert!(said.contains(part), "{words:?}: {said}");
    }
    assert!(list(&dir).as_array().expect("a list").is_empty());
    let mut alone = docent();
    alone.current_dir(&dir).args(["key", "list"]);
    assert!(fails(&mut alone).contains("whose key?"));
}

#[test]
fn a_running_server_knows_of_a_key_at_once_and_a_revoked_one_no_more() {
    let (_dir, dir) = manual();
    let mut command = serve(&dir);
    command.args(["--access", "keys"]);
    let served = Served::run(command);
    assert!(search(&served, "").contains("401"));
    let (key, id) = made(&dir, &["create", "--name", "agent", "--limit", "2/hour"]);
    assert!(search(&served, &key).contains("200"));
    assert!(search(&served, &key).contains("200"));
    assert!(search(&served, &key).contains("429"));
    runs(&dir, &["revoke", &id]);
    assert!(search(&served, &key).contains("401"));
    assert!(list(&dir)[0]["used"].is_string(), "its use was noted");
    let said = served.said().join("\n");
    assert!(said.contains("there is no key yet"), "{said}");
    assert!(said.contains("callers: with a bearer key, 60/minute each"), "{said}");
    assert!(said.contains("--header \"Authorization: Bearer $DOCENT_KEY\""), "{said}");
    assert!(!said.contains("for people"), "{said}");
    assert!(!said.contains(&key[17..]), "no secret is in the log");
}
