//! `--help` is the reference: complete, and kept word for word.

use clap::CommandFactory;
use docent::config::Arguments;
use expect_test::expect_file;

use crate::harness::docent;

/// A command and all below it, as the words to type.
fn add(words: &str, command: &clap::Command, all: &mut Vec<String>) {
    all.push(words.to_owned());
    for below in command.get_subcommands() {
        add(format!("{words} {}", below.get_name()).trim(), below, all);
    }
}

#[test]
fn help_is_what_it_was() {
    let mut all = String::new();
    let mut commands = Vec::new();
    add("", &Arguments::command(), &mut commands);
    for command in commands {
        let words = [command.as_str(), "--help"];
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
            include_str!("../../../corpus/commands/sign-in.md"),
            include_str!("../../../corpus/commands/usage.md"),
            manual,
        ];
        let known =
            ["--help", "--version"].contains(&flag) || told.iter().any(|page| page.contains(flag));
        assert!(known, "the manual does not know {flag}");
    }
}
