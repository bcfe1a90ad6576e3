//! What the door costs, and what it keeps off, as a table: `cargo bench --bench door`.
//!
//! Attacks K1, K2 and K7 speak of times, which no test can hold: whether the answer to a wrong key
//! takes longer for one reason than for another, and whether a flood of strangers slows a caller
//! down who may come in. What it costs to count over a Redis is measured with one of our own.
#![expect(clippy::print_stdout, reason = "a report is printed")]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use docent::auth::{Clients, Grants, Keys, Parameters, Pending, People, Secret};
use docent::corpus::Collection;
use docent::http::{
    Door, Hooks, Options, Patience, Peer, ProviderOptions, Rules, SignIn, SignInOptions, router,
    serve, system_clock,
};
use docent::index::{Indexer, Progress};
use docent::limits::{Fallback, Shared};
use docent::mcp::{Docs, Links, Shelf};
use docent::store::redis::{Counts, Line, Names};
use docent::store::{SqliteStore, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// The program's own allocator: the figures are those of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Wrong keys of each kind, and calls of each caller.
const WRONG: usize = 10_000;
const CALLS: usize = 4_000;
/// Requests of strangers in a second.
const FLOOD: u32 = 5_000;

const SEARCH: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search","arguments":{"query":"change the port of the server"}}}"#;
const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

#[tokio::main]
async fn main() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus").into();
    let collections = [Collection { name: "docs".into(), root, ..Collection::default() }];
    let (mut indexer, _) = Indexer::open(data.path(), &collections, "bench").expect("an index");
    indexer.catch_up(&Progress::default()).expect("it is built");
    let shelf = Shelf { name: "docs".into(), ..Shelf::default() };
    let docs = Docs::new(indexer.index().clone(), Links::new(vec![shelf], None));
    let store = Arc::new(SqliteStore::open(data.path()).expect("a store"));
    let keys = Arc::new(Keys::open(store.clone()).expect("the keys"));
    println!("| figure | value |\n|---|---|");
    let (sign_in, token) = signed_in(store, data.path());
    searches(&docs, &keys, sign_in, &token).await;
    shared(&docs, &keys).await;
    wrong_keys(&docs, &keys).await;
    flood(&docs, &keys).await;
}

/// Limits that nobody here uses up.
fn rules(keys: Option<Arc<Keys>>) -> Rules {
    let most = "100000/minute".parse().expect("a limit");
    Rules { keys, key: most, user: most, address: most, ..Rules::default() }
}

/// A person's access token, as a client gets it, and where it is looked up.
fn signed_in(store: Arc<dyn Store>, data: &std::path::Path) -> (Arc<SignIn>, String) {
    const ORIGIN: &str = "http://localhost";
    const BACK: &str = "https://app.example/callback";
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let resource = format!("{ORIGIN}/mcp");
    let grants =
        Grants::new(store.clone(), ORIGIN, &resource, &[], Arc::new(std::time::SystemTime::now));
    let client = docent::auth::Client {
        id: "bench".into(),
        name: "Bench".into(),
        redirect_uris: vec![BACK.into()],
        created: 1,
        used: None,
        fresh_until: None,
    };
    store.put_client(&client, 10).expect("a store");
    let asked = Parameters::from_iter([
        ("response_type", "code"),
        ("redirect_uri", BACK),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]);
    let asked = grants.ask(&asked, &client).expect("a store").expect("it may be asked");
    let back = url::Url::parse(&grants.approve(&asked, "somebody").expect("a code"));
    let back = back.expect("an address");
    let code = back.query_pairs().find(|(name, _)| name == "code").expect("a code").1.into_owned();
    let form = Parameters::from_iter([
        ("grant_type", "authorization_code"),
        ("client_id", "bench"),
        ("redirect_uri", BACK),
        ("code", &code),
        ("code_verifier", VERIFIER),
    ]);
    let tokens = grants.token(&form).expect("a store").expect("tokens");
    let token = tokens["access_token"].as_str().expect("a token").to_owned();
    let provider = ProviderOptions {
        issuer: "https://login.example".into(),
        client_id: "x".into(),
        client_secret: "x".into(),
        algorithms: vec!["RS256".into()],
    };
    let wait = Duration::from_secs(1);
    let sign_in = SignIn::new(SignInOptions {
        grants,
        pending: Pending::new(store.clone()),
        clients: Clients::new(store),
        people: People::open(data).expect("a key"),
        provider,
        apps: Vec::new(),
        documents: Some(docent::outward::guarded_agent(wait, Arc::new(|_| false), &[])),
        origin: ORIGIN.into(),
        registrations: "20/hour".parse().expect("a limit"),
        clock: system_clock(),
    });
    (Arc::new(sign_in.expect("a sign-in")), token)
}

