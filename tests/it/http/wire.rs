//! Real sockets, where they are the subject: calls over connections that stay, the end of serving.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use docent::http::{Patience, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{PING, Server};

pub(crate) const SHORT: Duration = Duration::from_millis(200);

/// Each thing is waited for 200 ms, so that tests see the end of waiting.
pub(crate) fn hasty() -> Patience {
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
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) stop: Arc<Notify>,
    pub(crate) streams: CancellationToken,
    pub(crate) done: JoinHandle<anyhow::Result<()>>,
    server: Option<Server>,
}

pub(crate) async fn run(router: Router, patience: Patience, streams: CancellationToken) -> Running {
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

pub(crate) async fn docs(patience: Patience) -> Running {
    let server = Server::with(|options| options.patience = patience);
    let running = run(server.router.clone(), patience, server.cancel.clone()).await;
    Running { server: Some(server), ..running }
}

impl Running {
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("the test is set up right")
    }

    /// Everything that is answered to these bytes until the server closes.
    pub(crate) async fn send(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_ref()).await.expect("the test is set up right");
        rest(&mut stream).await
    }
}

/// What still comes until the other side closes, politely or not, which it does before long.
pub(crate) async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes));
    let _ = end.await.expect("the connection is closed");
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(crate) fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

pub(crate) fn post(headers: &str, body: &str) -> String {
    format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{headers}\r\n{body}"
    )
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

/// A call that is refused for its head.
fn refused(length: usize) -> String {
    post(&format!("Content-Length: {length}\r\nContent-Encoding: gzip\r\n"), "")
}

#[tokio::test]
async fn a_connection_stays_where_a_call_was_refused_before_its_body_came() {
    let server = docs(Patience::default()).await;
    let mut stream = server.connect().await;
    stream.write_all(refused(PING.len()).as_bytes()).await.unwrap();
    // Time enough for an answer that does not wait for the body.
    let _ = tokio::time::timeout(SHORT, stream.readable()).await;
    stream.write_all(PING.as_bytes()).await.unwrap();
    let last = format!("Content-Length: {}\r\nConnection: close\r\n", PING.len());
    stream.write_all(post(&last, PING).as_bytes()).await.unwrap();
    let answers = rest(&mut stream).await;
    assert_eq!(status(&answers), "415", "{answers}");
    assert_eq!(answers.matches(r#""result":{}"#).count(), 1, "{answers}");
}

#[tokio::test]
async fn a_connection_ends_where_the_body_of_a_refused_call_is_long_or_does_not_come() {
    let server = docs(hasty()).await;
    for length in [PING.len(), 256 * 1024 + 1] {
        let answer = server.send(refused(length)).await;
        assert_eq!(status(&answer), "415", "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
    }
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
