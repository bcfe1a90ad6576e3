//! K: keys, limits, operations.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use docent::auth::{Keys, Secret};
use docent::http::{Door, Now, Peer, Rules};
use docent::limits::{Limit, Windows};
use docent::store::{KeyLimit, SqliteStore};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

use super::oracle::Oracle;
use crate::http::{Answer, PING, Server, call, request};

/// When it is: seconds since 1970, and seconds of the clock that never goes back.
const BEGIN: u64 = 1_000_000;

/// A server behind a door, its keys, and the hands on its clocks.
pub(super) struct Closed {
    pub(super) oracle: Oracle,
    keys: Arc<Keys>,
    honest: String,
    date: Arc<AtomicU64>,
    ticks: Arc<AtomicU64>,
    _data: TempDir,
}

const SEARCH: &str = r#"{"jsonrpc":"2.0","id":"s","method":"tools/call","params":{"name":"search","arguments":{"query":"make"}}}"#;

impl Closed {
    pub(super) fn new() -> Closed {
        let data = tempfile::tempdir().expect("a folder");
        let keys = open(&data);
        let (date, ticks) = (Arc::new(AtomicU64::new(BEGIN)), Arc::new(AtomicU64::new(BEGIN)));
        let (day, hand) = (date.clone(), ticks.clone());
        let clock = Arc::new(move || Now {
            date: day.load(Ordering::Relaxed),
            ticks: Duration::from_secs(hand.load(Ordering::Relaxed)),
        });
        let rules = Rules { keys: Some(keys.clone()), ..Rules::default() };
        let door = Arc::new(Door::new(rules, clock));
        let honest = keys.create("honest", None, None, 0).expect("a key").0;
        let oracle = Oracle::with(|options| options.door = door).known_by(honest.reveal());
        let honest = format!("Bearer {}", honest.reveal());
        Closed { oracle, keys, honest, date, ticks, _data: data }
    }

    /// What honest callers show.
    pub(super) fn authorization(&self) -> &str {
        &self.honest
    }

    fn key(&self, limit: Option<&str>) -> Secret {
        let limit = limit.map(|limit| KeyLimit::from(limit.parse::<Limit>().expect("a limit")));
        let secret = self.keys.create("test", limit, None, BEGIN).expect("a key").0;
        self.oracle.keeps(&secret.reveal()[17..]);
        secret
    }

    fn pass(&self, seconds: u64) {
        self.date.fetch_add(seconds, Ordering::Relaxed);
        self.ticks.fetch_add(seconds, Ordering::Relaxed);
    }

    async fn ask(&self, authorization: impl AsRef<[u8]>, body: &str) -> Answer {
        let value = axum::http::HeaderValue::from_bytes(authorization.as_ref());
        let call = call().header("authorization", value.expect("bytes of a header"));
        self.oracle.try_it(call.body(Body::from(body.to_owned())).expect("a request")).await
    }

    async fn search(&self, key: &Secret) -> Answer {
        self.ask(bearer(key), SEARCH).await
    }

    /// A wrong key from an address.
    async fn wrong(&self, peer: &str, forwarded_for: &str) -> Answer {
        let wrong = Secret::new().expect("a key");
        let call = call().header("authorization", bearer(&wrong));
        let call = call.header("x-forwarded-for", forwarded_for);
        let mut call = call.body(Body::from(SEARCH)).expect("a request");
        call.extensions_mut().insert(Peer(peer.parse().expect("an address")));
        self.oracle.try_it(call).await
    }
}

fn open(data: &TempDir) -> Arc<Keys> {
    Arc::new(Keys::open(Arc::new(SqliteStore::open(data.path()).expect("a store"))).expect("keys"))
}

fn bearer(key: &Secret) -> String {
    format!("Bearer {}", key.reveal())
}

/// The headers, but for the number of the request, which says nothing.
fn told(mut headers: HeaderMap) -> String {
    headers.remove("x-request-id");
    format!("{headers:?}")
}