fn served(docs: &Docs, rules: Rules) -> Router {
    through(docs, Door::new(rules, system_clock()))
}

fn through(docs: &Docs, door: Door) -> Router {
    let options = Options {
        docs: docs.clone(),
        public_url: None,
        listen: "127.0.0.1:8080".parse().expect("an address"),
        allowed_hosts: Vec::new(),
        allowed_origins: Vec::new(),
        patience: Patience::default(),
        front: Default::default(),
        door: Arc::new(door),
        hooks: Hooks::default(),
    };
    router(&options, CancellationToken::new()).expect("routes")
}

/// A call without a socket; how long it took, and its status.
async fn call(
    router: &Router,
    peer: &str,
    key: Option<&str>,
    body: &'static str,
) -> (Duration, u16) {
    let mut request = Request::post("/mcp")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream");
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    let mut request = request.body(Body::from(body)).expect("a request");
    request.extensions_mut().insert(Peer(peer.parse().expect("an address")));
    let started = Instant::now();
    let response = router.clone().oneshot(request).await.expect("an answer");
    let status = response.status().as_u16();
    axum::body::to_bytes(response.into_body(), 1 << 20).await.expect("a body");
    (started.elapsed(), status)
}

/// What the door adds to a search.
async fn searches(docs: &Docs, keys: &Arc<Keys>, sign_in: Arc<SignIn>, token: &str) {
    let key = keys.create("bench", None, None, 0).expect("a key").0;
    let open = served(docs, rules(None));
    let closed = served(docs, rules(Some(keys.clone())));
    let people = served(docs, Rules { sign_in: Some(sign_in), ..rules(Some(keys.clone())) });
    let callers = [
        ("search, from this machine (no door)", &open, "127.0.0.1", None),
        ("search, counted by address", &open, "192.0.2.1", None),
        ("search, with a key", &closed, "192.0.2.1", Some(key.reveal())),
        ("search, signed in", &people, "192.0.2.1", Some(token)),
    ];
    let mut times = vec![Vec::new(); callers.len()];
    // One after the other in turn, so that whatever else happens happens to all.
    for round in 0..CALLS {
        for (n, (_, router, peer, key)) in callers.iter().enumerate() {
            let (time, status) = call(router, peer, *key, SEARCH).await;
            assert_eq!(status, 200);
            if round > CALLS / 10 {
                times[n].push(time);
            }
        }
    }
    for ((name, ..), times) in callers.iter().zip(&mut times) {
        row(name, percentiles(times));
    }
    let base = at(&mut times[0], 0.5);
    for n in [1, 2, 3] {
        let added = (at(&mut times[n], 0.5) - base) * 1e3;
        row(&format!("added to the p50, {}", callers[n].0), format!("{added:+.1} µs"));
    }
}

/// What it adds to a search to count it over a Redis, with nothing else to do and with ten at once; and
/// what a caller costs there.
async fn shared(docs: &Docs, keys: &Arc<Keys>) {
    let redis = Redis::start();
    let address = redis.url.parse().expect("an address");
    let line = tokio::task::block_in_place(|| Line::open(&address)).expect("it is there");
    let limits = Shared::over(&line, Names::new("bench"), Fallback::Local).expect("limits");
    let key = keys.create("bench", None, None, 0).expect("a key").0;
    let alone = served(docs, rules(Some(keys.clone())));
    let door = Door::new(rules(Some(keys.clone())), system_clock()).sharing(Some(limits));
    let door = [alone, through(docs, door)];
    let names = ["search, with a key, counted here", "the same, counted over Redis"];
    for at_once in [1, 10] {
        let mut times = [Vec::new(), Vec::new()];
        for round in 0..CALLS / at_once {
            for (times, router) in times.iter_mut().zip(&door) {
                // From when all of them came: who waits for a processor waits, too.
                let came = Instant::now();
                let calls = (0..at_once).map(|_| {
                    let (router, key) = (router.clone(), key.reveal().to_owned());
                    tokio::spawn(async move {
                        let (_, status) = call(&router, "192.0.2.1", Some(&key), SEARCH).await;
                        (came.elapsed(), status)
                    })
                });
                for call in calls.collect::<Vec<_>>() {
                    let (time, status) = call.await.expect("it ends");
                    assert_eq!(status, 200);
                    if round > CALLS / at_once / 10 {
                        times.push(time);
                    }
                }
            }
        }
        for (name, times) in names.iter().zip(&mut times) {
            row(&format!("{name}, {at_once} at once"), percentiles(times));
        }
        let [here, there] = &mut times;
        for share in [0.5, 0.99] {
            let added = (at(there, share) - at(here, share)) * 1e3;
            row(
                &format!("added to the p{:.0}, {at_once} at once", share * 100.0),
                format!("{added:+.0} µs"),
            );
        }
    }
    let counts = Counts::new(line.clone(), Names::new("bench"));
    for calls in [1, 40, 60] {
        for _ in 0..calls {
            let caller = format!("{calls:032x}");
            counts.admit(&caller, calls, Duration::from_secs(3600)).await.expect("an answer");
        }
        let usage = ::redis::cmd("MEMORY")
            .arg("USAGE")
            .arg(Names::new("bench").limit(format!("{calls:032x}")))
            .to_owned();
        let bytes: u64 = line.ask(usage).await.expect("an answer");
        row(&format!("a caller with {calls} calls in its window, in Redis"), format!("{bytes} B"));
    }
}

