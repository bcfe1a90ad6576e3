//! A plain call is answered without the SDK, and not otherwise than by it.

use axum::body::Body;
use serde_json::{Value, json};

use super::{Server, call};

/// Headers and parameters of calls that are plain, or nearly.
fn calls() -> Vec<(Vec<(&'static str, &'static str)>, Value)> {
    let modern = |version: &'static str, name: &'static str| {
        vec![("mcp-protocol-version", version), ("mcp-method", "tools/call"), ("mcp-name", name)]
    };
    let meta = |version: &str| {
        json!({
            "io.modelcontextprotocol/protocolVersion": version,
            "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {"sampling": {}},
        })
    };
    let search = json!({"name": "search", "arguments": {"query": "berths \"small\""}});
    let with_meta = |mut params: Value, meta: Value| {
        params["_meta"] = meta;
        params
    };
    let new = "2026-07-28";
    let mut calls = vec![
        (vec![], search.clone()),
        (vec![], json!({"name": "outline"})),
        (vec![], json!({"name": "outline", "arguments": null})),
        (vec![], json!({"name": "fetch", "arguments": {"id": "nope"}})),
        (vec![], json!({"name": "search", "arguments": {"query": 5, "limit": "many"}})),
        (vec![], json!({"name": "nope", "arguments": {}})),
        (vec![], with_meta(search.clone(), json!({"progressToken": 7, "a/b": [1]}))),
        (vec![], with_meta(search.clone(), Value::Null)),
        (vec![("mcp-name", "fetch")], search.clone()),
        (vec![("mcp-protocol-version", "1999-01-01")], search.clone()),
        (modern(new, "search"), search.clone()),
        (modern(new, "search"), with_meta(search.clone(), meta(new))),
        (modern(new, "outline"), with_meta(json!({"name": "outline"}), meta(new))),
        (modern(new, "fetch"), with_meta(search.clone(), meta(new))),
        (modern("2025-11-25", "search"), with_meta(search.clone(), meta(new))),
        (modern(new, "search"), with_meta(search.clone(), meta("2025-11-25"))),
        (vec![], with_meta(search.clone(), meta(new))),
        (modern(new, "fetch"), with_meta(json!({"name": "fetch"}), meta(new))),
    ];
    for name in ["clientInfo", "clientCapabilities"] {
        for value in [Value::Null, json!("x"), json!({})] {
            let mut meta = meta(new);
            meta[format!("io.modelcontextprotocol/{name}")] = value;
            calls.push((modern(new, "search"), with_meta(search.clone(), meta)));
        }
    }
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", new] {
        calls.push((vec![("mcp-protocol-version", version)], search.clone()));
    }
    calls
}

#[tokio::test]
async fn a_call_is_answered_as_the_sdk_answers_it() {
    let server = Server::new();
    let docs = server.options.docs.clone();
    let cancel = server.cancel.clone();
    let by_sdk = docent::http::router_to(docs, &server.options, cancel).expect("routes");
    let by_sdk = Server { router: by_sdk, options: server.options.clone(), ..Server::new() };
    let mut answered = 0;
    for (headers, params) in calls() {
        for id in [json!(1), json!("a\"ü")] {
            let body =
                json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params});
            let request = || {
                let request = call();
                let request =
                    headers.iter().fold(request, |r, (name, value)| r.header(*name, *value));
                request.body(Body::from(body.to_string())).expect("a request")
            };
            let (ours, theirs) = (server.ask(request()).await, by_sdk.ask(request()).await);
            assert_eq!(ours.status, theirs.status, "{headers:?} {body}");
            assert_eq!(ours.header("content-type"), theirs.header("content-type"));
            assert_eq!(ours.json(), theirs.json(), "{headers:?} {body}");
            answered += usize::from(ours.json()["result"]["isError"] == false);
        }
    }
    assert!(answered > 20, "{answered}");
}
