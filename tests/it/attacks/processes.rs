//! N2 and N4: a server that is out of file descriptors, and how one ends when it is told to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

#[cfg(target_os = "linux")]
use crate::commands::failing::{after, recovers, search};
#[cfg(target_os = "linux")]
use crate::commands::served::serve;
use crate::commands::served::{Served, manual};
#[cfg(target_os = "linux")]
use crate::harness::write;

fn post(address: &str, headers: &str, length: usize) -> String {
    format!(
        "POST /mcp HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\n{headers}Content-Length: {length}\r\n\r\n"
    )
}

/// Reads lines until one holds these words.
fn until(reader: &mut impl BufRead, words: &str) {
    let mut line = String::new();
    while !line.contains(words) {
        line.clear();
        assert!(reader.read_line(&mut line).expect("it goes on") > 0, "no {words:?}");
    }
}

/// A stream of notices that is open.
fn listen(served: &Served) -> BufReader<TcpStream> {
    let body =
        json!({"jsonrpc": "2.0", "id": "listen", "method": "subscriptions/listen", "params": {
            "notifications": {"resourcesListChanged": true},
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        }})
        .to_string();
    let headers = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: subscriptions/listen\r\n";
    let mut stream = served.connect();
    write!(stream, "{}{body}", post(&served.address, headers, body.len())).expect("it reads");
    let mut stream = BufReader::new(stream);
    until(&mut stream, "notifications/subscriptions/acknowledged");
    stream
}

#[test]
fn n04_a_server_that_is_told_to_stop_finishes_what_it_does() {
    for signal in ["TERM", "INT"] {
        let (_dir, path) = manual();
        let mut served = Served::start(&path);
        let mut stream = listen(&served);
        // A call is running from its head on; "100 Continue" says that it does.
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "search", "arguments": {"query": "port"}}});
        let body = body.to_string();
        let mut call = BufReader::new(served.connect());
        let head = post(&served.address, "Expect: 100-continue\r\n", body.len());
        call.get_mut().write_all(head.as_bytes()).expect("it reads");
        until(&mut call, "100 Continue");
        served.signal(signal);
        let told = Instant::now();
        served.hears("shutting down");
        assert!(TcpStream::connect(&served.address).is_err(), "it still listens");
        call.get_mut().write_all(body.as_bytes()).expect("it still reads");
        let mut answer = String::new();
        call.read_to_string(&mut answer).expect("it answers");
        assert!(answer.contains("200 OK") && answer.contains("guide/ports.md#ports"), "{answer}");
        let mut last = String::new();
        stream.read_to_string(&mut last).expect("it ends");
        assert!(last.contains("\"id\":\"listen\"") && last.contains("\"result\""), "{last}");
        assert_eq!(served.ends(), Some(0), "{signal}");
        assert!(told.elapsed() < Duration::from_secs(10), "{:?}", told.elapsed());
    }
}

/// Hundredths of a second that the process has computed for.
#[cfg(target_os = "linux")]
fn computed(served: &Served) -> u64 {
    let stat =
        std::fs::read_to_string(format!("/proc/{}/stat", served.child.id())).expect("its state");
    let (_, after_name) = stat.rsplit_once(')').expect("a name in brackets");
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    fields[11].parse::<u64>().expect("user time") + fields[12].parse::<u64>().expect("system time")
}

#[cfg(target_os = "linux")]
#[test]
fn n02_a_server_out_of_file_descriptors_waits_for_some() {
    use std::io::Read as _;
    let (_dir, path) = manual();
    let served = Served::run(after("ulimit -n 80", &serve(&path)));
    served.follows();
    let idle: Vec<_> = (0..100).map(|_| served.connect()).collect();
    served.hears("cannot accept a connection");
    // Nobody takes this one; meanwhile the server may not try again and again.
    let before = computed(&served);
    let mut late = served.connect();
    late.set_read_timeout(Some(Duration::from_secs(1))).expect("a deadline");
    let started = Instant::now();
    assert!(late.read(&mut [0]).is_err(), "it was answered");
    assert!(started.elapsed() > Duration::from_millis(900));
    assert!(computed(&served) - before < 20, "the server spins");
    let repeated = served.said().iter().filter(|line| line.contains("cannot accept")).count();
    assert!(repeated < 5, "the log is flooded");
    // A change of the docs that cannot be read now loses no page, and is not forgotten. The index
    // that cannot be looked at is not taken for a damaged one.
    write(&path, "docs/guide/ports.md", "# Ports\n\nThe okapi changed the port.\n");
    if !served.said().iter().any(|line| line.contains("serving what is indexed")) {
        served.hears("serving what is indexed");
    }
    drop((idle, late));
    recovers(&served);
    assert!(!served.said().iter().any(|line| line.contains("making the index again")));
    assert!(search(&served, "okapi").contains("guide/ports.md#ports"));
    assert!(search(&served, "package").contains("install.md#linux"));
}
