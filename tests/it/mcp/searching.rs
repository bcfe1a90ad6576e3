//! The tool `search`.

use docent::corpus::tokens;
use serde_json::{Value, json};

use crate::harness::{call, docs, ids};

fn long_docs() -> Vec<(String, String)> {
    let filler =
        "This paragraph says a good deal about ports and about many other things. ".repeat(12);
    (0..12)
        .map(|n| {
            (
                format!("page{n}.md"),
                format!("# Ports {n}\n\n{filler}\n\n```sh\ndocent --port {n}\n```\n\n{filler}\n"),
            )
        })
        .collect()
}

fn results(answer: &Value) -> &Vec<Value> {
    answer["results"].as_array().expect("results are a list")
}

#[test]
fn a_hit_says_where_it_is_and_what_it_says() {
    let (_folder, docs) = docs(&[(
        "guide/install.md",
        "# Installation\n\nIntro.\n\n## Linux\n\nUse the package `docent.deb`.\n",
    )]);
    let answer = call(&docs, "search", json!({"query": "linux package"})).expect("an answer");
    let hit = &results(&answer)[0];
    assert_eq!(hit["id"], "guide/install.md#linux");
    assert_eq!(hit["title"], "Linux");
    assert_eq!(hit["page"], "Installation");
    assert_eq!(hit["breadcrumb"], "Installation > Linux");
    assert_eq!(hit["url"], "docs:///docs/guide/install.md#linux");
    assert_eq!(hit["text"], "## Linux\n\nUse the package `docent.deb`.");
}

#[test]
fn the_whole_answer_stays_within_its_budget() {
    let files = long_docs();
    let files: Vec<(&str, &str)> =
        files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let (_folder, docs) = docs(&files);
    for (limit, budget) in
        [(1, 200), (6, 200), (20, 200), (6, 500), (6, 1000), (20, 1000), (6, 3000), (20, 20000)]
    {
        let arguments = json!({"query": "ports", "limit": limit, "max_tokens": budget});
        let answer = call(&docs, "search", arguments).expect("an answer");
        let size = tokens::estimate(&answer.to_string());
        assert!(size <= budget, "limit {limit}, max_tokens {budget}: {size}");
        assert!(!results(&answer).is_empty());
        for hit in results(&answer) {
            assert!(hit["id"].is_string() && hit["title"].is_string() && hit["url"].is_string());
            let fences = hit["text"].as_str().unwrap_or_default().matches("```").count();
            assert_eq!(fences % 2, 0, "{hit}");
        }
        let shown = results(&answer).len();
        let silent =
            shown < limit.min(12) || results(&answer).iter().any(|hit| hit["text"].is_null());
        assert_eq!(answer["notice"].is_string(), silent, "{limit}, {budget}: {answer}");
    }
}

#[test]
fn filters_narrow_and_wrong_ones_are_explained() {
    let (_folder, docs) =
        docs(&[("a/one.md", "# One\n\nports\n"), ("b/two.md", "# Two\n\nports\n")]);
    let only = |path: &str| call(&docs, "search", json!({"query": "ports", "path": path}));
    for path in ["a", "a/", "/a/", "a/one.md", "docs/a", "docs:///docs/a/one.md"] {
        let answer = only(path).expect(path);
        let ids: Vec<_> = results(&answer).iter().map(|hit| hit["id"].clone()).collect();
        assert_eq!(ids, ["a/one.md#one"], "{path}");
    }
    assert_eq!(results(&only("").expect("everything")).len(), 2);
    assert!(only("c").expect_err("no such folder").starts_with("there is no folder or page \"c\""));
    assert!(only("../../etc").is_err());
    let error = call(&docs, "search", json!({"query": "x", "collection": "other"}))
        .expect_err("no such collection");
    assert_eq!(error, "there is no collection \"other\"; there is: docs");
}

#[test]
fn a_word_that_the_docs_do_not_have_is_corrected_and_the_answer_says_so() {
    let (_folder, docs) = docs(&[
        ("a.md", "# Ownership\n\nEach value has an owner.\n"),
        ("b.md", "# Scaling\n\nAutoscaling adds replicas; see the JSON lines of the log.\n"),
    ]);
    for (query, id, taken) in [
        ("ownersihp", "a.md#ownership", "ownership (for ownersihp)"),
        ("onwership", "a.md#ownership", "ownership (for onwership)"),
        ("jsonlines", "b.md#scaling", "(for jsonlines)"),
    ] {
        let answer = call(&docs, "search", json!({"query": query})).expect("an answer");
        assert_eq!(answer["results"][0]["id"], id, "{query}");
        let notice = answer["notice"].as_str().expect("a notice");
        assert!(notice.contains(taken), "{notice}");
    }
    // Words that are known, or only written apart, are not remarked on.
    for query in ["ownership", "auto scaling"] {
        let answer = call(&docs, "search", json!({"query": query})).expect("an answer");
        assert!(answer["notice"].is_null(), "{answer}");
    }
}

