//! `eval`, as authors measure with it and as a job in CI runs it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{errors, fails};
use crate::harness::{docent, write};

const PORTS: &str = "# Ports\n\nThe server listens to okapis.\n\n## Change the port\n\nSet zebra.\n\n### On Linux\n\nThe quokka does it.\n\n## Close the port\n\nAsk the ibex.\n";
const KEYS: &str = "# Keys\n\nRotate the wombat.\n";

/// Two that are answered well, and one whose page does not come.
const QUESTIONS: &str = r#"{"kind": "word", "query": "zebra", "gold": [{"path": "guide/ports.md", "heading": "change-the-port", "grade": 2}]}

{"kind": "word", "query": "quokka", "gold": [{"path": "guide/ports.md", "heading": "Change the port", "grade": 2}]}
{"kind": "miss", "query": "wombat", "gold": [{"path": "guide/ports.md", "grade": 2}]}
"#;

fn folder(questions: &str) -> TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "docs/guide/ports.md", PORTS);
    write(dir.path(), "docs/guide/keys.md", KEYS);
    write(dir.path(), "questions.jsonl", questions);
    dir
}

fn eval(dir: &Path, words: &[&str]) -> Command {
    let mut command = docent();
    command.current_dir(dir).args(["eval", "--docs", "docs", "--data-dir", "data"]).args(words);
    command
}