#[tokio::test]
async fn k01_every_wrong_key_gets_the_same_answer() {
    let closed = Closed::new();
    let key = closed.key(None);
    let good = bearer(&key);
    assert_eq!(closed.ask(&good, PING).await.status, 200);
    assert_eq!(closed.ask(good.replacen("Bearer", "bearer", 1), PING).await.status, 200);

    let (revoked, _) = closed.keys.create("r", None, None, BEGIN).expect("a key");
    closed.keys.revoke(revoked.id(), BEGIN).expect("it is there");
    let (ended, _) = closed.keys.create("e", None, Some(BEGIN), 999_999).expect("a key");
    let stranger = Secret::new().expect("a key");
    // The id of a key that is there, with the rest of another; its checksum does not hold.
    let mixed = stranger.reveal().replacen(stranger.id(), key.id(), 1);
    let mut flipped = key.reveal().to_owned().into_bytes();
    *flipped.last_mut().expect("a character") ^= 1;
    let flipped = String::from_utf8(flipped).expect("text");
    let mut answers = Vec::new();
    for wrong in [
        format!("{good}x"),
        format!("{good}\u{a0}"),
        format!("Bearer  {}", key.reveal()),
        format!("Bearer\t{}", key.reveal()),
        format!("Bearer {} {}", key.reveal(), key.reveal()),
        format!("Bearer {},", key.reveal()),
        format!("Bearer \"{}\"", key.reveal()),
        good.to_uppercase(),
        good.to_lowercase(),
        good.replace("dk_live_", "dk_test_"),
        good.replace("dk_live_", ""),
        // Letters that look like those of the key: Cyrillic, full width, without a width.
        good.replace('e', "\u{435}"),
        good.replace("dk", "\u{ff44}k"),
        good.replace("_live_", "_live\u{200b}_"),
        format!("Basic {}", key.reveal()),
        format!("Token {}", key.reveal()),
        key.reveal().to_owned(),
        String::new(),
        "Bearer".into(),
        "Bearer ".into(),
        "Bearer dk_live_".into(),
        "Bearer null".into(),
        format!("Bearer {}", "a".repeat(1 << 20)),
        format!("Bearer dk_live_{}", "0".repeat(1 << 20)),
        format!("Bearer {flipped}"),
        format!("Bearer {mixed}"),
        bearer(&revoked),
        bearer(&ended),
        bearer(&stranger),
    ] {
        // From where so many wrong ones come is another matter: each is tried in a minute of its own.
        closed.pass(60);
        let answer = closed.ask(&wrong, PING).await;
        assert_eq!(answer.status, 401, "{wrong:.80}");
        assert_eq!(answer.json()["error"], "invalid_token", "{wrong:.80}");
        answers.push((told(answer.headers), answer.text));
    }
    // One that stands twice could be read in two ways.
    let twice = call().header("authorization", &good).header("authorization", &good);
    let twice = closed.oracle.try_it(twice.body(PING.into()).expect("a request")).await;
    answers.push((told(twice.headers), twice.text));
    let distinct: HashSet<_> = answers.iter().collect();
    assert_eq!(distinct.len(), 1, "{distinct:?}");
    let (headers, text) = &answers[0];
    assert!(
        headers.contains("Bearer realm=\\\"docent\\\", error=\\\"invalid_token\\\""),
        "{headers}"
    );
    assert!(text.contains("Authorization: Bearer"), "{text}");
}

#[tokio::test]
async fn k02_who_tries_keys_is_held_off_by_network_and_locks_nobody_out() {
    let closed = Closed::new();
    let key = closed.key(None);
    // One household has 2^64 addresses to choose from.
    let mut statuses = Vec::new();
    for n in 0..300 {
        statuses.push(closed.wrong(&format!("2001:db8::{n:x}"), "").await.status.as_u16());
    }
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 20);
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 280);
    let held = closed.wrong("2001:db8::1", "").await;
    assert_eq!(held.json()["error"]["data"]["scope"], "wrong_keys");
    assert_eq!(held.header("retry-after"), "60");
    // The right key comes in from the same network, and a wrong one is told so elsewhere.
    let mut right =
        call().header("authorization", bearer(&key)).body(SEARCH.into()).expect("a call");
    right.extensions_mut().insert(Peer("2001:db8::1".parse().expect("an address")));
    assert_eq!(closed.oracle.ask(right).await.status, 200);
    assert_eq!(closed.wrong("2001:db8:0:1::1", "").await.status, 401);
    closed.pass(60);
    assert_eq!(closed.wrong("2001:db8::1", "").await.status, 401);

    // Whoever has a /48 has 65,536 such networks, and a botnet more: that is told to the operator,
    // once a minute however long it goes on.
    closed.pass(60);
    assert!(!closed.oracle.log().contains("wrong keys"), "{}", closed.oracle.log());
    for second in 0..90 {
        for n in 0..22 {
            let peer = format!("2001:db8:1:{:x}::1", second * 22 + n);
            assert_eq!(closed.wrong(&peer, "").await.status, 401);
        }
        closed.pass(1);
    }
    let log = closed.oracle.log();
    let alarms = log.lines().filter(|line| line.contains("wrong keys")).count();
    assert_eq!(alarms, 1, "{log}");
}