#[test]
fn pages_are_found_in_the_forms_of_their_language() {
    let german = "Mit diesen Angaben legen Sie fest, welche Ordner gelesen werden und wie oft der Server \
        nach Änderungen sucht. Ohne eine Angabe gilt, was für die meisten Anwendungen ausreicht.";
    let (_folder, docs) = docs(&[
        (
            "a.md",
            "---\nlanguage: fr\n---\n# Réglages\n\nLes réseaux privés sont isolés des autres.\n",
        ),
        ("de/b.md", "# Größe\n\nDie Häuser stehen am Fluss.\n"),
        ("c.md", &format!("# Einstellungen\n\n{german}\n")),
        ("d.md", "# Servers\n\nConnections to servers are pooled.\n"),
    ]);
    for (query, id) in [
        ("réseau privé", "a.md#réglages"),
        ("reseaux prives", "a.md#réglages"),
        ("Haus am Fluss", "de/b.md#größe"),
        ("GROSSE", "de/b.md#größe"),
        ("wie ist die Einstellung", "c.md#einstellungen"),
        ("änderung", "c.md#einstellungen"),
        ("connecting a server", "d.md#servers"),
    ] {
        let answer = call(&docs, "search", json!({"query": query})).expect("an answer");
        assert_eq!(answer["results"][0]["id"], id, "{query}");
        assert!(answer["notice"].is_null(), "{query}: {answer}");
    }
}

#[test]
fn names_are_found_with_their_signs_and_in_parts() {
    let (_folder, docs) = docs(&[
        ("a.md", "# A\n\nC is a language; put the env and the app into the watch list.\n"),
        ("b.md", "# B\n\nC++ is a language; put it into `.env`, or say `--watch` twice.\n"),
        ("c.md", "# C\n\n```python\n@app.get(\"/\")\n```\n\nAn app can get a derive for C.\n"),
        (
            "d.md",
            "# D\n\n```rust\n#[derive(Debug)]\nlet x: Rc<RefCell<T>> = createServer();\n```\n",
        ),
        ("e.md", "# E\n\nRelease v1.2.3 reads /etc/hosts over HTTP/2. Derive an Rc of T.\n"),
    ]);
    for (query, id) in [
        ("C++", "b.md#b"),
        (".env", "b.md#b"),
        ("--watch", "b.md#b"),
        ("@app.get", "c.md#c"),
        ("#[derive]", "d.md#d"),
        ("Rc<RefCell<T>>", "d.md#d"),
        ("refcell", "d.md#d"),
        ("createserver", "d.md#d"),
        ("1.2.3", "e.md#e"),
        ("v1.2.3", "e.md#e"),
        ("/etc/hosts", "e.md#e"),
        ("http/2", "e.md#e"),
    ] {
        assert_eq!(ids(&docs, query)[0], id, "{query}");
    }
}

#[test]
fn words_that_the_docs_write_as_one_are_found_apart() {
    // `anto` is as near to `auto` as a word can be, and must not be taken for it.
    let (_folder, docs) = docs(&[
        ("a.md", "# Replicas\n\nThe autoscaler adds some of them when there is more to do.\n"),
        ("b.md", "# People\n\nMr. Anto has little to do with it.\n"),
    ]);
    let answer = call(&docs, "search", json!({"query": "auto scaler"})).expect("an answer");
    let found: Vec<_> = results(&answer).iter().map(|hit| &hit["id"]).collect();
    assert_eq!(found, ["a.md#replicas"]);
    assert!(answer["notice"].is_null(), "{answer}");
}

#[test]
fn a_page_that_is_all_about_it_comes_before_one_that_mentions_it() {
    let section = "The quota of a team is set by its owner, who may change it later.\n";
    let about = format!(
        "# Teams\n\n## Owners\n\n{section}\n## Quota\n\nA quota bounds a team: what is beyond the quota is refused, and the quota is counted by the hour.\n"
    );
    let mentions = format!(
        "# Games\n\n## Rules\n\n{section}\n## Balls\n\nA ball is round, and what is not round is refused as a ball by the referee of the game.\n"
    );
    // The mention would come first by name.
    let (_folder, docs) = docs(&[("z.md", &about), ("a.md", &mentions)]);
    let found = ids(&docs, "quota");
    let place = |id: &str| found.iter().position(|other| other == id);
    assert!(place("z.md#owners") < place("a.md#rules"), "{found:?}");
}

