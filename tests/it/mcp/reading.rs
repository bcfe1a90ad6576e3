//! The tools `fetch` and `outline`.

use docent::corpus::tokens;
use serde_json::{Value, json};

use crate::harness::{call, docs};

fn page() -> String {
    let code: String = (0..120).map(|n| format!("let name{n} = {n};\n")).collect();
    let rows: String = (0..60).map(|n| format!("| row{n} | value {n} |\n")).collect();
    let sections: String = (0..30)
        .map(|n| format!("## Part {n}\n\nPart number{n} has some words in it, to be read.\n\n"))
        .collect();
    format!(
        "# Big\n\nIntro.\n\n{sections}## Code\n\n```rust\n{code}```\n\n## Table\n\n| a | b |\n| --- | --- |\n{rows}\n## End\n\nlastword\n"
    )
}

fn text(answer: &Value) -> &str {
    answer["text"].as_str().expect("a text")
}

#[test]
fn a_page_comes_whole_when_it_fits() {
    let (_folder, docs) = docs(&[("guide/a.md", "# A\n\nOne.\n\n## B\n\nTwo.\n")]);
    for id in ["guide/a.md", "guide/a", "/guide/a.md", "docs:///docs/guide/a.md", "docs/guide/a.md"]
    {
        let answer =
            call(&docs, "fetch", json!({"id": id})).unwrap_or_else(|error| panic!("{id}: {error}"));
        assert_eq!(answer["id"], "guide/a.md");
        assert_eq!(text(&answer), "# A\n\nOne.\n\n## B\n\nTwo.");
        assert_eq!(answer["title"], "A");
        assert!(answer["metadata"]["next"].is_null());
        assert!(answer["metadata"]["updated"].is_string());
    }
}

#[test]
fn a_section_comes_with_what_is_under_it() {
    let (_folder, docs) =
        docs(&[("a.md", "# A\n\nOne.\n\n## B\n\nTwo.\n\n### C\n\nThree.\n\n## D\n\nFour.\n")]);
    let answer = call(&docs, "fetch", json!({"id": "a.md#b"})).expect("an answer");
    assert_eq!(text(&answer), "## B\n\nTwo.\n\n### C\n\nThree.");
    assert_eq!(answer["metadata"]["breadcrumb"], "A > B");
    assert_eq!(answer["url"], "docs:///docs/a.md#b");
    let error = call(&docs, "fetch", json!({"id": "a.md#bb"})).expect_err("no such section");
    assert!(error.starts_with("a.md has no section \"bb\"; its sections are: a.md#b,"), "{error}");
}

#[test]
fn a_long_page_is_read_in_pieces_that_lose_nothing() {
    let (_folder, docs) = docs(&[("big.md", &page())]);
    for budget in [200, 400, 1500] {
        let mut arguments = json!({"id": "big.md", "max_tokens": budget});
        let mut all = String::new();
        let mut calls = 0;
        loop {
            let answer = call(&docs, "fetch", arguments.clone()).expect("an answer");
            let size = tokens::estimate(&answer.to_string());
            assert!(size <= budget, "{size} of {budget} tokens: {answer}");
            assert_eq!(text(&answer).matches("```").count() % 2, 0, "{answer}");
            all.push_str(text(&answer));
            all.push('\n');
            calls += 1;
            assert!(calls < 200, "reading does not end");
            let Some(next) = answer["metadata"]["next"].as_str() else { break };
            assert!(
                text(&answer).contains(&format!("{{\"id\":\"big.md\",\"cursor\":\"{next}\"}}")),
                "{answer}"
            );
            assert!(!answer["metadata"]["sections"].is_null());
            arguments["cursor"] = json!(next);
        }
        assert!(calls > 1);
        for n in 0..30 {
            assert_eq!(all.matches(&format!("number{n} ")).count(), 1, "{budget}: part {n}");
        }
        for n in 0..120 {
            assert_eq!(all.matches(&format!("let name{n} ")).count(), 1, "{budget}: name{n}");
        }
        for n in 0..60 {
            assert_eq!(all.matches(&format!("| row{n} |")).count(), 1, "{budget}: row{n}");
        }
        assert_eq!(all.matches("lastword").count(), 1);
    }
}

#[test]
fn cursors_of_other_pages_and_changed_pages_are_refused() {
    let (mut folder, docs) = docs(&[("big.md", &page()), ("other.md", "# Other\n\nWords.\n")]);
    let first =
        call(&docs, "fetch", json!({"id": "big.md", "max_tokens": 400})).expect("an answer");
    let next = first["metadata"]["next"].as_str().expect("a cursor").to_owned();
    for cursor in [next.as_str(), "", "x", "0.0.", "ffffffffffffffff.0.00", "-1.0.zz"] {
        let answer = call(&docs, "fetch", json!({"id": "other.md", "cursor": cursor}));
        assert_eq!(answer.is_ok(), cursor.is_empty(), "{cursor:?}");
    }
    let elsewhere = json!({"id": "big.md#table", "cursor": next});
    assert!(call(&docs, "fetch", elsewhere).is_err(), "the cursor of a page read a section");
    folder.write("big.md", &format!("{}\nmore\n", page()));
    folder.catch_up();
    let error = call(&docs, "fetch", json!({"id": "big.md", "cursor": next}))
        .expect_err("the page changed");
    assert!(error.contains("call fetch with {\"id\": \"big.md\"}"), "{error}");
}

