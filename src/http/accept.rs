//! The accept loop: one connection after the other, none of which may wait for ever.
//!
//! Not `axum::serve`: that sets no timer, so that half a header is waited for without end, and
//! leaves Nagle's algorithm on, which costs 44 ms on every streamed answer.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::client::Peer;
use super::rest;
use super::tls::Tls;

/// How long each thing is waited for, and how many connections there may be.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For the first head, from the connection on, a TLS handshake included.
    pub first: Duration,
    /// For every later head, the idle time before it included. Longer than the 60 s that clients
    /// and proxies keep a connection, so that they close it and never lose a race. It also bounds
    /// a head that stops half-way, which costs no more than being idle does.
    pub idle: Duration,
    /// For the next piece of a call's body.
    pub body: Duration,
    /// For a call, from its head to its answer's head; streams go on after that.
    pub call: Duration,
    /// For a peer that does not read what it asked for.
    pub write: Duration,
    /// For running calls, at the end.
    pub drain: Duration,
    /// Connections at a time; more are closed at once.
    pub connections: usize,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            first: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            body: Duration::from_secs(10),
            call: Duration::from_secs(60),
            write: Duration::from_secs(30),
            drain: Duration::from_secs(10),
            connections: 2048,
        }
    }
}

/// Largest head; hyper answers 431 to a larger one.
const MAX_HEAD: usize = 32 * 1024;
/// Most headers; hyper answers 431 to more.
const MAX_HEADERS: usize = 64;
/// What streams get to say goodbye after they were told to end.
const GOODBYE: Duration = Duration::from_secs(1);

/// Where connections come in, and how they are encrypted.
pub struct Listening {
    socket: TcpListener,
    tls: Option<Tls>,
}

impl Listening {
    /// Encrypted with TLS if there is a certificate.
    pub fn new(socket: TcpListener, tls: Option<Tls>) -> Listening {
        Listening { socket, tls }
    }
}

/// In clear.
impl From<TcpListener> for Listening {
    fn from(socket: TcpListener) -> Listening {
        Listening::new(socket, None)
    }
}

/// Serves until `shutdown` resolves, then lets running calls finish, and streams say goodbye, and
/// ends `streams`: that is the token the router was made with. It comes last, because it breaks
/// off calls, too.
pub async fn serve(
    listening: impl Into<Listening>,
    router: Router,
    patience: Patience,
    streams: CancellationToken,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let Listening { socket: listener, tls } = listening.into();
    let server = Arc::new(Server {
        router,
        tls,
        patience,
        calls: TaskTracker::new(),
        draining: CancellationToken::new(),
        closed: CancellationToken::new(),
    });
    let connections = TaskTracker::new();
    let places = Arc::new(Semaphore::new(patience.connections));
    tokio::select! {
        () = accept(&listener, &server, &places, &connections) => {}
        () = shutdown => {}
    }
    drop(listener);
    tracing::info!(connections = connections.len(), "shutting down");
    server.draining.cancel();
    server.calls.close();
    connections.close();
    if tokio::time::timeout(patience.drain, server.calls.wait()).await.is_err() {
        tracing::warn!(calls = server.calls.len(), "calls were broken off");
    }
    // Streams that were told to end by then are writing their last message.
    let _ = tokio::time::timeout(GOODBYE, connections.wait()).await;
    streams.cancel();
    // Whoever is still there is idle, or half a request, or does not read.
    let _ = tokio::time::timeout(GOODBYE, connections.wait()).await;
    server.closed.cancel();
    connections.wait().await;
    Ok(())
}

/// Resolves on SIGTERM or SIGINT. From the call on, neither ends the process by itself.
pub fn stopped() -> anyhow::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
        Ok(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        let _ = tokio::signal::ctrl_c().await.context("cannot wait for Ctrl-C");
    })
}

/// What all connections share.
struct Server {
    router: Router,
    tls: Option<Tls>,
    patience: Patience,
    /// Requests whose answer's head is not there yet: streams do not count.
    calls: TaskTracker,
    /// No connection takes another request.
    draining: CancellationToken,
    /// No connection goes on.
    closed: CancellationToken,
}

