//! The door: who shows a key comes in, within its limit. Who should not is in `attacks`.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use docent::auth::{Keys, Secret};
use docent::http::{Door, Now, Options, Peer, Rules};
use docent::store::{KeyLimit, SqliteStore};
use tempfile::TempDir;

use super::{Answer, PING, Server, call, request};

/// A server behind a door, and its keys.
pub(super) struct Guarded {
    pub(super) server: Server,
    keys: Arc<Keys>,
    _data: TempDir,
}

const SEARCH: &str = r#"{"jsonrpc":"2.0","id":"s","method":"tools/call","params":{"name":"search","arguments":{"query":"make"}}}"#;

impl Guarded {
    pub(super) fn new() -> Guarded {
        Guarded::new_with(|_| {})
    }

    pub(super) fn new_with(change: impl FnOnce(&mut Options)) -> Guarded {
        let data = tempfile::tempdir().expect("a folder");
        let store = Arc::new(SqliteStore::open(data.path()).expect("a store"));
        let keys = Arc::new(Keys::open(store).expect("keys"));
        let clock = Arc::new(|| Now { date: 1_000_000, ticks: Duration::from_secs(1_000_000) });
        let trusted_proxies = vec!["10.0.0.0/8".parse().expect("a network")];
        let rules = Rules { keys: Some(keys.clone()), trusted_proxies, ..Rules::default() };
        let door = Door::new(rules, clock);
        let server = Server::with(|options| {
            options.door = Arc::new(door);
            change(options);
        });
        Guarded { server, keys, _data: data }
    }

    pub(super) fn key(&self, limit: Option<KeyLimit>) -> Secret {
        self.keys.create("test", limit, None, 1_000_000).expect("a key").0
    }

    async fn ask(&self, authorization: &str, body: &str) -> Answer {
        let call = call().header("authorization", authorization);
        self.server.ask(call.body(Body::from(body.to_owned())).expect("a request")).await
    }

    /// A call from an address, with what it says of others.
    async fn from(&self, peer: &str, forwarded_for: &str, authorization: &str) -> Answer {
        let call = call().header("authorization", authorization);
        let call = call.header("x-forwarded-for", forwarded_for);
        let mut call = call.body(Body::from(SEARCH)).expect("a request");
        call.extensions_mut().insert(Peer(peer.parse().expect("an address")));
        self.server.ask(call).await
    }

    async fn search(&self, key: &Secret) -> Answer {
        self.ask(&format!("Bearer {}", key.reveal()), SEARCH).await
    }
}

#[tokio::test]
async fn without_a_key_nothing_is_told_but_how_to_come_in() {
    let guarded = Guarded::new();
    let server = &guarded.server;
    let answer = server.call(PING).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.json()["error"], "missing_token");
    assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"docent\"");
    // Before anything is said about methods.
    for method in ["GET", "DELETE", "PUT"] {
        let bare = request(method, "/mcp").header("accept", "text/event-stream");
        let answer = server.ask(bare.body(Body::empty()).expect("a request")).await;
        assert_eq!(answer.status, 401, "{method}");
    }
    let key = guarded.key(None);
    for uri in [format!("/mcp?access_token={}", key.reveal()), format!("/mcp?key={}", key.reveal())]
    {
        let builder = request("POST", &uri).header("content-type", "application/json");
        let answer = server.ask(builder.body(Body::from(PING)).expect("a request")).await;
        assert_eq!(answer.status, 401, "{uri}");
    }
    // People: how to come in, and nothing of what is inside.
    for (path, status) in [("/", 200), ("/mcp", 200), ("/docs/docs/guide/install.md", 401)] {
        let answer = server.open(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.text.contains("Authorization: Bearer dk_live_"), "{}", answer.text);
        for inside in ["Installing", "Harbour", "guide", "4 pages"] {
            assert!(!answer.text.contains(inside), "{path}: {inside}");
        }
    }
    // By no method, and nothing of what is inside.
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "HEAD"] {
        for path in ["/", "/style.css", "/docs", "/docs/", "/docs/docs/", "/nowhere", "//docs/"] {
            let asked = request(method, path).header("accept", "text/html").body(Body::empty());
            let answer = server.ask(asked.expect("a request")).await;
            let free = method == "HEAD" && ["/", "/style.css"].contains(&path);
            assert_eq!(answer.status, if free { 200 } else { 401 }, "{method} {path}");
            for inside in ["Installing", "Harbour", "guide"] {
                assert!(!answer.text.contains(inside), "{method} {path}: {inside}");
            }
        }
    }
    let page = server.open("/docs/docs/guide/install.md").await;
    assert_eq!(page.header("www-authenticate"), "Bearer realm=\"docent\"");
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(page.header("content-type").starts_with("text/html"));
    assert_eq!(server.open("/readyz").await.text, "{\"ready\":true,\"current\":true}");
    let raw = server.get("/docs/docs/guide/install.md", "text/markdown").await;
    assert_eq!((raw.status.as_u16(), &raw.json()["error"]), (401, &"missing_token".into()));
    assert_eq!(server.open("/style.css").await.status, 200);
    let with_key = request("GET", &format!("/docs/{}/guide/install.md", server.collection()))
        .header("authorization", format!("Bearer {}", key.reveal()));
    let answer = server.ask(with_key.body(Body::empty()).expect("a request")).await;
    assert!(answer.text.contains("Installing"), "{}", answer.text);
}