#[tokio::test]
async fn k03_a_key_in_an_address_lets_nobody_in_and_is_in_no_log() {
    let closed = Closed::new();
    let key = closed.key(None);
    for name in ["access_token", "token", "key", "api_key", "authorization", "bearer"] {
        for uri in [
            format!("/mcp?{name}={}", key.reveal()),
            format!("/mcp?{name}=Bearer%20{}", key.reveal()),
            format!("/mcp/{}", key.reveal()),
            format!("/docs/docs/index.md?{name}={}", key.reveal()),
            format!("/{}?{name}", key.reveal()),
        ] {
            for method in ["POST", "GET"] {
                let asked = request(method, &uri).header("content-type", "application/json");
                let answer = closed.oracle.ask(asked.body(PING.into()).expect("a request")).await;
                assert_eq!(answer.status, 401, "{uri}");
                assert!(!answer.text.contains(key.reveal()), "{}", answer.text);
            }
        }
        closed.pass(60);
    }
    let headers = ["x-api-key", "api-key", "x-auth-token", "cookie", "proxy-authorization"];
    for name in headers {
        let asked = call().header(name, bearer(&key)).body(PING.into()).expect("a request");
        assert_eq!(closed.oracle.ask(asked).await.status, 401, "{name}");
    }
    let body =
        json!({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"key": key.reveal()}});
    assert_eq!(closed.oracle.body(body.to_string()).await.status, 401);
}

#[tokio::test]
async fn k04_any_window_holds_what_the_limit_says_and_retry_after_is_true() {
    let closed = Closed::new();
    let key = closed.key(None);
    for left in (0..60).rev() {
        let answer = closed.search(&key).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("ratelimit-policy"), "\"key\";q=60;w=60");
        assert_eq!(answer.header("ratelimit"), format!("\"key\";r={left};t=60"));
    }
    closed.pass(20);
    let refused = closed.search(&key).await;
    assert_eq!(refused.refusal(), (429, -32000));
    assert_eq!(refused.json()["id"], "s");
    assert_eq!(refused.header("retry-after"), "40");
    assert_eq!(refused.header("ratelimit"), "\"key\";r=0;t=40");
    let message = "the limit of 60/minute calls is used up; try again in 40 s";
    let data =
        json!({"retry_after_seconds": 40, "limit": 60, "window_seconds": 60, "scope": "key"});
    let error = json!({"code": -32000, "message": message, "data": data});
    assert_eq!(refused.json()["error"], error);
    closed.pass(39);
    assert_eq!(closed.search(&key).await.status, 429);
    closed.pass(1);
    assert_eq!(closed.search(&key).await.status, 200);

    // 79 around the edge of an hour that begins anywhere: 40 late in it, the rest just after.
    let key = closed.key(Some("40/hour"));
    let mut calls = Vec::new();
    for n in 0..79 {
        if n == 40 {
            closed.pass(3599);
        }
        calls.push(closed.search(&key).await);
    }
    let admitted = calls.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(admitted, 40);
    let wait: u64 = calls[78].header("retry-after").parse().expect("seconds");
    assert_eq!(wait, 1);
    closed.pass(wait);
    assert_eq!(closed.search(&key).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn k05_of_a_hundred_parallel_calls_at_the_edge_one_is_admitted() {
    let closed = Closed::new();
    let key = closed.key(Some("40/hour"));
    for _ in 0..39 {
        assert_eq!(closed.search(&key).await.status, 200);
    }
    let mut running: tokio::task::JoinSet<u16> = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let router = closed.oracle.server.router.clone();
        let call = call().header("authorization", bearer(&key));
        let call = call.body(Body::from(SEARCH)).expect("a request");
        running.spawn(async move {
            let answer = router.oneshot(call).await.expect("an answer");
            answer.status().as_u16()
        });
    }
    let mut statuses = running.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses[0], 200);
    assert!(statuses[1..].iter().all(|status| *status == 429), "{statuses:?}");
}

