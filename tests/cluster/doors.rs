//! Doors of several replicas that share a Redis: what callers, orchestrators and Prometheus are told.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use docent::corpus::Collection;
use docent::http::{Door, Hooks, OnLimit, Options, Patience, Peer, Rules, router, system_clock};
use docent::index::{Indexer, Progress};
use docent::limits::{Fallback, Shared};
use docent::mcp::{Docs, Links, Shelf};
use docent::store::redis::Names;
use docent::usage::{Gauges, Metrics};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::redis::{PATIENCE, Redis};

const SEARCH: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"search","arguments":{"query":"harbour"}}}"#;

/// A replica, as a router over a page.
struct Replica {
    router: Router,
    door: Arc<Door>,
    metrics: Arc<Metrics>,
    _folder: TempDir,
}

/// What came back.
struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{}", self.text))
    }
}

impl Replica {
    /// One that lets in everybody, each address ten times an hour.
    fn over(redis: &Redis, fallback: Fallback, on_limit: OnLimit) -> Replica {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("docs");
        std::fs::create_dir(&root).expect("a folder");
        std::fs::write(root.join("index.md"), "# Harbour\n\nWhere ships lie.\n").expect("a file");
        let collections = [Collection { name: "docs".into(), root, ..Collection::default() }];
        let data = folder.path().join("data");
        let (mut indexer, _) = Indexer::open(&data, &collections, "test").expect("an index");
        indexer.catch_up(&Progress::default()).expect("it is built");
        let shelf = Shelf { name: "docs".into(), ..Shelf::default() };
        let docs = Docs::new(indexer.index().clone(), Links::new(vec![shelf], None));
        let shared = Shared::over(&redis.line(), Names::new("docs"), fallback).expect("limits");
        let metrics = Arc::new(Metrics::new());
        let address = "10/hour".parse().expect("a limit");
        let rules = Rules { address, on_limit, metrics: metrics.clone(), ..Rules::default() };
        let door = Arc::new(Door::new(rules, system_clock()).sharing(Some(shared)));
        let options = Options {
            docs,
            public_url: None,
            listen: "127.0.0.1:8080".parse().expect("an address"),
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            patience: Patience::default(),
            front: Default::default(),
            door: door.clone(),
            hooks: Hooks::default(),
        };
        let router = router(&options, CancellationToken::new()).expect("routes");
        Replica { router, door, metrics, _folder: folder }
    }

