//! A server of a few pages that inputs are tried on, the same for every target.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use docent::auth::Keys;
use docent::corpus::Collection;
use docent::http::{Door, Hooks, Now, Options, Patience, Rules, router, router_to};
use docent::index::{Indexer, Progress};
use docent::mcp::{Docs, Links, Shelf};
use docent::store::SqliteStore;
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// A word of a file beside the docs, which no answer may hold.
pub const SECRET: &str = "pangolin";

/// What is served, and how it is asked.
pub struct Server {
    /// The docs themselves.
    pub docs: Docs,
    /// Everybody may call.
    pub open: Router,
    /// The same through the SDK alone.
    pub by_sdk: Router,
    /// Only who shows a key may.
    pub closed: Router,
    runtime: Runtime,
    _folders: [TempDir; 2],
}

/// What came back.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The kind of the body.
    pub kind: String,
    /// The body.
    pub text: String,
}

impl Server {
    /// Two pages, and a secret beside their folder.
    pub fn new() -> Server {
        let dir = tempfile::tempdir().expect("a folder");
        let root = dir.path().join("docs");
        std::fs::create_dir_all(root.join("guide")).expect("a folder");
        std::fs::write(root.join("index.md"), "# Start\n\nokapi\n").expect("a page");
        std::fs::write(root.join("guide/ä b#.md"), "# Guide\n\n## Größe\n\ntapir\n")
            .expect("a page");
        std::fs::write(dir.path().join("secret.md"), SECRET).expect("a secret");
        Server::at(&root, dir)
    }

    /// docent's own manual.
    pub fn of_manual() -> Server {
        let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus");
        Server::at(&manual, tempfile::tempdir().expect("a folder"))
    }

    /// A server of a folder.
    fn at(root: &Path, dir: TempDir) -> Server {
        let data = tempfile::tempdir().expect("a folder");
        let root = root.canonicalize().expect("it is there");
        let collections = [Collection { name: "docs".into(), root, ..Collection::default() }];
        let (mut indexer, _) = Indexer::open(data.path(), &collections, "fuzz").expect("an index");
        indexer.catch_up(&Progress::default()).expect("it is built");
        let shelf = Shelf { name: "docs".into(), ..Shelf::default() };
        let docs = Docs::new(indexer.index().clone(), Links::new(vec![shelf], None));
        let keys =
            Keys::open(Arc::new(SqliteStore::open(data.path()).expect("a store"))).expect("keys");
        keys.create("fuzz", None, None, 0).expect("a key");
        let options = |keys: Option<Keys>| Options {
            docs: docs.clone(),
            public_url: None,
            listen: "127.0.0.1:8080".parse().expect("an address"),
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            patience: Patience::default(),
            hooks: Hooks::default(),
            front: Default::default(),
            door: Arc::new(Door::new(
                Rules { keys: keys.map(Arc::new), ..Rules::default() },
                // Each look at the clock is an hour after the last: nobody is ever held off.
                Arc::new({
                    let hours = std::sync::atomic::AtomicU64::new(1);
                    move || {
                        let hour = hours.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        Now { date: 1, ticks: Duration::from_secs(3600 * hour) }
                    }
                }),
            )),
        };
        let cancel = CancellationToken::new;
        Server {
            open: router(&options(None), cancel()).expect("routes"),
            by_sdk: router_to(docs.clone(), &options(None), cancel()).expect("routes"),
            closed: router(&options(Some(keys)), cancel()).expect("routes"),
            docs,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime"),
            _folders: [dir, data],
        }
    }

    /// Asks; an answer that streams is none that ends, and comes back without its body.
    pub fn ask(&self, router: &Router, request: Request<Body>) -> Answer {
        self.runtime.block_on(async {
            let response = router.clone().oneshot(request).await.expect("an answer");
            let kind = kind(&response);
            let (parts, body) = response.into_parts();
            let body = if kind == "text/event-stream" { Body::empty() } else { body };
            let bytes = axum::body::to_bytes(body, 10 << 20).await.expect("a body");
            let text = String::from_utf8(bytes.to_vec()).expect("text");
            assert!(parts.status.as_u16() < 500, "{} {text}", parts.status);
            assert!(!text.contains(SECRET), "{text}");
            Answer { status: parts.status.as_u16(), kind, text }
        })
    }
}

impl Default for Server {
    fn default() -> Server {
        Server::new()
    }
}

/// Whether every fence that a text opens is closed in it, as a Markdown parser sees it: what is
/// appended stands by itself.
pub fn fences_close(text: &str) -> bool {
    let after = format!("{text}\n\n\nzebra");
    let (mut in_code, mut is_open) = (false, false);
    for event in Parser::new(&after) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_))) => in_code = true,
            Event::End(TagEnd::CodeBlock) => in_code = false,
            Event::Text(text) => is_open |= in_code && text.contains("zebra"),
            _ => {}
        }
    }
    !is_open
}

fn kind(response: &Response<Body>) -> String {
    let value = response.headers().get("content-type").and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}
