//! Cursors: the input is one as it is given back, to a fetch and to a list; and a place in a page of
//! the manual, a section and a byte, behind which the true mark of that page stands. What is read
//! from there is of the page, and comes to its end.
#![no_main]

use std::sync::LazyLock;

use axum::body::Body;
use axum::http::Request;
use docent::corpus::tokens;
use docent_fuzz::Server;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

static SERVER: LazyLock<Server> = LazyLock::new(Server::of_manual);

const PAGE: &str = "configuration.md";
const SIZE: usize = 800;

/// What stands behind the second dot of every cursor of the page.
static MARK: LazyLock<String> = LazyLock::new(|| {
    let first = fetch("").expect("the page");
    let next = first["metadata"]["next"].as_str().expect("it is long").to_owned();
    next.rsplit('.').next().expect("a mark").to_owned()
});

/// All words of the page.
static WHOLE: LazyLock<String> = LazyLock::new(|| {
    let sections = SERVER.docs.snapshot().sections("docs", PAGE).expect("the page");
    sections.iter().map(|section| bare(&section.text)).collect()
});

fn bare(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

fn fetch(cursor: &str) -> Result<Value, String> {
    let arguments = json!({"id": PAGE, "cursor": cursor, "max_tokens": SIZE});
    let answer = SERVER.docs.call("fetch", arguments.as_object().cloned()).expect("the tool");
    answer.map(|json| {
        assert!(tokens::estimate(&json) <= SIZE, "{cursor}: {json}");
        serde_json::from_str(&json).expect("JSON")
    })
}

/// Reads on from a cursor.
fn read_on(cursor: &str) {
    let mut next = Some(cursor.to_owned());
    let mut steps = 0;
    while let Some(cursor) = next {
        let Ok(answer) = fetch(&cursor) else {
            assert_eq!(steps, 0, "a cursor that was given out is good: {cursor}");
            return;
        };
        let text = answer["text"].as_str().expect("text");
        let text = text.split("\n\n[cut here;").next().unwrap_or_default();
        for line in text.lines() {
            assert!(WHOLE.contains(&bare(line)), "{cursor}: {line:?} is not of the page");
        }
        next = answer["metadata"]["next"].as_str().map(str::to_owned);
        steps += 1;
        assert!(steps < 200, "{cursor} comes to no end");
    }
}

fuzz_target!(|text: &str| {
    read_on(text);
    read_on(&format!("{text}.{}", *MARK));
    for cursor in [text.to_owned(), format!("after:{text}"), format!("after:docs/{text}")] {
        let body = json!({
            "jsonrpc": "2.0", "id": 1, "method": "resources/list", "params": {"cursor": cursor},
        });
        let request = Request::post("/mcp")
            .header("host", "localhost")
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .expect("a request");
        let answer = SERVER.ask(&SERVER.open, request);
        if answer.status == 413 {
            continue;
        }
        let json: Value = serde_json::from_str(&answer.text).expect("JSON");
        let uris = json["result"]["resources"].as_array();
        for uri in uris.into_iter().flatten().map(|page| page["uri"].as_str().expect("a URI")) {
            let (after, path) = (cursor.strip_prefix("after:"), uri.strip_prefix("docs:///"));
            assert!(after < path, "{cursor:?} lists {uri}");
        }
        assert!(uris.is_some() || json["error"]["code"].is_i64(), "{}", answer.text);
    }
});
