//! `check`: each fault is found once, where it stands, and what only looks like one is not.

use std::path::Path;
use std::process::Output;

use expect_test::expect;
use serde_json::Value;

use super::errors;
use crate::harness::{docent, write};

fn check(dir: &Path, words: &[&str]) -> Output {
    docent().current_dir(dir).arg("check").args(words).output().expect("docent runs")
}

fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// `path:line rule` of every finding.
fn found(dir: &Path, words: &[&str]) -> Vec<String> {
    let output = check(dir, &[words, &["--json"]].concat());
    let report: Value = serde_json::from_str(&printed(&output)).expect("JSON");
    let findings = report["findings"].as_array().expect("findings").clone();
    let place = |it: &Value| {
        let text = |name: &str| it[name].as_str().expect("text").to_owned();
        format!("{}:{} {}", text("path"), it["line"], text("rule"))
    };
    findings.iter().map(place).collect()
}

/// Pages with one fault of each kind, and beside them what is none.
fn faulty(dir: &Path) {
    let write = |path: &str, text: &str| write(&dir.join("docs"), path, text);
    // Everything that a checker could trip over, and nothing wrong.
    write(
        "index.md",
        "---\ntitle: Ferry\n---\n\n# Ferry\n\nSee [timetable](timetable.md#in-winter), [fares](./fares.md), [fares, too](/fares),\n\
         [above](#boarding), [by id](#quay), [top](#top), [notes](notes.txt),\n[crew](crew/), [faults](faults.md), [twins](twin-a.md), [b](twin-b.md),\n\
         [elsewhere](https://example.com/gone), [outside](../gone.md),\n[untitled](untitled.md), [odd](odd.md), [marked](marked.md), [draft](draft.md).\n\n\
         ```md\n[in code](gone.md) ![](gone.png)\n# Boarding\n```\n\n## Boarding\n\n### Cars\n\nEarly.\n\n### Cycles\n\nLate.\n\n\
         ## Leaving\n\n### Cars\n\nFirst.\n\n<a id=\"quay\"></a>\n![The quay](quay.png) <img src=\"line.png\" alt=\"\">\n\n<!-- prettier-ignore -->\nEnd.\n",
    );
    write(
        "timetable.md",
        "# Timetable\n\n## In *winter*\n\nHourly.\n\nBack to the [start](index.md).\n",
    );
    write("fares.md", "# Fares\n\nSee [fares](index.md).\n");
    write(
        "crew/README.md",
        "# Crew\n\nTwelve, see [the ferry](../index.md) and [pilots](pilots.md).\n",
    );
    write("crew/pilots.md", "# Pilots\n\nTwo.\n");
    write("notes.txt", "no title, and none is missed\n");
    write("draft.md", "---\ntitle: Draft\ndraft: true\n---\n\n[gone](gone.md)\n");
    // And the faults.
    let rows =
        "A row of the table of tides that goes on and on for the sake of its length.\n".repeat(200);
    write(
        "faults.md",
        &format!(
            "---\ntitle: Faults\n---\n\nOne [gone](gone.md),\nand [lost](timetable.md#in-summer).\n\n![](quay.png)\n\n\
             <table><tr><td>a</td></tr>\n<tr><td><a href=\"lost.md\">lost</a></td></tr>\n<tr><td><img src=\"x.png\"></td></tr></table>\n\n\
             ## Again\n\nOnce.\n\n## Again\n\nTwice.\n\n## Nothing\n\n## Tides\n\n{rows}"
        ),
    );
    write("untitled.md", "## Not a title\n\nText.\n");
    write("odd.md", "---\ntitle: Odd\ntags: [a\n---\n\nText.\n");
    write("marked.md", "# Marked\n\nNot\u{200b}hing to see.\n\n<p hidden>\nsecret\n</p>\n");
    let twin = "The ferry leaves when it is full, which nobody can foresee. ".repeat(6);
    write("twin-a.md", &format!("# Twin A\n\n{twin}\n"));
    write("twin-b.md", &format!("# Twin B\n\n{twin}\n"));
    write("alone.md", "# Alone\n\nNobody comes.\n");
    std::fs::write(dir.join("docs/binary.md"), b"a\0b").expect("a file is written");
}

