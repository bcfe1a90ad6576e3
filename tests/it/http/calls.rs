//! What calls are answered with. Bodies that are none are in `attacks`.

use serde_json::json;

use super::{PING, Server, call};

#[tokio::test]
async fn a_call_is_answered_in_json() {
    let server = Server::new();
    let answer = server.call(PING).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.json(), json!({"jsonrpc": "2.0", "id": 1, "result": {}}));
}

#[tokio::test]
async fn a_handshake_gets_a_revision_and_its_notification_is_taken() {
    let server = Server::new();
    let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"}}});
    let answer = server.call(hello.to_string()).await;
    assert_eq!(answer.json()["result"]["protocolVersion"], "2025-06-18", "{}", answer.text);
    let answer = server.call(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (202, ""));
}

#[tokio::test]
async fn methods_that_a_revision_dropped_are_unknown_in_it() {
    let server = Server::new();
    let address = json!({"uri": "docs:///docs/index.md"});
    for (method, mut params) in [
        ("ping", json!({})),
        ("logging/setLevel", json!({"level": "info"})),
        ("resources/subscribe", address.clone()),
        ("resources/unsubscribe", address),
    ] {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        assert_eq!(server.call(body.to_string()).await.json()["result"], json!({}), "{method}");
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let mut request = call().header("mcp-protocol-version", "2026-07-28");
        request = request.header("mcp-method", method);
        if let Some(uri) = params["uri"].as_str() {
            request = request.header("mcp-name", uri);
        }
        let answer = server.ask(request.body(body.to_string().into()).unwrap()).await;
        assert_eq!(answer.refusal(), (404, -32601), "{method}");
    }
    // They are unknown with parameters that they would not have taken, too.
    for method in ["initialize", "logging/setLevel", "resources/subscribe"] {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"_meta": meta}});
        let request = call().header("mcp-protocol-version", "2026-07-28");
        let request = request.header("mcp-method", method).body(body.to_string().into());
        let answer = server.ask(request.unwrap()).await;
        assert_eq!(answer.refusal(), (404, -32601), "{method}");
    }
}
