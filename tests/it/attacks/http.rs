//! H: JSON-RPC, MCP and HTTP, through the router; what needs a socket is in `wire`.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, Request};
use docent::http::{Door, Peer, Rules, system_clock};
use serde_json::{Value, json};

use super::oracle::Oracle;
use crate::http::{PING, call, request};

#[tokio::test]
async fn h01_what_nests_without_end_is_no_json() {
    let oracle = Oracle::new();
    let bombs = [
        "[".repeat(100_000),
        "{\"a\":".repeat(40_000),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{}"#, "[".repeat(100_000)),
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"search","arguments":{}1{}}}}}"#,
            "{\"query\":".repeat(200),
            "}".repeat(200)
        ),
        format!("{}{}", "[".repeat(101), "]".repeat(101)),
    ];
    for body in ["", "{", "nul", "{\"jsonrpc\":", "\u{feff}{}", "{} {}"]
        .into_iter()
        .chain(bombs.iter().map(String::as_str))
    {
        let answer = oracle.body(body.to_owned()).await;
        assert_eq!(answer.refusal(), (400, -32700), "{body:.40}");
        assert!(answer.json()["id"].is_null());
    }
    assert_eq!(oracle.body(vec![b'"', 0xff, b'"']).await.refusal(), (400, -32700));
}

#[tokio::test]
async fn h02_a_body_that_is_too_long_is_refused() {
    let oracle = Oracle::new();
    let padded = |length: usize| format!("{PING}{}", " ".repeat(length - PING.len()));
    assert_eq!(oracle.body(padded(256 * 1024)).await.status, 200);
    for length in [256 * 1024 + 1, 600 * 1024, 5 << 20] {
        let answer = oracle.body(padded(length)).await;
        assert_eq!(answer.refusal(), (413, -32000));
        assert_eq!(answer.header("connection"), "close");
    }
}

#[tokio::test]
async fn h03_a_compressed_body_is_refused_unread() {
    let oracle = Oracle::new();
    for encoding in ["gzip", "deflate", "br", "zstd", "gzip, identity", "x", "\u{e9}"] {
        let encoding = HeaderValue::from_bytes(encoding.as_bytes()).expect("a value");
        let bomb = call().header("content-encoding", encoding).body("\u{1f}bomb".into());
        assert_eq!(oracle.ask(bomb.expect("a request")).await.refusal(), (415, -32000));
    }
    let plain = call().header("content-encoding", "identity").body(PING.into());
    assert_eq!(oracle.ask(plain.expect("a request")).await.status, 200);
}

#[tokio::test]
async fn h04_a_batch_is_refused() {
    let oracle = Oracle::new();
    let small = r#"{"jsonrpc":"2.0","id":1,"method":"p"}"#;
    let batches = ["[]".to_owned(), format!("[{PING}]"), format!("[{}1]", "1,".repeat(10_000)), {
        format!("[{}]", vec![small; 6_000].join(","))
    }];
    for batch in batches {
        let answer = oracle.body(batch).await;
        assert_eq!(answer.refusal(), (400, -32600));
        assert!(answer.text.contains("there are no batches"), "{}", answer.text);
    }
}

#[tokio::test]
async fn h05_a_message_has_one_reading() {
    let oracle = Oracle::new();
    let long = format!(r#"{{"jsonrpc":"2.0","id":"{}","method":"ping"}}"#, "i".repeat(100_000));
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/list"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","m\u0065thod":"tools/list"}"#,
        r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search","name":"fetch"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{},"params":{}}"#,
        r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":[1],"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":true,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":18446744073709551615,"method":"ping"}"#,
        r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
        r#"{"id":1,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#,
        r#""ping""#,
        "1",
        "null",
        &long,
    ] {
        let answer = oracle.body(body.to_owned()).await;
        assert_eq!(answer.refusal(), (400, -32600), "{body:.80}");
        assert!(answer.text.len() < 600, "{}", answer.text);
    }
    let infinite = r#"{"jsonrpc":"2.0","id":1e400,"method":"ping"}"#;
    assert_eq!(oracle.body(infinite).await.refusal(), (400, -32700));
    // Without an id it is a notification, which nobody answers.
    let answer = oracle.body(r#"{"jsonrpc":"2.0","method":"tools/list"}"#).await;
    assert!(answer.status.as_u16() < 500 && !answer.text.contains("\"result\""), "{}", answer.text);
    // What two readers could take differently in the headers stands there once.
    for name in ["mcp-protocol-version", "mcp-method", "mcp-name", "content-type"] {
        let request = call().header(name, "application/json").header(name, "x");
        let answer = oracle.ask(request.body(PING.into()).expect("a request")).await;
        assert_eq!(answer.refusal(), (400, -32020), "{name}");
    }
}

