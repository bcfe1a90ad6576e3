//! D23: a key that sees only one collection looks for the other.
//!
//! The other collection is put together to show through: it has the words that misspelt ones are
//! near to, copies of the same sections, more of what is rare, another language, prompts. Each
//! answer to the narrow key must be the same, byte for byte, whether it is there or not.

use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::http::Request;
use docent::auth::{Keys, Secret};
use docent::corpus::Collection;
use docent::http::{Door, Hooks, Options, Patience, Rules, router, system_clock};
use docent::index::meaning::{Manifest, Staging};
use docent::index::{Indexer, Progress};
use docent::mcp::{Docs, Links, Scope, Shelf};
use docent::store::{KeyScope, SqliteStore};
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::harness::{collection, write};
use crate::tiny_model::tiny_model;

type Files<'a> = [(&'a str, &'a str)];

/// What the narrow key sees.
const OURS: &Files<'static> = &[
    (
        "guide/install.md",
        "---\ndate: 2026-01-01\naliases: [/old/setup/]\n---\n# Installing\n\nRun the installer on a machine. See [the rest](../../theirs/vault.md).\n\n## Linux\n\nUse the package manager, then restart the daemon.\n\n## Windows\n\nRun the wizard as administrator.\n",
    ),
    (
        "guide/ports.md",
        "---\ndate: 2026-01-02\ndescription: Ports and sockets.\n---\n# Ports\n\nSet `listen` to another port. The daemon binds the socket.\n\n## Firewall\n\nOpen the port in the firewall. See [install](install.md).\n",
    ),
    (
        "guide/scaling.md",
        "---\ndate: 2026-01-03\n---\n# Scaling replicas\n\nMore replicas share the load. Each replica has a port of its own.\n\n## Limits\n\nA limit of ten replicas holds.\n",
    ),
    (
        "reference.md",
        "---\ndate: 2026-01-04\n---\n# Reference\n\n`--listen ADDR` and `--workers N`. The rolling update restarts each worker.\n\n## Errors\n\n`E0042`: the socket is taken.\n",
    ),
    (
        "review.prompt.md",
        "---\ntitle: Review\ndate: 2026-01-05\n---\nReview ${change} by our rules.\n",
    ),
];

/// What it must not see. All of it says `zanzibar`.
const THEIRS: &Files<'static> = &[
    (
        "zanzibar.md",
        "---\ndate: 2026-02-01\naliases: [/old/zanzibar/]\n---\n# Zanzibar vault\n\nThe zanzibar vault holds replikas, portz and a firewell. Firewell, firewell, firewell. Port port port port port.\n\n## Firewells\n\nA zanzibar firewell is scaling replikas with a quokka.\n",
    ),
    (
        "guide/install.md",
        "---\ndate: 2026-02-02\n---\n# Installing\n\nRun the installer on a machine. See [the rest](../../theirs/vault.md).\n\n## Linux\n\nUse the package manager, then restart the daemon.\n\n## Zanzibar\n\nDaemon daemon daemon: zanzibar. See [ports of zanzibar](../zanzibar.md).\n",
    ),
    (
        "deutsch.md",
        "---\ndate: 2026-02-03\nlang: de\n---\n# Zanzibar auf Deutsch\n\nWie kann ich die Ordner und die Dateien wählen, wenn der Server nicht läuft? Das ist eine gute Frage, und die Antwort steht hier: in Zanzibar wählen alle die Ordner der Wahl, und die Häfen sind offen.\n",
    ),
    (
        "zanzibar.prompt.md",
        "---\ntitle: Zanzibar\ndate: 2026-02-04\n---\nZanzibar reviews ${secret}.\n",
    ),
    (
        "rolling.md",
        "---\ndate: 2026-02-05\n---\n# Rolling zanzibar updates\n\nA rolling zanzibar is a kubernetes of quokkas. Workers of the world. E0042 E0043.\n",
    ),
];

