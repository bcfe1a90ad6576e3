//! A replica: everything that is asked of it is answered from the snapshot, without a docs folder.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use serde_json::{Value, json};

use super::{Site, search, served_id};
use crate::commands::served::Served;
use crate::commands::{errors, fails};
use crate::tiny_model::tiny_model;

/// What a method of MCP answers.
fn method(served: &Served, method: &str, params: Value) -> Value {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let head = "POST /mcp HTTP/1.1\r\nContent-Type: application/json\r\n\
                Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2025-11-25\r\n";
    let answer = served.ask(head, &body.to_string());
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    let answer: Value = serde_json::from_str(body).expect("JSON");
    assert!(answer["error"].is_null(), "{answer}");
    answer["result"].clone()
}

#[test]
fn every_route_is_answered_without_the_docs() {
    let site = Site::new();
    site.write("docs/ask.prompt.md", "---\ndescription: Asks.\n---\nWhat is {{it}}?\n");
    site.publish();
    // One settings file is for both; what it says of collections and of git is not read here.
    site.settings(
        "[git]\nwebhook_secret_file = \"nowhere\"\n[[collections]]\npath = \"docs\"\n\
         [[collections]]\ngit = \"https://a.example/b.git\"\ntoken_file = \"nowhere\"\n",
    );
    fs::rename(site.dir.join("docs"), site.dir.join("away")).expect("it was there");
    let served = site.replica();
    assert!(search(&served, "port").contains("guide/ports.md#ports"));
    let page = served.call("fetch", json!({"id": "install.md#linux"}));
    assert!(page.contains("Use the package."), "{page}");
    let outline = served.call("outline", json!({}));
    assert!(outline.contains("install.md"), "{outline}");
    let listed = method(&served, "resources/list", json!({}));
    assert_eq!(listed["resources"].as_array().map(Vec::len), Some(2), "{listed}");
    let uri = "docs:///docs/guide/ports.md";
    let read = method(&served, "resources/read", json!({ "uri": uri }));
    assert!(read.to_string().contains("to use another port"), "{read}");
    let prompts = method(&served, "prompts/list", json!({}));
    assert!(prompts.to_string().contains("Asks."), "{prompts}");
    let completed = method(
        &served,
        "completion/complete",
        json!({"ref": {"type": "ref/resource", "uri": "docs:///{collection}/{+path}"},
            "argument": {"name": "path", "value": "ins"}, "context": {"arguments": {"collection": "docs"}}}),
    );
    assert!(completed.to_string().contains("install.md"), "{completed}");
    for (path, expected) in [
        ("/", "The guide"),
        ("/docs/docs/", "install.md"),
        ("/docs/docs/guide/ports.md", "to use another port"),
        ("/llms.txt", "install.md"),
        ("/llms-full.txt", "Use the package."),
        ("/mcp/server-card", "The guide"),
        ("/style.css", "body"),
        ("/healthz", "ok"),
        ("/readyz", "\"ready\":true"),
    ] {
        let answer = served.ask(&format!("GET {path} HTTP/1.1\r\nAccept: */*\r\n"), "");
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        assert!(answer.contains(expected), "{path}: {answer}");
    }
    let html = "GET /docs/docs/install.md HTTP/1.1\r\nAccept: text/html\r\n";
    assert!(served.ask(html, "").contains("<h2 id=\"linux\">"));
    let ready = served.ready();
    assert_eq!(ready["snapshot"]["id"], site.pointer()["id"], "{ready}");
    assert_eq!(ready["snapshot"]["published"], site.pointer()["published"], "{ready}");
    assert_eq!(ready["problem"], Value::Null, "{ready}");
}

#[test]
fn a_closed_door_tells_the_snapshot_and_no_more() {
    let site = Site::new();
    site.publish();
    let mut command = site.replica_in("replica");
    command.args(["--access", "keys"]);
    let served = Served::run(command);
    let ready = served.ready();
    let id = site.pointer()["id"].clone();
    let published = site.pointer()["published"].clone();
    let expected =
        json!({"ready": true, "current": true, "snapshot": {"id": id, "published": published}});
    assert_eq!(ready, expected);
    assert!(search(&served, "port").starts_with("HTTP/1.1 401"));
}