/// A Redis of our own, until it is dropped.
struct Redis {
    process: std::process::Child,
    url: String,
}

impl Redis {
    fn start() -> Redis {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("its address").port().to_string();
        drop(free);
        let mut process = std::process::Command::new("redis-server")
            .args(["--port", &port, "--bind", "127.0.0.1", "--save", ""])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("redis-server starts; on Debian: apt-get install redis-server");
        let mut lines = BufReader::new(process.stdout.take().expect("its words")).lines();
        let is_up = lines.by_ref().map_while(Result::ok).any(|it| it.contains("Ready to accept"));
        assert!(is_up, "redis-server ended");
        Redis { process, url: format!("redis://127.0.0.1:{port}") }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How long the answer to each kind of wrong key takes (K1).
async fn wrong_keys(docs: &Docs, keys: &Arc<Keys>) {
    let closed = served(docs, rules(Some(keys.clone())));
    let (known, _) = keys.create("known", None, None, 0).expect("a key");
    let (revoked, _) = keys.create("revoked", None, None, 0).expect("a key");
    keys.revoke(revoked.id(), 1).expect("it is there");
    let (ended, _) = keys.create("ended", None, Some(1), 0).expect("a key");
    let stranger = Secret::new().expect("a key");
    let mut slip = known.reveal().to_owned();
    slip.replace_range(65.., if slip.ends_with('x') { "y" } else { "x" });
    let kinds = [
        ("no key has this id", stranger.reveal().to_owned()),
        ("right id, wrong secret", with_id(&stranger, known.id())),
        ("revoked", revoked.reveal().to_owned()),
        ("ended", ended.reveal().to_owned()),
        ("wrong checksum", slip),
    ];
    let mut times = vec![Vec::new(); kinds.len()];
    for round in 0..WRONG {
        for (n, (_, key)) in kinds.iter().enumerate() {
            // Each network shows a few: held off, all answers would be alike.
            let peer = format!("2001:db8:{:x}:{:x}::1", n + 1, round / 10);
            let (time, status) = call(&closed, &peer, Some(key), PING).await;
            assert_eq!(status, 401);
            times[n].push(time);
        }
    }
    for ((name, _), times) in kinds.iter().zip(&mut times) {
        row(&format!("wrong key: {name}"), percentiles(times));
    }
    let told = |n: usize| format!("t = {:+.1}", welch(&times[0], &times[n]));
    row("unknown id against right id", told(1));
    row("unknown id against revoked", told(2));
    row("unknown id against ended", told(3));
}

/// A key of this id with the rest of another, and a checksum that holds.
fn with_id(other: &Secret, id: &str) -> String {
    const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let text = other.reveal().replacen(other.id(), id, 1);
    let body = &text[..text.len() - 6];
    let mut rest = crc32fast::hash(body.as_bytes()) as usize;
    let mut sum = [b'0'; 6];
    for place in sum.iter_mut().rev() {
        *place = BASE62[rest % 62];
        rest /= 62;
    }
    let forged = format!("{body}{}", String::from_utf8_lossy(&sum));
    assert!(Secret::parse(&forged).is_some(), "the form of a key has changed");
    forged
}

/// Whether who may come in notices a flood of those who may not (K2, K7), over real sockets.
async fn flood(docs: &Docs, keys: &Arc<Keys>) {
    let key = keys.create("bench", None, None, 0).expect("a key").0;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let rules = Rules { address: Rules::default().address, ..rules(Some(keys.clone())) };
    let router = served(docs, rules);
    let (patience, streams) = (Patience::default(), CancellationToken::new());
    tokio::spawn(serve(listener, router, patience, streams, std::future::pending()));
    let good = request("/mcp", Some(key.reveal()), SEARCH);
    let wrong = Secret::new().expect("a key");
    let floods = [
        ("10,000 wrong keys from one network", vec![request("/mcp", Some(wrong.reveal()), SEARCH)]),
        (
            "strangers without a key",
            ["/mcp", "/authorize", "/register", "/.well-known/oauth-protected-resource"]
                .iter()
                .map(|path| request(path, None, SEARCH))
                .collect(),
        ),
    ];
    searching(address, &good, CALLS / 4).await;
    let mut quiet = searching(address, &good, CALLS).await;
    row("search with a key, over a socket", percentiles(&mut quiet));
    for (name, requests) in floods {
        let stop = CancellationToken::new();
        let running = tokio::spawn(strangers(address, requests, stop.clone()));
        let mut during = searching(address, &good, CALLS).await;
        stop.cancel();
        let (sent, statuses, seconds) = running.await.expect("they went");
        let rate = f64::from(sent) / seconds;
        row(&format!("the same beside {name}"), percentiles(&mut during));
        row("of these strangers", format!("{sent}, {rate:.0} a second, answered {statuses:?}"));
        let times = at(&mut during, 0.99) / at(&mut quiet, 0.99);
        row("p99 against the quiet one", format!("× {times:.2} (at most 2)"));
    }
}

/// Requests of strangers, so many in a second; how many, what they were told, in which time.
async fn strangers(
    address: SocketAddr,
    requests: Vec<String>,
    stop: CancellationToken,
) -> (u32, std::collections::BTreeMap<u16, u32>, f64) {
    let mut connections = Vec::new();
    for _ in 0..8 {
        connections.push(TcpStream::connect(address).await.expect("it listens"));
    }
    let (mut sent, mut statuses) = (0, std::collections::BTreeMap::new());
    let started = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(8));
    // At the least those that the row names, however fast the searches are.
    while !stop.is_cancelled() || sent < WRONG as u32 {
        ticks.tick().await;
        // What is due since the last tick, on all connections alike.
        for _ in 0..FLOOD / 1000 {
            for (n, connection) in connections.iter_mut().enumerate() {
                let request = &requests[(sent as usize + n) % requests.len()];
                connection.write_all(request.as_bytes()).await.expect("it reads");
            }
            for connection in &mut connections {
                *statuses.entry(answer(connection).await).or_insert(0) += 1;
                sent += 1;
            }
        }
    }
    (sent, statuses, started.elapsed().as_secs_f64())
}

async fn searching(address: SocketAddr, request: &str, count: usize) -> Vec<Duration> {
    let mut connection = TcpStream::connect(address).await.expect("it listens");
    connection.set_nodelay(true).expect("a socket");
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let started = Instant::now();
        connection.write_all(request.as_bytes()).await.expect("it reads");
        assert_eq!(answer(&mut connection).await, 200);
        times.push(started.elapsed());
    }
    times
}

