//! A bare server that answers with fixed bytes, to see how far docent is from doing nothing at all: the same axum, runtime
//! and allocator, and of the work only what nobody can leave out, which is to read a message of JSON-RPC and to answer.
//!
//! `echo ADDRESS ANSWERS` answers `POST /NAME` with the file `ANSWERS/NAME`: lines `name: value` for the headers, an empty
//! line, the body. An example, so that it is neither installed nor run by `cargo test`; `benches/peers/run` drives it.

use std::path::Path;

use anyhow::{Context, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::IntoResponse;
use axum::routing::post;
use axum::serve::ListenerExt;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What any server must see of a request before it can answer.
#[derive(Deserialize)]
struct Message<'a> {
    jsonrpc: &'a str,
    #[serde(borrow)]
    id: &'a RawValue,
    method: &'a str,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

impl Message<'_> {
    fn is_request(&self) -> bool {
        let named = self.jsonrpc == "2.0" && !self.method.is_empty();
        named
            && self.id.get() != "null"
            && self.params.is_none_or(|params| params.get().starts_with('{'))
    }
}

/// Headers and body, as they are sent each time.
#[derive(Clone)]
struct Answer {
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn read(path: &Path) -> anyhow::Result<Answer> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let (head, body) = text.split_once("\n\n").with_context(|| {
            format!("no empty line in {}: headers, an empty line, the body", path.display())
        })?;
        let mut headers = HeaderMap::new();
        for line in head.lines() {
            let (name, value) = line
                .split_once(": ")
                .with_context(|| format!("`{line}` in {} is no header", path.display()))?;
            headers.append(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
        }
        Ok(Answer { headers, body: Bytes::from(body.to_owned()) })
    }
}

async fn answer(answer: Answer, body: Bytes) -> impl IntoResponse {
    match serde_json::from_slice::<Message>(&body) {
        Ok(message) if message.is_request() => Ok((answer.headers, answer.body)),
        _ => Err(StatusCode::BAD_REQUEST),
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, folder] = arguments.as_slice() else {
        anyhow::bail!("usage: echo ADDRESS ANSWERS");
    };
    let mut router = Router::new();
    let mut answers = 0;
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {folder}"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let fixed = Answer::read(&path)?;
        router =
            router.route(&format!("/{name}"), post(move |body: Bytes| answer(fixed.clone(), body)));
        answers += 1;
    }
    ensure!(answers > 0, "no answers in {folder}");
    let listener =
        TcpListener::bind(address).await.with_context(|| format!("cannot listen at {address}"))?;
    // As docent does: an answer does not wait for the last packet to be acknowledged.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    Ok(axum::serve(listener, router).await?)
}
