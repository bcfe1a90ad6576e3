//! H and N over real sockets and pipes: bytes that are no request, and who keeps others waiting.

use std::convert::Infallible;
use std::io::Write as _;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use docent::http::Patience;
use hyper::body::Frame;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::commands::served::manual;
use crate::commands::serving::{call, stdio};
use crate::harness::docent;
use crate::http::wire::{SHORT, docs, hasty, post, rest, run, status};

#[tokio::test]
async fn n01_whoever_sends_nothing_or_half_a_head_is_not_waited_for() {
    let server = docs(hasty()).await;
    for bytes in ["", "GET /mcp HT", "GET / HTTP/1.1\r\nHost: localhost\r\nX: "] {
        assert_eq!(server.send(bytes).await, "", "{bytes:?}");
    }
}

#[tokio::test]
async fn n01_whoever_says_nothing_at_first_is_not_waited_for_as_others_are_later() {
    let server = docs(Patience { first: SHORT, ..Patience::default() }).await;
    for bytes in ["", "GET / HT"] {
        assert_eq!(server.send(bytes).await, "", "{bytes:?}");
    }
}

#[tokio::test]
async fn n01_a_head_that_drips_is_not_waited_for() {
    let server = docs(hasty()).await;
    let mut stream = server.connect().await;
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    let mut sent = 0;
    // Each byte comes well in time; the whole head does not.
    while stream.write_all(b"G").await.is_ok() && sent < 500 {
        sent += 1;
        ticks.tick().await;
    }
    assert!(sent < 100, "{sent} bytes were taken");
}

#[tokio::test]
async fn n01_an_idle_connection_is_closed_after_its_last_answer() {
    let server = docs(hasty()).await;
    let answer = server.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(status(&answer), "200");
    let half = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HT";
    assert_eq!(server.send(half).await.matches("200 OK").count(), 1);
}

