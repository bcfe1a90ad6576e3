//! N4: how a server ends when it is told to: calls finish, streams get their last word, status 0.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::commands::served::{Served, manual};

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