/// A server of several collections behind a door.
struct Library {
    router: Router,
    docs: Docs,
    indexer: Indexer,
    narrow: Secret,
    wide: Secret,
    keys: Arc<Keys>,
    dir: TempDir,
}

impl Library {
    /// With both collections.
    fn both() -> Library {
        Library::with(OURS, THEIRS)
    }

    /// As narrow keys see it: there is nothing in the other, and nothing known of it.
    fn bare() -> Library {
        Library::new(&[("ours", OURS, ours()), ("theirs", &[], Shelf::default())])
    }

    fn with(own: &Files, others: &Files) -> Library {
        let theirs = Shelf {
            title: Some("Zanzibar".into()),
            description: Some("All of zanzibar.".into()),
            base_url: Some("https://zanzibar.example/".into()),
            version: Some("2.0".into()),
            language: Some("de".into()),
            ..Shelf::default()
        };
        Library::new(&[("ours", own, ours()), ("theirs", others, theirs)])
    }

    fn new(shelves: &[(&str, &Files, Shelf)]) -> Library {
        let dir = tempfile::tempdir().expect("a folder");
        let shelf = |(name, _, shelf): &(&str, &Files, Shelf)| Shelf {
            name: (*name).to_owned(),
            ..shelf.clone()
        };
        let folder = |shelf: Shelf| Collection {
            version: shelf.version,
            language: shelf.language,
            ..collection(&dir.path().join(&shelf.name), &shelf.name)
        };
        let collections: Vec<Collection> = shelves.iter().map(shelf).map(folder).collect();
        let data = dir.path().join("data");
        let (mut indexer, _) = Indexer::open(&data, &collections, "test").expect("an index");
        // A few at a time, as more are read by several threads, and stand in any order then.
        let longest = shelves.iter().map(|(_, files, _)| files.len()).max().unwrap_or(0);
        for at in 0..longest {
            for (name, files, _) in shelves {
                if let Some((path, text)) = files.get(at) {
                    write(&dir.path().join(name), path, text);
                }
            }
            indexer.catch_up(&Progress::default()).expect("it is indexed");
        }
        let links = Links::new(shelves.iter().map(shelf).collect(), None);
        let docs = Docs::new(indexer.index().clone(), links);
        let keys = Arc::new(
            Keys::open(Arc::new(SqliteStore::open(&data).expect("a store"))).expect("keys"),
        );
        let rules = Rules {
            keys: Some(keys.clone()),
            key: "100000/second".parse().expect("a limit"),
            ..Rules::default()
        };
        let options = Options {
            docs: docs.clone(),
            public_url: None,
            listen: "127.0.0.1:8080".parse().expect("an address"),
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            patience: Patience::default(),
            front: Default::default(),
            door: Arc::new(Door::new(rules, system_clock())),
            hooks: Hooks::default(),
        };
        let router = router(&options, CancellationToken::new()).expect("routes");
        let (narrow, wide) = (key(&keys, Some(&["ours"]), None), key(&keys, None, None));
        Library { router, docs, indexer, narrow, wide, keys, dir }
    }

    /// Has all sections found by their meaning, too.
    fn embed(&self) {
        let (data, tiny) = (self.dir.path().join("data"), self.dir.path().join("tiny"));
        tiny_model(&tiny);
        let mut staging = Staging::new(&data).expect("a place for a model");
        staging.take_folder(&tiny).expect("a model");
        staging.finish(Manifest::of_folder(&tiny).expect("a name")).expect("a model");
        let embedded = self.indexer.index().embed_all(&|_, _| {}).expect("it is embedded");
        assert!(embedded.is_some_and(|it| it.embedded > 5 && it.embedded == it.sections));
    }

    /// The docs as the narrow key has them.
    fn part(&self) -> Docs {
        self.docs.within(&Scope { collections: Some(vec!["ours".into()]), tools: None })
    }

    /// An answer, as far as it is the same each time.
    async fn ask(&self, key: &Secret, request: &Ask) -> String {
        let response = self.send(key, request).await;
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.expect("a whole answer");
        let mut headers = parts.headers;
        headers.remove("ratelimit");
        headers.remove("x-request-id");
        format!("{} {headers:?}\n{}", parts.status, String::from_utf8_lossy(&bytes))
    }

