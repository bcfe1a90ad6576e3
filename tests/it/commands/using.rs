//! `usage`: what was asked of a server, as its owner sees it; metrics, feedback, and what the log says of
//! a request.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::served::{Served, manual, serve};
use super::{errors, fails};
use crate::harness::{docent, write};

/// Longer than anything takes that is not stuck.
const PATIENCE: Duration = Duration::from_secs(30);

fn usage(dir: &Path, words: &[&str]) -> Command {
    let mut command = docent();
    command.current_dir(dir).args(["usage", "--docs", "docs", "--data-dir", "data"]).args(words);
    command
}

fn report(dir: &Path) -> Value {
    let output = usage(dir, &["--json"]).output().expect("docent runs");
    assert!(output.status.success(), "{}", errors(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The report, as soon as it tells of so many calls, answered or refused.
fn report_of(dir: &Path, calls: u64) -> Value {
    let end = Instant::now() + PATIENCE;
    loop {
        let report = report(dir);
        let sum = |name: &str| report["totals"][name].as_u64().expect("a number");
        if sum("calls") + sum("limited") == calls {
            return report;
        }
        assert!(Instant::now() < end, "there are not {calls} calls: {report}");
    }
}

/// A server of a folder's docs with these settings.
fn serve_with(dir: &Path, settings: &str) -> Served {
    write(dir, "docent.toml", settings);
    let mut command = serve(dir);
    command.args(["--config", "docent.toml"]);
    Served::run(command)
}

/// A call of the newest revision, which says who calls.
fn call(served: &Served, tool: &str, arguments: Value, more: &str) -> String {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "Harbour Bot", "version": "3"},
        "io.modelcontextprotocol/clientCapabilities": {},
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    });
    let params = json!({"name": tool, "arguments": arguments, "_meta": meta});
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    let head = format!(
        "POST /mcp HTTP/1.1\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\n\
         Mcp-Method: tools/call\r\nMcp-Name: {tool}\r\n{more}"
    );
    served.ask(&head, &body.to_string())
}

