//! Q: what is asked.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use axum::body::Body;
use docent::http::{Patience, router_to};
use rmcp::ServerHandler;
use rmcp::model::{CallToolRequestParams, CallToolResponse};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::{Value, json};

use super::oracle::{Oracle, Process};
use crate::commands::served::manual;
use crate::http::{Server, call};

/// Asks for each of these, and then for something that is there.
async fn ask_all<'a>(oracle: &Oracle, queries: impl IntoIterator<Item = &'a str>) -> Vec<Value> {
    let mut answers = Vec::new();
    for query in queries {
        let answer = oracle.tool("search", json!({"query": query})).await;
        answers.push(answer.unwrap_or_else(|error| panic!("{query:.60}: {error}")));
        let honest = oracle.tool("search", json!({"query": "linux"})).await.expect("an answer");
        assert_eq!(honest["results"][0]["id"], "guide/install.md#linux", "after {query:.60}");
    }
    answers
}

#[tokio::test]
async fn q01_brackets_and_operators_without_end_are_words() {
    let oracle = Oracle::new();
    let bombs = [
        "(".repeat(760),
        format!("{}linux{}", "(".repeat(735), ")".repeat(735)),
        "body:(".repeat(700),
        "NOT ".repeat(1500),
        "(".repeat(200_000),
        "+-".repeat(50_000),
        "NOT (".repeat(40_000),
        "\"".repeat(100_000),
    ];
    ask_all(&oracle, bombs.iter().map(String::as_str)).await;
    // As an id and as a path they are words, too.
    for bomb in &bombs {
        oracle.tool("fetch", json!({"id": bomb})).await.expect_err("no page");
        let _ = oracle.tool("outline", json!({"path": bomb})).await;
        let _ = oracle.tool("search", json!({"query": "linux", "path": bomb})).await;
    }
}

#[tokio::test]
async fn q02_a_long_question_costs_no_more_than_its_beginning() {
    let oracle = Oracle::new();
    let (negated, joined) = ("NOT a ".repeat(4000), "a AND ".repeat(4000));
    ask_all(&oracle, [negated.as_str(), &joined]).await;
    // Only the first 1024 characters are looked at.
    let late = format!("{} berths", "linux ".repeat(171));
    let answers = ask_all(&oracle, [late.as_str()]).await;
    assert!(!answers[0].to_string().contains("berths.md"), "{}", answers[0]);
}

#[tokio::test]
async fn q03_nested_groups_are_words() {
    let oracle = Oracle::new();
    for depth in [20, 25, 500] {
        let nested = format!("{}linux{}", "(".repeat(depth), ")".repeat(depth));
        let answers = ask_all(&oracle, [nested.as_str()]).await;
        assert_eq!(answers[0]["results"][0]["id"], "guide/install.md#linux", "{depth}");
    }
}

#[tokio::test]
async fn q04_of_very_many_terms_the_first_count() {
    let oracle = Oracle::new();
    let distinct: String = (0..20_000).map(|n| format!("t{n} ")).collect();
    let known = "make first ships where boats ".repeat(4_000);
    let phrase = format!("\"{distinct}\"");
    let phrases = "\"where ships\" ".repeat(5_000);
    let typos: String = (0..10_000).map(|n| format!("instaling{n} ")).collect();
    ask_all(&oracle, [distinct.as_str(), &known, &phrase, &phrases, &typos]).await;
}

/// What a query language would take for more than words.
const GRAMMAR: &[&str] = &[
    "*",
    "a*",
    "*a",
    "?",
    "[* TO *]",
    "body:[a TO z]",
    "{a TO z}",
    "body:>a",
    "\"a b\"~4294967295",
    "\"a b\"~-1",
    "a^1e308",
    "a^-1",
    "a^NaN",
    "a~9",
    "linux~99999999999",
    "body: IN [a b c]",
    "a AND",
    "OR",
    "+-!(){}[]^\"~*?:\\/",
];

#[tokio::test]
async fn q05_signs_of_query_languages_are_words() {
    ask_all(&Oracle::new(), GRAMMAR.iter().copied()).await;
}

#[tokio::test]
async fn q06_a_regular_expression_is_text() {
    let oracle = Oracle::new();
    let long = format!("/(a|{})*b/", "a".repeat(900));
    let answers =
        ask_all(&oracle, ["/.*(a+)+b.*/", "body:/.*/", "/l.*x/", "(?i)^(([a-z])+.)+$", &long])
            .await;
    // One that would match every page matches none.
    assert_eq!(answers[1]["results"], json!([]), "{}", answers[1]);
}

#[tokio::test]
async fn q07_names_of_fields_are_text() {
    let oracle = Oracle::new();
    for query in
        ["_id:1", "acl:public", "collection:docs", "path:guide", "NOT collection:x", "page:0"]
    {
        let answers = ask_all(&oracle, [query]).await;
        for hit in answers[0]["results"].as_array().expect("results") {
            let text = hit["text"].as_str().unwrap_or_default().to_lowercase();
            let mut words = query.split(|c: char| !c.is_alphanumeric());
            assert!(words.any(|word| !word.is_empty() && text.contains(word)), "{query}: {hit}");
        }
    }
    // A filter is an argument of its own, which nothing in a question takes away.
    let arguments =
        json!({"query": "ships OR path:guide collection:docs OR *", "path": "index.md"});
    let answer = oracle.tool("search", arguments).await.expect("an answer");
    for hit in answer["results"].as_array().expect("results") {
        assert!(hit["id"].as_str().is_some_and(|id| id.starts_with("index.md")), "{hit}");
    }
}