#[tokio::test]
async fn n01_half_a_body_is_not_waited_for() {
    let server = docs(hasty()).await;
    let answer = server.send(post("Content-Length: 100\r\n", "{\"jsonrpc\"")).await;
    assert_eq!(status(&answer), "408", "{answer}");
    assert!(answer.contains("\"code\":-32000") && answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn n01_whoever_does_not_read_is_not_waited_for() {
    let given_up = Arc::new(Notify::new());
    let inside = given_up.clone();
    let endless = get(|| async { Body::new(Endless(inside)) });
    let router = Router::new().route("/", endless);
    let server = run(router, hasty(), CancellationToken::new()).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let gone = tokio::time::timeout(Duration::from_secs(20), given_up.notified()).await;
    assert!(gone.is_ok(), "the server still waits for its peer to read");
    drop(stream);
}

#[tokio::test]
async fn h02_bodies_that_are_too_long_are_refused_however_they_come() {
    let server = docs(hasty()).await;
    let answer = server.send(post("Content-Length: 1000000000000\r\n", "")).await;
    assert_eq!(status(&answer), "413", "{answer}");
    let mut stream = server.connect().await;
    stream.write_all(post("Transfer-Encoding: chunked\r\n", "").as_bytes()).await.unwrap();
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 16, " ".repeat(1 << 16));
    for _ in 0..5 {
        stream.write_all(chunk.as_bytes()).await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let answer = rest(&mut stream).await;
    assert_eq!(status(&answer), "413", "{answer}");
}

#[tokio::test]
async fn h15_there_is_exactly_one_host() {
    let server = docs(hasty()).await;
    for head in [
        "GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ] {
        let answer = server.send(head).await;
        assert_eq!(status(&answer), "400", "{head:?}");
        assert!(answer.contains("\"jsonrpc\":\"2.0\""), "{answer}");
    }
}

#[tokio::test]
async fn h17_a_body_has_one_length() {
    let server = docs(hasty()).await;
    let twice = post("Content-Length: 3\r\nContent-Length: 4\r\n", "{}  ");
    assert_eq!(status(&server.send(twice).await), "400");
    let unknown = post("Transfer-Encoding: xchunked\r\n", "{}");
    assert_eq!(status(&server.send(unknown).await), "400");
    // What follows the chunks is never taken for a second request.
    let smuggled = "0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let headers = format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", smuggled.len());
    let answer = server.send(post(&headers, smuggled)).await;
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
}

#[tokio::test]
async fn h17_broken_heads_are_refused() {
    let server = docs(hasty()).await;
    for head in [
        "GET / HTTP/1.1\r\nHost : localhost\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nX: a\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\r\n\r\n",
    ] {
        let answer = server.send(head).await;
        assert!(!answer.contains(" 200 "), "{head:?}: {answer}");
    }
    let answer = server
        .send(
            "GET /docs/%0d%0aX-Injected:1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        )
        .await;
    assert!(!answer.to_lowercase().contains("\r\nx-injected"), "{answer}");
}

#[tokio::test]
async fn h18_a_head_has_bounds() {
    let server = docs(hasty()).await;
    let many = "X: y\r\n".repeat(200);
    let answer = server.send(format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n")).await;
    assert_eq!(status(&answer), "431", "{answer}");
    let mut stream = server.connect().await;
    let long = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}", "y".repeat(64 * 1024));
    let _ = stream.write_all(long.as_bytes()).await;
    let answer = rest(&mut stream).await;
    assert!(matches!(status(&answer), "431" | ""), "{answer}");
}

#[tokio::test]
async fn n02_one_connection_too_many_is_closed_and_the_others_live() {
    let patience = Patience { connections: 1, ..Patience::default() };
    let server = docs(patience).await;
    let mut first = server.connect().await;
    let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut answer = [0; 12];
    first.write_all(request).await.unwrap();
    first.read_exact(&mut answer).await.unwrap();
    let mut second = server.connect().await;
    let _ = second.write_all(request).await;
    assert_eq!(rest(&mut second).await, "");
    first
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    assert!(rest(&mut first).await.ends_with("ok"));
}

#[tokio::test]
async fn h19_http_2_is_not_spoken() {
    let server = docs(hasty()).await;
    // The preface, settings with a window of 0, then streams that are opened and reset at once,
    // and a head that is continued without end.
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend([0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0]);
    for stream in (1..2001_u32).step_by(2) {
        let id = stream.to_be_bytes();
        bytes.extend([0, 0, 1, 1, 4].into_iter().chain(id).chain([0x82]));
        bytes.extend([0, 0, 4, 3, 0].into_iter().chain(id).chain([0, 0, 0, 8]));
        bytes.extend([0, 0, 1, 9, 0].into_iter().chain(id).chain([0x82]));
    }
    let mut stream = server.connect().await;
    let _ = stream.write_all(&bytes).await;
    let answer = rest(&mut stream).await;
    assert!(matches!(status(&answer), "400" | "505" | ""), "{answer}");
    // Nor is it changed to on request.
    let upgrade = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\n\
                   Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n";
    let answer = server.send(upgrade).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn n03_on_stdio_nothing_but_protocol_is_printed() {
    let (_dir, path) = manual();
    let answers = stdio(
        &path,
        &[call(1, "search", json!({"query": "port"})), call(2, "fetch", json!({"id": "nope"}))],
        &[],
    );
    assert_eq!(answers[0]["result"]["serverInfo"]["name"], "docent");
    let url = &answers.iter().find(|a| a["id"] == 1).expect("an answer")["result"]["structuredContent"]
        ["results"][0]["url"];
    assert_eq!(url, "docs:///docs/guide/ports.md#ports");
}

#[test]
fn n03_on_stdio_broken_input_does_no_harm() {
    let (_dir, path) = manual();
    let deep = format!("{}\n", "[".repeat(100_000));
    let long = format!("\"{}\"\n", "x".repeat(1 << 20));
    stdio(
        &path,
        &[call(1, "search", json!({"query": "port"}))],
        &[
            b"not json\n",
            b"\xff\xfe\n",
            b"\n\n\0\n",
            b"{}\n[]\nnull\n",
            deep.as_bytes(),
            long.as_bytes(),
            b"{\"jsonrpc\":\"2.0\",\"id\":9,\"meth",
        ],
    );
}

#[test]
fn n03_a_line_without_end_is_not_kept() {
    let (_dir, path) = manual();
    let mut child = docent()
        .current_dir(&path)
        .args(["stdio", "docs", "--data-dir", "data"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("docent runs");
    let mut input = child.stdin.take().expect("its input");
    let piece = vec![b'x'; 1 << 20];
    // It stops reading long before 100 MB, and ends: then writing fails.
    let written = (0..100).take_while(|_| input.write_all(&piece).is_ok()).count();
    assert!(written < 20, "{written} MiB were taken");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("a message is longer than 4 MiB"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    assert!(output.stdout.is_empty(), "standard output is the protocol alone");
}

#[tokio::test]
async fn n04_a_running_call_finishes_before_the_end() {
    let (started, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (inside, until) = (started.clone(), finish.clone());
    let slow = get(move || async move {
        inside.notify_one();
        until.notified().await;
        "finished"
    });
    let router = Router::new().route("/", slow);
    let patience = Patience { first: Duration::from_secs(60), ..Patience::default() };
    let server = run(router, patience, CancellationToken::new()).await;
    let mut calling = server.connect().await;
    calling.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    started.notified().await;
    let mut idle = server.connect().await;
    server.stop.notify_one();
    // The idle one is closed at once, which also says that the end has begun.
    assert_eq!(rest(&mut idle).await, "");
    assert!(TcpStream::connect(server.address).await.is_err());
    assert!(!server.streams.is_cancelled());
    finish.notify_one();
    assert!(rest(&mut calling).await.ends_with("finished"));
    server.done.await.unwrap().unwrap();
    assert!(server.streams.is_cancelled());
}

#[tokio::test]
async fn n04_a_call_that_does_not_finish_is_broken_off() {
    let started = Arc::new(Notify::new());
    let inside = started.clone();
    let stuck = get(move || async move {
        inside.notify_one();
        std::future::pending::<&'static str>().await
    });
    let server = run(Router::new().route("/", stuck), hasty(), CancellationToken::new()).await;
    let mut calling = server.connect().await;
    calling.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    started.notified().await;
    server.stop.notify_one();
    server.done.await.unwrap().unwrap();
    assert_eq!(rest(&mut calling).await, "");
}

/// A body without an end, which tells when nobody wants more of it.
struct Endless(Arc<Notify>);

impl axum::body::HttpBody for Endless {
    type Data = axum::body::Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(vec![b'x'; 1 << 16].into()))))
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}
