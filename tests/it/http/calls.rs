//! Which bodies are calls: H1 to H5, H7, H8, H10.

use axum::body::Body;
use serde_json::json;

use super::{PING, Server, call, request};

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
async fn what_is_not_json_is_a_parse_error() {
    let server = Server::new();
    let bombs = ["[".repeat(100_000), "{\"a\":".repeat(40_000)];
    for body in ["", "{", "nul", "{\"jsonrpc\":", &bombs[0], &bombs[1]] {
        let answer = server.call(body.to_owned()).await;
        assert_eq!(answer.refusal(), (400, -32700), "{:.40}", body);
        assert!(answer.json()["id"].is_null());
    }
    assert_eq!(server.call(vec![b'"', 0xff, b'"']).await.refusal(), (400, -32700));
}

#[tokio::test]
async fn a_batch_is_refused() {
    let server = Server::new();
    let batch = format!("[{}]", vec![PING; 5000].join(","));
    assert_eq!(server.call(batch).await.refusal(), (400, -32600));
    assert_eq!(server.call("[]").await.refusal(), (400, -32600));
}

#[tokio::test]
async fn a_message_has_one_reading() {
    let server = Server::new();
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/list"}"#,
        r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search","name":"fetch"}}"#,
        r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
        r#"{"id":1,"method":"ping"}"#,
        r#""ping""#,
    ] {
        assert_eq!(server.call(body).await.refusal(), (400, -32600), "{body}");
    }
    let infinite = r#"{"jsonrpc":"2.0","id":1e400,"method":"ping"}"#;
    assert_eq!(server.call(infinite).await.refusal(), (400, -32700));
}

#[tokio::test]
async fn a_header_that_stands_twice_is_refused() {
    let server = Server::new();
    for name in ["mcp-protocol-version", "mcp-method", "mcp-name", "content-type"] {
        let request = call().header(name, "application/json").header(name, "x");
        assert_eq!(server.ask(request.body(PING.into()).unwrap()).await.refusal(), (400, -32020));
    }
}

#[tokio::test]
async fn a_revision_that_is_not_spoken_is_answered_with_those_that_are() {
    let server = Server::new();
    let request = call().header("mcp-protocol-version", "1999-01-01");
    let answer = server.ask(request.body(PING.into()).unwrap()).await;
    assert_eq!(answer.refusal(), (400, -32022));
    let error = &answer.json()["error"]["data"];
    assert_eq!(error["requested"], "1999-01-01");
    assert_eq!(error["supported"][0], "2026-07-28");
    assert_eq!(answer.json()["id"], 1);
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

#[tokio::test]
async fn a_body_of_another_kind_is_refused() {
    let server = Server::new();
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16"]
    {
        let request = request("POST", "/mcp").header("content-type", kind).body(PING.into());
        assert_eq!(server.ask(request.unwrap()).await.refusal(), (415, -32000), "{kind}");
    }
    let none = request("POST", "/mcp").body(PING.into()).unwrap();
    assert_eq!(server.ask(none).await.refusal(), (415, -32000));
    let utf8 =
        request("POST", "/mcp").header("content-type", "Application/JSON; Charset=\"UTF-8\"");
    assert_eq!(server.ask(utf8.body(PING.into()).unwrap()).await.status, 200);
}

#[tokio::test]
async fn a_compressed_body_is_refused_unread() {
    let server = Server::new();
    let request = call().header("content-encoding", "gzip").body("\u{1f}bomb".into()).unwrap();
    assert_eq!(server.ask(request).await.refusal(), (415, -32000));
    let plain = call().header("content-encoding", "identity").body(PING.into()).unwrap();
    assert_eq!(server.ask(plain).await.status, 200);
}

#[tokio::test]
async fn whoever_can_take_json_is_answered() {
    let server = Server::new();
    let accepting = |accept: &str| {
        let request = request("POST", "/mcp").header("content-type", "application/json");
        request.header("accept", accept).body(Body::from(PING)).unwrap()
    };
    for accept in ["*/*", "application/json", "text/html, */*;q=0.1", "Application/*"] {
        assert_eq!(server.ask(accepting(accept)).await.status, 200, "{accept}");
    }
    let silent = request("POST", "/mcp").header("content-type", "application/json");
    assert_eq!(server.ask(silent.body(PING.into()).unwrap()).await.status, 200);
    for accept in ["text/plain", "text/event-stream", "application/json;q=0", ""] {
        assert_eq!(server.ask(accepting(accept)).await.refusal(), (406, -32000), "{accept}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused() {
    let server = Server::new();
    let padded = |length: usize| format!("{PING}{}", " ".repeat(length - PING.len()));
    assert_eq!(server.call(padded(256 * 1024)).await.status, 200);
    for length in [256 * 1024 + 1, 600 * 1024, 5 << 20] {
        let answer = server.call(padded(length)).await;
        assert_eq!(answer.refusal(), (413, -32000));
        assert_eq!(answer.header("connection"), "close");
    }
}

#[tokio::test]
async fn session_ids_and_event_ids_are_ignored() {
    let server = Server::new();
    let request = call().header("mcp-session-id", "someone-else").header("last-event-id", "7");
    let answer = server.ask(request.body(PING.into()).unwrap()).await;
    assert_eq!(answer.status, 200);
    assert!(!answer.headers.contains_key("mcp-session-id"));
}

#[tokio::test]
async fn an_unknown_method_is_an_error_that_programs_read() {
    let server = Server::new();
    let answer = server.call(r#"{"jsonrpc":"2.0","id":"a","method":"nothing/here"}"#).await;
    assert_eq!(answer.json()["error"]["code"], -32601, "{}", answer.text);
    assert_eq!(answer.json()["id"], "a");
}

#[tokio::test]
async fn params_of_a_wrong_type_are_not_an_unknown_method() {
    let server = Server::new();
    for (method, params) in [
        ("tools/call", r#"{"name":"search","arguments":"x"}"#),
        ("tools/call", r#"{"name":5}"#),
        ("tools/call", "{}"),
        ("resources/read", r#"{"uri":[]}"#),
        ("prompts/get", "{}"),
        ("completion/complete", "{}"),
    ] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        let answer = server.call(body).await;
        assert_eq!(answer.json()["error"]["code"], -32602, "{method} {params}: {}", answer.text);
        assert_ne!(answer.status, 404, "{method} {params}");
    }
}