#[tokio::test]
async fn q08_numbers_and_cursors_are_within_bounds_or_refused() {
    let oracle = Oracle::new();
    for (limit, taken) in [
        ("-1", false),
        ("0", false),
        ("1e9", true),
        ("1.5", false),
        ("\"10\"", true),
        ("\"ten\"", false),
        ("null", true),
        ("18446744073709551615", true),
        ("1e300", true),
        ("[]", false),
        ("true", false),
    ] {
        for name in ["limit", "max_tokens"] {
            let arguments = format!(r#"{{"query": "linux", "{name}": {limit}}}"#);
            let arguments = serde_json::from_str(&arguments).expect("JSON");
            let answer = oracle.tool("search", arguments).await;
            // A budget that is too small is the smallest there is.
            let taken = taken || (name == "max_tokens" && limit == "0");
            assert_eq!(answer.is_ok(), taken, "{name} {limit}: {answer:?}");
            if let Ok(answer) = answer {
                assert!(answer["results"].as_array().is_some_and(|hits| hits.len() <= 20));
            }
        }
    }
    let unknown = json!({"query": "linux", "offset": 9_223_372_036_854_775_808_u64});
    assert!(oracle.tool("search", unknown).await.expect_err("unknown").contains("no argument"));

    let huge = "f".repeat(200_000);
    let foreign = "ffffffffffffffff.0.00";
    for cursor in ["x", "0.0.", foreign, "-1.0.zz", "\0", "18446744073709551616.0.0", &huge] {
        let fetched = oracle.tool("fetch", json!({"id": "index.md", "cursor": cursor})).await;
        let said = fetched.expect_err(cursor);
        assert!(said.len() < 1000 && said.contains("fetch"), "{cursor:.40}: {said:.200}");
    }
    for cursor in ["x", "after:", "after:docs", "\0", &huge] {
        let listed = oracle.method("resources/list", json!({"cursor": cursor})).await;
        assert_eq!(listed["error"]["code"], -32602, "{cursor:.40}: {listed}");
        assert!(listed.to_string().len() < 1000);
    }
    // A cursor of the list names a place in it and no caller: one that was made up shows what the
    // list shows anyway.
    for cursor in ["after:docs/zzz", "after:docs/../../etc", &format!("after:docs/{huge}")] {
        let listed = oracle.method("resources/list", json!({"cursor": cursor})).await;
        assert!(listed["result"]["resources"].is_array(), "{cursor:.40}: {listed}");
    }
}

#[tokio::test]
async fn q09_a_question_without_words_gets_a_hint() {
    let oracle = Oracle::new();
    let (spaces, word) = (" ".repeat(200_000), "w".repeat(60_000));
    let combined = format!("a{}", "\u{301}".repeat(60_000));
    let questions =
        ["", " ", "\t\n", "?!…", "()", "\u{1f600}\u{1f680}", "\u{200b}\u{202e}", "\0", &spaces];
    for answer in ask_all(&oracle, questions).await {
        assert_eq!(answer["results"], json!([]), "{answer}");
        assert!(
            answer["notice"].as_str().is_some_and(|hint| hint.contains("no words")),
            "{answer}"
        );
    }
    for answer in ask_all(&oracle, ["the of and", "is it", &word, &combined]).await {
        assert!(answer["results"].as_array().is_some(), "{answer}");
        assert!(answer.to_string().len() < 20_000);
    }
    // A megabyte is no question: the body is refused unread.
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "search", "arguments": {"query": " ".repeat(1 << 20)}}});
    assert_eq!(oracle.body(body.to_string()).await.refusal(), (413, -32000));
}

