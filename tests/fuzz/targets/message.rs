//! Messages and the headers that repeat them: three lines are `MCP-Protocol-Version`, `Mcp-Method`
//! and `Mcp-Name` (an empty one is left out), the rest is the body. What is answered without the SDK
//! is answered as the SDK does it, and every refusal is one that programs read.
#![no_main]

use std::sync::LazyLock;

use axum::body::Body;
use axum::http::{HeaderValue, Request};
use docent_fuzz::Server;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

static SERVER: LazyLock<Server> = LazyLock::new(Server::new);

fn request(headers: &[(&str, &[u8])], body: &[u8]) -> Option<Request<Body>> {
    let mut request = Request::post("/mcp")
        .header("host", "localhost")
        .header("content-type", "application/json");
    for (name, value) in headers {
        if !value.is_empty() {
            request = request.header(*name, HeaderValue::from_bytes(value).ok()?);
        }
    }
    request.body(Body::from(body.to_vec())).ok()
}

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(4, |byte| *byte == b'\n');
    let mut next = || parts.next().unwrap_or_default();
    let headers = [("mcp-protocol-version", next()), ("mcp-method", next()), ("mcp-name", next())];
    let body = next();
    let Some(asked) = request(&headers, body) else { return };
    let answer = SERVER.ask(&SERVER.open, asked);
    if answer.kind == "application/json" && !answer.text.is_empty() {
        let json: Value = serde_json::from_str(&answer.text).expect("JSON");
        assert_eq!(json["jsonrpc"], "2.0", "{}", answer.text);
        assert!(json["result"].is_object() || json["error"]["code"].is_i64(), "{}", answer.text);
    } else {
        assert!(matches!(answer.status, 200 | 202), "{answer:?}");
    }
    let by_sdk = SERVER.ask(&SERVER.by_sdk, request(&headers, body).expect("it was one before"));
    assert_eq!(answer.status, by_sdk.status, "{} {}", answer.text, by_sdk.text);
    if answer.kind == "application/json" && !answer.text.is_empty() {
        let json = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        assert_eq!(json(&answer.text), json(&by_sdk.text));
    }
});