    async fn send(&self, key: &Secret, Ask { method, path, body, modern }: &Ask) -> Response {
        let mut request = Request::builder().method(*method).uri(path);
        let accept =
            if *method == "GET" { "text/html" } else { "application/json, text/event-stream" };
        for (name, value) in [
            ("host", "localhost:8080"),
            ("content-type", "application/json"),
            ("accept", accept),
            ("authorization", &format!("Bearer {}", key.reveal())),
        ] {
            request = request.header(name, value);
        }
        let mut body = body.clone();
        if *modern {
            let called = body["method"].as_str().unwrap_or_default().to_owned();
            let name = ["name", "uri"].iter().find_map(|name| body["params"][name].as_str());
            let name = name.unwrap_or_default().to_owned();
            request = request.header("mcp-protocol-version", NEWEST).header("mcp-method", called);
            if !name.is_empty() {
                request = request.header("mcp-name", name);
            }
            body["params"]["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": NEWEST,
                "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {},
            });
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let request = request.body(body).expect("a request");
        self.router.clone().oneshot(request).await.expect("an answer")
    }

    /// The result of a call, or its error.
    async fn result(&self, key: &Secret, method: &str, params: Value) -> Value {
        let answer = self.ask(key, &Ask::call(method, params)).await;
        let (_, body) = answer.split_once('\n').expect("a body");
        let message: Value = serde_json::from_str(body).expect("JSON");
        if message["error"].is_null() {
            message["result"].clone()
        } else {
            message["error"].clone()
        }
    }
}

type Response = axum::response::Response;

const NEWEST: &str = "2026-07-28";

fn ours() -> Shelf {
    Shelf { title: Some("Ours".into()), version: Some("1.0".into()), ..Shelf::default() }
}

fn key(keys: &Keys, collections: Option<&[&str]>, tools: Option<&[&str]>) -> Secret {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let scope = KeyScope { collections: collections.map(names), tools: tools.map(names) };
    keys.create_within(scope, "test", None, None, 1).expect("a key").0
}

/// What is sent.
#[derive(Debug)]
struct Ask {
    method: &'static str,
    path: String,
    body: Value,
    modern: bool,
}

impl Ask {
    fn call(method: &str, params: Value) -> Ask {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        Ask { method: "POST", path: "/mcp".into(), body, modern: false }
    }

    fn modern(method: &str, params: Value) -> Ask {
        Ask { modern: true, ..Ask::call(method, params) }
    }

    fn tool(name: &str, arguments: Value) -> Ask {
        Ask::call("tools/call", json!({"name": name, "arguments": arguments}))
    }

    fn page(path: &str) -> Ask {
        Ask { method: "GET", path: path.into(), body: Value::Null, modern: false }
    }
}

/// Questions that the other collection answers, corrects, or weighs.
const QUESTIONS: &[&str] = &[
    "port",
    "the daemon of a machine",
    "firewal",
    "firewel",
    "firewell",
    "replika",
    "replicas",
    "quokka",
    "quokkas",
    "zanzibarr",
    "kubernetes",
    "scaling replikas",
    "\"restart the daemon\"",
    "\"rolling zanzibar\" update",
    "\"rolling update\"",
    "rollingupdate",
    "fire wall",
    "wie kann ich die Ordner wählen",
    "E0042",
    "E0043",
    "installing on linux",
    "nothing of this is anywhere",
    "!!!",
    "wrld",
    "machine node",
];