/// A call of `search` as bytes for a connection that is closed after it.
fn search(query: &str) -> String {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "search", "arguments": {"query": query, "max_tokens": 20000}}});
    let body = body.to_string();
    format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn q10_five_hundred_slow_questions_at_once_are_answered_and_health_beside_them() {
    let (_dir, path) = manual();
    let mut process = Process::start(&path);
    let slow = search(&"instaling packges ports linx chnge ".repeat(25));
    let mut running: Vec<_> = (0..500)
        .map(|_| {
            let mut stream = process.served.connect();
            stream.write_all(slow.as_bytes()).expect("it reads");
            stream
        })
        .collect();
    let health = process.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(health.starts_with("HTTP/1.1 200"), "{health}");
    for stream in &mut running {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let busy = answer.starts_with("HTTP/1.1 503");
        assert!(busy || answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    process.survives(&[]);
}

/// A server whose tools never answer.
#[derive(Clone)]
struct Stuck;

impl ServerHandler for Stuck {
    async fn call_tool(
        &self,
        _: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn q10_a_call_that_takes_too_long_is_told_so() {
    let server = Server::new();
    let stuck = router_to(Stuck, &server.options, server.cancel.clone()).expect("routes");
    let server = Server { router: stuck, ..server };
    let started = tokio::time::Instant::now();
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}"#;
    let answer = server.ask(call().body(Body::from(body)).expect("a request")).await;
    assert_eq!(answer.refusal(), (503, -32000));
    assert_eq!(started.elapsed(), Patience::default().call);
}

#[test]
fn q11_who_leaves_during_a_question_leaves_nothing_behind() {
    let (_dir, path) = manual();
    let mut process = Process::start(&path);
    let question = search(&"instaling packges ports linx chnge ".repeat(25));
    for round in 0..400 {
        let mut stream = process.served.connect();
        let sent = if round % 2 == 0 { question.len() } else { question.len() / 2 };
        stream.write_all(&question.as_bytes()[..sent]).expect("it reads");
    }
    let answer = process.send(search("port").as_bytes());
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    #[cfg(target_os = "linux")]
    {
        // Connections end when the server has noticed that nobody reads.
        let fds = format!("/proc/{}/fd", process.served.child.id());
        let open = || std::fs::read_dir(&fds).expect("its descriptors").count();
        let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while open() > 100 {
            assert!(std::time::Instant::now() < end, "{} descriptors are open", open());
        }
    }
    process.survives(&[]);
}

#[tokio::test]
async fn q11_a_call_that_is_dropped_half_way_leaves_its_place_to_others() {
    let oracle = Oracle::new();
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search","arguments":{"query":"linux"}}}"#;
    let held = || Arc::strong_count(&oracle.server.options.door);
    let before = held();
    for pieces in 0..200 {
        // The body comes to an end or does not, and nobody waits for it.
        let stopped = axum::body::Bytes::from_static(&body.as_bytes()[..pieces % body.len()]);
        let request = call().body(Body::new(Pending(Some(stopped)))).expect("a request");
        let asked = oracle.server.ask(request);
        let ended = tokio::time::timeout(std::time::Duration::ZERO, asked).await;
        assert!(ended.is_err(), "half a body was answered");
    }
    assert_eq!(held(), before, "a call lives on");
    ask_all(&oracle, ["linux"]).await;
}

/// Half a body, of which the rest never comes.
struct Pending(Option<axum::body::Bytes>);

impl axum::body::HttpBody for Pending {
    type Data = axum::body::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
        match self.0.take() {
            Some(data) => std::task::Poll::Ready(Some(Ok(hyper::body::Frame::data(data)))),
            None => std::task::Poll::Pending,
        }
    }
}

#[tokio::test]
async fn q12_any_script_is_searched_and_half_a_character_is_refused() {
    let (folder, docs) = crate::harness::docs(&[
        ("de.md", "---\nlanguage: de\n---\n# Größe\n\nDie Häuser stehen am Fluss.\n"),
        ("ja.md", "---\nlanguage: ja\n---\n# 設定\n\n検索エンジンの設定方法を説明します。\n"),
        ("zh.md", "---\nlanguage: zh\n---\n# 安装\n\n使用搜索引擎之前请先安装软件包。\n"),
        ("ko.md", "---\nlanguage: ko\n---\n# 설치\n\n검색 엔진을 설치하는 방법입니다.\n"),
        ("ar.md", "---\nlanguage: ar\n---\n# التثبيت\n\nكيفية تثبيت محرك البحث.\n"),
        ("he.md", "---\nlanguage: he\n---\n# התקנה\n\nכיצד להתקין את מנוע החיפוש.\n"),
    ]);
    let oracle = Oracle::over((folder, docs));
    for (query, id) in [
        ("häuser am FLUSS", "de.md"),
        ("検索エンジン", "ja.md"),
        ("安装软件包", "zh.md"),
        ("설치하는", "ko.md"),
        ("تثبيت محرك", "ar.md"),
        ("מנוע החיפוש", "he.md"),
        ("\u{202b}מנוע\u{202c} החיפוש", "he.md"),
    ] {
        let answer = oracle.tool("search", json!({"query": query})).await.expect("an answer");
        let first = answer["results"][0]["id"].as_str().unwrap_or_default();
        assert!(first.starts_with(id), "{query}: {answer}");
    }
    let mixed =
        "検索 Größe التثبيت 🚀 linux ไทย हिन्दी \u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} ａｂ";
    oracle.tool("search", json!({"query": mixed})).await.expect("an answer");
    for lone in ["\\ud800", "\\udc00", "\\ud800\\ud800", "x\\ud83d"] {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"search","arguments":{{"query":"{lone}"}}}}}}"#
        );
        let answer = oracle.body(body).await;
        assert_eq!(answer.status, 400, "{lone}: {}", answer.text);
        assert!(answer.json()["error"]["code"].is_i64(), "{lone}: {}", answer.text);
    }
    // A whole pair is a character.
    let pair = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search","arguments":{"query":"\ud83d\ude80"}}}"#;
    assert_eq!(oracle.body(pair).await.status, 200);
}
