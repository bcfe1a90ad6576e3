//! Completions and manual pages: of every command, and good for those who read them.

use clap::CommandFactory;
use docent::config::Arguments;

use super::errors;
use crate::harness::docent;

/// What a shell is given.
fn completions(shell: &str) -> String {
    let output = docent().args(["completions", shell]).output().expect("docent runs");
    assert!(output.status.success(), "{}", errors(&output));
    String::from_utf8(output.stdout).expect("text")
}

/// What bash offers for the last of these words. The one of macOS is of 2007.
#[cfg(target_os = "linux")]
fn offered(dir: &std::path::Path, words: &[&str]) -> Vec<String> {
    let file = dir.join("docent.bash");
    std::fs::write(&file, completions("bash")).expect("it is written");
    let script = r#"
        source "$1"; shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        "$(complete -p docent | sed 's/.*-F \([^ ]*\).*/\1/')" docent "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let output = std::process::Command::new("bash")
        .args(["-euc", script, "bash"])
        .arg(&file)
        .args(words)
        .output()
        .expect("bash runs; without it there is nobody to ask");
    assert!(output.status.success(), "{}", errors(&output));
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(str::to_owned).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn bash_completes_commands_flags_and_values() {
    let dir = tempfile::tempdir().expect("a folder");
    let offered = |words: &[&str]| offered(dir.path(), words);
    assert_eq!(offered(&["docent", "se"]), ["serve", "search"]);
    assert_eq!(offered(&["docent", "key", "r"]), ["rotate", "revoke"]);
    assert_eq!(offered(&["docent", "config", "--ch"]), ["--check"]);
    assert_eq!(offered(&["docent", "serve", "--pub"]), ["--public-url"]);
    assert_eq!(offered(&["docent", "completions", "z"]), ["zsh"]);
}

#[test]
fn every_shell_is_told_of_every_command() {
    let names: Vec<String> =
        Arguments::command().get_subcommands().map(|it| it.get_name().to_owned()).collect();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = completions(shell);
        for name in &names {
            assert!(script.contains(name.as_str()), "{shell} does not know {name}");
        }
    }
}

#[test]
fn every_command_has_a_manual_page() {
    fn add(path: String, command: &clap::Command, all: &mut Vec<String>) {
        for below in command.get_subcommands() {
            add(format!("{path}-{}", below.get_name()), below, all);
        }
        all.push(path + ".1");
    }
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path().join("man/man1");
    let output = docent().arg("man").arg(&folder).output().expect("docent runs");
    assert!(output.status.success(), "{}", errors(&output));
    let mut expected = Vec::new();
    add("docent".into(), &Arguments::command(), &mut expected);
    let mut written: Vec<String> = std::fs::read_dir(&folder)
        .expect("the folder")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    expected.sort();
    written.sort();
    assert_eq!(written, expected);
    let page = std::fs::read_to_string(folder.join("docent-key-create.1")).expect("text");
    assert!(page.contains(".TH docent-key-create 1"), "{page}");
    assert!(page.contains("\\-\\-expires"), "{page}");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("file"), "").expect("a file");
    let mut command = docent();
    let said = super::fails(command.arg("man").arg(dir.path().join("file")));
    assert!(said.starts_with("docent: cannot write to ") && said.contains("file"), "{said}");
}