/// Calls without a word of the other collection in them, which an answer could say back.
fn innocent() -> Vec<Ask> {
    let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
    let complete = |name: &str, value: &str, chosen: Value| {
        let template = json!({"type": "ref/resource", "uri": "docs:///{collection}/{+path}"});
        let argument = json!({"name": name, "value": value});
        json!({"ref": template, "argument": argument, "context": {"arguments": chosen}})
    };
    let mut asks = vec![
        Ask::call("initialize", hello),
        Ask::modern("server/discover", json!({})),
        Ask::call("tools/call", json!({"name": "nope"})),
        Ask::call("resources/list", json!({"cursor": "after:ours/guide/ports.md"})),
        Ask::call("resources/read", json!({"uri": "docs:///ours/guide/install.md#linux"})),
        Ask::modern("resources/read", json!({"uri": "docs:///ours/guide/install.md"})),
        Ask::call("prompts/get", json!({"name": "nope"})),
        Ask::call("prompts/get", json!({"name": "ours-review", "arguments": {"change": "x"}})),
        Ask::call("prompts/get", json!({"name": "ask", "arguments": {"question": "x"}})),
        Ask::call("completion/complete", complete("collection", "", json!({}))),
        Ask::call("completion/complete", complete("path", "", json!({}))),
        Ask::call("completion/complete", complete("path", "guide", json!({"collection": "ours"}))),
        Ask::call("completion/complete", complete("anchor", "", json!({"path": "reference.md"}))),
        Ask::page("/docs/ours/"),
        Ask::page("/docs/ours/guide/"),
        Ask::page("/docs/ours/guide/install.md"),
        Ask::page("/docs/ours/nowhere.md"),
        Ask::page("/docs/ours/old/setup"),
        Ask::page("/nowhere"),
        Ask::page("/docs/"),
        Ask::page("/llms.txt"),
        Ask::page("/llms-full.txt"),
        Ask::page("/llms.txt?collection=ours"),
        Ask::page("/mcp/server-card"),
    ];
    for list in ["tools/list", "resources/list", "resources/templates/list", "prompts/list"] {
        asks.extend([Ask::call(list, json!({})), Ask::modern(list, json!({}))]);
    }
    for id in ["ours/guide/install.md", "ours/guide/install.md#linux", "ours/old/setup", "nowhere"]
    {
        asks.push(Ask::tool("fetch", json!({"id": id})));
        asks.push(Ask::tool("outline", json!({"path": id})));
        asks.push(Ask::tool("search", json!({"query": "port", "path": id})));
    }
    for arguments in
        [json!({}), json!({"depth": 1}), json!({"path": "ours"}), json!({"path": "guide"})]
    {
        asks.push(Ask::tool("outline", arguments));
    }
    for filters in [
        json!({"collection": "our"}),
        json!({"collection": "ours", "version": "1.0"}),
        json!({"version": "3.0"}),
        json!({"language": "en"}),
        json!({"path": "ours/guide/"}),
        json!({"path": "guide"}),
        json!({"limit": 20, "max_tokens": 400}),
    ] {
        for query in ["port", "replicas", "socket", "nothingness"] {
            let mut arguments = filters.clone();
            arguments["query"] = json!(query);
            asks.push(Ask::tool("search", arguments));
        }
    }
    asks
}