#[tokio::test]
async fn h08_only_json_is_a_call_so_no_form_of_a_page_can_be_one() {
    let oracle = Oracle::new();
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "application/jsonx",
        "text/json, application/json",
        "",
    ] {
        let request = request("POST", "/mcp").header("content-type", kind).body(PING.into());
        assert_eq!(
            oracle.ask(request.expect("a request")).await.refusal(),
            (415, -32000),
            "{kind}"
        );
    }
    let none = request("POST", "/mcp").body(PING.into()).expect("a request");
    assert_eq!(oracle.ask(none).await.refusal(), (415, -32000));
    let utf8 =
        request("POST", "/mcp").header("content-type", "Application/JSON; Charset=\"UTF-8\"");
    assert_eq!(oracle.ask(utf8.body(PING.into()).expect("a request")).await.status, 200);

    let accepting = |accept: &str| {
        let request = request("POST", "/mcp").header("content-type", "application/json");
        request.header("accept", accept).body(Body::from(PING)).expect("a request")
    };
    for accept in ["*/*", "application/json", "text/html, */*;q=0.1", "Application/*"] {
        assert_eq!(oracle.ask(accepting(accept)).await.status, 200, "{accept}");
    }
    let silent = request("POST", "/mcp").header("content-type", "application/json");
    assert_eq!(oracle.ask(silent.body(PING.into()).expect("a request")).await.status, 200);
    let many = "text/x;q=1,".repeat(2_000);
    for accept in ["text/plain", "text/event-stream", "application/json;q=0", "", ",;=", &many] {
        assert_eq!(oracle.ask(accepting(accept)).await.refusal(), (406, -32000), "{accept:.40}");
    }
}

#[tokio::test]
async fn h09_only_post_calls_and_no_header_makes_it_so() {
    let oracle = Oracle::new();
    let keys = super::keys::Closed::new();
    for method in ["GET", "DELETE", "PUT", "PATCH", "TRACE", "CONNECT", "HEAD", "PROPFIND", "X"] {
        let bare = || {
            let request = request(method, "/mcp").header("accept", "text/event-stream");
            request.header("x-http-method-override", "POST").header("x-method-override", "POST")
        };
        let answer = oracle.ask(bare().body(PING.into()).expect("a request")).await;
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), "POST, OPTIONS", "{method}");
        // Behind a door nobody is told so much.
        let answer = keys.oracle.ask(bare().body(PING.into()).expect("a request")).await;
        assert_eq!(answer.status, 401, "{method}");
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{method}");
        let known = bare().header("authorization", keys.authorization());
        let answer = keys.oracle.ask(known.body(PING.into()).expect("a request")).await;
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "POST, OPTIONS"));
    }
    let answer = oracle.server.open("/mcp").await;
    assert_eq!(answer.status, 200);
    assert!(answer.text.contains("How to connect"));
}

#[tokio::test]
async fn h10_there_are_no_sessions_to_take_over() {
    let oracle = Oracle::new();
    let long = "s".repeat(10_000);
    for id in ["someone-else", "", "../x", "00000000-0000-0000-0000-000000000000", &long] {
        let request = call().header("mcp-session-id", id).body(PING.into());
        let answer = oracle.ask(request.expect("a request")).await;
        assert_eq!(answer.status, 200, "{id:.40}");
        assert!(!answer.headers.contains_key("mcp-session-id"), "{id:.40}");
        let end = request_of_session("DELETE", id);
        assert_eq!(oracle.ask(end).await.status, 405, "{id:.40}");
    }
    let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"}});
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello});
    let answer = oracle.body(body.to_string()).await;
    assert!(!answer.headers.contains_key("mcp-session-id"), "{:?}", answer.headers);
}

fn request_of_session(method: &str, id: &str) -> Request<Body> {
    let request = request(method, "/mcp").header("mcp-session-id", id);
    request.header("accept", "text/event-stream").body(Body::empty()).expect("a request")
}

