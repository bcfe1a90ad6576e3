//! The wire: who is let in, which bodies are calls, what people see, how connections end.

mod audit;
mod calls;
mod dialogues;
mod discovery;
mod doors;
mod external;
mod floors;
mod home;
mod keys;
mod limits;
mod pages;
mod plain;
mod tls;
pub(crate) mod wire;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use docent::http::{Door, Hooks, Options, Patience, Rules, router, system_clock};
use docent::mcp::Docs;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// A few pages with the traits that matter here.
pub(crate) const FILES: [(&str, &str); 4] = [
    (
        "index.md",
        "# Harbour\n\nStart with [installing](guide/install.md#linux) or the \
         [berths](./guide/berths).\n",
    ),
    (
        "guide/install.md",
        "# Installing\n\nWhat to do first.\n\n## Linux\n\nRun `make`. See [home](../index.md), \
         [out](../../etc/passwd), [gone](gone.md), [site](https://example.com/x?a=1&b=2), \
         [bad](javascript:alert(1)), [mail](mailto:a@example.com).\n\n\
         ![a crane](https://tracker.example/x.png)\n\n\
         A `Vec<String>` and a Vec<String> and <script>alert(1)</script>.\n\n\
         ## Windows\n\n| key | value |\n|-----|-------|\n| a | [berths](berths.md#small) |\n\n\
         ```sh\necho \"<b>\"\n```\n",
    ),
    ("guide/berths.md", "# Berths\n\nWhere ships lie.\n\n## Small\n\nFor boats.\n"),
    ("notes/ä b.md", "# Umlauts\n\nA path that needs escaping.\n"),
];

/// A router over a few pages, with what keeps their folder there.
pub(crate) struct Server {
    pub(crate) router: Router,
    pub(crate) options: Options,
    pub(crate) cancel: CancellationToken,
    pub(crate) _folder: Box<dyn std::any::Any>,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Server {
    pub(crate) fn new() -> Server {
        Server::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Options)) -> Server {
        let (folder, docs) = crate::harness::docs(&FILES);
        Server::over(Box::new(folder), docs, change)
    }

    /// A server of these docs; their folder stays as long as it does.
    pub(crate) fn over(
        folder: Box<dyn std::any::Any>,
        docs: Docs,
        change: impl FnOnce(&mut Options),
    ) -> Server {
        let mut options = Options {
            docs,
            public_url: None,
            listen: "127.0.0.1:8080".parse().expect("the test is set up right"),
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            patience: Patience::default(),
            front: Default::default(),
            door: Arc::new(Door::new(Rules::default(), system_clock())),
            hooks: Hooks::default(),
        };
        change(&mut options);
        let cancel = CancellationToken::new();
        let router = router(&options, cancel.clone()).expect("the test is set up right");
        Server { router, options, cancel, _folder: folder }
    }

    pub(crate) fn collection(&self) -> &str {
        &self.options.docs.collections()[0].name
    }

    pub(crate) async fn ask(&self, request: Request<Body>) -> Answer {
        let response =
            self.router.clone().oneshot(request).await.expect("the test is set up right");
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 10 << 20).await.expect("the test is set up right");
        let text = String::from_utf8(bytes.to_vec()).expect("the test is set up right");
        Answer { status: parts.status, headers: parts.headers, text }
    }

    pub(crate) async fn get(&self, path: &str, accept: &str) -> Answer {
        let request = request("GET", path).header("accept", accept).body(Body::empty());
        self.ask(request.expect("the test is set up right")).await
    }

    /// A page, as a browser asks for it.
    pub(crate) async fn open(&self, path: &str) -> Answer {
        self.get(path, "text/html,application/xhtml+xml,*/*;q=0.8").await
    }

    pub(crate) async fn call(&self, body: impl Into<Body>) -> Answer {
        self.ask(call().body(body.into()).expect("the test is set up right")).await
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("the test is set up right"))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    /// Status and JSON-RPC code of a refusal, which is JSON and has a message.
    pub(crate) fn refusal(&self) -> (u16, i64) {
        let json = self.json();
        assert_eq!(json["jsonrpc"], "2.0", "{json}");
        assert!(json["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{json}");
        assert!(self.header("content-type").starts_with("application/json"));
        (self.status.as_u16(), json["error"]["code"].as_i64().expect("the test is set up right"))
    }
}

pub(crate) fn request(method: &str, path: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(path).header("host", "localhost:8080")
}

pub(crate) fn call() -> axum::http::request::Builder {
    request("POST", "/mcp")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
}

pub(crate) const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