/// Calls that ask for the other collection by name.
fn curious() -> Vec<Ask> {
    let mut asks = vec![
        Ask::call("resources/list", json!({"cursor": "after:theirs/guide/install.md"})),
        Ask::call("resources/read", json!({"uri": "docs:///theirs/zanzibar.md#firewells"})),
        Ask::modern("resources/read", json!({"uri": "docs:///theirs/zanzibar.md"})),
        Ask::call("prompts/get", json!({"name": "theirs-zanzibar", "arguments": {"secret": "x"}})),
        Ask::page("/docs/theirs/"),
        Ask::page("/docs/theirs"),
        Ask::page("/docs/theirs/zanzibar.md"),
        Ask::page("/docs/theirs/old/zanzibar"),
        Ask::page("/docs/theirs/guide/install.md"),
        Ask::page("/zanzibar"),
        Ask::page("/llms.txt?collection=theirs"),
        Ask::page("/llms-full.txt?collection=theirs"),
    ];
    for id in [
        "theirs/zanzibar.md",
        "theirs/zanzibar.md#firewells",
        "zanzibar.md",
        "docs:///theirs/zanzibar.md",
        "https://zanzibar.example/zanzibar",
        "https://zanzibar.example/old/zanzibar/",
        "theirs/old/zanzibar",
        "theirs",
        "theirs/",
        "theirs/guide",
        "their",
    ] {
        asks.push(Ask::tool("fetch", json!({"id": id})));
        asks.push(Ask::tool("fetch", json!({"id": id, "cursor": "1.0.1"})));
        asks.push(Ask::tool("outline", json!({"path": id})));
        asks.push(Ask::tool("search", json!({"query": "port", "path": id})));
    }
    for filter in [
        json!({"collection": "theirs"}),
        json!({"version": "2.0"}),
        json!({"language": "de"}),
        json!({"collection": "theirs", "path": "theirs/guide/"}),
    ] {
        let mut arguments = filter;
        arguments["query"] = json!("port");
        asks.push(Ask::tool("search", arguments));
    }
    for (name, value) in [("collection", "the"), ("path", "zan"), ("anchor", "")] {
        let chosen = json!({"collection": "theirs", "path": "zanzibar.md"});
        let template = json!({"type": "ref/resource", "uri": "docs:///{collection}/{+path}"});
        let argument = json!({"name": name, "value": value});
        let params =
            json!({"ref": template, "argument": argument, "context": {"arguments": chosen}});
        asks.push(Ask::call("completion/complete", params));
    }
    asks.extend(QUESTIONS.iter().map(|query| Ask::tool("search", json!({"query": query}))));
    asks
}

#[tokio::test]
async fn d23_what_another_collection_holds_changes_no_byte_of_any_answer() {
    let (both, bare) = (Library::both(), Library::bare());
    let mut told = 0;
    for ask in innocent().iter().chain(&curious()) {
        let (with, without) =
            (both.ask(&both.narrow, ask).await, bare.ask(&bare.narrow, ask).await);
        assert_eq!(with, without, "{ask:?}");
        // Who sees all of it is told something else: the question was worth asking.
        told += usize::from(both.ask(&both.wide, ask).await != with);
    }
    assert!(told > 60, "only {told} answers to the wide key differ");
}

#[tokio::test]
async fn d23_no_answer_names_what_is_out_of_scope() {
    let library = Library::both();
    let mut named = 0;
    for ask in innocent() {
        for word in ["zanzibar", "theirs", "firewell", "replikas", "quokka"] {
            let holds = |answer: String| answer.to_lowercase().contains(word);
            // Our page has a link of its own to theirs: that is our text.
            let answer = library.ask(&library.narrow, &ask).await.replace("theirs/vault.md", "");
            assert!(!holds(answer.clone()), "{ask:?}: {word}: {answer}");
            named += usize::from(holds(library.ask(&library.wide, &ask).await));
        }
    }
    assert!(named > 30, "only {named} answers to the wide key name it");
}

#[test]
fn d23_a_part_answers_as_a_server_of_its_own() {
    let part = Library::both().part();
    let alone = Library::new(&[("ours", OURS, ours())]).docs;
    // Ids begin with the collection where the server has several: the key's owner may widen it.
    let plain = |answer: Option<Result<String, String>>| {
        format!("{:?}", answer.expect("the tool exists")).replace("ours/", "")
    };
    let search =
        |query: &str, tokens: u64| json!({"query": query, "limit": 20, "max_tokens": tokens});
    for query in QUESTIONS {
        let arguments = search(query, 20_000).as_object().cloned();
        let (ours, theirs) =
            (part.call("search", arguments.clone()), alone.call("search", arguments));
        assert_eq!(plain(ours), plain(theirs), "{query}");
    }
    for path in ["guide/install.md", "guide/install.md#linux", "old/setup", "nowhere.md"] {
        let named = |id: String| json!({"id": id}).as_object().cloned();
        let ours = part.call("fetch", named(format!("ours/{path}")));
        assert_eq!(plain(ours), plain(alone.call("fetch", named(path.into()))), "{path}");
    }
}

