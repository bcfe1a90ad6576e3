//! H6 and H7: what headers say of a call and what its body says are the same. Whoever stands in
//! between (a gateway, a rate limit) reads the headers alone.

use axum::http::Request;
use serde_json::{Value, json};

use super::oracle::Oracle;
use crate::http::{PING, call};

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
async fn h06_headers_that_say_what_the_body_says_are_let_through() {
    let oracle = Oracle::new();
    for (method, params, name) in calls() {
        let encoded = format!("=?base64?{}?=", base64(name));
        for name in [name, &encoded] {
            let headers =
                [("mcp-protocol-version", REVISION), ("mcp-method", method), ("mcp-name", name)];
            let answer = oracle.ask(request(method, params.clone(), REVISION, &headers)).await;
            assert_eq!(answer.status, 200, "{method} {name}: {}", answer.text);
            assert!(answer.json()["error"].is_null(), "{method} {name}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn h06_headers_that_say_something_else_than_the_body_are_refused() {
    let oracle = Oracle::new();
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
            let answer = oracle.ask(request(method, params.clone(), REVISION, headers)).await;
            assert_eq!(answer.refusal(), (400, -32020), "{method}, {what}: {}", answer.text);
        }
        // The other way round: the body is of a revision that the header does not name.
        let headers = [version, right_method, right_name];
        let answer = oracle.ask(request(method, params, "2025-11-25", &headers)).await;
        assert_eq!(answer.refusal(), (400, -32020), "{method}: {}", answer.text);
    }
}

#[tokio::test]
async fn h06_a_method_without_a_name_is_held_to_its_headers_too() {
    let oracle = Oracle::new();
    for method in ["tools/list", "resources/list", "prompts/list", "server/discover"] {
        let version = ("mcp-protocol-version", REVISION);
        let right = [version, ("mcp-method", method)];
        let answer = oracle.ask(request(method, json!({}), REVISION, &right)).await;
        assert_eq!(answer.status, 200, "{method}: {}", answer.text);
        let wrong: [&[(&str, &str)]; 3] =
            [&[version], &[version, ("mcp-method", "tools/call")], &[("mcp-method", method)]];
        for headers in wrong {
            let answer = oracle.ask(request(method, json!({}), REVISION, headers)).await;
            assert_eq!(answer.refusal(), (400, -32020), "{method} {headers:?}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn h07_a_revision_that_is_not_spoken_is_answered_with_those_that_are() {
    let oracle = Oracle::new();
    for revision in ["1999-01-01", "2026-07-29", "9999-99-99", "x", ""] {
        let request = call().header("mcp-protocol-version", revision);
        let answer = oracle.ask(request.body(PING.into()).expect("a request")).await;
        assert_eq!(answer.refusal(), (400, -32022), "{revision:?}: {}", answer.text);
        let error = &answer.json()["error"]["data"];
        assert_eq!(error["requested"], revision);
        assert_eq!(error["supported"][0], "2026-07-28");
        assert_eq!(answer.json()["id"], 1);
    }
    let long = "2".repeat(10_000);
    let request = call().header("mcp-protocol-version", &long);
    let answer = oracle.ask(request.body(PING.into()).expect("a request")).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text.len() < 600, "{}", answer.text);
    // Who names none is held to the rules of the revisions that had no such header.
    assert_eq!(oracle.body(PING).await.status, 200);
    let twice = call().header("mcp-protocol-version", REVISION);
    let twice = twice.header("mcp-protocol-version", "2025-06-18").body(PING.into());
    assert_eq!(oracle.ask(twice.expect("a request")).await.refusal(), (400, -32020));
    // In the body alone it counts as well: such a call is not taken for one of an older revision.
    let answer = oracle.ask(request_of_body_alone()).await;
    assert_eq!(answer.refusal(), (400, -32020));
}

/// A call whose body is of a revision that no header names.
fn request_of_body_alone() -> Request<axum::body::Body> {
    request("tools/list", json!({}), REVISION, &[])
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(text)
}
