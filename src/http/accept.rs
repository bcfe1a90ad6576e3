//! The accept loop: one connection after the other, none of which may wait for ever.
//!
//! Not `axum::serve`: that sets no timer, so that half a header is waited for without end, and
//! leaves Nagle's algorithm on, which costs 44 ms on every streamed answer.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
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
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::client::{self, Peer};
use super::door::Door;
use super::rest;
use super::tls::Tls;
use crate::limits::{Full, Place, Places};
use crate::usage::Metrics;

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
    /// The same for connections from one network: an IPv4 address, or 64 bits of an IPv6 address.
    pub connections_each: usize,
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
            connections_each: 64,
        }
    }
}

/// Largest head; hyper answers 431 to a larger one.
const MAX_HEAD: usize = 32 * 1024;
/// Most headers; hyper answers 431 to more.
const MAX_HEADERS: usize = 64;
/// What streams get to say goodbye after they were told to end.
const GOODBYE: Duration = Duration::from_secs(1);
/// The addresses of this machine, where a proxy may stand, or whoever could take all of it anyway.
const LOOPBACK: [IpNet; 2] = [
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::LOCALHOST, 8)),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128)),
];

/// Where connections come in, and how they are encrypted.
pub struct Listening {
    socket: TcpListener,
    tls: Option<Tls>,
    /// From where there may be as many as there is room for.
    uncounted: Vec<IpNet>,
    /// Knows the proxies, which bring the connections of many, and where connections are counted.
    door: Option<Arc<Door>>,
}

impl Listening {
    /// Encrypted with TLS if there is a certificate.
    pub fn new(socket: TcpListener, tls: Option<Tls>) -> Listening {
        Listening { socket, tls, uncounted: LOOPBACK.to_vec(), door: None }
    }

    /// In front of this door: the connections that its proxies bring are those of many, and not
    /// counted as those of one network.
    pub fn before(self, door: Arc<Door>) -> Listening {
        Listening { door: Some(door), ..self }
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
    let Listening { socket: listener, tls, uncounted, door } = listening.into();
    let server = Arc::new(Server {
        router,
        tls,
        patience,
        uncounted,
        metrics: door.as_ref().map(|door| door.rules().metrics.clone()).unwrap_or_default(),
        door,
        networks: Places::new(patience.connections_each),
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
    /// From where connections are not counted.
    uncounted: Vec<IpNet>,
    metrics: Arc<Metrics>,
    door: Option<Arc<Door>>,
    /// The connections of all other networks.
    networks: Arc<Places<IpNet>>,
    /// Requests whose answer's head is not there yet: streams do not count.
    calls: TaskTracker,
    /// No connection takes another request.
    draining: CancellationToken,
    /// No connection goes on.
    closed: CancellationToken,
}

impl Server {
    /// A place among the connections from a peer's network, if those are counted.
    fn place_of(&self, peer: IpAddr) -> Result<Option<Place<IpNet>>, Full> {
        // A socket that is open to both families names one address in two forms.
        let peer = peer.to_canonical();
        let is_proxy = self.door.as_ref().is_some_and(|door| door.trusts(peer));
        let is_counted = !is_proxy && !client::is_trusted(peer, &self.uncounted);
        is_counted.then(|| self.networks.take(client::network(peer))).transpose()
    }
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
        let peer = peer.ip();
        let of_network = match server.place_of(peer) {
            Ok(place) => place,
            Err(Full { first }) => {
                server.metrics.refused("network");
                if first {
                    let limit = server.patience.connections_each;
                    tracing::warn!(
                        limit,
                        network = %client::network(peer),
                        "too many connections from one network; if it is a proxy, name it in \
                         trusted_proxies"
                    );
                }
                continue;
            }
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            server.metrics.refused("full");
            if !full {
                tracing::warn!(limit = server.patience.connections, "too many connections");
            }
            full = true;
            continue;
        };
        full = false;
        connections.spawn(connection(server.clone(), stream, peer, (place, of_network)));
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
    _places: (OwnedSemaphorePermit, Option<Place<IpNet>>),
) {
    let _connected = server.metrics.connected();
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::http::Rules;

    /// Whether a connection is served, which stays open then.
    async fn connect(address: std::net::SocketAddr) -> Option<TcpStream> {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // Whoever is closed at once may not even get to write.
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.is_ok().then_some(stream)
    }

    /// A server with two connections for each network.
    async fn listen(change: impl FnOnce(Listening) -> Listening) -> std::net::SocketAddr {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let patience = Patience { connections_each: 2, ..Patience::default() };
        let listening = change(Listening::from(socket));
        let served = serve(
            listening,
            Router::new(),
            patience,
            CancellationToken::new(),
            std::future::pending(),
        );
        tokio::spawn(served);
        address
    }

    #[tokio::test]
    async fn a_network_has_so_many_connections_and_others_have_theirs() {
        // What is counted here is this machine, which otherwise is not.
        let address = listen(|listening| Listening { uncounted: Vec::new(), ..listening }).await;
        let first = connect(address).await.expect("there is room");
        let _second = connect(address).await.expect("there is room");
        for _ in 0..10 {
            assert!(connect(address).await.is_none());
        }
        // One that ends makes room, once the server has seen its end.
        drop(first);
        let again = async { while connect(address).await.is_none() {} };
        tokio::time::timeout(Duration::from_secs(20), again).await.expect("there is room again");
    }

    #[tokio::test]
    async fn this_machine_and_proxies_have_as_many_as_there_is_room_for() {
        let trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
        let rules = Rules { trusted_proxies, ..Rules::default() };
        let door = Arc::new(Door::new(rules, crate::http::system_clock()));
        let bare = |listening| Listening { uncounted: Vec::new(), ..listening };
        for address in [listen(|it| it).await, listen(|it| bare(it).before(door.clone())).await] {
            let mut open = Vec::new();
            for _ in 0..10 {
                open.push(connect(address).await.expect("there is room"));
            }
        }
    }
}