#[test]
fn d23_what_is_common_elsewhere_is_rare_for_all_that() {
    // More sections hold `apple` than are looked at closely, and one holds `pear`, which is rare
    // here and not there.
    let list = |fruit: &str, many: usize| -> String {
        (0..many).map(|n| format!("## Section {n}\n\nAn {fruit} of kind k{n}.\n\n")).collect()
    };
    let ours = format!("# Fruit\n\n{}## Last\n\nOne pear, of kind zero.\n", list("apple", 300));
    let theirs = format!("# Fruit\n\n{}", list("pear", 900));
    let best = |others: &Files| {
        let library = Library::with(&[("fruit.md", &ours)], others);
        let arguments = json!({"query": "apple pear", "limit": 20}).as_object().cloned();
        library.part().call("search", arguments).expect("the tool exists").expect("hits")
    };
    let answer = best(&[("fruit.md", &theirs)]);
    assert_eq!(answer, best(&[]));
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!(answer["results"][0]["id"], "ours/fruit.md#last");
}

#[test]
fn d23_meaning_finds_nothing_out_of_scope() {
    let (both, bare) = (Library::both(), Library::bare());
    both.embed();
    bare.embed();
    let (whole, both, bare) = (both.docs.clone(), both.part(), bare.part());
    let mut told = 0;
    for query in QUESTIONS {
        let arguments = json!({"query": query, "limit": 20}).as_object().cloned();
        let answer = both.call("search", arguments.clone());
        assert_eq!(answer, bare.call("search", arguments.clone()), "{query}");
        told += usize::from(answer != whole.call("search", arguments));
    }
    assert!(told > 15, "only {told} answers to the wide key differ");
}

#[test]
fn d23_no_question_tells_what_else_there_is() {
    let (both, bare) = (Library::both(), Library::bare());
    let (both, bare) = (both.part(), bare.part());
    let texts: String = OURS.iter().chain(THEIRS).map(|(_, text)| *text).collect();
    let words: Vec<String> = texts.split_whitespace().map(str::to_owned).collect();
    let word =
        (proptest::sample::select(words), 0..12usize, "[a-z]").prop_map(|(word, at, new)| {
            // Now and then with a slip.
            let letters = word.chars().enumerate();
            letters
                .map(|(n, c)| if n == at { new.clone() } else { c.to_string() })
                .collect::<String>()
        });
    let query = (proptest::collection::vec(word, 1..5), any::<bool>())
        .prop_map(|(words, quoted)| (words.join(" "), quoted))
        .prop_map(|(words, quoted)| if quoted { format!("\"{words}\"") } else { words });
    let places = proptest::option::of(proptest::sample::select(vec!["ours/guide/", "theirs/"]));
    proptest!(ProptestConfig::with_cases(400), |(query in query, path in places, limit in 1..20u64)| {
        let mut arguments = json!({"query": query, "limit": limit});
        if let Some(path) = path {
            arguments["path"] = json!(path);
        }
        let arguments = arguments.as_object().cloned();
        prop_assert_eq!(both.call("search", arguments.clone()), bare.call("search", arguments));
    });
}