fn run(dir: &Path, words: &[&str]) -> Output {
    eval(dir, words).output().expect("docent runs")
}

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", errors(output));
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn result(dir: &Path, words: &[&str]) -> Value {
    let output = run(dir, &[&["questions.jsonl", "--json"], words].concat());
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The numbers of a row, below the heading of its level.
fn row(printed: &str, level: &str, name: &str) -> Vec<String> {
    let mut lines = printed.lines().skip_while(|line| !line.starts_with(level)).skip(1);
    let row = lines.find(|line| line.starts_with(name)).expect("a row");
    row.split_whitespace().skip(1).map(str::to_owned).collect()
}

#[test]
fn measures_stand_in_rows_of_kinds_for_pages_and_sections() {
    let dir = folder(QUESTIONS);
    let printed = printed(&run(dir.path(), &["questions.jsonl"]));
    for level in ["page", "section"] {
        assert_eq!(
            row(&printed, level, "word"),
            ["2", "1.000", "1.000", "1.000", "1.000", "1.000", "1.000"]
        );
        assert_eq!(
            row(&printed, level, "miss"),
            ["1", "0.000", "0.000", "0.000", "0.000", "0.000", "0.000"]
        );
        assert_eq!(
            row(&printed, level, "all"),
            ["3", "0.667", "0.667", "0.667", "0.667", "0.667", "0.667"]
        );
    }
    assert!(!printed.contains('\x1b'), "colours in a file: {printed}");
}

#[test]
fn the_worst_question_is_shown_with_what_came_instead() {
    let dir = folder(QUESTIONS);
    let shown = printed(&run(dir.path(), &["questions.jsonl"]));
    let worst = "line 4 (miss): wombat\n  nDCG@10 of pages 0.000, of sections 0.000\n  wanted  guide/ports.md (grade 2): did not come\n  came    1. guide/keys.md#keys\n";
    assert!(shown.contains(worst), "{shown}");
    assert!(!shown.contains("zebra"), "what is well answered is not bad: {shown}");
    let none = printed(&run(dir.path(), &["questions.jsonl", "--worst", "0"]));
    assert!(!none.contains("wombat"), "{none}");
}

#[test]
fn a_heading_covers_its_sub_headings_and_no_other() {
    let question = |heading: &str| {
        format!(
            r#"{{"query": "ibex", "gold": [{{"path": "guide/ports.md", "heading": "{heading}", "grade": 2}}]}}"#
        )
    };
    let headings = ["close-the-port", "#close-the-port", "Ports", "change-the-port", "on-linux"];
    let dir = folder(&headings.map(question).join("\n"));
    let result = result(dir.path(), &[]);
    let hits: Vec<f64> = result["results"]
        .as_array()
        .expect("results")
        .iter()
        .map(|asked| asked["section"]["hit@1"].as_f64().expect("a number"))
        .collect();
    assert_eq!(hits, [1.0, 1.0, 1.0, 0.0, 0.0], "{result}");
    assert_eq!(result["all"]["page"]["hit@1"], 1.0);
}

#[test]
fn a_value_below_its_floor_fails_and_says_which() {
    let dir = folder(QUESTIONS);
    let fine = ["questions.jsonl", "--floor", "ndcg=0.66", "--floor", "word.section.hit@1=1"];
    assert!(run(dir.path(), &fine).status.success());
    let output = run(
        dir.path(),
        &[
            "questions.jsonl",
            "--floor",
            "ndcg=0.6667",
            "--floor",
            "miss.section.mrr=0.1",
            "--floor",
            "recall=0.6",
        ],
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(!output.stdout.is_empty(), "the measures are shown all the same");
    let said = errors(&output);
    let sentence =
        "docent: below the floor: ndcg is 0.6666, not 0.6667, miss.section.mrr is 0.0000, not 0.1";
    assert_eq!(said.lines().last(), Some(sentence));
    let machine = result(dir.path(), &["--floor", "ndcg=0.7"]);
    assert_eq!(machine["floors"][0]["met"], false, "{machine}");
}

#[test]
fn a_floor_that_cannot_hold_anything_is_refused() {
    let dir = folder(QUESTIONS);
    let refused =
        |floor: &str| fails(&mut eval(dir.path(), &["questions.jsonl", "--floor", floor]));
    assert!(
        refused("ndgc=0.5").contains("\"ndgc\" is not one of: hit@1, "),
        "{}",
        refused("ndgc=0.5")
    );
    assert!(refused("ndcg=70").contains("from 0 to 1"));
    let kind = refused("words.ndcg=0.5");
    assert!(kind.contains("no questions of kind \"words\"; it has: miss, word"), "{kind}");
}

#[test]
fn mistakes_in_the_file_are_named_and_never_count_against_the_ranking() {
    let wrong = r#"{"query": "zebra", "gold": [{"path": "guide/port.md", "grade": 2}]}
{"query": "zebra", "gold": [{"path": "guide/ports.md", "heading": "chnage-the-port", "grade": 2}]}
{"query": "zebra", "gold": [{"path": "guide/ports.md#change-the-port", "grade": 2}]}
{"query": "zebra"
{"query": "zebra", "gold": [{"path": "guide/ports.md", "headng": "On Linux", "grade": 2}]}"#;
    let dir = folder(wrong);
    let output = run(dir.path(), &["questions.jsonl"]);
    assert_eq!(output.status.code(), Some(1));
    let said = errors(&output);
    for line in [
        "questions.jsonl:1: there is no page \"guide/port.md\"; near it: guide/ports.md",
        "questions.jsonl:2: guide/ports.md has no heading \"chnage-the-port\"; its headings: change-the-port, ",
        "questions.jsonl:3: there is no page \"guide/ports.md#change-the-port\": write \"path\": \"guide/ports.md\", \"heading\": \"change-the-port\"",
        "questions.jsonl:4: not a JSON object on one line: ",
        "questions.jsonl: ignored, because they mean nothing here: gold.headng",
        "docent: questions.jsonl has 4 mistakes, left out of every measure",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    let shown = String::from_utf8(output.stdout).expect("text");
    assert_eq!(row(&shown, "page", "all")[..2], ["1", "1.000"]);
    let machine = result(dir.path(), &[]);
    let lines: Vec<&Value> =
        machine["mistakes"].as_array().expect("mistakes").iter().map(|m| &m["line"]).collect();
    assert_eq!(lines, [1, 2, 3, 4]);
}

#[test]
fn a_file_without_questions_is_no_success() {
    let dir = folder("\n\n");
    let said = fails(&mut eval(dir.path(), &["questions.jsonl"]));
    assert_eq!(said, "docent: questions.jsonl holds no question");
    let said = fails(&mut eval(dir.path(), &["nothing.jsonl"]));
    assert!(said.starts_with("docent: cannot read the questions in nothing.jsonl"), "{said}");
}

#[test]
fn a_later_run_says_what_moved_question_by_question() {
    let dir = folder(QUESTIONS);
    let before = run(dir.path(), &["questions.jsonl", "--json"]);
    write(dir.path(), "before.json", &printed(&before));
    let same = printed(&run(dir.path(), &["questions.jsonl", "--compare", "before.json"]));
    assert!(same.contains("no question moved"), "{same}");
    // The wombat moves to the ports; the zebra goes away; a new first question has no past.
    write(dir.path(), "docs/guide/keys.md", "# Keys\n\nSet zebra.\n");
    write(dir.path(), "docs/guide/ports.md", &PORTS.replace("Set zebra", "Set the wombat"));
    let first = r#"{"query": "ibex", "gold": [{"path": "guide/keys.md", "grade": 1}]}"#;
    write(dir.path(), "questions.jsonl", &format!("{first}\n{QUESTIONS}"));
    let later = printed(&run(dir.path(), &["questions.jsonl", "--compare", "before.json"]));
    for part in [
        "compared with before.json: 3 questions with the same answers in both, 1 only here, 0 only there",
        "1 gained, most first; nDCG@10 of pages, of sections:\n  0.000 → 1.000  0.000 → 1.000  line 5: wombat\n",
        "1 lost, most first; nDCG@10 of pages, of sections:\n  1.000 → 0.000  1.000 → 0.000  line 2: zebra\n",
    ] {
        assert!(later.contains(part), "{part}\n{later}");
    }
    // Both kinds moved: one of two words went away, what was missed came.
    let kinds: Vec<&str> = later.lines().filter(|line| line.contains("+1.000")).collect();
    assert_eq!(kinds.len(), 2, "{later}");
    assert!(kinds.iter().all(|line| line.starts_with("miss ")), "{later}");
    assert_eq!(later.lines().filter(|line| line.starts_with("word  ")).count(), 4, "{later}");
    let machine = result(dir.path(), &["--compare", "before.json"]);
    assert_eq!(machine["moved"]["kinds"]["miss"]["section"]["now"]["hit@1"], 1.0, "{machine}");
    assert_eq!(machine["moved"]["gained"][0]["page"], json!([0.0, 1.0]), "{machine}");
    assert_eq!(
        machine["moved"]["page"]["now"]["hit@1"],
        machine["moved"]["page"]["before"]["hit@1"]
    );
    let said = fails(&mut eval(dir.path(), &["questions.jsonl", "--compare", "questions.jsonl"]));
    assert!(said.contains("questions.jsonl is not a result of docent eval --json"), "{said}");
}

#[test]
fn the_result_for_machines_has_every_question_with_its_ranks_and_hits() {
    let dir = folder(QUESTIONS);
    let result = result(dir.path(), &[]);
    assert_eq!(result["questions"], 3);
    assert_eq!(result["kinds"]["word"]["section"]["ndcg"], 1.0);
    assert!(result["milliseconds"]["p99"].as_f64() > Some(0.0), "{result}");
    let asked = &result["results"][1];
    assert_eq!((&asked["line"], &asked["query"]), (&json!(3), &json!("quokka")));
    let answer = json!({"path": "guide/ports.md", "heading": "Change the port", "grade": 2, "page_rank": 1, "section_rank": 1});
    assert_eq!(asked["gold"], json!([answer]));
    assert_eq!(asked["top"][0], json!({"id": "guide/ports.md#on-linux", "answers": true}));
    assert!(asked["tokens"].as_u64() > Some(20), "{asked}");
}

#[test]
fn questions_come_from_standard_input_and_can_be_kept_to_a_kind() {
    let dir = folder("");
    let mut child = eval(dir.path(), &["-", "--kind", "word", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("docent runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(QUESTIONS.as_bytes()).expect("docent reads");
    drop(stdin);
    let output = child.wait_with_output().expect("docent ends");
    let result: Value = serde_json::from_str(&printed(&output)).expect("JSON");
    assert_eq!(result["questions"], 2, "{result}");
    write(dir.path(), "questions.jsonl", QUESTIONS);
    let said = fails(&mut eval(dir.path(), &["questions.jsonl", "--kind", "wrod"]));
    assert_eq!(
        said,
        "docent: questions.jsonl has no questions of kind \"wrod\"; it has: miss, word"
    );
}

#[test]
fn with_several_collections_a_path_begins_with_the_name_of_one() {
    let questions = r#"{"query": "zebra", "gold": [{"path": "docs/guide/ports.md", "heading": "change-the-port", "grade": 2}]}
{"query": "zebra", "gold": [{"path": "guide/ports.md", "grade": 2}]}"#;
    let dir = folder(questions);
    write(dir.path(), "more/a.md", "# More\n\nOther animals.\n");
    let file =
        "data_dir = \"data\"\n[[collections]]\npath = \"docs\"\n[[collections]]\npath = \"more\"\n";
    write(dir.path(), "docent.toml", file);
    let mut command = docent();
    command.current_dir(dir.path()).args(["eval", "questions.jsonl"]);
    let output = command.output().expect("docent runs");
    let said = errors(&output);
    let mistake =
        "questions.jsonl:2: there is no page \"guide/ports.md\"; near it: docs/guide/ports.md";
    assert!(said.contains(mistake), "{said}");
    let shown = String::from_utf8(output.stdout).expect("text");
    assert_eq!(row(&shown, "section", "all")[..2], ["1", "1.000"]);
}