#[test]
fn each_fault_is_found_where_it_stands_and_nothing_else_is() {
    let dir = tempfile::tempdir().expect("a folder");
    faulty(dir.path());
    expect![[r#"
        docs/alone.md:1 orphan
        docs/binary.md:1 unreadable
        docs/faults.md:5 broken-link
        docs/faults.md:6 broken-anchor
        docs/faults.md:8 image-without-text
        docs/faults.md:11 broken-link
        docs/faults.md:12 image-without-text
        docs/faults.md:18 repeated-heading
        docs/faults.md:22 empty-section
        docs/faults.md:24 long-section
        docs/marked.md:3 invisible-text
        docs/marked.md:5 invisible-text
        docs/odd.md:3 front-matter
        docs/twin-b.md:1 duplicate-page
        docs/untitled.md:1 no-title"#]]
    .assert_eq(&found(dir.path(), &["docs"]).join("\n"));
}

#[test]
fn a_finding_says_what_is_wrong_why_and_what_to_do() {
    let dir = tempfile::tempdir().expect("a folder");
    faulty(dir.path());
    let output = check(dir.path(), &["docs", "--rule", "broken-anchor", "--rule", "orphan"]);
    expect![[r#"
        docs/alone.md:1: note[orphan] no page links to "Alone": an assistant that reads the pages beside it never hears of it; link to it where its subject comes up
        docs/faults.md:6: warning[broken-anchor] the link to "timetable.md#in-summer" leads to no heading of timetable.md: an assistant that follows it gets the whole page or nothing; name one that it has

        13 pages: no errors, 1 warning, 1 note (broken-anchor 1, orphan 1)
    "#]]
    .assert_eq(&printed(&output));
}

#[test]
fn status_is_1_for_errors_and_with_strict_for_warnings() {
    let dir = tempfile::tempdir().expect("a folder");
    faulty(dir.path());
    let status = |words: &[&str]| check(dir.path(), &[&["docs"], words].concat()).status.code();
    assert_eq!(status(&[]), Some(1));
    assert_eq!(status(&["--rule", "no-title"]), Some(0));
    assert_eq!(status(&["--rule", "no-title", "--strict"]), Some(1));
    assert_eq!(status(&["--rule", "orphan", "--strict"]), Some(0));
    let errors = ["--ignore", "broken-link", "--ignore", "front-matter", "--ignore", "unreadable"];
    assert_eq!(status(&errors), Some(0));
}

#[test]
fn status_is_2_when_nothing_could_be_checked() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "docs/a.md", "# A\n");
    std::fs::create_dir(dir.path().join("empty")).expect("a folder is made");
    for (words, says) in [
        (&["docs", "--rule", "no-such"][..], "\"no-such\" is no rule; there are: unreadable, "),
        (&["docs", "--rule", "orphan", "--ignore", "orphan"], "leaves no rule"),
        (&["nowhere"], "there is no docs folder nowhere"),
        (&["empty"], "there are no docs in "),
        (&["docs", "--json", "--sarif"], "cannot be used with"),
    ] {
        let output = check(dir.path(), words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(errors(&output).contains(says), "{}", errors(&output));
        assert!(output.stdout.is_empty(), "{words:?}");
    }
}

#[test]
fn sarif_names_rule_level_file_and_line_of_each_finding() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "my docs/a b.md", "# A\n\nA [link](gone.md).\n");
    let docs = dir.path().canonicalize().expect("a folder").join("my docs");
    for folder in ["my docs", docs.to_str().expect("a path")] {
        let output = check(dir.path(), &[folder, "--sarif"]);
        assert_eq!(output.status.code(), Some(1));
        let log: Value = serde_json::from_str(&printed(&output)).expect("JSON");
        assert_eq!(log["version"], "2.1.0");
        assert!(log["$schema"].as_str().expect("a schema").ends_with("sarif-2.1.0.json"));
        let run = &log["runs"][0];
        let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
        let result = &run["results"][0];
        let index = result["ruleIndex"].as_u64().expect("an index") as usize;
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert_eq!(result["ruleId"], "broken-link");
        assert_eq!(result["level"], "error");
        assert!(result["message"]["text"].as_str().expect("a message").contains("gone.md"));
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "my%20docs/a%20b.md");
        assert_eq!(place["region"]["startLine"], 3);
    }
}