#[test]
fn what_docs_call_otherwise_is_found_and_what_they_call_so_comes_first() {
    let (_folder, docs) = docs(&[
        ("nodes.md", "# Nodes\n\nA node runs pods, and every node reports its health.\n"),
        ("other.md", "# Gardens\n\nFlowers grow in a garden, and grass does everywhere.\n"),
    ]);
    assert_eq!(ids(&docs, "machine"), ["nodes.md#nodes"]);
    let (_folder, docs) = crate::harness::docs(&[
        ("nodes.md", "# Nodes\n\nA node runs pods, and every node reports its health.\n"),
        ("machines.md", "# Workshop\n\nA machine for cutting stands in the workshop here.\n"),
    ]);
    assert_eq!(ids(&docs, "machine"), ["machines.md#workshop", "nodes.md#nodes"]);
}

#[test]
fn a_section_that_only_points_elsewhere_steps_back() {
    let links = "* [Rotating keys](keys.md)\n* [Rotating certificates](certificates.md)\n";
    let (_folder, docs) = docs(&[
        (
            "a.md",
            &format!("# Notes\n\nWords of another kind stand here.\n\n## See also\n\n{links}"),
        ),
        (
            "keys.md",
            "# Keys\n\nThis page says how rotating keys is done by hand, step after step, in the order that loses no request at all, whoever is calling.\n",
        ),
    ]);
    assert_eq!(ids(&docs, "rotating keys"), ["keys.md#keys", "a.md#see-also"]);
}

#[test]
fn no_hit_is_answered_with_what_to_try() {
    let (_folder, docs) = docs(&[("a.md", "# Ownership\n\nEach value has an owner.\n")]);
    let answer = call(&docs, "search", json!({"query": "zebras"})).expect("an answer");
    assert_eq!(results(&answer).len(), 0);
    let notice = answer["notice"].as_str().expect("a notice");
    assert!(notice.contains("Nothing here matches"), "{notice}");
    assert!(notice.contains("Call outline"), "{notice}");
    let empty = call(&docs, "search", json!({"query": " ?! 😀 "})).expect("an answer");
    assert!(empty["notice"].as_str().expect("a notice").contains("no words"), "{empty}");
}

#[test]
fn a_filter_that_hides_everything_is_named() {
    let (_folder, docs) =
        docs(&[("a/one.md", "# One\n\nzebra\n"), ("b/two.md", "# Two\n\nports\n")]);
    let answer = call(&docs, "search", json!({"query": "zebra", "path": "b"})).expect("an answer");
    assert_eq!(
        answer["notice"],
        "Nothing matches with path \"docs/b/\"; without it these do: a/one.md#one."
    );
}

#[test]
fn arguments_are_taken_as_models_send_them() {
    let (_folder, docs) = docs(&[("a.md", "# A\n\nports\n")]);
    for arguments in [
        json!({"q": "ports"}),
        json!({"question": "ports"}),
        json!({"userQuery": "ports", "top_k": "3"}),
        json!({"query": "ports", "limit": 500, "path": null}),
    ] {
        let answer = call(&docs, "search", arguments.clone()).expect("an answer");
        assert_eq!(results(&answer).len(), 1, "{arguments}");
    }
    for (arguments, expected) in [
        (json!({}), "search needs \"query\""),
        (json!({"query": ["ports"]}), "search: \"query\" must be a string"),
        (
            json!({"query": "x", "limit": 0}),
            "search: \"limit\" must be a whole number from 1 to 20",
        ),
        (json!({"query": "x", "limit": -1}), "search: \"limit\" must be"),
        (json!({"query": "x", "limit": 1.5}), "search: \"limit\" must be"),
        (
            json!({"query": "x", "colour": 1}),
            "search has no argument \"colour\"; its arguments are: query, limit",
        ),
    ] {
        let error = call(&docs, "search", arguments.clone()).expect_err("a refusal");
        assert!(error.starts_with(expected), "{arguments}: {error}");
    }
}

#[test]
fn any_query_is_answered() {
    let (_folder, docs) = docs(&[("a.md", "# A\n\nports and doors\n")]);
    let bomb = "(".repeat(5000);
    let word = "w".repeat(60_000);
    let many: String = (0..20_000).map(|n| format!("t{n} ")).collect();
    for query in [
        "*",
        "a*",
        "[* TO *]",
        "body:[a TO z]",
        "\"a b\"~4294967295",
        "a^1e308",
        "/.*(a+)+b.*/",
        "_id:1 OR collection:x",
        "NOT a AND",
        "\u{202e}abc\u{0}",
        &bomb,
        &word,
        &many,
    ] {
        call(&docs, "search", json!({"query": query})).expect("an answer");
    }
}
