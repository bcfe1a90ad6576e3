//! Names of pages: whatever is asked for is one of the pages or nothing, by every tool and as a
//! resource.
#![no_main]

use std::sync::LazyLock;

use axum::body::Body;
use axum::http::Request;
use docent_fuzz::{SECRET, Server};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

static SERVER: LazyLock<Server> = LazyLock::new(Server::new);

const PAGES: [&str; 2] = ["index.md", "guide/ä b#.md"];

fuzz_target!(|name: &str| {
    for (tool, arguments) in [
        ("fetch", json!({"id": name})),
        ("outline", json!({"path": name})),
        ("search", json!({"query": "okapi", "path": name})),
        ("fetch", json!({"id": "index.md", "cursor": name})),
    ] {
        let answer = SERVER.docs.call(tool, arguments.as_object().cloned()).expect("the tool");
        let (Ok(text) | Err(text)) = &answer;
        assert!(!text.contains(SECRET), "{text}");
        if let (Ok(json), "fetch") = (&answer, tool) {
            let json: Value = serde_json::from_str(json).expect("JSON");
            let id = json["id"].as_str().expect("an id");
            assert!(PAGES.iter().any(|page| id.starts_with(page)), "{name:?} is {id:?}");
        }
    }
    let body =
        json!({"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": name}});
    let request = Request::post("/mcp")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .expect("a request");
    let answer = SERVER.ask(&SERVER.open, request);
    if answer.status == 413 {
        return;
    }
    let json: Value = serde_json::from_str(&answer.text).expect("JSON");
    if json["error"].is_null() {
        assert!(name.starts_with("docs:///docs/"), "{name:?}");
    }
    // As an address of a page for people.
    if let Ok(request) = Request::get(format!("/docs/docs/{name}"))
        .header("host", "localhost")
        .header("accept", "text/html")
        .body(Body::empty())
    {
        SERVER.ask(&SERVER.open, request);
    }
});
