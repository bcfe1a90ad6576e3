//! Who is let in, and what browsers are told. Who is not is in `attacks`.

use axum::body::Body;
use axum::http::Request;
use docent::http::describe;

use super::{PING, Server, call, request};

fn from(host: &str) -> Request<Body> {
    let json = "application/json";
    let builder = Request::builder().method("POST").uri("/mcp").header("content-type", json);
    builder.header("host", host).body(Body::from(PING)).expect("the test is set up right")
}

#[tokio::test]
async fn a_public_server_answers_to_its_name_and_says_so_at_start() {
    let server = Server::with(|options| {
        options.listen = "10.1.2.3:8080".parse().unwrap();
        options.public_url = Some("https://docs.example.com".into());
        options.allowed_origins = vec!["https://app.example.com".into()];
    });
    assert_eq!(server.ask(from("docs.example.com")).await.status, 200);
    assert_eq!(server.ask(from("localhost")).await.status, 403);
    assert_eq!(
        describe(&server.options).unwrap(),
        [
            "endpoint: https://docs.example.com/mcp",
            "callers: everybody, 120/minute from an address that is not this machine's",
            "hosts: 10.1.2.3, docs.example.com",
            "origins: http://10.1.2.3:8080, https://docs.example.com, https://app.example.com",
        ]
    );
}

#[tokio::test]
async fn health_is_told_to_whoever_asks() {
    let server = Server::new();
    let ask = |path: &str| {
        Request::builder().uri(path).header("host", "10.9.8.7:8080").body(Body::empty())
    };
    let answer = server.ask(ask("/healthz").unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, "ok"));
    let answer = server.ask(ask("/readyz").unwrap()).await;
    assert_eq!(answer.status, 200);
    let json = answer.json();
    assert_eq!((&json["ready"], &json["pages"]), (&true.into(), &4.into()), "{json}");
    assert!(json["sections"].as_u64() >= Some(7) && json["committed"].is_u64(), "{json}");
    assert!(json["problem"].is_null(), "{json}");
}

#[tokio::test]
async fn a_preflight_is_answered_before_anything_else() {
    let server = Server::new();
    let preflight = request("OPTIONS", "/mcp")
        .header("origin", "http://localhost:5173")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type, mcp-param-collection, x-evil");
    let answer = server.ask(preflight.body(Body::empty()).unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
    assert_eq!(answer.header("access-control-allow-origin"), "http://localhost:5173");
    assert_eq!(answer.header("access-control-allow-methods"), "GET, POST, OPTIONS");
    assert_eq!(
        answer.header("access-control-allow-headers"),
        "Authorization, Content-Type, Accept, Mcp-Protocol-Version, Mcp-Method, Mcp-Name, \
         Mcp-Session-Id, Last-Event-ID, mcp-param-collection"
    );
    assert_eq!(answer.header("access-control-max-age"), "7200");
    assert_eq!(answer.header("vary"), "Origin");
    assert!(!answer.headers.contains_key("access-control-allow-credentials"));
    let foreign = request("OPTIONS", "/mcp")
        .header("origin", "https://evil.example")
        .header("access-control-request-method", "POST");
    let answer = server.ask(foreign.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, 403);
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn a_page_that_is_let_in_may_read_answers_and_refusals() {
    let server = Server::new();
    for body in [PING, "{"] {
        let request = call().header("origin", "http://localhost:5173").body(body.into()).unwrap();
        let answer = server.ask(request).await;
        assert_eq!(answer.header("access-control-allow-origin"), "http://localhost:5173");
        assert_eq!(
            answer.header("access-control-expose-headers"),
            "WWW-Authenticate, Mcp-Session-Id, Retry-After, RateLimit, RateLimit-Policy"
        );
        assert!(!answer.headers.contains_key("access-control-allow-credentials"));
    }
    let answer = server.call(PING).await;
    assert_eq!(answer.header("vary"), "Origin");
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn the_start_page_may_ask_its_own_server_at_every_address_of_the_machine() {
    let server = Server::with(|options| {
        options.listen = "0.0.0.0:8080".parse().expect("an address");
    });
    for (origin, status) in [("http://192.0.2.1:8080", 200), ("http://192.0.2.2:8080", 403)] {
        let call = axum::http::Request::post("/mcp")
            .header("host", "192.0.2.1:8080")
            .header("origin", origin)
            .header("content-type", "application/json");
        let answer = server.ask(call.body(PING.into()).expect("a request")).await;
        assert_eq!(answer.status, status, "{origin}");
    }
}

#[tokio::test]
async fn other_addresses_do_not_exist() {
    let server = Server::new();
    for path in ["/mcp/foo", "/mcp/", "/admin", "/.well-known/oauth-protected-resource", "//mcp"] {
        let answer = server.get(path, "application/json").await;
        assert_eq!(answer.refusal(), (404, -32000), "{path}");
        let answer = server.open(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.text.contains("<h1>There is no such page</h1>"), "{path}");
    }
    let call = request("POST", "/mcp/foo").header("content-type", "application/json");
    assert_eq!(server.ask(call.body(PING.into()).unwrap()).await.refusal(), (404, -32000));
    let start = request("POST", "/").header("content-type", "application/json");
    let answer = server.ask(start.body(PING.into()).unwrap()).await;
    assert_eq!(answer.refusal(), (404, -32000));
    assert!(
        answer.text.contains("the MCP endpoint is http://127.0.0.1:8080/mcp"),
        "{}",
        answer.text
    );
}
