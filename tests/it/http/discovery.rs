//! What is told before anybody connects: the server card, the catalog; and the docs for programs that
//! do not connect.

use axum::body::Body;
use docent::http::{Front, Way, registry_entry};
use docent::mcp::{Docs, Links, Shelf};
use serde_json::{Value, json};

use super::keys::Guarded;
use super::{Answer, Server, request};

/// Where the card is, and where earlier drafts had it.
const CARDS: [&str; 3] =
    ["/mcp/server-card", "/.well-known/mcp/server-card.json", "/.well-known/mcp/server-card"];
const CATALOGS: [&str; 2] = ["/.well-known/ai-catalog.json", "/.well-known/ard.json"];

/// Members and bounds of the schemas of server cards (v1) and of server.json (2025-12-11).
fn holds_to_the_schema(card: &Value) {
    let text = |name: &str| card[name].as_str().unwrap_or_default();
    let (space, name) = text("name").split_once('/').expect("a slash");
    let fits = |text: &str, more: &str| {
        text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c)) && !text.is_empty()
    };
    assert!(fits(space, ".-") && fits(name, "._-"), "{card}");
    assert!((3..=200).contains(&text("name").len()), "{card}");
    for name in ["title", "description"] {
        assert!((1..=100).contains(&text(name).chars().count()), "{name}: {card}");
    }
    assert_eq!(text("version"), env!("CARGO_PKG_VERSION"));
    assert!(text("websiteUrl").starts_with("http"), "{card}");
    let remote = &card["remotes"][0];
    assert_eq!(remote["type"], "streamable-http");
    assert!(remote["url"].as_str().is_some_and(|url| url.ends_with("/mcp")), "{card}");
    for header in remote["headers"].as_array().into_iter().flatten() {
        assert_eq!(header["name"], "Authorization");
        assert_eq!((&header["isRequired"], &header["isSecret"]), (&json!(true), &json!(true)));
    }
}

fn is_public(answer: &Answer, kind: &str) {
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), kind);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-expose-headers"), "ETag");
    assert_eq!(answer.header("cache-control"), "public, max-age=3600");
    assert!(answer.header("etag").len() > 10, "{}", answer.header("etag"));
}

#[tokio::test]
async fn the_card_says_how_to_connect() {
    let server = Server::with(|options| {
        options.public_url = Some("https://docs.example.com".into());
    });
    for path in CARDS {
        let answer = server.get(path, "application/mcp-server-card+json").await;
        is_public(&answer, "application/mcp-server-card+json");
        let card = answer.json();
        holds_to_the_schema(&card);
        let schema = "https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json";
        assert_eq!(card["$schema"], schema);
        assert_eq!(card["name"], "com.example.docs/docs");
        assert_eq!(card["title"], "Test");
        let remote = &card["remotes"][0];
        assert_eq!(remote["url"], "https://docs.example.com/mcp");
        assert_eq!(remote["supportedProtocolVersions"][0], "2026-07-28");
        assert!(remote.get("headers").is_none(), "{card}");
        // Tools and resources are listed by the protocol.
        assert!(card.get("tools").is_none() && card.get("resources").is_none());
    }
}

#[tokio::test]
async fn the_catalog_leads_to_the_card() {
    let server = Server::with(|options| {
        options.public_url = Some("https://docs.example.com/help".into());
        options.front = Front { name: Some("com.example/acme".into()), ..Front::default() };
    });
    for path in CATALOGS {
        let answer = server.get(path, "*/*").await;
        is_public(&answer, "application/ai-catalog+json");
        let expected = json!({
            "specVersion": "1.0",
            "entries": [{
                "identifier": "urn:air:example.com:mcp:acme",
                "type": "application/mcp-server-card+json",
                "url": "https://docs.example.com/help/mcp/server-card",
            }],
        });
        assert_eq!(answer.json(), expected);
    }
}

#[tokio::test]
async fn a_card_that_is_known_is_not_sent_again() {
    let server = Server::new();
    let tag = server.get(CARDS[0], "*/*").await.header("etag").to_owned();
    for (known, status) in
        [(tag.clone(), 304), (format!("\"x\", W/{tag}"), 304), ("\"x\"".into(), 200)]
    {
        let asked = request("GET", CARDS[0]).header("if-none-match", &known);
        let answer = server.ask(asked.body(Body::empty()).expect("a request")).await;
        assert_eq!(answer.status, status, "{known}");
        assert_eq!(answer.header("etag"), tag);
        assert_eq!(answer.text.is_empty(), status == 304);
    }
}