#[test]
fn an_unknown_id_is_answered_with_the_nearest() {
    let (_folder, docs) =
        docs(&[("guide/install.md", "# Installation\n"), ("guide/ports.md", "# Ports\n")]);
    let error = call(&docs, "fetch", json!({"id": "guide/instal.md"})).expect_err("no such page");
    assert!(
        error
            .starts_with("there is no page \"guide/instal.md\"; the nearest are: guide/install.md"),
        "{error}"
    );
    for id in [
        "../../etc/passwd",
        "/etc/passwd",
        "file:///etc/passwd",
        "..%2f..%2fetc",
        "C:\\x",
        "docs:///docs/../x",
        "\u{0}",
        "",
    ] {
        let error = call(&docs, "fetch", json!({"id": id})).expect_err("no such page");
        assert!(error.starts_with("there is no page"), "{id:?}: {error}");
    }
}

#[test]
fn a_path_may_hold_what_ends_or_escapes_an_address() {
    let (_folder, docs) = docs(&[
        ("c#/a b.md", "# Sharp\n\nOne.\n\n## Über uns\n\nHarbour.\n"),
        ("50%.md", "# Half\n\nTwo.\n"),
    ]);
    let found = call(&docs, "search", json!({"query": "harbour"})).expect("an answer");
    let id = &found["results"][0]["id"];
    assert_eq!(id, "c#/a b.md#über-uns");
    for (asked, id) in [
        ("c#/a b.md#über-uns", "c#/a b.md#über-uns"),
        ("c#/a b.md", "c#/a b.md"),
        ("c%23/a%20b.md", "c#/a b.md"),
        ("50%.md", "50%.md"),
        ("50%25.md/", "50%.md"),
    ] {
        let answer = call(&docs, "fetch", json!({"id": asked})).expect(asked);
        assert_eq!(answer["id"], id, "{asked}");
    }
    let outline = call(&docs, "outline", json!({"path": "c#/"})).expect("an answer");
    assert_eq!(outline["pages"], 1);
    let found = call(&docs, "search", json!({"query": "one", "path": "c#/"})).expect("an answer");
    assert_eq!(found["results"][0]["id"], "c#/a b.md#sharp");
    let many = "#".repeat(100_000);
    assert!(call(&docs, "fetch", json!({"id": many})).is_err());
}

#[test]
fn earlier_addresses_name_pages() {
    let text = "---\naliases: [/old/place/]\n---\n# New place\n\nWords.\n";
    let (_folder, docs) = docs(&[("new.md", text)]);
    for id in ["old/place", "/old/place/", "docs/old/place"] {
        assert_eq!(call(&docs, "fetch", json!({"id": id})).expect(id)["id"], "new.md");
    }
}

#[test]
fn public_addresses_name_pages() {
    use docent::mcp::{Docs, Links, Shelf};
    let (folder, _) = docs(&[("guide/a.md", "# A\n\nOne.\n\n## B b\n\nTwo.\n")]);
    let shelf = Shelf {
        name: "docs".into(),
        base_url: Some("https://d.example/".into()),
        ..Shelf::default()
    };
    let docs = Docs::new(folder.indexer.index().clone(), Links::new(vec![shelf], None));
    let found = call(&docs, "search", json!({"query": "two"})).expect("an answer");
    let url = found["results"][0]["url"].as_str().expect("an address").to_owned();
    assert!(url.starts_with("https://d.example/guide/a"), "{url}");
    let read = call(&docs, "fetch", json!({"id": url})).expect("an answer");
    assert_eq!(read["id"], "guide/a.md#b-b");
    assert_eq!(read["url"], json!(url));
}

#[test]
fn an_outline_shows_the_tree_with_what_it_costs() {
    let (_folder, docs) = docs(&[
        ("index.md", "# Home\n\nHello.\n"),
        ("guide/a.md", "# A\n\nOne.\n\n## B\n\nTwo.\n\n### C\n\nThree.\n"),
        ("guide/deep/d.md", "# D\n\nFour.\n"),
    ]);
    let answer = call(&docs, "outline", json!({})).expect("an answer");
    let outline = answer["outline"].as_str().expect("an outline");
    let labels: Vec<&str> =
        outline.lines().map(|line| line.rsplit_once(" (").expect("a size").0).collect();
    assert_eq!(
        labels,
        [
            "index.md Home",
            "guide/",
            "  guide/a.md A",
            "    #b B",
            "      #c C",
            "  guide/deep/",
            "    guide/deep/d.md D"
        ]
    );
    assert_eq!(answer["pages"], 3);
    let inner = call(&docs, "outline", json!({"path": "guide", "depth": 1})).expect("an answer");
    assert_eq!(inner["path"], "guide/");
    assert_eq!(inner["outline"].as_str().expect("an outline").lines().count(), 2);
    assert!(inner["notice"].as_str().expect("a notice").contains("depth 1"));
    let page = call(&docs, "outline", json!({"path": "guide/a.md"})).expect("an answer");
    assert!(page["outline"].as_str().expect("an outline").starts_with("#b B ("));
    assert!(call(&docs, "outline", json!({"path": "nowhere"})).is_err());
}

#[test]
fn an_outline_stays_within_its_budget() {
    let files: Vec<(String, String)> = (0..300)
        .map(|n| {
            (
                format!("f{}/page{n}.md", n % 7),
                format!("# Title of page {n}\n\nx\n\n## Sub {n}\n\ny\n"),
            )
        })
        .collect();
    let files: Vec<(&str, &str)> =
        files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let (_folder, docs) = docs(&files);
    for budget in [200, 500, 3000, 20000] {
        for depth in [None, Some(1), Some(3)] {
            let answer = call(&docs, "outline", json!({"max_tokens": budget, "depth": depth}))
                .expect("an answer");
            let size = tokens::estimate(&answer.to_string());
            assert!(size <= budget, "{budget}: {size}");
        }
    }
}