#[tokio::test]
async fn a_preflight_needs_no_key_and_a_page_may_read_the_refusal() {
    let guarded = Guarded::new();
    let preflight = request("OPTIONS", "/mcp")
        .header("origin", "http://localhost:3000")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization");
    let answer = guarded.server.ask(preflight.body(Body::empty()).expect("a request")).await;
    assert_eq!(answer.status, 204);
    let bare = call().header("origin", "http://localhost:3000");
    let answer = guarded.server.ask(bare.body(Body::from(PING)).expect("a request")).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("access-control-allow-origin"), "http://localhost:3000");
    assert!(answer.header("access-control-expose-headers").contains("WWW-Authenticate"));
}

#[tokio::test]
async fn only_what_brings_documents_is_counted_and_mistakes_are() {
    let guarded = Guarded::new();
    let key = guarded.key(Some(KeyLimit { calls: 5, seconds: 3600 }));
    let authorization = format!("Bearer {}", key.reveal());
    let method = |method: &str, params: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#)
    };
    for _ in 0..5 {
        for free in ["ping", "tools/list", "resources/list", "prompts/list"] {
            let answer = guarded.ask(&authorization, &method(free, "{}")).await;
            assert_eq!(answer.status, 200, "{free}");
            assert_eq!(answer.header("ratelimit"), "", "{free}");
        }
    }
    let read = method("resources/read", r#"{"uri":"docs:///docs/guide/install.md"}"#);
    assert_eq!(guarded.ask(&authorization, &read).await.header("ratelimit"), "\"key\";r=4;t=3600");
    let prompt = method("prompts/get", r#"{"name":"ask","arguments":{"question":"Which?"}}"#);
    let answer = guarded.ask(&authorization, &prompt).await;
    assert_eq!(answer.header("ratelimit"), "\"key\";r=3;t=3600");
    // A call that cannot be understood costs as much: else trying things out is free.
    let wrong = method("tools/call", r#"{"name":"nothing"}"#);
    assert_eq!(guarded.ask(&authorization, &wrong).await.header("ratelimit"), "\"key\";r=2;t=3600");
    // A page for people is as good as a resource.
    let page = request("GET", &format!("/docs/{}/index.md", guarded.server.collection()));
    let page = page.header("authorization", &authorization).header("accept", "text/html");
    let page = page.body(Body::empty()).expect("a request");
    assert_eq!(guarded.server.ask(page).await.status, 200);
    // However the name of the method is written.
    let escaped = SEARCH.replace("tools/call", "tools\\/c\\u0061ll");
    let answer = guarded.ask(&authorization, &escaped).await;
    assert_eq!(answer.header("ratelimit"), "\"key\";r=0;t=3600");
    assert_eq!(guarded.search(&key).await.status, 429);
}

#[tokio::test]
async fn attempts_without_a_key_are_told_to_slow_down() {
    let guarded = Guarded::new();
    let ask = async |peer: &str| {
        let mut call = call().body(Body::from(PING)).expect("a request");
        call.extensions_mut().insert(Peer(peer.parse().expect("an address")));
        guarded.server.ask(call).await
    };
    for _ in 0..120 {
        assert_eq!(ask("192.0.2.1").await.status, 401);
    }
    let refused = ask("192.0.2.1").await;
    assert_eq!(refused.refusal(), (429, -32000));
    assert_eq!(refused.header("retry-after"), "60");
    assert_eq!(ask("192.0.2.2").await.status, 401);
}

#[tokio::test]
async fn who_says_to_come_from_elsewhere_is_counted_where_it_comes_from() {
    let guarded = Guarded::new();
    let wrong = format!("Bearer {}", Secret::new().expect("a key").reveal());
    let mut held = 0;
    for n in 0..30 {
        let answer = guarded.from("192.0.2.1", &format!("198.51.100.{n}"), &wrong).await;
        held += usize::from(answer.status == 429);
    }
    assert_eq!(held, 10);
    // A proxy that is trusted adds the address of its own peer; what stands before may be made up.
    let mut held = 0;
    for n in 0..30 {
        let forged = format!("198.51.100.{n}, 203.0.113.7");
        held += usize::from(guarded.from("10.0.0.1", &forged, &wrong).await.status == 429);
    }
    assert_eq!(held, 10);
    assert_eq!(guarded.from("10.0.0.1", "203.0.113.8", &wrong).await.status, 401);
}

#[tokio::test]
async fn an_open_server_limits_addresses_and_not_its_own_machine() {
    let rules = Rules { address: "3/hour".parse().expect("a limit"), ..Rules::default() };
    let server = Server::with(|options| {
        options.door = Arc::new(Door::new(rules, docent::http::system_clock()));
    });
    let ask = async |peer: &str| {
        let mut call = call().body(Body::from(SEARCH)).expect("a request");
        call.extensions_mut().insert(Peer(peer.parse().expect("an address")));
        server.ask(call).await
    };
    for left in [2, 1, 0] {
        let answer = ask("192.0.2.1").await;
        assert_eq!(answer.status, 200);
        assert!(answer.header("ratelimit").starts_with(&format!("\"address\";r={left};t=")));
    }
    let refused = ask("192.0.2.1").await;
    assert_eq!(refused.refusal(), (429, -32000));
    assert!(refused.text.contains("the limit of 3/hour calls from an address"), "{}", refused.text);
    assert_eq!(ask("192.0.2.2").await.status, 200);
    // The last is how a socket that is open to both families names the first.
    for neighbour in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
        for _ in 0..4 {
            let answer = ask(neighbour).await;
            assert_eq!((answer.status.as_u16(), answer.header("ratelimit")), (200, ""));
        }
    }
    let page = request("GET", &format!("/docs/{}/index.md", server.collection()));
    let mut page = page.header("accept", "text/html").body(Body::empty()).expect("a request");
    page.extensions_mut().insert(Peer("192.0.2.1".parse().expect("an address")));
    let refused = server.ask(page).await;
    assert_eq!(refused.status, 429);
    assert!(!refused.header("retry-after").is_empty());
}

#[tokio::test]
async fn no_proxy_makes_anybody_a_neighbour() {
    let trusted_proxies = vec![
        "127.0.0.1".parse::<std::net::IpAddr>().expect("an address").into(),
        "10.0.0.0/8".parse().expect("a network"),
    ];
    let address = "1/hour".parse().expect("a limit");
    let rules = Rules { address, trusted_proxies, ..Rules::default() };
    let server = Server::with(|options| {
        options.door = Arc::new(Door::new(rules, docent::http::system_clock()));
    });
    for peer in ["127.0.0.1", "::ffff:127.0.0.1", "10.0.0.1"] {
        for said in ["127.0.0.1", "::1", "localhost", ""] {
            let mut statuses = Vec::new();
            for _ in 0..2 {
                let call = call().header("x-forwarded-for", said);
                let mut call = call.body(Body::from(SEARCH)).expect("a request");
                call.extensions_mut().insert(Peer(peer.parse().expect("an address")));
                statuses.push(server.ask(call).await.status.as_u16());
            }
            assert_eq!(statuses[1], 429, "{peer}: {said}");
        }
    }
}
