//! `--help` is the reference: complete, and kept word for word.

use expect_test::expect_file;

use crate::harness::docent;

#[test]
fn help_is_what_it_was() {
    let mut all = String::new();
    let commands = [
        "",
        "serve",
        "stdio",
        "index",
        "search",
        "eval",
        "check",
        "model",
        "model add",
        "model list",
        "model remove",
        "key",
        "key create",
        "key list",
        "key rotate",
        "key revoke",
        "audit",
        "connect",
        "config",
    ];
    for command in commands {
        let words = [command, "--help"];
        let output = docent()
            .args(words.iter().flat_map(|words| words.split_whitespace()))
            .env("COLUMNS", "100")
            .output()
            .expect("docent runs");
        assert!(output.status.success());
        all.push_str(&format!("$ docent {}\n", words.join(" ").trim()));
        all.push_str(&String::from_utf8(output.stdout).expect("text"));
        all.push('\n');
    }
    expect_file!["help.txt"].assert_eq(&all);
}

#[test]
fn every_setting_is_in_the_manual() {
    let manual = include_str!("../../../corpus/configuration.md");
    let help = include_str!("help.txt");
    let flags = help.split_whitespace().filter(|word| word.starts_with("--"));
    for flag in flags.map(|flag| flag.trim_matches([',', ']', '.'])) {
        let told = [
            include_str!("../../../corpus/commands/search.md"),
            include_str!("../../../corpus/commands/eval.md"),
            include_str!("../../../corpus/commands/index.md"),
            include_str!("../../../corpus/commands/check.md"),
            include_str!("../../../corpus/commands/connect.md"),
            include_str!("../../../corpus/commands/model.md"),
            include_str!("../../../corpus/commands/key.md"),
            include_str!("../../../corpus/commands/audit.md"),
            manual,
        ];
        let known =
            ["--help", "--version"].contains(&flag) || told.iter().any(|page| page.contains(flag));
        assert!(known, "the manual does not know {flag}");
    }
}