#[tokio::test]
async fn h11_what_is_unknown_or_of_a_wrong_type_is_told_in_few_words() {
    let oracle = Oracle::new();
    let (long, odd) = ("x".repeat(100_000), "x\u{1b}[31m\n\u{202e}\0<script>");
    let said = |answer: &Value| answer["error"]["message"].as_str().unwrap_or_default().to_owned();
    for name in ["nothing/here", "__proto__", "tools/call/", "TOOLS/CALL", "", odd, &long] {
        let answer = oracle.method(name, json!({})).await;
        assert_eq!(answer["error"]["code"], -32601, "{name:.40}: {answer:.200}");
        let message = said(&answer);
        assert!(message.chars().count() <= 200, "{name:.40}: {message:.300}");
        assert!(!message.chars().any(|c| c.is_control()), "{message:?}");
        for (method, params) in [
            ("tools/call", json!({"name": name, "arguments": {}})),
            ("prompts/get", json!({"name": name})),
            ("resources/read", json!({"uri": name})),
            ("completion/complete", json!({"ref": {"type": "ref/x", "name": name}, "argument": 1})),
            ("tools/call", json!({"name": "search", "arguments": {"query": "x", name: 1}})),
            ("tools/call", json!({"name": "fetch", "arguments": {"id": name}})),
        ] {
            let answer = oracle.method(method, params).await;
            let whole = answer.to_string();
            assert!(whole.len() < 2_500, "{method} {name:.40}: {whole:.400}");
            let known = answer["error"]["code"] == -32602 || answer["error"]["code"] == -32002;
            // The empty id is the page that the docs begin with.
            let start = method == "tools/call" && name.is_empty();
            assert!(
                known || start || answer["result"]["isError"] == true,
                "{method}: {whole:.400}"
            );
        }
    }
    for (method, params) in [
        ("tools/call", r#"{"name":"search","arguments":"x"}"#),
        ("tools/call", r#"{"name":"search","arguments":[["query","x"]]}"#),
        ("tools/call", r#"{"name":5}"#),
        ("tools/call", r#"{"name":null}"#),
        ("tools/call", "{}"),
        ("resources/read", r#"{"uri":[]}"#),
        ("prompts/get", "{}"),
        ("prompts/get", r#"{"name":"ask","arguments":{"question":{"a":1}}}"#),
        ("completion/complete", "{}"),
    ] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        let answer = oracle.body(body).await;
        assert_eq!(answer.json()["error"]["code"], -32602, "{method} {params}: {}", answer.text);
        assert_ne!(answer.status, 404, "{method} {params}");
    }
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":[1,2]}"#;
    assert_eq!(oracle.body(body).await.refusal(), (400, -32600));
    // What nobody asked for is read over; what looks like a part of the language is a name.
    let extra = json!({"cursor": null, "__proto__": {"x": 1}, "constructor": 1, "more": [1, 2]});
    assert!(oracle.method("tools/list", extra).await["result"]["tools"].is_array());
}

#[tokio::test]
async fn h12_what_clients_say_of_themselves_is_bounded_and_kept_nowhere() {
    let oracle = Oracle::new();
    let long = "n".repeat(100_000);
    let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {"experimental": {&long: {}}},
        "clientInfo": {"name": long, "version": "1", "title": "\u{1b}[31m\n"}});
    for _ in 0..20 {
        let answer = oracle.method("initialize", hello.clone()).await;
        assert_eq!(answer["result"]["serverInfo"]["name"], "docent", "{answer:.200}");
        assert!(answer.to_string().len() < 5_000);
    }
    for token in [json!(7), json!(long), json!({"a": 1}), json!(null), json!([[]])] {
        let params = json!({"name": "search", "arguments": {"query": "linux"},
            "_meta": {"progressToken": token}});
        let answer = oracle.method("tools/call", params).await;
        assert!(answer.to_string().len() < 20_000, "{answer:.200}");
    }
    for level in ["debug", "emergency", "x", ""] {
        for _ in 0..50 {
            oracle.method("logging/setLevel", json!({"level": level})).await;
        }
    }
    for n in 0..200 {
        let uri = format!("docs:///docs/{n}{}", "u".repeat(1000));
        oracle.method("resources/subscribe", json!({"uri": uri})).await;
    }
    assert!(!oracle.log().contains("nnnn"), "{:.400}", oracle.log());
}

#[tokio::test]
async fn h13_no_stream_is_taken_up_again() {
    let oracle = Oracle::new();
    for id in ["7", "0", "-1", "18446744073709551616", "x/0", ""] {
        let post = call().header("last-event-id", id).body(PING.into()).expect("a request");
        let answer = oracle.ask(post).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("content-type")),
            (200, "application/json")
        );
        let get = request("GET", "/mcp").header("accept", "text/event-stream");
        let get = get.header("last-event-id", id).body(Body::empty()).expect("a request");
        assert_eq!(oracle.ask(get).await.status, 405, "{id}");
    }
}

fn from(host: &str) -> Request<Body> {
    let json = "application/json";
    let builder = Request::builder().method("POST").uri("/mcp").header("content-type", json);
    builder.header("host", host).body(Body::from(PING)).expect("a request")
}

#[tokio::test]
async fn h14_a_foreign_host_or_origin_is_refused_and_the_setting_is_named() {
    let oracle = Oracle::new();
    for host in [
        "evil.example",
        "127.0.0.1.nip.io",
        "localhost.evil.example",
        "localhost@evil",
        "evil@localhost",
        "LOCALHOST.",
        "localhost.",
        "localhost:80:80",
        "localhost:x",
        "127.1",
        "0x7f.1",
        "2130706433",
        "0.0.0.0",
        "[::ffff:127.0.0.1]",
        "localhost/",
        "localhost evil",
        "192.168.0.1",
    ] {
        let answer = oracle.ask(from(host)).await;
        assert_eq!(answer.refusal(), (403, -32000), "{host}");
        assert!(answer.text.contains("allowed_hosts"), "{}", answer.text);
    }
    for host in ["localhost", "LOCALHOST:1", "127.0.0.1:8080", "[::1]:8080"] {
        assert_eq!(oracle.ask(from(host)).await.status, 200, "{host}");
    }
    for origin in [
        "http://evil.example",
        "null",
        "",
        "http://localhost.evil",
        "http://localhost@evil",
        "http://127.0.0.1.nip.io",
        "http://127.1",
        "https://localhost",
        "file://",
        "chrome-extension://abc",
        "http://localhost http://evil.example",
    ] {
        let asked = call().header("origin", origin).body(PING.into()).expect("a request");
        let answer = oracle.ask(asked).await;
        assert_eq!(answer.refusal(), (403, -32000), "{origin}");
        assert!(answer.text.contains("allowed_origins"), "{}", answer.text);
        assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
        let page = request("GET", "/").header("origin", origin).body(Body::empty());
        assert_eq!(oracle.ask(page.expect("a request")).await.status, 403, "{origin}");
    }
    let two = call().header("origin", "http://localhost:1").header("origin", "http://evil.example");
    assert_eq!(oracle.ask(two.body(PING.into()).expect("a request")).await.status, 403);
    let own = call().header("origin", "http://localhost:5173").body(PING.into());
    assert_eq!(oracle.ask(own.expect("a request")).await.status, 200);
}

#[tokio::test]
async fn h15_a_request_line_that_names_another_host_is_refused() {
    let oracle = Oracle::new();
    for (uri, host) in [
        ("http://evil.example/mcp", "localhost"),
        ("http://localhost/mcp", "evil.example"),
        ("http://localhost@evil.example/mcp", "localhost"),
        ("http://localhost:1/mcp", "localhost:2"),
    ] {
        let request = Request::builder().uri(uri).header("host", host).body(Body::empty());
        let answer = oracle.ask(request.expect("a request")).await;
        assert_eq!(answer.refusal(), (400, -32000), "{uri}");
    }
    let same = Request::builder().uri("http://localhost/").header("host", "localhost");
    assert_eq!(oracle.ask(same.body(Body::empty()).expect("a request")).await.status, 200);
}

/// What proxies add, and what others hope that servers believe.
const FORWARDED: [&str; 12] = [
    "forwarded",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-uri",
    "x-original-url",
    "x-rewrite-url",
    "x-forwarded-user",
    "x_forwarded_user",
    "x-real-ip",
    "true-client-ip",
];

#[tokio::test]
async fn h16_what_a_stranger_forwards_has_no_effect() {
    let rules = Rules { address: "3/hour".parse().expect("a limit"), ..Rules::default() };
    let oracle = Oracle::with(|options| {
        options.door = Arc::new(Door::new(rules, system_clock()));
    });
    for name in FORWARDED.into_iter().chain(["x-forwarded-for"]) {
        let mut forged = from("evil.example");
        forged.headers_mut().insert(name, HeaderValue::from_static("localhost"));
        assert_eq!(oracle.ask(forged).await.status, 403, "{name}");
        // No address changes, nor what is shown.
        let open = |value: Option<&'static str>| {
            let asked = request("GET", "/").header("accept", "text/html");
            let asked = value.into_iter().fold(asked, |asked, value| asked.header(name, value));
            asked.body(Body::empty()).expect("a request")
        };
        let plain = oracle.ask(open(None)).await;
        let forged = oracle.ask(open(Some("host=evil.example;proto=https"))).await;
        assert_eq!((forged.status, forged.text), (plain.status, plain.text), "{name}");
        let path = oracle.ask(open(Some("/docs/docs/guide/install.md"))).await;
        assert!(!path.text.contains("<h2 id=\"linux\">"), "{name}");
        // The caller stays who it was: behind a door nobody, in front of it the same address.
        let closed = super::keys::Closed::new();
        let asked = call().header(name, "admin").body(PING.into()).expect("a request");
        assert_eq!(closed.oracle.ask(asked).await.status, 401, "{name}");
    }
    let search = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"outline"}}"#;
    let mut statuses = Vec::new();
    for n in 0..6 {
        let names = FORWARDED.into_iter().chain(["x-forwarded-for"]);
        let asked = names.fold(call(), |asked, name| asked.header(name, format!("198.51.100.{n}")));
        let mut asked = asked.body(Body::from(search)).expect("a request");
        asked.extensions_mut().insert(Peer("192.0.2.1".parse().expect("an address")));
        statuses.push(oracle.ask(asked).await.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 200, 429, 429, 429]);
}
