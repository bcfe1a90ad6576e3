//! Credentials: the lines of the input are `Authorization` headers. None of them lets anybody in,
//! and all are answered alike.
#![no_main]

use std::sync::LazyLock;

use axum::body::Body;
use axum::http::{HeaderValue, Request};
use docent::auth::Secret;
use docent_fuzz::{Answer, Server};
use libfuzzer_sys::fuzz_target;

static SERVER: LazyLock<Server> = LazyLock::new(Server::new);
static REFUSED: LazyLock<[Answer; 2]> =
    LazyLock::new(|| [ask(&[]).expect("a request"), ask(&[b"Bearer x"]).expect("a request")]);

/// The answer to these headers, if they can stand in a request at all.
fn ask(values: &[&[u8]]) -> Option<Answer> {
    let mut request = Request::post("/mcp")
        .header("host", "localhost")
        .header("content-type", "application/json");
    for value in values {
        request = request.header("authorization", HeaderValue::from_bytes(value).ok()?);
    }
    let body = Body::from(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#);
    Some(SERVER.ask(&SERVER.closed, request.body(body).ok()?))
}

fuzz_target!(|bytes: &[u8]| {
    let values: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    if let Some(answer) = ask(&values) {
        assert_eq!(answer, REFUSED[1], "{values:?}");
    }
    assert_eq!(REFUSED[0].status, 401);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(key) = Secret::parse(text) {
        assert_eq!(key.reveal(), text);
        assert_eq!(text.len(), 66);
        assert_eq!(&text[8..16], key.id());
    }
});
