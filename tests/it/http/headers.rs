//! What headers say of a call and what its body says are the same: H6, H7. Whoever stands in
//! between (a gateway, a rate limit) reads the headers alone.

use axum::http::Request;
use serde_json::{Value, json};

use super::{Server, call};

const REVISION: &str = "2026-07-28";

/// Each call that has a name, as (method, params, name): the header repeats the last.
fn calls() -> [(&'static str, Value, &'static str); 4] {
    let page = "docs:///docs/guide/install.md";
    [
        ("tools/call", json!({"name": "search", "arguments": {"query": "linux"}}), "search"),
        ("tools/call", json!({"name": "fetch", "arguments": {"id": "index.md"}}), "fetch"),
        ("resources/read", json!({"uri": page}), page),
        ("prompts/get", json!({"name": "ask", "arguments": {"question": "why?"}}), "ask"),
    ]
}

/// A call of a revision, with these headers.
fn request(
    method: &str,
    mut params: Value,
    revision: &str,
    headers: &[(&str, &str)],
) -> Request<axum::body::Body> {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": revision,
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let body = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
    let builder =
        headers.iter().fold(call(), |builder, (name, value)| builder.header(*name, *value));
    builder.body(body.to_string().into()).expect("the test is set up right")
}

#[tokio::test]
async fn headers_that_say_what_the_body_says_are_let_through() {
    let server = Server::new();
    for (method, params, name) in calls() {
        let encoded = format!("=?base64?{}?=", base64(name));
        for name in [name, &encoded] {
            let headers =
                [("mcp-protocol-version", REVISION), ("mcp-method", method), ("mcp-name", name)];
            let answer = server.ask(request(method, params.clone(), REVISION, &headers)).await;
            assert_eq!(answer.status, 200, "{method} {name}: {}", answer.text);
            assert!(answer.json()["error"].is_null(), "{method} {name}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn headers_that_say_something_else_than_the_body_are_refused() {
    let server = Server::new();
    let version = ("mcp-protocol-version", REVISION);
    for (method, params, name) in calls() {
        let (right_method, right_name) = (("mcp-method", method), ("mcp-name", name));
        let wrong: &[(&str, &[(&str, &str)])] = &[
            ("another method", &[version, ("mcp-method", "tools/list"), right_name]),
            ("the method in capitals", &[version, ("mcp-method", "TOOLS/CALL"), right_name]),
            ("no method", &[version, right_name]),
            ("the method twice", &[version, right_method, right_method, right_name]),
            ("two methods", &[version, right_method, ("mcp-method", "ping"), right_name]),
            ("another name", &[version, right_method, ("mcp-name", "outline")]),
            ("a longer name", &[version, right_method, ("mcp-name", &format!("{name}x"))]),
            ("an empty name", &[version, right_method, ("mcp-name", "")]),
            ("no name", &[version, right_method]),
            ("the name twice", &[version, right_method, right_name, right_name]),
            ("two names", &[version, right_method, right_name, ("mcp-name", "outline")]),
            ("no base64", &[version, right_method, ("mcp-name", "=?base64?@@@?=")]),
            ("base64 of no text", &[version, right_method, ("mcp-name", "=?base64?/w==?=")]),
            (
                "another revision",
                &[("mcp-protocol-version", "2025-11-25"), right_method, right_name],
            ),
            ("no revision", &[right_method, right_name]),
            ("the revision twice", &[version, version, right_method, right_name]),
        ];
        for (what, headers) in wrong {
            let answer = server.ask(request(method, params.clone(), REVISION, headers)).await;
            assert_eq!(answer.refusal(), (400, -32020), "{method}, {what}: {}", answer.text);
        }
        // The other way round: the body is of a revision that the header does not name.
        let headers = [version, right_method, right_name];
        let answer = server.ask(request(method, params, "2025-11-25", &headers)).await;
        assert_eq!(answer.refusal(), (400, -32020), "{method}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_method_without_a_name_is_held_to_its_headers_too() {
    let server = Server::new();
    for method in ["tools/list", "resources/list", "prompts/list", "server/discover"] {
        let version = ("mcp-protocol-version", REVISION);
        let right = [version, ("mcp-method", method)];
        let answer = server.ask(request(method, json!({}), REVISION, &right)).await;
        assert_eq!(answer.status, 200, "{method}: {}", answer.text);
        let wrong: [&[(&str, &str)]; 3] =
            [&[version], &[version, ("mcp-method", "tools/call")], &[("mcp-method", method)]];
        for headers in wrong {
            let answer = server.ask(request(method, json!({}), REVISION, headers)).await;
            assert_eq!(answer.refusal(), (400, -32020), "{method} {headers:?}: {}", answer.text);
        }
    }
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(text)
}