async fn accept(
    listener: &TcpListener,
    server: &Arc<Server>,
    places: &Arc<Semaphore>,
    connections: &TaskTracker,
) {
    let (mut full, mut starved) = (false, false);
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // A peer that left is nobody's problem. Out of file descriptors, accepting again
                // at once would only spin until connections have ended.
                if !is_peers(&error) {
                    if !starved {
                        tracing::warn!(%error, "cannot accept a connection");
                    }
                    starved = true;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                continue;
            }
        };
        starved = false;
        let Ok(place) = places.clone().try_acquire_owned() else {
            if !full {
                tracing::warn!(limit = server.patience.connections, "too many connections");
            }
            full = true;
            continue;
        };
        full = false;
        connections.spawn(connection(server.clone(), stream, peer.ip(), place));
    }
}

fn is_peers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Serves one connection until it ends, times out or is told to.
async fn connection(
    server: Arc<Server>,
    stream: TcpStream,
    peer: IpAddr,
    _place: OwnedSemaphorePermit,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let deadline = tokio::time::sleep(server.patience.first);
    let mut deadline = std::pin::pin!(deadline);
    let Some(tls) = &server.tls else { return converse(&server, stream, peer, deadline).await };
    // The handshake and the first head share their time.
    let shaken = tokio::select! {
        shaken = tls.accept(stream) => shaken,
        () = &mut deadline => return,
        () = server.draining.cancelled() => return,
    };
    match shaken {
        Ok(stream) => converse(&server, stream, peer, deadline).await,
        Err(error) => tracing::debug!(%error, "a TLS handshake failed"),
    }
}

/// Serves what is asked on a connection; the first head has to be there before the deadline.
async fn converse(
    server: &Server,
    stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: IpAddr,
    mut deadline: Pin<&mut Sleep>,
) {
    let patience = server.patience;
    let asked = Notify::new();
    let service = hyper::service::service_fn(|request: hyper::Request<Incoming>| {
        asked.notify_one();
        call(server, peer, request)
    });
    // HTTP/1 alone: telling HTTP/2 apart means to wait for bytes without a time-out.
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience.idle)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .serve_connection(Unread::new(TokioIo::new(stream), patience.write), service);
    let mut connection = std::pin::pin!(connection);
    let (mut greeted, mut draining) = (false, false);
    loop {
        tokio::select! {
            ended = &mut connection => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended early");
                }
                return;
            }
            () = asked.notified(), if !greeted => greeted = true,
            () = &mut deadline, if !greeted => return,
            () = server.draining.cancelled(), if !draining => {
                draining = true;
                connection.as_mut().graceful_shutdown();
            }
            () = server.closed.cancelled() => return,
        }
    }
}

async fn call(
    server: &Server,
    peer: IpAddr,
    request: hyper::Request<Incoming>,
) -> Result<Response, Infallible> {
    let _running = server.calls.token();
    let (parts, body) = request.into_parts();
    let (body, rest) = rest::lend(body);
    let mut request = Request::from_parts(parts, body);
    request.extensions_mut().insert(Peer(peer));
    let mut response = server.router.clone().oneshot(request).await?;
    let closes = response.headers().contains_key(header::CONNECTION);
    if !closes && !rest.discard(server.patience.body).await {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// A stream that gives up on a peer that does not read: hyper has no time-out for that.
struct Unread<S> {
    stream: S,
    patience: Duration,
    /// Runs while a write waits.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<S> Unread<S> {
    fn new(stream: S, patience: Duration) -> Unread<S> {
        Unread { stream, patience, deadline: None }
    }

    fn bounded<T>(
        &mut self,
        context: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.deadline = None;
            return outcome;
        }
        let patience = self.patience;
        let deadline = self
            .deadline
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + patience)));
        ready!(deadline.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: Read + Unpin> Read for Unread<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: Write + Unpin> Write for Unread<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.bounded(context, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.bounded(context, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(context);
        self.bounded(context, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_shutdown(context);
        self.bounded(context, outcome)
    }
}
