//! Real sockets, where they are the subject: time-outs, raw bytes, the end of serving. H2, H15,
//! H17, H18, N1, N2, N4.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use docent::http::{Patience, serve};
use hyper::body::Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{PING, Server};

const SHORT: Duration = Duration::from_millis(200);

/// Each thing is waited for 200 ms, so that tests see the end of waiting.
fn hasty() -> Patience {
    Patience {
        first: SHORT,
        idle: SHORT,
        body: SHORT,
        write: SHORT,
        drain: SHORT,
        ..Patience::default()
    }
}

/// A server on a real port.
struct Running {
    address: SocketAddr,
    stop: Arc<Notify>,
    streams: CancellationToken,
    done: JoinHandle<anyhow::Result<()>>,
    server: Option<Server>,
}

async fn run(router: Router, patience: Patience, streams: CancellationToken) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("the test is set up right");
    let address = listener.local_addr().expect("the test is set up right");
    let stop = Arc::new(Notify::new());
    let stopped = stop.clone();
    let token = streams.clone();
    let done = tokio::spawn(async move {
        serve(listener, router, patience, token, async move { stopped.notified().await }).await
    });
    Running { address, stop, streams, done, server: None }
}

async fn docs(patience: Patience) -> Running {
    let server = Server::with(|options| options.patience = patience);
    let running = run(server.router.clone(), patience, server.cancel.clone()).await;
    Running { server: Some(server), ..running }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("the test is set up right")
    }

    /// Everything that is answered to these bytes until the server closes.
    async fn send(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_ref()).await.expect("the test is set up right");
        rest(&mut stream).await
    }
}

/// What still comes until the other side closes, politely or not.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

fn post(headers: &str, body: &str) -> String {
    format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{headers}\r\n{body}"
    )
}

#[tokio::test]
async fn whoever_sends_nothing_or_half_a_head_is_not_waited_for() {
    let server = docs(hasty()).await;
    for bytes in ["", "GET /mcp HT", "GET / HTTP/1.1\r\nHost: localhost\r\nX: "] {
        assert_eq!(server.send(bytes).await, "", "{bytes:?}");
    }
}

#[tokio::test]
async fn a_head_that_drips_is_not_waited_for() {
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
async fn an_idle_connection_is_closed_after_its_last_answer() {
    let server = docs(hasty()).await;
    let answer = server.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(status(&answer), "200");
    let half = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HT";
    assert_eq!(server.send(half).await.matches("200 OK").count(), 1);
}

#[tokio::test]
async fn half_a_body_is_not_waited_for() {
    let server = docs(hasty()).await;
    let answer = server.send(post("Content-Length: 100\r\n", "{\"jsonrpc\"")).await;
    assert_eq!(status(&answer), "408", "{answer}");
    assert!(answer.contains("\"code\":-32000") && answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn whoever_does_not_read_is_not_waited_for() {
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
async fn bodies_that_are_too_long_are_refused_however_they_come() {
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
async fn there_is_exactly_one_host() {
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
async fn a_body_has_one_length() {
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
async fn broken_heads_are_refused() {
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
async fn a_head_has_bounds() {
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
async fn one_connection_too_many_is_closed_and_the_others_live() {
    let patience = Patience { connections: 1, ..Patience::default() };
    let server = docs(patience).await;
    let mut first = server.connect().await;
    let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut answer = [0; 12];
    first.write_all(request).await.unwrap();
    first.read_exact(&mut answer).await.unwrap();
    assert_eq!(rest(&mut server.connect().await).await, "");
    first
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    assert!(rest(&mut first).await.ends_with("ok"));
}

#[tokio::test]
async fn a_running_call_finishes_before_the_end() {
    let (started, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (inside, until) = (started.clone(), finish.clone());
    let slow = get(move || async move {
        inside.notify_one();
        until.notified().await;
        "finished"
    });
    let router = Router::new().route("/", slow);
    let server = run(router, Patience::default(), CancellationToken::new()).await;
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
async fn a_call_that_does_not_finish_is_broken_off() {
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

#[tokio::test]
async fn a_call_is_answered_over_a_connection_that_stays() {
    let server = docs(Patience::default()).await;
    let mut stream = server.connect().await;
    let length = format!("Content-Length: {}\r\n", PING.len());
    let last = format!("{length}Connection: close\r\n");
    stream.write_all(post(&length, PING).as_bytes()).await.unwrap();
    stream.write_all(post(&last, PING).as_bytes()).await.unwrap();
    assert_eq!(rest(&mut stream).await.matches(r#""result":{}"#).count(), 2);
    server.stop.notify_one();
    server.done.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_subscription_outlives_the_time_a_call_has_and_ends_with_the_server() {
    let patience = Patience { call: SHORT, drain: Duration::from_secs(10), ..Patience::default() };
    let server = docs(patience).await;
    let listen = serde_json::json!({
        "jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen",
        "params": {
            "notifications": {"resourcesListChanged": true},
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        },
    })
    .to_string();
    let headers = format!(
        "Content-Length: {}\r\nMCP-Protocol-Version: 2026-07-28\r\nMcp-Method: subscriptions/listen\r\n",
        listen.len()
    );
    let mut stream = server.connect().await;
    stream.write_all(post(&headers, &listen).as_bytes()).await.unwrap();
    let mut head = vec![0; 15];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head, b"HTTP/1.1 200 OK");
    // Longer than a call may take, the stream says nothing and stays.
    let mut bytes = Vec::new();
    let waited = tokio::time::timeout(SHORT * 3, stream.read_to_end(&mut bytes)).await;
    let text = String::from_utf8_lossy(&bytes);
    assert!(waited.is_err(), "the stream ended: {text}");
    assert!(text.contains("text/event-stream"), "{text}");
    // As `docent serve` ends: first the docs, then the connections.
    server.server.as_ref().expect("a server of docs").options.docs.close();
    server.stop.notify_one();
    server.done.await.unwrap().unwrap();
    let end = rest(&mut stream).await;
    assert!(end.contains(r#""id":1,"result""#), "no final result: {end}");
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
