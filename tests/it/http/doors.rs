//! Who is let in, and what browsers are told: H9, H14 to H16.

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
async fn foreign_hosts_are_refused_and_the_setting_is_named() {
    let server = Server::new();
    for host in ["evil.example", "127.0.0.1.nip.io", "localhost@evil", "LOCALHOST."] {
        let answer = server.ask(from(host)).await;
        assert_eq!(answer.refusal(), (403, -32000), "{host}");
        assert!(answer.text.contains("allowed_hosts"), "{}", answer.text);
    }
    for host in ["localhost", "LOCALHOST:1", "127.0.0.1:8080", "[::1]:8080"] {
        assert_eq!(server.ask(from(host)).await.status, 200, "{host}");
    }
}

#[tokio::test]
async fn foreign_origins_are_refused_and_the_setting_is_named() {
    let server = Server::new();
    for origin in
        ["http://evil.example", "null", "http://localhost.evil", "http://127.0.0.1.nip.io"]
    {
        let answer = server.ask(call().header("origin", origin).body(PING.into()).unwrap()).await;
        assert_eq!(answer.refusal(), (403, -32000), "{origin}");
        assert!(answer.text.contains("allowed_origins"), "{}", answer.text);
        assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
        let pages = request("GET", "/").header("origin", origin).body(Body::empty()).unwrap();
        assert_eq!(server.ask(pages).await.status, 403, "{origin}");
    }
}

#[tokio::test]
async fn what_a_proxy_adds_lets_nobody_in_and_changes_no_address() {
    let server = Server::new();
    let mut forged = from("evil.example");
    for name in ["x-forwarded-host", "x-forwarded-for", "x-original-url", "x-rewrite-url"] {
        forged.headers_mut().insert(name, "localhost".parse().unwrap());
    }
    assert_eq!(server.ask(forged).await.status, 403);
    let mut home = request("GET", "/").header("accept", "text/html");
    for name in ["x-forwarded-host", "x-forwarded-proto", "x-forwarded-uri", "forwarded"] {
        home = home.header(name, "host=evil.example");
    }
    let answer = server.ask(home.body(Body::empty()).unwrap()).await;
    assert!(answer.text.contains("http://127.0.0.1:8080/mcp"));
    assert!(!answer.text.contains("evil"));
}

#[tokio::test]
async fn a_request_line_that_names_another_host_is_refused() {
    let server = Server::new();
    let request = Request::builder().uri("http://evil.example/mcp").header("host", "localhost");
    let answer = server.ask(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.refusal(), (400, -32000));
    let same = Request::builder().uri("http://localhost/").header("host", "localhost");
    assert_eq!(server.ask(same.body(Body::empty()).unwrap()).await.status, 200);
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
async fn only_post_calls_and_a_browser_gets_the_start_page() {
    let server = Server::new();
    for method in ["GET", "DELETE", "PUT", "PATCH", "TRACE"] {
        let request = request(method, "/mcp").header("accept", "text/event-stream");
        let answer = server.ask(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.refusal(), (405, -32000), "{method}");
        assert_eq!(answer.header("allow"), "POST, OPTIONS", "{method}");
    }
    let overridden = request("GET", "/mcp").header("x-http-method-override", "POST");
    assert_eq!(server.ask(overridden.body(Body::empty()).unwrap()).await.status, 405);
    let answer = server.open("/mcp").await;
    assert_eq!(answer.status, 200);
    assert!(answer.text.contains("How to connect"));
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