#[test]
fn the_owner_sees_what_was_asked_and_what_was_not_found() {
    let (_dir, dir) = manual();
    write(&dir, "docs/spare.md", "# Spare\n\nNobody asks for this.\n");
    let served = Served::start(&dir);
    // The line that is said at the start shows it, from any folder.
    let line = served.hears("what was asked:").replace("what was asked:", "");
    for query in ["use another port", "Another port use?", "zeppelin mail me@mail.example.com"] {
        call(&served, "search", json!({"query": query}), "");
    }
    call(&served, "fetch", json!({"id": "guide/ports.md"}), "");
    call(&served, "fetch", json!({"id": "guide/harbours.md"}), "");
    let report = report_of(&dir, 5);
    assert_eq!(report["questions"][0]["question"], "use another port");
    assert_eq!(report["questions"][0]["times"], 2);
    assert_eq!(report["questions"][0]["nearest"], "guide/ports.md#ports");
    assert_eq!(report["unanswered"][0]["question"], "zeppelin mail [e-mail]");
    assert_eq!(report["unanswered"][0]["nothing"], 1);
    assert_eq!(report["clients"], json!([{"name": "Harbour Bot", "times": 5}]));
    assert_eq!(report["kinds"], json!([{"name": "anonymous", "times": 5}]));
    assert_eq!(report["cited"][0], json!({"page": "guide/ports.md", "found": 2, "read": 1}));
    assert_eq!(report["never_found"]["pages"], json!(["spare.md"]));
    assert_eq!(report["not_there"], json!([{"name": "guide/harbours.md", "times": 1}]));
    assert_eq!((&report["totals"]["errors"], &report["totals"]["nothing"]), (&json!(1), &json!(1)));

    let output = usage(&dir, &[]).output().expect("docent runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let bin = Path::new(env!("CARGO_BIN_EXE_docent")).parent().expect("its folder");
    let path = format!("PATH={}:$PATH; {line}", bin.display());
    #[cfg(unix)]
    {
        let shown = Command::new("sh").args(["-c", &path]).output().expect("a shell");
        assert_eq!(String::from_utf8(shown.stdout).expect("text"), text);
    }
    for line in ["5 calls in 7 days: 3 searches", "zeppelin mail [e-mail]", "Harbour Bot"] {
        assert!(text.contains(line), "{text}");
    }
    let output = usage(&dir, &["--html", "report.html"]).output().expect("docent runs");
    assert!(errors(&output).contains("wrote report.html"), "{}", errors(&output));
    let page = std::fs::read_to_string(dir.join("report.html")).expect("it was written");
    assert!(page.contains("use another port") && !page.contains("<script"), "{page}");
}

#[test]
fn who_never_was_asked_learns_so_and_nothing_is_made() {
    let (_dir, dir) = manual();
    let output = usage(&dir, &[]).output().expect("docent runs");
    assert!(output.status.success());
    assert!(errors(&output).contains("nothing was asked in the last 7d"), "{}", errors(&output));
    assert!(!dir.join("data/usage.sqlite").exists());
    let mut alone = docent();
    assert!(fails(alone.current_dir(&dir).arg("usage")).contains("whose usage?"));
    assert!(fails(&mut usage(&dir, &["--since", "soon"])).contains("--since: \"soon\" is no time"));
}

#[test]
fn what_was_written_survives_a_kill_and_an_end_loses_nothing() {
    let (_dir, dir) = manual();
    let mut served = Served::start(&dir);
    // The first wakes the writer; the second waits with it for its next look.
    served.call("search", json!({"query": "ports"}));
    served.call("search", json!({"query": "ports"}));
    report_of(&dir, 2);
    served.child.kill().expect("it is killed");
    served.ends();
    assert_eq!(report(&dir)["totals"]["calls"], 2);
    let mut served = Served::start(&dir);
    served.call("search", json!({"query": "ports"}));
    served.call("search", json!({"query": "ports"}));
    #[cfg(unix)]
    {
        served.signal("TERM");
        served.ends();
        assert_eq!(report(&dir)["totals"]["calls"], 4);
    }
}

#[test]
fn an_answer_with_an_error_is_no_page_that_was_read() {
    let (_dir, dir) = manual();
    let served = Served::start(&dir);
    call(&served, "fetch", json!({"id": "install.md", "cursor": "1.1.1"}), "");
    let report = report_of(&dir, 1);
    assert_eq!((&report["cited"], &report["totals"]["errors"]), (&json!([]), &json!(1)));
    assert_eq!(report["days"].as_array().expect("a list").len(), 7);
}

#[test]
fn the_owner_says_what_is_kept() {
    let (_dir, dir) = manual();
    let served = serve_with(&dir, "[usage]\nqueries = \"off\"\n");
    served.call("search", json!({"query": "ports"}));
    let told = report_of(&dir, 1);
    assert_eq!((&told["totals"]["searches"], &told["questions"]), (&json!(1), &json!([])));
    drop(served);
    let served = serve_with(&dir, "[usage]\nqueries = \"full\"\n");
    served.call("search", json!({"query": "port 123456"}));
    assert_eq!(report_of(&dir, 2)["questions"][0]["question"], "port 123456");
    drop(served);

    let (_dir, dir) = manual();
    let served = serve_with(&dir, "[usage]\nenabled = false\n");
    assert!(served.call("search", json!({"query": "ports"})).contains("200 OK"));
    assert!(!dir.join("data/usage.sqlite").exists());
    for (settings, complaint) in [
        (
            "[usage]\nqueries = \"some\"\n",
            "usage.queries: \"some\" is not one of: full, redacted, off",
        ),
        ("[usage]\nkeep = \"long\"\n", "usage.keep: \"long\" is no time"),
        ("[metrics]\nlisten = \"9090\"\n", "metrics.listen: \"9090\" is not ADDRESS:PORT"),
        ("[telemetry]\nendpoint = \"x\"\n", "telemetry.endpoint: \"x\" is no address such as"),
        ("[feedback]\nenabled = true\n[usage]\nenabled = false\n", "say usage.enabled = true, too"),
    ] {
        write(&dir, "wrong.toml", settings);
        let mut command = serve(&dir);
        let said = fails(command.args(["--config", "wrong.toml"]));
        assert!(said.contains(complaint), "{said}");
    }
}

#[test]
fn a_client_that_shook_hands_is_known_in_its_later_calls() {
    let (_dir, dir) = manual();
    let served = Served::start(&dir);
    let head = "POST /mcp HTTP/1.1\r\nContent-Type: application/json\r\nUser-Agent: old/1\r\n";
    let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {},
        "clientInfo": {"name": "Old Client", "version": "0.9"}}});
    served.ask(head, &hello.to_string());
    let read = json!({"jsonrpc": "2.0", "id": 1, "method": "resources/read",
        "params": {"uri": "docs:///docs/install.md"}});
    assert!(served.ask(head, &read.to_string()).contains("Installation"));
    let report = report_of(&dir, 1);
    assert_eq!(report["clients"], json!([{"name": "Old Client", "times": 1}]));
    assert_eq!(report["cited"], json!([{"page": "install.md", "found": 0, "read": 1}]));
    assert_eq!(report["latency"][0]["tool"], "resource");
}

