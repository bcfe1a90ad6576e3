//! Questions to the manual: the first line is a limit, a size and a path, the rest is the question.
//! Any text is a question; as much comes back as was asked for, and never more.
#![no_main]

use std::sync::LazyLock;

use docent::corpus::tokens;
use docent::index::Search;
use docent_fuzz::Server;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

static SERVER: LazyLock<Server> = LazyLock::new(Server::of_manual);

/// The answer of a tool, which is within the size.
fn call(tool: &str, arguments: &Value, most: u64) -> Option<Value> {
    let answer = SERVER.docs.call(tool, arguments.as_object().cloned()).expect("the tool");
    let size = tokens::estimate(answer.as_ref().unwrap_or_else(|error| error)) as u64;
    let most = most.clamp(200, 20_000);
    match answer {
        Ok(json) => {
            assert!(size <= most, "{tool} {arguments}: {size} of {most}: {json}");
            Some(serde_json::from_str(&json).expect("JSON"))
        }
        Err(error) => {
            assert!(!error.contains("could not be read") && size < 1000, "{error}");
            None
        }
    }
}

fuzz_target!(|text: &str| {
    let (head, query) = text.split_once('\n').unwrap_or(("", text));
    let mut words = head.splitn(3, ' ');
    let limit = words.next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(6);
    let most = words.next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(3000);
    let path = words.next().filter(|path| !path.is_empty());
    let mut arguments = json!({"query": query, "limit": limit, "max_tokens": most});
    if let Some(path) = path {
        arguments["path"] = json!(path);
    }
    if let Some(answer) = call("search", &arguments, most) {
        let results = answer["results"].as_array().expect("results");
        assert!(results.len() as u64 <= limit.clamp(1, 20), "{answer}");
        assert!(!results.is_empty() || answer["instead"].is_object(), "{answer}");
        for result in results {
            let id = result["id"].as_str().expect("an id");
            let page = call("fetch", &json!({"id": id, "max_tokens": most}), most);
            assert_eq!(page.expect("what is found is there")["id"], id);
        }
    }
    let path = path.unwrap_or_default();
    call("outline", &json!({"path": path, "max_tokens": most}), most);
    call("outline", &json!({"path": path, "max_tokens": most, "depth": limit}), most);
    let snapshot = SERVER.docs.snapshot();
    let search = Search { query: query.into(), limit: 20, ..Search::default() };
    let found = snapshot.search(&search).expect("any text is a question");
    assert!(found.terms.terms().len() <= 64);
    let mut named = std::collections::HashSet::new();
    for hit in &found.hits {
        assert!(hit.score.is_finite(), "{}", hit.score);
        assert!(
            named.insert((&hit.record.path, hit.record.ordinal)),
            "{:?} twice",
            hit.record.path
        );
    }
});
