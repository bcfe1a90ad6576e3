//! Folders in which there is nothing to read, and why.

use std::path::Path;
use std::process::{Command, Stdio};

use super::{errors, fails};
use crate::harness::{docent, write};

/// Every command that reads `docs` of this folder.
fn readers(dir: &Path) -> Vec<Command> {
    let command = |words: &[&str]| {
        let mut command = docent();
        command.current_dir(dir).args(words).args(["--data-dir", "data"]).stdin(Stdio::null());
        command
    };
    vec![
        command(&["serve", "docs", "--listen", "127.0.0.1:0"]),
        command(&["stdio", "docs"]),
        command(&["index", "docs"]),
        command(&["search", "anything", "--docs", "docs"]),
    ]
}

#[test]
fn a_folder_without_docs_is_refused_at_every_start() {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(dir.path().join("docs")).expect("a folder");
    for _ in 0..2 {
        for command in &mut readers(dir.path()) {
            let said = fails(command);
            assert!(said.starts_with("docent: there are no docs in "), "{command:?}: {said}");
            assert!(
                said.ends_with(": no .md, .markdown, .mdx, .txt, .rst or .adoc file"),
                "{said}"
            );
        }
    }
    write(dir.path(), "docs/a.md", "# A\n");
    let found = readers(dir.path())[3].output().expect("docent runs");
    assert!(found.status.success(), "{}", errors(&found));
}

#[test]
fn it_is_said_what_keeps_the_docs_out() {
    let dir = tempfile::tempdir().expect("a folder");
    let toml = |rest: &str| {
        let text = format!("data_dir = \"data\"\n[[collections]]\npath = \"docs\"\n{rest}");
        write(dir.path(), "docent.toml", &text);
    };
    let index = || fails(docent().current_dir(dir.path()).arg("index"));
    write(dir.path(), "docs/a.md", "# A\n");
    write(dir.path(), "docs/b.md", "# B\n");
    write(dir.path(), "docs/picture.png", "no page\n");
    write(dir.path(), "docs/.hidden.md", "# Hidden\n");
    toml("include = [\"guide/**\"]\n");
    assert!(index().ends_with("docs: 2 files are left out by include and exclude"), "{}", index());
    toml("exclude = [\"a.md\"]\n");
    write(dir.path(), "docs/.docentignore", "b.md\n");
    let said = index();
    assert!(
        said.ends_with(
            "1 file is left out by include and exclude, 1 file is left out by .gitignore or .docentignore"
        ),
        "{said}"
    );
    toml("");
    write(dir.path(), "docs/.docentignore", "b.md\na.md\n");
    assert!(
        index().ends_with("2 files are left out by .gitignore or .docentignore"),
        "{}",
        index()
    );
    write(dir.path(), "docs/.docentignore", "");
    write(dir.path(), "docs/a.md", "---\ndraft: true\n---\n# A\n");
    write(dir.path(), "docs/b.md", "\0\0\0");
    assert!(index().ends_with("2 files are drafts or cannot be read"), "{}", index());
}

#[test]
fn what_was_skipped_is_listed_before_the_refusal() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "docs/binary.md", "\0\0\0");
    for command in &mut readers(dir.path()) {
        let output = command.output().expect("docent runs");
        let said = errors(&output);
        let listed = said.find("skipped: binary.md: binary file");
        let refused = said.find("docent: there are no docs in ");
        assert!(listed.is_some() && listed < refused, "{command:?}: {said}");
    }
}

#[test]
fn drafts_are_counted_and_named() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "docs/a.md", "# A\n");
    for name in ["c", "b"] {
        let page = "---\ndraft: true\n---\n# Later\n";
        write(dir.path(), &format!("docs/{name}.md"), page);
    }
    // Twice: the index has no page of a draft, and it is told of all the same.
    for _ in 0..2 {
        let output = readers(dir.path())[2].output().expect("docent runs");
        assert!(
            errors(&output).contains("\n2 drafts skipped: b.md, c.md\n"),
            "{}",
            errors(&output)
        );
    }
    let output = readers(dir.path())[2].arg("--json").output().expect("docent runs");
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(summary["drafts"], serde_json::json!(["b.md", "c.md"]));
}