fn request(path: &str, key: Option<&str>, body: &str) -> String {
    let key = key.map(|key| format!("Authorization: Bearer {key}\r\n")).unwrap_or_default();
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{key}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Reads one answer; its status.
async fn answer(connection: &mut TcpStream) -> u16 {
    let mut bytes = Vec::with_capacity(4096);
    loop {
        assert!(connection.read_buf(&mut bytes).await.expect("it answers") > 0, "it was closed");
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let length = head.split("content-length: ").nth(1).expect("a length");
        let length: usize = length.lines().next().and_then(|it| it.parse().ok()).expect("a number");
        if bytes.len() >= end + 4 + length {
            return head.split(' ').nth(1).and_then(|it| it.parse().ok()).expect("a status");
        }
    }
}

/// Welch's t of two samples, without the slowest hundredth, which is the machine's and not ours.
fn welch(one: &[Duration], other: &[Duration]) -> f64 {
    let of = |times: &[Duration]| {
        let mut times: Vec<f64> = times.iter().map(Duration::as_secs_f64).collect();
        times.sort_by(f64::total_cmp);
        times.truncate(times.len() * 99 / 100);
        let count = times.len() as f64;
        let mean = times.iter().sum::<f64>() / count;
        let variance = times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    };
    let ((mean, spread), (other_mean, other_spread)) = (of(one), of(other));
    (mean - other_mean) / (spread + other_spread).sqrt()
}

/// A share of the times is below this, in milliseconds.
fn at(times: &mut [Duration], share: f64) -> f64 {
    times.sort();
    times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3
}

fn percentiles(times: &mut [Duration]) -> String {
    let mean = times.iter().sum::<Duration>().as_secs_f64() * 1e3 / times.len() as f64;
    let (p50, p99) = (at(times, 0.5), at(times, 0.99));
    format!("mean {mean:.3} ms, p50 {p50:.3} ms, p99 {p99:.3} ms")
}

fn row(name: &str, value: String) {
    println!("| {name} | {value} |");
}