#[test]
fn a_server_on_standard_input_keeps_what_is_asked_too() {
    let (_dir, dir) = manual();
    let mut command = docent();
    command.current_dir(&dir).args(["stdio", "docs", "--data-dir", "data"]);
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = piped.spawn().expect("docent runs");
    let mut input = child.stdin.take().expect("its input");
    for message in [
        json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": {"name": "Desk", "version": "1"}}}),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": "search", "arguments": {"query": "package"}}}),
    ] {
        writeln!(input, "{message}").expect("it reads");
    }
    let output = std::io::BufReader::new(child.stdout.take().expect("its output"));
    let mut answers = std::io::BufRead::lines(output).map_while(Result::ok);
    assert!(answers.any(|line| line.contains("install.md#linux")));
    drop(input);
    assert!(child.wait().expect("it ends").success());
    let report = report(&dir);
    assert_eq!(report["clients"], json!([{"name": "Desk", "times": 1}]));
    assert_eq!(report["kinds"], json!([{"name": "local", "times": 1}]));
}

#[test]
fn a_key_that_used_up_its_limit_is_in_the_report_by_its_name() {
    let (_dir, dir) = manual();
    let mut command = docent();
    let words = ["key", "create", "--name", "night build", "--limit", "1/hour"];
    let made = command.current_dir(&dir).args(words).args(["--data-dir", "data"]).output();
    let made = String::from_utf8(made.expect("docent runs").stdout).expect("text");
    let mut command = serve(&dir);
    command.args(["--access", "keys"]);
    let served = Served::run(command);
    for _ in 0..3 {
        let key = format!("Authorization: Bearer {}\r\n", made.trim_end());
        call(&served, "search", json!({"query": "ports"}), &key);
    }
    let report = report_of(&dir, 3);
    assert_eq!(report["callers"], json!([{"name": "night build", "times": 1}]));
    assert_eq!(report["limits"], json!([{"name": "key", "times": 2}]));
    assert_eq!(report["totals"]["limited"], 2);
}

#[test]
fn metrics_have_an_address_of_their_own() {
    let (_dir, dir) = manual();
    write(&dir, "docent.toml", "[metrics]\nlisten = \"127.0.0.1:0\"\n");
    let mut command = serve(&dir);
    command.args(["--config", "docent.toml"]);
    let served = Served::run(command);
    let line = served.hears("metrics: http://");
    let (_, address) = line.split_once("http://").expect("it was looked for");
    served.call("search", json!({"query": "ports"}));
    served.call("search", json!({"query": "zeppelin"}));
    let numbers = Served::at(address.trim_end_matches("/metrics"), "GET /metrics HTTP/1.1\r\n");
    assert!(numbers.contains("content-type: text/plain; version=0.0.4"), "{numbers}");
    for line in [
        "docent_calls_total{tool=\"search\",outcome=\"ok\"} 2",
        "docent_searches_empty_total 1",
        "docent_index_pages{collection=\"docs\"} 2",
        "docent_index_sections 3",
        "docent_queue 0",
    ] {
        assert!(numbers.lines().any(|it| it == line), "{line} is not in\n{numbers}");
    }
    // Not where the public is.
    assert!(served.ask("GET /metrics HTTP/1.1\r\n", "").starts_with("HTTP/1.1 404"));
}

#[test]
fn agents_may_say_what_is_wrong_where_the_owner_wants_it() {
    let (_dir, dir) = manual();
    let said = json!({"id": "install.md#linux", "problem": "stale",
        "comment": "The package has another\nname now, ask me@mail.example.com."});
    let served = Served::start(&dir);
    assert!(call(&served, "feedback", said.clone(), "").contains("there is no tool"));
    drop(served);
    let served = serve_with(&dir, "[feedback]\nenabled = true\n");
    assert!(call(&served, "feedback", said, "").contains("received"));
    for (arguments, complaint) in [
        (json!({"problem": "odd", "comment": "x"}), "one of: wrong, stale, missing"),
        (json!({"problem": "wrong", "comment": "x"}), "feedback needs \\\"id\\\""),
        (json!({"problem": "wrong", "comment": "x", "id": "instal.md"}), "install.md"),
        (json!({"problem": "missing"}), "one sentence"),
        (json!({"problem": "missing", "comment": "x".repeat(401)}), "at most 400 characters"),
    ] {
        let answer = call(&served, "feedback", arguments, "");
        assert!(answer.contains("\"isError\":true") && answer.contains(complaint), "{answer}");
    }
    let missing = json!({"problem": "missing", "comment": "Nothing about Windows."});
    assert!(call(&served, "feedback", missing, "").contains("received"));
    let report = report_of(&dir, 7);
    let heard: Vec<_> = report["feedback"].as_array().expect("a list").iter().collect();
    assert_eq!(heard.len(), 2, "{report}");
    assert_eq!(heard[0]["page"], Value::Null);
    assert_eq!(heard[1]["page"], "install.md#linux");
    assert_eq!(heard[1]["comment"], "The package has another name now, ask [e-mail].");
}

