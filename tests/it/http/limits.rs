//! What a call over its limit is told, where clients hide errors of HTTP from the model.

use std::sync::Arc;

use axum::body::Body;
use docent::http::{Door, OnLimit, Peer, Rules, system_clock};
use serde_json::{Value, json};

use super::{Answer, Server, call};

const MODERN: &str = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}"#;

/// Asks from another machine, as a client of the newest revision.
async fn ask(server: &Server, method: &str, name: &str, id: &str, params: &str) -> Answer {
    let call = call().header("mcp-protocol-version", "2026-07-28").header("mcp-method", method);
    let call = call.header("mcp-name", name);
    let body = format!(
        r#"{{"jsonrpc":"2.0",{id}"method":"{method}","params":{{{params},"_meta":{MODERN}}}}}"#
    );
    let mut call = call.body(Body::from(body)).expect("a request");
    call.extensions_mut().insert(Peer("192.0.2.1".parse().expect("an address")));
    server.ask(call).await
}

#[tokio::test]
async fn a_tool_says_that_the_limit_is_used_up_where_it_is_asked_to() {
    let address = "1/hour".parse().expect("a limit");
    let rules = Rules { address, on_limit: OnLimit::ToolResult, ..Rules::default() };
    let server = Server::with(|options| {
        options.door = Arc::new(Door::new(rules, system_clock()));
    });
    let search = r#""name":"search","arguments":{"query":"make"}"#;
    let answer = ask(&server, "tools/call", "search", r#""id":1,"#, search).await;
    assert_eq!(answer.json()["result"]["isError"], false, "{}", answer.text);

    let answer = ask(&server, "tools/call", "search", r#""id":"x\n","#, search).await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").starts_with("application/json"));
    assert_eq!(answer.header("cache-control"), "no-store");
    let seconds: u64 = answer.header("retry-after").parse().expect("seconds");
    assert!((3590..=3600).contains(&seconds), "{seconds}");
    assert_eq!(answer.header("ratelimit-policy"), "\"address\";q=1;w=3600");
    assert_eq!(answer.header("ratelimit"), format!("\"address\";r=0;t={seconds}"));
    let text = format!(
        "the limit of 1/hour calls from an address is used up; try again in {seconds} s. Until \
         then every call is refused: answer with what you have, and say when to ask again."
    );
    let result = json!({
        "resultType": "complete", "content": [{"type": "text", "text": text}], "isError": true,
    });
    let expected: Value = json!({"jsonrpc": "2.0", "id": "x\n", "result": result});
    assert_eq!(answer.json(), expected);

    // What is no call of a tool, or no request, has no result to say it in.
    let uri = r#""uri":"docs:///docs/index.md""#;
    let answer = ask(&server, "resources/read", "docs:///docs/index.md", r#""id":2,"#, uri).await;
    assert_eq!(answer.refusal(), (429, -32000));
    assert!(!answer.header("retry-after").is_empty());
    let answer = ask(&server, "tools/call", "search", "", search).await;
    assert_eq!(answer.refusal(), (429, -32000));
}

#[tokio::test]
async fn the_result_has_the_form_of_the_revision_that_is_spoken() {
    let address = "1/hour".parse().expect("a limit");
    let rules = Rules { address, on_limit: OnLimit::ToolResult, ..Rules::default() };
    let server = Server::with(|options| {
        options.door = Arc::new(Door::new(rules, system_clock()));
    });
    let mut members = Vec::new();
    for _ in 0..2 {
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"fetch","arguments":{"id":"nowhere.md"}}}"#;
        let call = call().header("mcp-protocol-version", "2025-11-25");
        let mut call = call.body(Body::from(body)).expect("a request");
        call.extensions_mut().insert(Peer("192.0.2.1".parse().expect("an address")));
        let answer = server.ask(call).await.json();
        let result = answer["result"].as_object().expect("a result");
        assert_eq!(result["isError"], true);
        members.push(result.keys().cloned().collect::<Vec<_>>());
    }
    // The error of the tool itself, and the limit.
    assert_eq!(members[0], members[1]);
}