#[tokio::test]
async fn pages_of_every_origin_may_read_the_card_and_nobody_may_write_it() {
    for server in [Server::new(), Guarded::new().server] {
        let foreign = |method| request(method, CARDS[0]).header("origin", "https://evil.example");
        let answer = server.ask(foreign("GET").body(Body::empty()).expect("a request")).await;
        is_public(&answer, "application/mcp-server-card+json");
        assert!(!answer.headers.contains_key("access-control-allow-credentials"));
        let preflight = foreign("OPTIONS").header("access-control-request-method", "GET");
        let answer = server.ask(preflight.body(Body::empty()).expect("a request")).await;
        assert_eq!(answer.status, 204);
        let allowed = answer.header("access-control-allow-headers");
        assert!(allowed.contains("If-None-Match"), "{allowed}");
        let answer = server.ask(foreign("POST").body(Body::empty()).expect("a request")).await;
        assert_eq!(answer.status, 403);
    }
}

#[tokio::test]
async fn behind_a_closed_door_the_card_tells_of_the_key_and_of_nothing_inside() {
    let guarded = Guarded::new();
    let card = guarded.server.get(CARDS[0], "*/*").await.json();
    holds_to_the_schema(&card);
    assert_eq!(card["remotes"][0]["headers"][0]["value"], "Bearer {key}");
    for inside in ["Test", "Harbour", "guide"] {
        assert!(!card.to_string().contains(inside), "{inside}: {card}");
    }
    // What the owner says of it is meant for everybody.
    let owner = Guarded::new_with(|options| options.front.title = Some("Acme help".into()));
    assert_eq!(owner.server.get(CARDS[0], "*/*").await.json()["title"], "Acme help");
}

#[test]
fn the_registrys_entry_is_the_card_in_its_schema() {
    let shelf = Shelf {
        name: "guide".into(),
        title: Some("Acme guide".into()),
        description: Some("How to install, configure and operate Acme. ".repeat(5)),
        ..Shelf::default()
    };
    let of = |way| {
        registry_entry(
            &Front::default(),
            "https://docs.example.com",
            std::slice::from_ref(&shelf),
            way,
        )
    };
    let entry = of(Way::Open);
    holds_to_the_schema(&entry);
    let schema = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json";
    assert_eq!(entry["$schema"], schema);
    assert_eq!(
        (&entry["name"], &entry["title"]),
        (&json!("com.example.docs/guide"), &json!("Acme guide"))
    );
    assert!(entry["description"].as_str().is_some_and(|text| text.starts_with("How to install")));
    assert!(entry["remotes"][0].get("supportedProtocolVersions").is_none(), "{entry}");
    let keyed = of(Way::Key);
    holds_to_the_schema(&keyed);
    assert!(keyed["remotes"][0]["headers"][0]["variables"]["key"]["isSecret"] == true);
    assert!(!keyed.to_string().contains("Acme"), "{keyed}");
    assert!(of(Way::SignIn)["remotes"][0].get("headers").is_none());
}

