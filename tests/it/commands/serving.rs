//! `serve`, `stdio`, `index` and `search`, as people run them.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use super::served::{Served, manual};
use super::{errors, fails};
use crate::harness::{docent, write};

#[test]
fn a_server_answers_and_stops_when_it_is_told() {
    let (_dir, path) = manual();
    let mut served = Served::start(&path);
    let answer = served.call("search", json!({"query": "port"}));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("guide/ports.md#ports"), "{answer}");
    #[cfg(unix)]
    {
        served.signal("TERM");
        assert_eq!(served.ends(), Some(0));
    }
}

#[test]
fn search_prints_what_the_tool_answers() {
    let (_dir, path) = manual();
    let public = ["--public-url", "http://localhost:1"];
    let printed = docent()
        .current_dir(&path)
        .args(["search", "change", "the", "port", "--docs", "docs", "--data-dir", "data", "--json"])
        .args(public)
        .output()
        .expect("docent runs");
    assert!(printed.status.success(), "{}", errors(&printed));
    let line = String::from_utf8(printed.stdout).expect("text");
    let answers = stdio(&path, &[call(1, "search", json!({"query": "change the port"}))], &[]);
    let by_stdio = answers[1]["result"]["structuredContent"].clone();
    let mut by_command: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(
        by_command["results"][0]["url"],
        "http://localhost:1/docs/docs/guide/ports.md#ports"
    );
    for (ours, theirs) in by_command["results"]
        .as_array_mut()
        .expect("hits")
        .iter_mut()
        .zip(by_stdio["results"].as_array().expect("hits"))
    {
        ours["url"] = theirs["url"].clone();
    }
    assert_eq!(by_command.to_string(), by_stdio.to_string());
    assert_eq!(line.trim_end(), serde_json::from_str::<Value>(&line).expect("JSON").to_string());
    let people = docent()
        .current_dir(&path)
        .args(["search", "port", "--docs", "docs", "--data-dir", "data"])
        .output()
        .expect("docent runs");
    let text = String::from_utf8(people.stdout).expect("text");
    assert!(
        text.starts_with("1. Ports\n   guide/ports.md#ports  http://127.0.0.1:8080/docs/docs/"),
        "{text}"
    );
    assert!(!text.contains('\x1b'), "colour without a terminal");
}

pub(crate) fn call(id: u64, tool: &str, arguments: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool, "arguments": arguments}})
}

/// Talks to `docent stdio` until it closes; every line it prints must be a message.
pub(crate) fn stdio(dir: &Path, messages: &[Value], raw: &[&[u8]]) -> Vec<Value> {
    let mut child = docent()
        .current_dir(dir)
        .args(["stdio", "docs", "--data-dir", "data"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("docent runs");
    let mut input = child.stdin.take().expect("its input");
    let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}});
    let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    for message in [&hello, &ready].into_iter().chain(messages) {
        writeln!(input, "{message}").expect("it reads");
    }
    for bytes in raw {
        input.write_all(bytes).expect("it reads");
    }
    let mut output = BufReader::new(child.stdout.take().expect("its output"));
    let mut answers = Vec::new();
    for _ in 0..=messages.len() {
        let mut line = String::new();
        output.read_line(&mut line).expect("a line");
        answers.push(serde_json::from_str(&line).expect("every line is a message"));
    }
    drop(input);
    let mut rest = String::new();
    output.read_to_string(&mut rest).expect("the end");
    for line in rest.lines() {
        answers.push(serde_json::from_str(line).expect("every line is a message"));
    }
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    answers
}

#[test]
fn a_taken_port_is_said_before_anything_is_indexed() {
    let (_dir, path) = manual();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let mut command = docent();
    command.current_dir(&path).args(["serve", "docs", "--data-dir", "data", "--listen", &address]);
    let said = fails(&mut command);
    assert!(said.starts_with(&format!("docent: {address} is taken by another program")), "{said}");
    assert!(!path.join("data").exists());
}

#[test]
fn a_session_of_an_assistant_reads_beside_a_server() {
    let (_dir, path) = manual();
    let _served = Served::start(&path);
    let answers = stdio(&path, &[call(1, "search", json!({"query": "port"}))], &[]);
    assert!(answers[1].to_string().contains("guide/ports.md#ports"));
}

#[test]
fn an_index_is_summarised_for_machines() {
    let (_dir, path) = manual();
    write(&path, "docs/broken.md", "---\ntitle: [\n---\n# Broken\n");
    let run = || {
        let output = docent()
            .current_dir(&path)
            .args(["index", "docs", "--data-dir", "data", "--json"])
            .output()
            .expect("docent runs");
        assert!(output.status.success(), "{}", errors(&output));
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON")
    };
    let first = run();
    assert_eq!((&first["pages"], &first["added"]), (&json!(3), &json!(3)), "{first}");
    assert_eq!(first["rebuilt"], "there is no index yet");
    assert_eq!(first["warnings"][0]["path"], "broken.md", "{first}");
    let second = run();
    assert_eq!(
        (&second["pages"], &second["added"], &second["rebuilt"]),
        (&json!(3), &json!(0), &Value::Null)
    );
}

#[test]
fn a_saved_file_is_found_while_serving() {
    let (_dir, path) = manual();
    let served = Served::start(&path);
    write(&path, "docs/new.md", "# New\n\nThe okapi is here.\n");
    served.hears("docs changed");
    assert!(served.call("search", json!({"query": "okapi"})).contains("new.md#new"));
}