    /// Asks from another machine.
    async fn ask(&self, request: axum::http::request::Builder, body: &'static str) -> Answer {
        let mut request =
            request.header("host", "localhost").body(Body::from(body)).expect("a request");
        request.extensions_mut().insert(Peer("192.0.2.1".parse().expect("an address")));
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        Answer { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    async fn search(&self) -> Answer {
        let call = Request::post("/mcp")
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream");
        self.ask(call, SEARCH).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(Request::get(path).header("accept", "text/html"), "").await
    }

    async fn state(&self) -> Value {
        self.get("/readyz").await.json()["state"].clone()
    }

    async fn until_reachable(&self, reachable: bool) {
        let shared = self.door.shared().expect("it is shared");
        let changed = async {
            while shared.is_reachable() != reachable {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, changed).await.expect("it is noticed");
    }

    fn measured(&self, line: &str) -> bool {
        let state = self.door.shared().map(Shared::is_reachable);
        let text = self.metrics.render(&Gauges { state, ..Gauges::default() }, false);
        text.lines().any(|it| it == line)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_and_pages_of_all_replicas_are_counted_together() {
    let redis = Redis::start();
    let replicas = [(); 3].map(|()| Replica::over(&redis, Fallback::Local, OnLimit::Http));
    let mut left = Vec::new();
    for n in 0..10 {
        let replica = &replicas[n % 3];
        // A page is a call like another one.
        match n {
            0 => assert_eq!(replica.get("/docs/docs/index.md").await.status, 200),
            _ => {
                let answer = replica.search().await;
                assert_eq!(answer.status, 200, "{}", answer.text);
                assert_eq!(answer.header("ratelimit-policy"), "\"address\";q=10;w=3600");
                left.push(answer.header("ratelimit").split(';').nth(1).map(str::to_owned));
            }
        }
    }
    let expected = (0..9).rev().map(|n| Some(format!("r={n}"))).collect::<Vec<_>>();
    assert_eq!(left, expected);
    for replica in &replicas {
        let answer = replica.search().await;
        assert_eq!(answer.status, 429);
        let seconds: u64 = answer.header("retry-after").parse().expect("seconds");
        assert!((3590..=3600).contains(&seconds), "{seconds}");
        assert_eq!(answer.header("ratelimit"), format!("\"address\";r=0;t={seconds}"));
        let data = json!({
            "retry_after_seconds": seconds, "limit": 10, "window_seconds": 3600, "scope": "address",
        });
        assert_eq!(answer.json()["error"]["data"], data);
        assert_eq!(replica.get("/docs/docs/index.md").await.status, 429);
        assert_eq!(replica.state().await, json!({"reachable": true, "limits": "shared"}));
        assert!(replica.measured("docent_limited_total{limit=\"address\"} 2"));
        assert!(replica.measured("docent_limits_spared_total 1"));
        assert!(replica.measured("docent_state_reachable 1"));
    }
    assert!(replicas[0].measured("docent_limits_shared_seconds_count 5"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_counted_is_told_so_in_words() {
    let redis = Redis::start();
    let replica = Replica::over(&redis, Fallback::Deny, OnLimit::Http);
    assert_eq!(replica.search().await.status, 200);
    redis.freeze();
    let why = "calls cannot be counted just now, so none is answered; try again in 1 s";
    let answer = replica.search().await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "1"));
    assert_eq!((answer.header("ratelimit"), answer.header("ratelimit-policy")), ("", ""));
    let error = json!({ "code": -32000, "message": why, "data": { "retry_after_seconds": 1 } });
    assert_eq!(answer.json(), json!({ "jsonrpc": "2.0", "error": error, "id": 7 }));
    let page = replica.get("/docs/docs/index.md").await;
    assert_eq!((page.status, page.header("retry-after")), (503, "1"));
    assert_eq!(replica.get("/").await.status, 200, "what is not counted is answered");
    let ready = replica.get("/readyz").await;
    assert_eq!(ready.status, 200);
    assert_eq!(ready.json()["state"], json!({"reachable": false, "limits": "deny"}));
    assert!(replica.measured("docent_limits_fallback_total{fallback=\"deny\"} 2"));
    assert!(replica.measured("docent_limited_total{limit=\"address\"} 0"), "no limit was used up");
    assert!(replica.measured("docent_state_reachable 0"));
    redis.thaw();
    replica.until_reachable(true).await;
    assert_eq!(replica.search().await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_told_so_where_it_is_told_of_limits() {
    let redis = Redis::start();
    let replica = Replica::over(&redis, Fallback::Deny, OnLimit::ToolResult);
    redis.stop();
    replica.until_reachable(false).await;
    let answer = replica.search().await;
    assert_eq!((answer.status, answer.header("retry-after")), (200, "1"));
    assert_eq!(answer.header("ratelimit"), "");
    let result = &answer.json()["result"];
    assert_eq!(result["isError"], true);
    let text = result["content"][0]["text"].as_str().expect("words");
    assert!(text.starts_with("calls cannot be counted just now, so none is answered;"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn alone_a_replica_goes_on_and_says_so() {
    let redis = Redis::start();
    let replica = Replica::over(&redis, Fallback::Local, OnLimit::Http);
    assert_eq!(replica.search().await.header("ratelimit").split(';').nth(1), Some("r=9"));
    redis.stop();
    replica.until_reachable(false).await;
    assert_eq!(replica.search().await.header("ratelimit").split(';').nth(1), Some("r=8"));
    assert_eq!(replica.state().await, json!({"reachable": false, "limits": "local"}));
    assert!(replica.measured("docent_limits_fallback_total{fallback=\"local\"} 1"));
}