#[tokio::test]
async fn d23_what_changes_elsewhere_is_neither_seen_nor_heard() {
    let mut library = Library::both();
    let listen = Ask::modern(
        "subscriptions/listen",
        json!({"notifications": {
            "resourcesListChanged": true, "promptsListChanged": true,
            "resourceSubscriptions": ["docs:///theirs/zanzibar.md", "docs:///ours/reference.md"],
        }}),
    );
    let mut narrow = library.send(&library.narrow, &listen).await.into_body();
    let mut wide = library.send(&library.wide, &listen).await.into_body();
    while library.docs.listeners() < 2 {
        tokio::task::yield_now().await;
    }
    let question = Ask::tool("search", json!({"query": "firewal of the daemon"}));
    let before = library.ask(&library.narrow, &question).await;
    for (folder, path, text) in [
        ("theirs", "zanzibar.md", "# Zanzibar\n\nThe daemon of the firewal: daemon, daemon.\n"),
        ("theirs", "new.prompt.md", "New zanzibar.\n"),
        ("ours", "reference.md", "# Another reference\n\nOf another kind.\n"),
    ] {
        write(&library.dir.path().join(folder), path, text);
        let report = library.indexer.catch_up(&Progress::default()).expect("it is indexed");
        if folder == "theirs" {
            assert_eq!(library.ask(&library.narrow, &question).await, before, "{path}");
        }
        library.docs.announce(report.changes);
    }
    let narrow = heard(&mut narrow, "docs:///ours/reference.md\"").await;
    let wide = heard(&mut wide, "docs:///ours/reference.md\"").await;
    let count = |text: &str, method: &str| text.matches(method).count();
    for (method, of_narrow, of_wide) in [
        ("notifications/resources/list_changed", 1, 3),
        ("notifications/prompts/list_changed", 0, 1),
        ("notifications/resources/updated", 1, 2),
    ] {
        assert_eq!(count(&narrow, method), of_narrow, "{method}: {narrow}");
        assert_eq!(count(&wide, method), of_wide, "{method}: {wide}");
    }
}

/// What comes of a stream, up to the second time that it says something: the first time it only
/// repeats what was asked for.
async fn heard(stream: &mut Body, last: &str) -> String {
    let mut text = String::new();
    while text.matches(last).count() < 2 {
        let frame = std::future::poll_fn(|context| Pin::new(&mut *stream).poll_frame(context));
        let data = frame.await.expect("more").expect("a whole stream").into_data().expect("text");
        text.push_str(&String::from_utf8_lossy(&data));
    }
    text
}

#[tokio::test]
async fn d23_trouble_elsewhere_is_not_told_by_name() {
    let library = Library::both();
    library.docs.set_problem(Some("The docs cannot be followed (zanzibar is gone).".into()));
    let ask = Ask::tool("search", json!({"query": "port"}));
    let narrow = library.ask(&library.narrow, &ask).await;
    assert!(narrow.contains("cannot be followed just now"), "{narrow}");
    assert!(!narrow.contains("zanzibar"), "{narrow}");
    assert!(library.ask(&library.wide, &ask).await.contains("zanzibar"));
}

#[tokio::test]
async fn d23_a_key_whose_collections_are_gone_sees_nothing() {
    let library = Library::both();
    for names in [&["gone"][..], &[""], &[]] {
        let key = key(&library.keys, Some(names), None);
        for ask in innocent().iter().chain(&curious()) {
            let answer = library.ask(&key, ask).await;
            for word in
                ["wizard", "zanzibar.md", "firewell", "our rules", "Ours", "ours/guide/ports"]
            {
                let said = format!("{ask:?}").contains(word);
                assert!(said || !answer.contains(word), "{names:?} {ask:?}: {word}: {answer}");
            }
        }
        let listed = library.result(&key, "resources/list", json!({})).await;
        assert_eq!(listed["resources"], json!([]));
    }
}

