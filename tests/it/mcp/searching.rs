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
        assert!(results(&answer)[0]["text"].is_string(), "the best hit has text: {answer}");
        let cut = |hit: &Value| {
            let whole = hit["text"].as_str().is_some_and(|text| !text.contains('…'));
            assert_eq!(hit["cut"] == true, hit["text"].is_string() && !whole, "{hit}");
            !whole
        };
        let told =
            shown < limit.min(12) || results(&answer).iter().filter(|hit| cut(hit)).count() > 0;
        assert_eq!(answer["notice"].is_string(), told, "{limit}, {budget}: {answer}");
    }
}

#[test]
fn the_best_hit_gets_the_most_and_the_last_a_line_or_two() {
    let files = long_docs();
    let files: Vec<(&str, &str)> =
        files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let (_folder, docs) = docs(&files);
    let arguments = json!({"query": "ports", "limit": 8, "max_tokens": 1500});
    let answer = call(&docs, "search", arguments).expect("an answer");
    let sizes: Vec<usize> = results(&answer)
        .iter()
        .map(|hit| tokens::estimate(hit["text"].as_str().expect("a line at least")))
        .collect();
    assert_eq!(sizes.len(), 8);
    assert!(sizes[0] > 2 * sizes[3] && sizes.iter().all(|size| *size > 15), "{sizes:?}");
    let notice = answer["notice"].as_str().expect("a notice");
    assert!(notice.contains("passages are cut at …: fetch has"), "{notice}");
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
fn passages_are_cut_by_the_forms_of_their_language() {
    let filler = "Hier steht nichts, was jemand sucht, und davon recht viel.\n\n".repeat(40);
    let text = format!("{filler}Die Häuser stehen am Fluss.\n\n{filler}");
    let (_folder, docs) = docs(&[
        ("de/a.md", &format!("# Lage\n\n{text}")),
        ("b.md", "# Position\n\nNothing to be found here, but some English.\n"),
    ]);
    for query in ["Haus", "\"Haus stehen\" Lage"] {
        let arguments = json!({"query": query, "max_tokens": 300});
        let answer = call(&docs, "search", arguments).expect("an answer");
        let passage = answer["results"][0]["text"].as_str().expect("a passage");
        assert!(passage.contains("Die Häuser stehen"), "{query}: {passage}");
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
fn a_heading_that_says_what_is_asked_outweighs_one_more_mention() {
    let body = "bounds what a team may use in a month and is set by the one who owns the team";
    let (_folder, docs) = docs(&[
        ("a.md", &format!("# Work\n\n## Teams\n\nA quota {body}; the quota is a quota.\n")),
        ("b.md", &format!("# Work\n\n## Quota\n\nThis quota {body}; it is kept.\n")),
        ("c.md", &format!("# Work\n\n## Owners\n\nThey own what {body}; it is so for all.\n")),
        ("d.md", &format!("# Work\n\n## Months\n\nThey last while it {body}; it is so.\n")),
    ]);
    assert_eq!(ids(&docs, "the quota"), ["b.md#quota", "a.md#teams"]);
}

#[test]
fn what_points_elsewhere_tells_of_changes_or_says_next_to_nothing_steps_back() {
    let text = "The quota of a team bounds what its members may use in a month, and whoever owns \
        the team sets it, by hand or by a rule that is kept for all teams of theirs.";
    let link = "[The quota of a team](t.md) [in a month of that team](t.md) [by rules of teams](t.md) \
        [as they like it](t.md) [here or there](t.md) [and so on for all of those others](t.md).";
    let section = |heading: &str, text: &str| format!("# Page\n\n## {heading}\n\n{text}\n");
    // By name, the first of each pair would come first.
    for [(before, one), (after, other)] in [
        [("a.md", section("See also", text)), ("b.md", section("And more", text))],
        [("a.md", section("Boundaries", link)), ("b.md", section("Limits", text))],
        [("changelog.md", section("Limits", text)), ("guide.md", section("Borders", text))],
        [("a.md", section("Limits", "The quota of a team.")), ("b.md", section("Borders", text))],
    ] {
        let pages = [(before, one.as_str()), (after, &other), ("t.md", "# Other\n\nNothing.\n")];
        let (_folder, docs) = docs(&pages);
        let first = &ids(&docs, "quota of a team")[0];
        assert!(first.starts_with(after), "{one}: {first}");
    }
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
    let (_folder, docs) = docs(&[
        ("guide/owner.md", "# Ownership\n\nEach value has an owner.\n"),
        ("guide/scale.md", "# Scaling\n\n## Replicasets\n\nThere are more of them at noon.\n"),
    ]);
    let ask = |query: &str, path: Option<&str>| {
        call(&docs, "search", json!({"query": query, "path": path})).expect("an answer")
    };
    // Too far off to be taken for it, near enough to be asked about.
    let answer = ask("townership", None);
    assert_eq!(results(&answer).len(), 0, "{answer}");
    assert_eq!(answer["instead"]["did_you_mean"], json!(["ownership"]), "{answer}");
    assert_eq!(answer["instead"]["headings"][0]["id"], "guide/owner.md#ownership", "{answer}");
    assert_eq!(answer["instead"]["outline"], "");
    assert_eq!(
        answer["notice"],
        "Nothing here matches. Did you mean: ownership? \
         The nearest headings are: Ownership (guide/owner.md#ownership). \
         Call outline to see all that is here."
    );
    let answer = ask("replicator", Some("guide/scale.md"));
    assert_eq!(answer["instead"]["did_you_mean"], json!(["replicasets"]), "{answer}");
    assert_eq!(answer["instead"]["outline"], "guide/scale.md");
    let answer = ask("zzzz", Some("guide"));
    assert_eq!(
        answer["notice"],
        "Nothing here matches. Call outline with path \"guide/\" to see what is there."
    );
    let empty = ask(" ?! 😀 ", None);
    assert!(empty["notice"].as_str().expect("a notice").contains("no words"), "{empty}");
    assert!(empty["instead"]["outline"].is_string(), "{empty}");
}

#[test]
fn an_answer_without_hits_fits_its_budget_too() {
    let pages: Vec<(String, String)> = (0..30)
        .map(|n| {
            let path = format!("a-rather-long-folder-name/and-another-{n}/page-{n}.md");
            (path, format!("# Ownership of the {n}th kind of a thing\n\nzebra {n}\n"))
        })
        .collect();
    let mut files: Vec<(&str, &str)> =
        pages.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    files.push(("other/a.md", "# Other\n\nports\n"));
    let (_folder, docs) = docs(&files);
    for query in ["townership kind thing", "zebra", "ownership kind"] {
        let arguments = json!({"query": query, "path": "other", "max_tokens": 200});
        let answer = call(&docs, "search", arguments).expect("an answer");
        assert!(tokens::estimate(&answer.to_string()) <= 200, "{answer}");
        assert!(answer["notice"].is_string(), "{answer}");
    }
}

#[test]
fn a_filter_that_hides_everything_is_named() {
    let (_folder, docs) =
        docs(&[("a/one.md", "# One\n\nzebra\n"), ("b/two.md", "# Two\n\nports\n")]);
    let answer = call(&docs, "search", json!({"query": "zebra", "path": "b"})).expect("an answer");
    assert_eq!(
        answer["instead"]["without"],
        json!([{"filter": "path", "value": "b/", "sections": 1, "values": ["a/"], "ids": ["a/one.md#one"]}])
    );
    assert_eq!(
        answer["notice"],
        "Nothing matches with path \"b/\": without it 1 section does, in a/ (a/one.md#one). \
         Call outline with path \"b/\" to see what is there."
    );
}

#[test]
fn a_path_that_is_not_there_is_answered_with_near_ones() {
    let (_folder, docs) =
        docs(&[("guide/one.md", "# One\n\nports\n"), ("b/two.md", "# Two\n\nports\n")]);
    let error =
        call(&docs, "search", json!({"query": "ports", "path": "gide/"})).expect_err("none");
    assert!(error.contains("near it are: guide/"), "{error}");
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
fn quoted_words_are_a_phrase_wherever_it_stands() {
    let (_folder, docs) = docs(&[
        ("a.md", "# Strategy\n\nA rolling update replaces pods one after the other.\n"),
        (
            "b.md",
            "# Update strategy\n\nAn update keeps the ball rolling, and no other update does.\n",
        ),
        // "rolling" and "update" meet here only where one part of the page ends.
        ("c.md", "# Update\n\n## Rolling\n\nUpdate the strategy.\n\n```sh\nstrategy update\n```\n"),
    ]);
    for query in [
        "\"rolling update\" strategy",
        "“rolling updates” strategy",
        "strategy for a «Rolling Update»?",
        "\"rolling-update\"",
        "\"a rolling update replaces\"",
    ] {
        let answer = call(&docs, "search", json!({"query": query})).expect("an answer");
        let found = ids(&docs, query);
        assert_eq!((&*found[0], found.len()), ("a.md#strategy", 3), "{query}: {answer}");
        assert!(answer["notice"].is_null(), "{answer}");
    }
    assert_ne!(ids(&docs, "rolling update strategy")[0], "a.md#strategy");
    // Without marks, with one left open, and in code, the words count.
    for query in ["rolling update", "\"rolling update", "f(\"rolling update\")", "\"rolling\""] {
        let found = ids(&docs, query);
        assert!(found.len() == 3, "{query}: {found:?}");
    }
}

#[test]
fn a_phrase_that_no_section_holds_is_searched_as_words_and_the_answer_says_so() {
    let (_folder, docs) = docs(&[("a.md", "# Pods\n\nAn update is rolling; the pods are new.\n")]);
    for (query, said) in [
        ("\"rolling update\"", "No section here holds \"rolling update\""),
        ("\"new pods\" and \"the pods\"", "No section here holds \"new pods\""),
    ] {
        let answer = call(&docs, "search", json!({"query": query})).expect("an answer");
        assert_eq!(results(&answer).len(), 1, "{query}");
        let notice = answer["notice"].as_str().expect("a notice");
        assert!(notice.starts_with(said) && !notice.contains("\"the pods\""), "{notice}");
    }
}

#[test]
fn quotes_of_any_kind_and_number_are_a_question() {
    let (_folder, docs) = docs(&[("a.md", "# A\n\nports and doors of the house of the lord\n")]);
    let many = "\"of the\" ".repeat(2000);
    let long = format!("\"{}\"", "of the ".repeat(5000));
    let word = format!("\"{}\"", "w".repeat(60_000));
    for query in [
        "\"",
        "\"\"",
        "\"\"\"\"",
        "\" \"",
        "\"?! …\"",
        "“",
        "”“",
        "„",
        "\\\"ports\\\"",
        "\"and of\"",
    ]
    .into_iter()
    .chain([many.as_str(), &long, &word])
    {
        call(&docs, "search", json!({"query": query})).expect("an answer");
    }
}

const OPTIONS: &str = "The flags that every command takes: `--quiet` says nothing, `--color` paints \
    what is said, `--config` reads another file, `--root` runs in another folder, and `--locked` \
    refuses to change what the lock file holds, whoever asks for it and however often. Each may \
    stand before the name of a command or behind it, may be given twice, in which case the last \
    one counts, and may be set for good in the file of settings, under a table of the same name, \
    where a value that nobody understands is an error that names the line and the column at which \
    it was met, so that whoever wrote it finds it again without a search through all the others.";

#[test]
fn sections_that_say_the_same_are_one_hit_that_points_to_the_others() {
    let copy = |command: &str, text: &str| {
        format!("# Command {command}\n\nDoes {command}.\n\n## Shared flags\n\n{text}\n")
    };
    let translated = "Die Schalter jedes Befehls: `--quiet` schweigt, `--color` malt, `--config` \
        liest eine andere Datei, `--root` läuft woanders, `--locked` lässt alles, wie es ist.";
    let (_folder, docs) = docs(&[
        ("a.md", &copy("build", OPTIONS)),
        ("b.md", &copy("check", OPTIONS)),
        // Within one page, and with a word that differs.
        (
            "c.md",
            &format!(
                "{}\n## Shared flags\n\n{OPTIONS}\n",
                copy("test", &OPTIONS.replace("often", "seldom"))
            ),
        ),
        ("d.md", &copy("clean", translated)),
    ]);
    let ask = |arguments: Value| call(&docs, "search", arguments).expect("an answer");
    let answer = ask(json!({"query": "flags quiet locked"}));
    let hit = &results(&answer)[0];
    let also = hit["also"].as_array().expect("copies").clone();
    let mut all: Vec<&str> = also.iter().chain([&hit["id"]]).filter_map(Value::as_str).collect();
    all.sort_unstable();
    assert_eq!(
        all,
        ["a.md#shared-flags", "b.md#shared-flags", "c.md#shared-flags", "c.md#shared-flags-1"]
    );
    let others: Vec<_> = results(&answer)[1..].iter().map(|hit| hit["id"].clone()).collect();
    assert!(others.contains(&json!("d.md#shared-flags")), "a translation is no copy: {others:?}");
    // They count as one for the limit.
    let answer = ask(json!({"query": "flags quiet locked", "limit": 2}));
    assert_eq!(results(&answer)[1]["id"], "d.md#shared-flags");
    // Filters hold for copies, too.
    let answer = ask(json!({"query": "flags quiet locked", "path": "b.md"}));
    assert!(results(&answer)[0]["also"].is_null(), "{answer}");
    // Who asks for one of them by name gets that one by itself.
    let answer = ask(json!({"query": "check command flags quiet locked"}));
    assert_eq!(results(&answer)[0]["id"], "b.md#shared-flags");
    assert!(results(&answer)[0]["also"].is_null(), "{answer}");
}

#[test]
fn copies_leave_their_places_to_others() {
    // Four editions of six pages: each page is found once, the others behind it.
    let files: Vec<(String, String)> = (0..24)
        .map(|n| {
            let (edition, page) = (n / 6, n % 6);
            let own = format!("This is what chapter{page} says of it in all editions. ").repeat(8);
            let text = format!("# Chapter {page}\n\nThe okapi eats leaves. {own}\n");
            (format!("edition{edition}/chapter{page}.md"), text)
        })
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let (_folder, docs) = docs(&files);
    let answer = call(&docs, "search", json!({"query": "okapi leaves", "limit": 6})).expect("hits");
    let titles: std::collections::BTreeSet<_> =
        results(&answer).iter().map(|hit| hit["title"].as_str()).collect();
    assert_eq!(titles.len(), 6, "{answer}");
    for hit in results(&answer) {
        assert_eq!(hit["also"].as_array().map(Vec::len), Some(3), "{hit}");
    }
}

#[test]
fn the_same_words_under_another_heading_are_another_hit() {
    let (_folder, docs) = docs(&[(
        "a.md",
        &format!("# Flags\n\n## Of builds\n\n{OPTIONS}\n\n## Of tests\n\n{OPTIONS}\n"),
    )]);
    assert_eq!(ids(&docs, "quiet locked flags").len(), 2);
}

#[test]
fn short_sections_of_different_pages_stay_apart() {
    let page =
        |name: &str| format!("# Array {name}\n\nAbout it.\n\n## Return value\n\nNone at all.\n");
    let (_folder, docs) =
        docs(&[("a.md", &page("reverse")), ("b.md", &page("fill")), ("c.md", &page("sort"))]);
    assert_eq!(ids(&docs, "return value").len(), 3);
}
