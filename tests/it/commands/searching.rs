//! `search`, as people read it and filter with it.

use std::path::Path;

use serde_json::Value;

use super::errors;
use crate::harness::{docent, write};

fn search(dir: &Path, words: &[&str]) -> String {
    let output = docent().current_dir(dir).arg("search").args(words).output().expect("docent runs");
    assert!(output.status.success(), "{}", errors(&output));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn blank_lines_between_paragraphs_and_in_code_stay() {
    let dir = tempfile::tempdir().expect("a folder");
    let page = "# Okapi\n\nFirst paragraph.\n\nSecond paragraph.\n\n```toml\na = 1\n\nb = 2\n```\n";
    write(dir.path(), "docs/a.md", page);
    let printed = search(dir.path(), &["okapi", "--docs", "docs", "--data-dir", "data"]);
    let text = "   # Okapi\n\n   First paragraph.\n\n   Second paragraph.\n\n   ```toml\n   a = 1\n\n   b = 2\n   ```\n";
    assert!(printed.contains(text), "{printed}");
}

#[test]
fn hits_can_be_kept_to_a_version_and_a_language() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut file = String::from("data_dir = \"data\"\n");
    for (version, language) in [("1", "en"), ("2", "en"), ("2", "de")] {
        let name = format!("v{version}-{language}");
        write(dir.path(), &format!("{name}/a.md"), "# Okapi\n\nThe okapi is here.\n");
        file.push_str(&format!(
            "[[collections]]\npath = \"{name}\"\nversion = \"{version}\"\nlanguage = \"{language}\"\n"
        ));
    }
    write(dir.path(), "docent.toml", &file);
    let ids = |filters: &[&str]| {
        let printed = search(dir.path(), &[&["okapi", "--json"], filters].concat());
        let answer: Value = serde_json::from_str(&printed).expect("JSON");
        let hits = answer["results"].as_array().expect("hits").clone();
        let mut ids: Vec<String> =
            hits.iter().map(|hit| hit["id"].as_str().expect("an id").to_owned()).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(&["--version", "1"]), ["v1-en/a.md#okapi"]);
    assert_eq!(ids(&["--language", "de"]), ["v2-de/a.md#okapi"]);
    assert_eq!(ids(&["--version", "2", "--language", "en"]), ["v2-en/a.md#okapi"]);
}

#[test]
fn of_copies_in_several_versions_the_newest_is_shown() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut file = String::from("data_dir = \"data\"\n");
    let page = "# Okapi\n\nThe okapi lives in the forest and eats leaves, buds, grass and fruit.\n";
    for version in ["1.9", "1.10", "1.2"] {
        write(dir.path(), &format!("v{version}/a.md"), page);
        let name = version.replace('.', "-");
        file.push_str(&format!(
            "[[collections]]\nname = \"v{name}\"\npath = \"v{version}\"\nversion = \"{version}\"\n"
        ));
    }
    write(dir.path(), "docent.toml", &file);
    let answer: Value =
        serde_json::from_str(&search(dir.path(), &["okapi", "--json"])).expect("JSON");
    assert_eq!(answer["results"].as_array().map(Vec::len), Some(1), "{answer}");
    assert_eq!(answer["results"][0]["id"], "v1-10/a.md#okapi");
    let mut also = answer["results"][0]["also"].as_array().expect("the others").clone();
    also.sort_by_key(Value::to_string);
    assert_eq!(also, ["v1-2/a.md#okapi", "v1-9/a.md#okapi"]);
    let printed = search(dir.path(), &["okapi"]);
    assert!(printed.contains("   also: v1-"), "{printed}");
    let older = search(dir.path(), &["okapi", "--version", "1.9", "--json"]);
    assert!(older.contains("v1-9/a.md#okapi") && !older.contains("also"), "{older}");
}

#[test]
fn each_filter_that_hides_everything_is_tried_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut file = String::from("data_dir = \"data\"\n");
    for (version, language, animal) in
        [("1", "en", "zebra"), ("2", "en", "okapi"), ("2", "de", "okapi"), ("3", "fr", "gnu")]
    {
        let name = format!("v{version}-{language}");
        let page = match language {
            "de" => format!("# Tiere\n\nHier lebt das {animal}.\n"),
            _ => format!("# Animals\n\nThe {animal} is here.\n"),
        };
        write(dir.path(), &format!("{name}/a.md"), &page);
        file.push_str(&format!(
            "[[collections]]\npath = \"{name}\"\nversion = \"{version}\"\nlanguage = \"{language}\"\n"
        ));
    }
    write(dir.path(), "docent.toml", &file);
    let without = |filters: &[&str]| {
        let printed = search(dir.path(), &[&["okapi", "--json"], filters].concat());
        let answer: Value = serde_json::from_str(&printed).expect("JSON");
        assert_eq!(answer["results"].as_array().map(Vec::len), Some(0), "{answer}");
        let tried = answer["instead"]["without"].as_array().expect("filters").clone();
        let tried = tried.iter().map(|without| {
            let mut values: Vec<_> = without["values"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            values.sort_unstable();
            format!(
                "{} {} {}",
                without["filter"].as_str().unwrap_or_default(),
                without["sections"],
                values.join(",")
            )
        });
        tried.collect::<Vec<_>>()
    };
    assert_eq!(without(&["--version", "1"]), ["version 2 2"]);
    assert_eq!(without(&["--language", "fr"]), ["language 2 de,en"]);
    assert_eq!(without(&["--collection", "v1-en"]), ["collection 2 v2-de,v2-en"]);
    // One of the two is enough to hide them.
    assert_eq!(without(&["--version", "1", "--language", "en"]), ["version 1 2"]);
    assert_eq!(without(&["--version", "3", "--language", "en"]), ["version 1 2"]);
    assert_eq!(without(&["--version", "1", "--language", "fr"]), ["all 2 v2-de/,v2-en/"]);
    let printed = search(dir.path(), &["okapi", "--version", "1"]);
    assert!(printed.contains("version \"1\": without it 2 sections do, in 2"), "{printed}");
    let refused = docent()
        .current_dir(dir.path())
        .args(["search", "okapi", "--collection", "v2-enn"])
        .output()
        .expect("docent runs");
    let said = errors(&refused);
    assert!(
        said.contains("the nearest is \"v2-en\"; there is: v1-en, v2-de, v2-en, v3-fr"),
        "{said}"
    );
}

#[test]
fn behind_a_closed_door_urls_are_those_that_the_server_gives() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "docs/a.md", "# Okapi\n\nThe okapi is here.\n");
    let url = |access: &str| {
        let words = ["okapi", "--json", "--docs", "docs", "--data-dir", "data", "--access", access];
        let answer: Value = serde_json::from_str(&search(dir.path(), &words)).expect("JSON");
        answer["results"][0]["url"].as_str().expect("a URL").to_owned()
    };
    assert!(url("open").starts_with("http://"));
    // Nobody is shown pages there, so an address of one would lead nowhere.
    assert_eq!(url("keys"), "docs:///docs/a.md#okapi");
}