#[test]
fn links_are_followed_as_the_site_has_them() {
    let dir = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| write(dir.path(), path, text);
    write(
        "docusaurus.config.js",
        "redirects: [{from: '/docs/guide/moved', to: '/docs/guide/start'}]",
    );
    // The folder lies at /docs of its site: links say so.
    write(
        "docs/01-guide/02-start.md",
        "---\ntitle: Start\naliases: [/docs/begin]\n---\n\n[a](/docs/guide/config) [b](./03-config.md#port) [c](config) [d](/docs/begin)\n\
         [e](/docs/guide/start/) [f](/blog/2024/news) [g](@site/src/x) [h](/docs/guide/moved) [i](/img/logo.png)\n\n\
         [broken](/docs/guide/confg)\n",
    );
    write(
        "docs/01-guide/03-config.md",
        "# Config {#cfg}\n\n## The port {#port}\n\nHere. <Tag id=\"by-component\" />\n\n[x](#by-component) [y](/docs/guide/start#none)\n",
    );
    expect![[r#"
        docs/01-guide/02-start.md:9 broken-link
        docs/01-guide/03-config.md:7 broken-anchor"#]]
    .assert_eq(&found(dir.path(), &["docs"]).join("\n"));
}

#[test]
fn what_many_pages_miss_is_made_by_the_generator() {
    let dir = tempfile::tempdir().expect("a folder");
    let page = |target: &str| format!("# A page\n\nSee [it]({target}).\n");
    for n in 0..6 {
        let target = if n < 5 { "api/made.md" } else { "api/slip.md" };
        write(dir.path(), &format!("docs/p{n}.md"), &page(target));
    }
    write(dir.path(), "docs/api/index.md", "# API\n\nHere.\n");
    assert_eq!(found(dir.path(), &["docs", "--rule", "broken-link"]), ["docs/p5.md:3 broken-link"]);
}

#[test]
fn parts_of_pages_need_no_title_and_their_links_are_judged_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| write(dir.path(), path, text);
    write("book.toml", "");
    write("src/SUMMARY.md", "# Summary\n\n- [One](one.md)\n- [Two](two.md)\n- [Three](three.md)\n");
    write(
        "src/one.md",
        "# One\n\n{{#include part.md}}\n\n{{#include part.md}}\n\n## Below\n\nText.\n",
    );
    write("src/two.md", "# Two\n\nText.\n");
    write("src/three.md", "# Three\n\nText.\n");
    write("src/part.md", "Text without a title, [below](#below) and [gone](gone.md).\n");
    assert_eq!(found(dir.path(), &["src"]), ["src/part.md:1 broken-link"]);
}

#[test]
fn comments_of_tools_are_left_alone_and_hidden_prose_is_not() {
    let dir = tempfile::tempdir().expect("a folder");
    let long = |word: &str| format!("<!--\n{}-->\n\n", format!("{word} ").repeat(50));
    for name in ["a", "b", "c"] {
        write(
            dir.path(),
            &format!("docs/{name}.md"),
            &format!("# {name}\n\n{}Text.\n", long("generated")),
        );
    }
    write(dir.path(), "docs/d.md", &format!("# d\n\n{}Text.\n", long("secret")));
    assert_eq!(found(dir.path(), &["docs"]), ["docs/d.md:3 invisible-text"]);
}

#[test]
fn a_comment_takes_a_rule_back_for_its_page() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let page = "# Fares\n\nSee [the map](map.md).\n\n![](map.png)\n";
    write(dir.path(), "docs/a.md", page);
    write(
        dir.path(),
        "docs/b.md",
        &format!("{page}\n<!-- docent-check-ignore: broken-link,\n duplicate-page no-such -->\n"),
    );
    let rules = |file: &str| -> Vec<String> {
        let found = found(dir.path(), &["docs"]);
        let of_file = found.into_iter().filter(|line| line.contains(file));
        let rule = |line: String| line.split_once(' ').map(|(_, rule)| rule.to_owned());
        of_file.filter_map(rule).collect()
    };
    assert_eq!(rules("a.md"), ["broken-link", "image-without-text"]);
    assert_eq!(rules("b.md"), ["image-without-text"]);
}

#[test]
fn the_manual_is_clean() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = check(root, &["corpus", "--strict"]);
    assert_eq!(output.status.code(), Some(0), "{}", printed(&output));
    assert!(
        printed(&output).ends_with(" pages: no errors, no warnings, no notes\n"),
        "{}",
        printed(&output)
    );
}

#[test]
fn every_rule_is_in_the_manual_with_its_severity() {
    let manual = include_str!("../../../corpus/commands/check.md");
    for rule in docent::corpus::check::Rule::ALL {
        let head = format!("## {rule} ({})", rule.severity());
        assert!(manual.contains(&head), "the manual lacks {head:?}");
    }
}