#[tokio::test]
async fn k06_nothing_that_a_caller_changes_gives_it_another_bucket() {
    let closed = Closed::new();
    let old = closed.key(Some("12/hour"));
    let new = closed.keys.rotate(old.id(), 3600, None, BEGIN).expect("it is there").secret;
    let left = |answer: &Answer| {
        let told = answer.header("ratelimit").to_owned();
        told.split(';').find_map(|part| part.strip_prefix("r=")?.parse::<u32>().ok())
    };
    assert_eq!(left(&closed.search(&old).await), Some(11));
    assert_eq!(left(&closed.search(&new).await), Some(10));
    for (n, authorization) in
        [bearer(&old).to_owned(), bearer(&new).replacen("Bearer", "bEARER", 1)].iter().enumerate()
    {
        assert_eq!(left(&closed.ask(authorization, SEARCH).await), Some(9 - n as u32));
    }
    // However the method is written, under whichever id, name, revision, address or session.
    let escaped = SEARCH.replace("tools/call", "tools\\/c\\u0061ll");
    assert_eq!(left(&closed.ask(bearer(&old), &escaped).await), Some(7));
    assert_eq!(left(&closed.ask(bearer(&old), &SEARCH.replace("\"s\"", "9")).await), Some(6));
    for (n, (name, value)) in [
        ("x-forwarded-for", "198.51.100.1"),
        ("mcp-session-id", "other"),
        ("user-agent", "other"),
        ("mcp-protocol-version", "2025-06-18"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut call = call()
            .header("authorization", bearer(&new))
            .header(name, value)
            .body(Body::from(SEARCH))
            .expect("a request");
        call.extensions_mut().insert(Peer(format!("192.0.2.{n}").parse().expect("an address")));
        assert_eq!(left(&closed.oracle.try_it(call).await), Some(5 - n as u32), "{name}");
    }
    // Headers that speak of a method that is free: the body counts, also if the two disagree.
    let lying = call()
        .header("authorization", bearer(&new))
        .header("mcp-method", "tools/list")
        .header("mcp-protocol-version", "2026-07-28");
    let lying = closed.oracle.try_it(lying.body(Body::from(SEARCH)).expect("a request")).await;
    assert_eq!((lying.status.as_u16(), left(&lying)), (400, Some(1)), "{}", lying.text);
    // A batch is no way to put many calls into one.
    let batch = format!("[{SEARCH},{SEARCH},{SEARCH}]");
    assert_eq!(closed.ask(bearer(&new), &batch).await.refusal(), (400, -32600));
    assert_eq!(left(&closed.search(&old).await), Some(0));
    for key in [&old, &new] {
        assert_eq!(closed.search(key).await.status, 429);
    }
    // Others have theirs.
    assert_eq!(closed.search(&closed.key(Some("12/hour"))).await.status, 200);

    // Where a network is counted, whatever it says of others is no other network.
    let mut held = 0;
    for n in 0..30 {
        let said = format!("198.51.100.{n}");
        held += usize::from(closed.wrong("192.0.2.9", &said).await.status == 429);
    }
    assert_eq!(held, 10);
}

#[tokio::test]
async fn k07_a_flood_of_strangers_is_cheap_and_keeps_nobody_out() {
    let closed = Closed::new();
    let key = closed.key(None);
    let paths = ["/mcp", "/authorize", "/register", "/token", "/.well-known/openid-configuration"];
    let mut statuses = [0; 2];
    for n in 0..1000 {
        let method = if n % 2 == 0 { "POST" } else { "GET" };
        let mut asked = request(method, paths[n % paths.len()])
            .header("content-type", "application/json")
            .body(Body::from(SEARCH))
            .expect("a request");
        asked.extensions_mut().insert(Peer("192.0.2.1".parse().expect("an address")));
        let status = closed.oracle.try_it(asked).await.status.as_u16();
        assert!(matches!(status, 401 | 404 | 405 | 429), "{status}");
        statuses[usize::from(status == 429)] += 1;
    }
    assert!(statuses[1] > 800, "{statuses:?}");
    // None of it was looked at any further, and a stranger elsewhere is told what is wanted.
    assert_eq!(closed.search(&key).await.status, 200);
    let elsewhere = call().body(Body::from(PING)).expect("a request");
    assert_eq!(closed.oracle.try_it(elsewhere).await.status, 401);
}

#[test]
fn k08_a_flood_of_callers_frees_none_that_used_up_a_limit_and_keeps_no_other_out() {
    const MOST: u64 = 2_000;
    let windows = Windows::new(MOST as usize);
    let limit: Limit = "2/hour".parse().expect("a limit");
    let at = Duration::from_secs;
    // Half of all that are counted have used up their limits, before a flood of others.
    for caller in 0..MOST / 2 {
        for _ in 0..2 {
            assert!(windows.admit(caller, limit, at(0)).admitted);
        }
    }
    for caller in MOST..50_000 {
        assert!(windows.admit(caller, limit, at(1 + caller / 1000)).admitted, "{caller}");
    }
    for caller in 0..MOST / 2 {
        let verdict = windows.admit(caller, limit, at(300));
        assert_eq!((verdict.admitted, verdict.wait), (false, at(3300)), "{caller}");
    }
    // An hour after they called they come in again.
    assert!(windows.admit(0, limit, at(3600)).admitted);
}

#[test]
fn k08_the_counts_of_callers_are_bounded_and_none_that_counts_is_forgotten() {
    const MOST: usize = 10_000;
    let windows = Windows::new(MOST);
    let limit: Limit = "1/hour".parse().expect("a limit");
    let at = Duration::from_secs;
    let mut admitted = 0;
    for caller in 0..50_000_u64 {
        admitted += usize::from(windows.admit(caller, limit, at(caller / 1000)).admitted);
    }
    // There is room for so many that used up their limits and no more; the rest is told to wait,
    // whoever it is.
    assert_eq!(admitted, MOST);
    let verdict = windows.admit(999_999, limit, at(300));
    assert_eq!((verdict.admitted, verdict.wait), (false, at(3300)));
    for caller in 0..MOST as u64 {
        let verdict = windows.admit(caller, limit, at(300));
        assert_eq!((verdict.admitted, verdict.wait), (false, at(3300 + caller / 1000)));
    }
    // When their hour has passed others take their places.
    assert!(windows.admit(999_999, limit, at(3600)).admitted);
}

/// A stream of changes.
fn listening() -> Request<Body> {
    let body = json!({"jsonrpc": "2.0", "id": "l", "method": "subscriptions/listen", "params": {
    "notifications": {"resourcesListChanged": true},
    "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }}});
    call()
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "subscriptions/listen")
        .body(Body::from(body.to_string()))
        .expect("a request")
}

#[tokio::test]
async fn k07_a_caller_has_so_many_streams_and_no_more() {
    let closed = Closed::new();
    let open = Server::new();
    let (key, other) = (closed.key(None), closed.key(None));
    let successor = closed.keys.rotate(key.id(), 3600, None, BEGIN).expect("it is there").secret;
    let listen = async |router: &Router, key: Option<&Secret>, peer: &str| {
        let mut asked = listening();
        if let Some(key) = key {
            let shown = bearer(key).parse().expect("a header");
            asked.headers_mut().insert("authorization", shown);
        }
        asked.extensions_mut().insert(Peer(peer.parse().expect("an address")));
        router.clone().oneshot(asked).await.expect("an answer")
    };
    // A key and its successor are one caller wherever they are; so is one network without any.
    let (closed_router, open_router) = (&closed.oracle.server.router, &open.router);
    for (router, key, again, other) in [
        (
            closed_router,
            (Some(&key), "127.0.0.1"),
            (Some(&successor), "192.0.2.7"),
            (Some(&other), "127.0.0.1"),
        ),
        (open_router, (None, "2001:db8::1"), (None, "2001:db8::2"), (None, "2001:db8:0:1::1")),
    ] {
        let mut streams = Vec::new();
        for _ in 0..16 {
            let stream = listen(router, key.0, key.1).await;
            assert_eq!(stream.status(), 200);
            streams.push(stream);
        }
        for (key, peer) in [key, again] {
            let refused = listen(router, key, peer).await;
            assert_eq!(refused.status(), 429);
            let body = axum::body::to_bytes(refused.into_body(), 4096).await.expect("a body");
            let body: Value = serde_json::from_slice(&body).expect("JSON");
            let message = "you have 16 streams open, as many as may be; end one of them first";
            let data = json!({"limit": 16, "scope": "streams"});
            let error = json!({"code": -32000, "message": message, "data": data});
            assert_eq!(body, json!({"jsonrpc": "2.0", "error": error, "id": "l"}));
        }
        assert_eq!(listen(router, other.0, other.1).await.status(), 200);
        streams.pop();
        streams.push(listen(router, again.0, again.1).await);
        assert_eq!(streams[15].status(), 200);
        assert_eq!(listen(router, key.0, key.1).await.status(), 429);
    }
    // What is no stream takes no place, and this machine has as many as it wants.
    for n in 0..20 {
        let mut broken = listening();
        broken.headers_mut().insert("mcp-method", "ping".parse().expect("a header"));
        broken.extensions_mut().insert(Peer("192.0.2.1".parse().expect("an address")));
        assert_eq!(open.ask(broken).await.status, 400, "{n}");
    }
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(listen(open_router, None, "127.0.0.1").await);
        assert_eq!(streams.last().expect("it").status(), 200);
    }
    assert_eq!(listen(open_router, None, "192.0.2.1").await.status(), 200);
}

#[tokio::test]
async fn k16_a_key_that_is_revoked_ends_its_streams_and_its_next_call() {
    let closed = Closed::new();
    let key = closed.key(None);
    let mut listen = listening();
    listen.headers_mut().insert("authorization", bearer(&key).parse().expect("a header"));
    let router = closed.oracle.server.router.clone();
    let response = router.oneshot(listen).await.expect("an answer");
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    let mut next = async || {
        let frame = std::future::poll_fn(|context| {
            axum::body::HttpBody::poll_frame(std::pin::Pin::new(&mut body), context)
        });
        let frame = tokio::time::timeout(Duration::from_secs(20), frame).await.expect("in time");
        let data = frame?.expect("the stream is whole").into_data().expect("data");
        Some(String::from_utf8(data.to_vec()).expect("text"))
    };
    while !next().await.expect("it goes on").contains("acknowledged") {}
    let docs = &closed.oracle.server.options.docs;
    while docs.listeners() == 0 {
        tokio::task::yield_now().await;
    }
    let changed = || {
        let added = vec![("docs".to_owned(), "new.md".to_owned())];
        docent::index::Changes { added, ..Default::default() }
    };
    // While the key is good the stream goes on, whatever becomes of other keys.
    let other = closed.key(None);
    closed.keys.revoke(other.id(), BEGIN).expect("it is there");
    docs.announce(changed());
    while !next().await.expect("it goes on").contains("list_changed") {}
    closed.keys.revoke(key.id(), BEGIN).expect("it is there");
    assert_eq!(closed.search(&key).await.status, 401);
    docs.announce(changed());
    assert_eq!(next().await, None, "it was told more");
}

#[tokio::test]
async fn n05_a_clock_that_jumps_frees_no_limit_and_ends_keys_at_their_date() {
    let closed = Closed::new();
    let key = closed.key(Some("2/hour"));
    let (ending, _) = closed.keys.create("e", None, Some(BEGIN + 100), BEGIN).expect("a key");
    let jump = |to: u64| closed.date.store(to, Ordering::Relaxed);
    assert_eq!(closed.search(&key).await.status, 200);
    assert_eq!(closed.search(&key).await.status, 200);
    // Whatever the calendar says, an hour has not passed.
    const DAY: u64 = 24 * 60 * 60;
    for date in [BEGIN + DAY, BEGIN - DAY, 0, u64::MAX, BEGIN] {
        jump(date);
        let refused = closed.search(&key).await;
        assert_eq!(
            (refused.status.as_u16(), refused.header("retry-after")),
            (429, "3600"),
            "{date}"
        );
        // A key ends at its date, to the second, and only there: without any leeway.
        let status = closed.search(&ending).await.status.as_u16();
        let expected = if date >= BEGIN + 100 { 401 } else { 200 };
        assert_eq!(status, expected, "{date}");
    }
    for (date, status) in [(BEGIN + 99, 200), (BEGIN + 100, 401), (BEGIN + 99, 200)] {
        jump(date);
        assert_eq!(closed.search(&ending).await.status.as_u16(), status, "{date}");
    }
    // An hour by the clock that never goes back: then it is free, also on a day long past.
    jump(BEGIN - DAY);
    closed.ticks.fetch_add(3600, Ordering::Relaxed);
    assert_eq!(closed.search(&key).await.status, 200);
}
