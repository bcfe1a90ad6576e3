//! A server with all that the conformance suite asks an "everything" server for, behind docent's
//! own HTTP stack: its accept loop, guard, checks of bodies and transport. docent itself has a few
//! tools only, so most of what its stack must carry would stay unseen.
//!
//! `everything DOCS DATA ADDRESS` serves the pages of a docs folder to people, as docent does, and
//! the fixtures at `/mcp`.

mod media;
mod prompts;
mod questions;
mod resources;
mod server;
mod tools;

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use docent::corpus::Collection;
use docent::http::{self, Options, Patience};
use docent::index::{Indexer, Progress};
use docent::mcp::{Docs, Links, Shelf};
use rmcp::model::{ErrorData, JsonObject};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [docs, data, address] = arguments.as_slice() else {
        anyhow::bail!("usage: everything DOCS DATA ADDRESS");
    };
    let listener = TcpListener::bind(address).await.context("cannot listen")?;
    let options = Options {
        docs: index(Path::new(docs), Path::new(data))?,
        public_url: None,
        listen: listener.local_addr()?,
        allowed_hosts: Vec::new(),
        allowed_origins: Vec::new(),
        patience: Patience::default(),
        front: Default::default(),
        door: Arc::new(http::Door::new(http::Rules::default(), http::system_clock())),
        hooks: http::Hooks::default(),
    };
    let streams = CancellationToken::new();
    let router = http::router_to(server::Everything::default(), &options, streams.clone())?;
    http::serve(listener, router, options.patience, streams, http::stopped()?).await
}

/// What the pages for people are made of.
fn index(docs: &Path, data: &Path) -> anyhow::Result<Docs> {
    let root = docs.canonicalize().context("cannot find the docs")?;
    let collection = Collection { name: "docs".into(), root, ..Collection::default() };
    let (mut indexer, _) = Indexer::open(data, &[collection], "everything")?;
    indexer.catch_up(&Progress::default())?;
    let shelf = Shelf { name: "docs".into(), ..Shelf::default() };
    Ok(Docs::new(indexer.index().clone(), Links::new(vec![shelf], None)))
}

/// A fixture as the SDK has it. Fixtures are written as they stand on the wire: that is what the
/// suite reads.
fn typed<T: DeserializeOwned>(fixture: Value) -> T {
    serde_json::from_value(fixture).expect("a fixture is as the protocol has it")
}

/// A fixture that is the result of a request.
fn complete<T: DeserializeOwned>(mut result: Value) -> T {
    result["resultType"] = "complete".into();
    typed(result)
}

/// An argument that is a text.
fn text<'a>(arguments: Option<&'a JsonObject>, name: &str) -> Result<&'a str, ErrorData> {
    let value = arguments.and_then(|arguments| arguments.get(name)).and_then(Value::as_str);
    value.ok_or_else(|| ErrorData::invalid_params(format!("`{name}` is missing"), None))
}