#[tokio::test]
async fn d23_a_tool_out_of_scope_does_not_exist() {
    let library = Library::both();
    let cases: [(&[&str], bool, bool); 5] = [
        (&["search"], false, false),
        (&["fetch"], true, false),
        (&["outline"], false, false),
        (&["search", "fetch"], true, false),
        (&["fetch", "outline"], true, true),
    ];
    for (tools, reads, lists) in cases {
        let key = key(&library.keys, None, Some(tools));
        let listed = library.result(&key, "tools/list", json!({})).await;
        let names = listed["tools"].as_array().expect("tools").iter();
        let names: Vec<&str> = names.filter_map(|tool| tool["name"].as_str()).collect();
        assert_eq!(names, tools);
        for tool in ["search", "fetch", "outline", "nope"] {
            let arguments = json!({"query": "port", "id": "ours/reference.md"});
            let one = match tool {
                "search" => json!({"query": arguments["query"]}),
                "fetch" => json!({"id": arguments["id"]}),
                _ => json!({}),
            };
            let params = json!({"name": tool, "arguments": one});
            for ask in [Ask::call("tools/call", params.clone()), Ask::modern("tools/call", params)]
            {
                let answer = library.ask(&key, &ask).await;
                let there =
                    format!("there is no tool \\\"{tool}\\\"; there is: {}", tools.join(", "));
                let unknown = answer.contains(&there) && answer.contains("-32602");
                assert_eq!(unknown, !tools.contains(&tool), "{tools:?} {tool}: {answer}");
            }
        }
        // What a tool brings comes by no other door.
        let read = json!({"uri": "docs:///ours/guide/ports.md"});
        let read = library.result(&key, "resources/read", read).await;
        assert_eq!(read["contents"].is_array(), reads, "{tools:?}: {read}");
        let page = library.ask(&key, &Ask::page("/docs/ours/guide/ports.md")).await;
        assert_eq!(page.contains("binds the socket"), reads, "{tools:?}: {page}");
        let listed = library.result(&key, "resources/list", json!({})).await;
        assert_eq!(listed["resources"] != json!([]), lists, "{tools:?}");
        let templates = library.result(&key, "resources/templates/list", json!({})).await;
        assert_eq!(templates["resourceTemplates"] != json!([]), reads, "{tools:?}");
        for path in ["/docs/ours/", "/docs/ours/guide/", "/llms.txt", "/llms-full.txt"] {
            let page = library.ask(&key, &Ask::page(path)).await;
            assert_eq!(page.starts_with("200"), lists, "{tools:?} {path}: {page}");
        }
        for path in ["/docs/ours/port", "/nowhere"] {
            let page = library.ask(&key, &Ask::page(path)).await;
            assert_eq!(page.contains("href=\"/docs/ours/\""), lists, "{tools:?} {path}: {page}");
            assert!(reads || !page.contains("Ports"), "{tools:?} {path}: {page}");
        }
        let argument = json!({"name": "path", "value": ""});
        let template = json!({"type": "ref/resource", "uri": "docs:///{collection}/{+path}"});
        let complete = json!({"ref": template, "argument": argument});
        let completed = library.result(&key, "completion/complete", complete).await;
        assert_eq!(completed["completion"]["values"] != json!([]), lists, "{tools:?}");
        let hello = library.result(&key, "initialize", json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}})).await;
        assert_eq!(hello["capabilities"]["resources"].is_object(), reads, "{hello}");
        // Nobody is sent to a tool that is not there.
        for (tool, call) in
            [("search", "Call search"), ("fetch", "Call fetch"), ("outline", "outline")]
        {
            let said = hello["instructions"].as_str().expect("instructions").contains(call);
            assert_eq!(said, tools.contains(&tool), "{tools:?} {tool}: {hello}");
        }
    }
}

#[tokio::test]
async fn d23_a_key_may_have_both_limits_and_another_that_follows_has_them_too() {
    let library = Library::both();
    let old = key(&library.keys, Some(&["ours"]), Some(&["search"]));
    let new = library.keys.rotate(old.id(), 1 << 40, None, 1).expect("it is there").secret;
    for key in [&old, &new] {
        let listed = library.result(key, "tools/list", json!({})).await;
        assert_eq!(listed["tools"].as_array().expect("tools").len(), 1);
        let answer =
            library.ask(key, &Ask::tool("search", json!({"query": "zanzibar firewell"}))).await;
        assert!(answer.contains("Did you mean") || answer.contains("Firewall"), "{answer}");
        assert!(!answer.contains("theirs"), "{answer}");
    }
}

#[tokio::test]
async fn d23_no_cache_in_between_gives_answers_to_others() {
    let library = Library::both();
    for key in [&library.narrow, &library.wide] {
        for list in ["tools/list", "resources/list", "prompts/list", "server/discover"] {
            let answer = library.ask(key, &Ask::modern(list, json!({}))).await;
            assert!(answer.contains("\"cacheScope\":\"private\""), "{list}: {answer}");
        }
    }
}