#[tokio::test]
async fn llms_txt_lists_every_page_with_its_address() {
    let server = Server::with(|options| {
        options.public_url = Some("https://docs.example.com/help".into());
    });
    let answer = server.get("/llms.txt", "*/*").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(answer.header("cache-control"), "no-cache");
    let expected = "\
# Test

> Test: documentation to search, read and cite.

An MCP server answers questions about these pages: https://docs.example.com/help/mcp

## Test

- [Berths](https://docs.example.com/help/docs/docs/guide/berths.md)
- [Installing](https://docs.example.com/help/docs/docs/guide/install.md)
- [Harbour](https://docs.example.com/help/docs/docs/index.md)
- [Umlauts](https://docs.example.com/help/docs/docs/notes/%C3%A4%20b.md)

## Optional

- [All pages in one file](https://docs.example.com/help/llms-full.txt): up to 4 MiB of Markdown
";
    assert_eq!(answer.text, expected);
}

#[tokio::test]
async fn llms_full_txt_has_every_page_and_a_page_alone_is_markdown() {
    let server = Server::new();
    let full = server.get("/llms-full.txt", "*/*").await;
    assert_eq!(full.status, 200);
    assert!(full.text.starts_with("# Test\n\n> "), "{}", full.text);
    for (path, words) in [
        ("index.md", "Start with [installing](guide/install.md#linux)"),
        ("guide/install.md", "```sh\necho \"<b>\"\n```"),
        ("guide/berths.md", "## Small\n\nFor boats.\n"),
    ] {
        let address = format!("http://127.0.0.1:8080/docs/docs/{path}");
        assert!(full.text.contains(&format!("\n---\n\nSource: {address}\n\n# ")), "{}", full.text);
        assert!(full.text.contains(words), "{words}");
        let alone = server.get(&format!("/docs/docs/{path}"), "text/markdown, */*").await;
        assert_eq!(alone.header("content-type"), "text/markdown; charset=utf-8");
        assert_eq!(alone.header("vary"), "Accept");
        assert!(alone.text.starts_with("# ") && full.text.contains(&alone.text), "{}", alone.text);
        let page = server.open(&format!("/docs/docs/{path}")).await;
        assert!(page.header("content-type").starts_with("text/html"));
    }
}

#[tokio::test]
async fn a_file_of_all_pages_has_an_end_and_says_what_is_left_out() {
    let long = format!("# Long\n\n{}", "tapir ".repeat(250_000));
    let names: Vec<String> = (0..6).map(|n| format!("long-{n}.md")).collect();
    let files: Vec<(&str, &str)> =
        names.iter().map(|name| (name.as_str(), long.as_str())).collect();
    let (folder, docs) = crate::harness::docs(&files);
    let server = Server::over(Box::new(folder), docs, |_| {});
    let full = server.get("/llms-full.txt", "*/*").await;
    assert!(full.text.len() < (4 << 20) + 1024, "{}", full.text.len());
    let end = "Left out, because this file is at most 4 MiB long: 4 pages; \
               http://127.0.0.1:8080/llms.txt lists the addresses of all.\n";
    assert!(full.text.ends_with(end), "{}", &full.text[full.text.len() - 300..]);
}

#[tokio::test]
async fn a_single_collection_can_be_had() {
    let (folder, _) = crate::harness::docs(&[("a.md", "# A [b](c)\n")]);
    let shelf = |name: &str, description: &str| Shelf {
        name: name.into(),
        description: Some(description.into()),
        version: Some("2".into()),
        ..Shelf::default()
    };
    let shelves = vec![shelf("docs", "One\nline."), shelf("empty", "Nothing yet.")];
    let docs = Docs::new(folder.indexer.index().clone(), Links::new(shelves, None));
    let server = Server::over(Box::new(folder), docs, |_| {});
    let all = server.get("/llms.txt", "*/*").await.text;
    assert!(all.contains("\n- docs 2: One line.\n- empty 2: Nothing yet.\n"), "{all}");
    assert!(all.contains("\n## docs\n\n- [A b]("), "{all}");
    // Readers of the format take a section without links for a mistake.
    assert!(!all.contains("## empty"), "{all}");
    let one = server.get("/llms.txt?collection=docs", "*/*").await.text;
    assert!(one.contains("- docs 2:") && !one.contains("- empty"), "{one}");
    assert!(one.contains("/llms-full.txt?collection=docs)"), "{one}");
    for file in ["/llms.txt", "/llms-full.txt"] {
        let none = server.get(&format!("{file}?collection=nowhere"), "*/*").await;
        assert_eq!(none.refusal(), (404, -32000));
    }
}

#[tokio::test]
async fn a_list_that_is_too_long_leads_on() {
    let about = "word ".repeat(200);
    let names: Vec<String> = (0..2000).map(|n| format!("page-{n:04}.md")).collect();
    let text = format!("---\ndescription: {about}\n---\n# Page\n");
    let files: Vec<(&str, &str)> = names.iter().map(|it| (it.as_str(), text.as_str())).collect();
    let (folder, docs) = crate::harness::docs(&files);
    let server = Server::over(Box::new(folder), docs, |_| {});
    for (query, to) in [("", "/llms.txt?collection=docs"), ("?collection=docs", "/docs/docs/")] {
        let text = server.get(&format!("/llms.txt{query}"), "*/*").await.text;
        assert!(text.len() < (512 << 10) + 2048, "{}", text.len());
        let listed = text.matches("/docs/docs/page-").count();
        let more = format!("- [{} pages more](http://127.0.0.1:8080{to})\n", 2000 - listed);
        assert!(listed > 1000 && text.contains(&more), "{listed}: {}", &text[text.len() - 400..]);
    }
}

#[tokio::test]
async fn files_of_the_docs_are_behind_the_door_and_count() {
    let guarded = Guarded::new();
    let minute = docent::store::KeyLimit { calls: 2, seconds: 60 };
    let key = guarded.key(Some(minute));
    for file in ["/llms.txt", "/llms-full.txt"] {
        let bare = guarded.server.get(file, "*/*").await;
        assert_eq!(bare.status, 401, "{file}");
        assert!(!bare.text.contains("Harbour"));
        let keyed =
            request("GET", file).header("authorization", format!("Bearer {}", key.reveal()));
        let answer = guarded.server.ask(keyed.body(Body::empty()).expect("a request")).await;
        assert_eq!(answer.status, 200, "{file}");
        assert!(answer.text.contains("Harbour"), "{}", answer.text);
        assert_eq!(answer.header("cache-control"), "private, no-cache");
    }
    let keyed =
        request("GET", "/llms.txt").header("authorization", format!("Bearer {}", key.reveal()));
    let answer = guarded.server.ask(keyed.body(Body::empty()).expect("a request")).await;
    assert_eq!(answer.status, 429);
}
