//! A docs folder in a temporary place, with an index and a server over it.

use std::path::{Path, PathBuf};
use std::process::Command;

use docent::corpus::Collection;
use docent::index::{Indexer, Progress, Report};
use docent::mcp::{Docs, Links, Shelf};
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A docs folder that goes away with the test, and the writer of its index.
pub(crate) struct Folder {
    pub(crate) dir: TempDir,
    pub(crate) indexer: Indexer,
}

impl Folder {
    /// Writes a file of the docs.
    pub(crate) fn write(&self, path: &str, text: &str) {
        write(&self.docs_dir(), path, text);
    }

    /// Where the docs are.
    pub(crate) fn docs_dir(&self) -> PathBuf {
        self.dir.path().join("docs")
    }

    /// Walks the folder and commits what differs.
    pub(crate) fn catch_up(&mut self) -> Report {
        self.indexer.catch_up(&Progress::default()).expect("the index is brought up to date")
    }
}

/// Writes a file below a folder, with the folders above it.
pub(crate) fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().expect("a file is in a folder"))
        .expect("folders are made");
    std::fs::write(path, text).expect("a file is written");
}

/// The collection at a folder.
pub(crate) fn collection(root: &Path, name: &str) -> Collection {
    std::fs::create_dir_all(root).expect("a folder is made");
    let root = root.canonicalize().expect("the folder is there");
    Collection { name: name.to_owned(), root, ..Collection::default() }
}

/// A folder of these files, indexed.
pub(crate) fn folder(files: &[(&str, &str)]) -> Folder {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for (path, text) in files {
        write(&dir.path().join("docs"), path, text);
    }
    let collection = collection(&dir.path().join("docs"), "docs");
    let (indexer, _) =
        Indexer::open(&dir.path().join("data"), &[collection], "test").expect("an index is made");
    let mut folder = Folder { dir, indexer };
    folder.catch_up();
    folder
}

/// A folder of these files, and a server over it as stdio has it.
pub(crate) fn docs(files: &[(&str, &str)]) -> (Folder, Docs) {
    let folder = folder(files);
    let shelf = Shelf { name: "docs".into(), title: Some("Test".into()), ..Shelf::default() };
    let docs = Docs::new(folder.indexer.index().clone(), Links::new(vec![shelf], None));
    (folder, docs)
}

/// Calls a tool; its answer, or its error as a sentence.
pub(crate) fn call(docs: &Docs, tool: &str, arguments: Value) -> Result<Value, String> {
    let json = docs.call(tool, arguments.as_object().cloned()).expect("the tool exists")?;
    Ok(serde_json::from_str(&json).expect("an answer is JSON"))
}

/// Ids of the hits of a search.
pub(crate) fn ids(docs: &Docs, query: &str) -> Vec<String> {
    let answer = call(docs, "search", json!({"query": query})).expect("a search answers");
    let hits = answer["results"].as_array().expect("results are a list").clone();
    hits.iter().map(|hit| hit["id"].as_str().unwrap_or_default().to_owned()).collect()
}

/// The program itself.
pub(crate) fn docent() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_docent"));
    for (name, _) in std::env::vars() {
        if name.starts_with("DOCENT_") {
            command.env_remove(name);
        }
    }
    command
}

/// Whether every fence that a text opens is closed in it, as a Markdown parser sees it: what is
/// appended stands by itself.
pub(crate) fn fences_close(text: &str) -> bool {
    let after = format!("{text}\n\n\nzebra");
    let (mut in_code, mut is_open) = (false, false);
    for event in Parser::new(&after) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_))) => in_code = true,
            Event::End(TagEnd::CodeBlock) => in_code = false,
            Event::Text(text) => is_open |= in_code && text.contains("zebra"),
            _ => {}
        }
    }
    !is_open
}