#[test]
fn the_log_names_the_request_and_the_trace_that_it_belongs_to() {
    let (_dir, dir) = manual();
    let mut command = docent();
    command.current_dir(&dir).env("RUST_LOG", "docent=debug");
    let words = ["--data-dir", "data", "--listen", "127.0.0.1:0", "--log", "json"];
    command.args(["serve", "docs"]).args(words);
    let served = Served::run(command);
    served.follows();
    let answer = call(&served, "search", json!({"query": "ports"}), "");
    let id = answer.lines().find_map(|line| line.strip_prefix("x-request-id: ")).expect("an id");
    let line: Value = serde_json::from_str(&served.hears("\"answered\"")).expect("JSON");
    assert_eq!(line["span"]["id"], id.trim());
    assert_eq!((&line["route"], &line["status"]), (&json!("/mcp"), &json!(200)));
    let call = served.said().into_iter().find(|line| line.contains("a tool was called"));
    let call: Value = serde_json::from_str(&call.expect("it was logged")).expect("JSON");
    let spans = call["spans"].as_array().expect("a list");
    assert_eq!(spans[0]["id"], id.trim());
    assert_eq!(spans[1]["trace_id"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!((&spans[1]["name"], &spans[1]["tool"]), (&json!("tools/call"), &json!("search")));
    // What a caller makes up is no name of a tool.
    self::call(&served, "reset the password of jane", json!({}), "");
    assert!(!served.said().join("\n").contains("jane"));
}

/// What a collector was sent: an address, and the bytes of each message.
fn collect(listener: &std::net::TcpListener) -> (String, Vec<u8>) {
    let (mut stream, _) = listener.accept().expect("somebody connects");
    stream.set_read_timeout(Some(PATIENCE)).expect("a deadline");
    let mut read = Vec::new();
    let (head, length) = loop {
        let mut piece = [0; 4096];
        let count = std::io::Read::read(&mut stream, &mut piece).expect("it is sent");
        read.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&read).to_ascii_lowercase();
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            let length = head.split("content-length: ").nth(1).expect("its length");
            let length: usize = length.lines().next().expect("a line").parse().expect("a number");
            // Heads are ASCII: lower case has as many bytes.
            break (head.to_owned(), head.len() + 4 + length);
        }
    };
    let mut rest = vec![0; length - read.len().min(length)];
    std::io::Read::read_exact(&mut stream, &mut rest).expect("it is sent");
    read.extend_from_slice(&rest);
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        .expect("it reads");
    let address = head.split(' ').nth(1).expect("an address").to_owned();
    (address, read.split_off(head.len() + 4))
}

#[cfg(unix)]
#[test]
fn traces_and_logs_go_to_the_collector_that_is_named() {
    use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use prost::Message;

    let (_dir, dir) = manual();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}/", listener.local_addr().expect("its address"));
    let mut command = serve(&dir);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
    let served = Served::run(command);
    served.follows();
    call(&served, "search", json!({"query": "ports"}), "");
    served.signal("TERM");
    let (mut span, mut line) = (None, None);
    while span.is_none() || line.is_none() {
        let (address, body) = collect(&listener);
        match address.as_str() {
            "/v1/traces" => {
                let sent = ExportTraceServiceRequest::decode(&*body).expect("a message");
                let spans = sent.resource_spans.into_iter().flat_map(|it| it.scope_spans);
                let mut spans = spans.flat_map(|scope| scope.spans);
                span = span.or(spans.find(|span| span.name == "tools/call"));
            }
            "/v1/logs" => {
                let sent = ExportLogsServiceRequest::decode(&*body).expect("a message");
                let lines = sent.resource_logs.into_iter().flat_map(|it| it.scope_logs);
                let mut lines = lines.flat_map(|scope| scope.log_records);
                line =
                    line.or(lines.find(|line| format!("{line:?}").contains("following the docs")));
            }
            other => panic!("a collector has no {other}"),
        }
    }
    let span = span.expect("it was looked for");
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hex(&span.trace_id), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(hex(&span.parent_span_id), "b7ad6b7169203331");
    assert!(format!("{:?}", span.attributes).contains("search"));
}