#[test]
fn commands_beside_a_replica_read_its_snapshot() {
    let site = Site::new();
    site.publish();
    fs::rename(site.dir.join("docs"), site.dir.join("away")).expect("it was there");
    let served = site.replica();
    search(&served, "zanzibar");
    let runs = |words: &[&str]| {
        let output = site.command(words).args(["--data-dir", "replica"]).output().expect("it runs");
        assert!(output.status.success(), "{words:?}: {}", errors(&output));
        (
            String::from_utf8(output.stdout).expect("text"),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    assert!(runs(&["search", "port"]).0.contains("guide/ports.md#ports"));
    assert!(runs(&["connect", "claude-code"]).0.contains("http docs http"));
    let (report, said) = runs(&["usage"]);
    assert!(report.contains("zanzibar") && !said.contains("cannot be read"), "{report}{said}");
    // A second one would delete what the first one needs.
    let said = fails(&mut site.replica_in("replica"));
    assert!(said.contains("are in use by docent serve --follow (process"), "{said}");
    assert!(said.ends_with("give this one its own --data-dir"), "{said}");
}

#[test]
fn an_assistant_may_start_one_itself() {
    let site = Site::new();
    site.publish();
    let mut session = Session::start(&site);
    session.finds("port", "guide/ports.md#ports");
    session.ends();
}

/// A session that an assistant started; what it says on standard error goes to a file.
struct Session {
    child: std::process::Child,
    input: std::process::ChildStdin,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Session {
    fn start(site: &Site) -> Session {
        let mut command = site.command(&["stdio", "--data-dir", "own"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("docent runs");
        let mut input = child.stdin.take().expect("its input");
        let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"}}});
        let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        writeln!(input, "{hello}\n{ready}").expect("it reads");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        Session { child, input, lines }
    }

    /// Searches until something is found.
    fn finds(&mut self, query: &str, expected: &str) {
        let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
        loop {
            let ask = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
                "name": "search", "arguments": {"query": query}}});
            writeln!(self.input, "{ask}").expect("it reads");
            let answer = self.lines.by_ref().map_while(Result::ok);
            let answer = answer.into_iter().find(|line| line.contains("\"id\":1"));
            let answer = answer.expect("an answer");
            if answer.contains(expected) {
                return;
            }
            assert!(std::time::Instant::now() < end, "{answer}");
        }
    }

    fn ends(mut self) {
        drop(self.input);
        assert_eq!(self.child.wait().expect("it ends").code(), Some(0));
    }
}

#[test]
fn of_two_sessions_one_follows_and_the_other_reads_what_that_brings() {
    let site = Site::new();
    site.publish();
    let mut first = Session::start(&site);
    first.finds("port", "guide/ports.md#ports");
    let mut second = Session::start(&site);
    second.finds("port", "guide/ports.md#ports");
    for (number, session) in [(1, &mut second), (2, &mut first)] {
        site.write("docs/new.md", &format!("# New\n\nThe okapi number {number} is here.\n"));
        site.publish();
        session.finds("okapi", &format!("number {number}"));
    }
    // When the one that follows ends, the other one does.
    first.ends();
    site.write("docs/new.md", "# New\n\nThe okapi number 3 is here.\n");
    site.publish();
    second.finds("okapi", "number 3");
    second.ends();
}

#[test]
fn a_session_that_waits_for_the_first_snapshot_ends_with_its_client() {
    let site = Site::new();
    fs::create_dir(site.bucket()).expect("a folder");
    Session::start(&site).ends();
}

#[test]
fn who_makes_an_index_in_the_data_folder_of_a_replica_is_refused() {
    let site = Site::new();
    site.publish();
    let _served = site.replica();
    let said = fails(&mut site.command(&["index", "--data-dir", "replica"]));
    assert!(said.contains("is in use by docent serve --follow (process"), "{said}");
}

#[test]
fn vectors_come_with_the_snapshot() {
    let site = Site::new();
    tiny_model(&site.dir.join("tiny"));
    let runs = |words: &[&str], data: &str| {
        let output = site.command(words).args(["--data-dir", data]).output().expect("docent runs");
        assert!(output.status.success(), "{words:?}: {}", errors(&output));
    };
    for data in ["data", "replica"] {
        runs(&["model", "add", "tiny"], data);
    }
    site.publish();
    let mut command = site.replica_in("replica");
    command.env("RUST_LOG", "docent=debug");
    let served = Served::run(command);
    let said = served.said().join("\n");
    let taken = "vectors were brought along taken=2";
    if !said.contains(taken) {
        served.hears(taken);
    }
    // A section that is new is embedded where it is published, too.
    site.write("docs/new.md", "# New\n\nThe okapi is here.\n");
    site.publish();
    served.hears("vectors were brought along taken=1");
    let own = fs::read(site.dir.join("data/meaning/vectors")).expect("vectors").len();
    assert_eq!(fs::read(site.dir.join("replica/meaning/vectors")).expect("vectors").len(), own);
}

#[test]
fn the_numbers_say_how_following_goes() {
    let site = Site::new();
    site.publish();
    let mut command = site.replica_in("replica");
    command.env("DOCENT_METRICS_LISTEN", "127.0.0.1:0");
    let served = Served::run(command);
    let line = served.said().into_iter().find(|line| line.contains("metrics: http://"));
    let line = line.unwrap_or_else(|| served.hears("metrics: http://"));
    let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next());
    let address = address.expect("an address").to_owned();
    let metrics = || Served::at(&address, "GET /metrics HTTP/1.1\r\n");
    let number = |name: &str| -> u64 {
        let text = metrics();
        let line = text.lines().find(|line| line.starts_with(name)).map(str::to_owned);
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
            .unwrap_or_else(|| panic!("{text}"))
    };
    let published = "docent_snapshot_published_timestamp_seconds";
    assert_eq!(Some(number(published)), site.pointer()["published"].as_u64());
    assert!(number("docent_snapshot_looked_timestamp_seconds") >= number(published));
    assert_eq!(number("docent_snapshot_failures_total"), 0);
    assert_eq!(number("docent_following"), 1);
    fs::rename(site.bucket(), site.dir.join("gone")).expect("it was there");
    served.hears("there is no folder");
    assert!(number("docent_snapshot_failures_total") > 0);
    assert_eq!(number("docent_following"), 0);
    assert_eq!(served_id(&served), {
        fs::rename(site.dir.join("gone"), site.bucket()).expect("it was there");
        site.pointer()["id"].as_str().expect("an id").to_owned()
    });
    served.hears("snapshots can be followed again");
    assert_eq!(number("docent_following"), 1);
}
