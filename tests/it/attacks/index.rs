//! D21 and D22: the files of the index, and who else uses them.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use docent::index::Indexer;
use docent::mcp::{Docs, Links, Shelf};
use serde_json::json;

use super::oracle::{Oracle, Process};
use crate::commands::fails;
use crate::commands::served::{manual, serve};
use crate::harness::{collection, docent, folder, write};

const PAGES: &[(&str, &str)] = &[
    ("guide/install.md", "# Installation\n\nGet it.\n\n## Linux\n\nUse the package.\n"),
    ("guide/ports.md", "# Ports\n\nChange `listen` to use another port.\n"),
];

type Deed = fn(&Path);

/// What somebody may do to a file.
const DEEDS: [(&str, Deed); 6] = [
    ("a bit turned over", |file| {
        let mut bytes = std::fs::read(file).expect("it is read");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        std::fs::write(file, bytes).expect("it is written");
    }),
    ("the end cut off", |file| {
        let bytes = std::fs::read(file).expect("it is read");
        std::fs::write(file, &bytes[..bytes.len() / 2]).expect("it is written");
    }),
    ("emptied", |file| std::fs::write(file, "").expect("it is written")),
    ("noise", |file| std::fs::write(file, [0xa5; 4096]).expect("it is written")),
    ("deleted", |file| std::fs::remove_file(file).expect("it is deleted")),
    ("a folder", |file| {
        std::fs::remove_file(file).expect("it is deleted");
        std::fs::create_dir(file).expect("a folder");
    }),
];

/// The files of the index, a name each.
fn files(data: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(data.join("search")).expect("the index").flatten();
    let named = entries.map(|entry| entry.path()).filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        !name.contains("lock") && !name.starts_with(".managed")
    });
    let mut files: Vec<PathBuf> = named.collect();
    files.sort();
    files
}

#[tokio::test]
async fn d21_an_index_that_was_tampered_with_is_made_again_and_never_served_in_part() {
    for (deed, act) in &DEEDS {
        let kinds = files(&folder(PAGES).dir.path().join("data")).len();
        assert!(kinds > 3, "{kinds} files");
        for n in 0..kinds {
            let docs = folder(PAGES);
            let (data, root) = (docs.dir.path().join("data"), docs.docs_dir());
            let dir = docs.dir;
            drop(docs.indexer);
            let file = files(&data).remove(n);
            let name = file.file_name().expect("a name").to_string_lossy().into_owned();
            act(&file);
            let collections = [collection(&root, "docs")];
            let opened = Indexer::open(&data, &collections, "test");
            // A file that nobody can put right is named.
            let (mut indexer, _) = match opened {
                Ok(opened) => opened,
                Err(error) => {
                    assert!(*deed == "a folder", "{deed}, {name}: {error:#}");
                    continue;
                }
            };
            indexer.catch_up(&docent::index::Progress::default()).expect("it is made");
            indexer.index().verify().unwrap_or_else(|error| panic!("{deed}, {name}: {error:#}"));
            let shelf = Shelf { name: "docs".into(), ..Shelf::default() };
            let docs = Docs::new(indexer.index().clone(), Links::new(vec![shelf], None));
            let oracle = Oracle::over((crate::harness::Folder { dir, indexer }, docs));
            for (query, id) in
                [("package", "guide/install.md#linux"), ("listen", "guide/ports.md#ports")]
            {
                let answer = oracle.tool("search", json!({"query": query})).await.expect("hits");
                assert_eq!(answer["results"][0]["id"], id, "{deed}, {name}: {answer}");
            }
        }
    }
}

#[test]
fn d22_a_second_process_on_one_index_is_told_who_has_it() {
    let (_dir, path) = manual();
    let mut process = Process::start(&path);
    let said = fails(&mut serve(&path));
    let holder = format!("is in use by docent serve (process {})", process.served.child.id());
    assert!(said.contains(&holder), "{said}");
    let mut index = docent();
    index.current_dir(&path).args(["index", "docs", "--data-dir", "data"]);
    assert!(fails(&mut index).contains(&holder));
    process.survives(&[]);
}

#[test]
fn d22_a_kill_at_any_moment_of_indexing_leaves_a_server_that_starts() {
    let (_dir, path) = manual();
    for n in 0..400 {
        let text = "words of all kinds ".repeat(200);
        write(&path, &format!("docs/many/page{n}.md"), &format!("# Page {n}\n\n{text}\n"));
    }
    let index = || {
        let mut command = docent();
        command.current_dir(&path).args(["index", "docs", "--data-dir", "data"]);
        command.stderr(Stdio::null());
        command
    };
    for round in 0..12u32 {
        // In every other round there is an index that is brought up to date.
        if round % 2 == 0 {
            let _ = std::fs::remove_dir_all(path.join("data/search"));
        } else {
            write(&path, &format!("docs/round{round}.md"), "# Round\n\nokapi\n");
        }
        let files = || std::fs::read_dir(path.join("data/search")).map_or(0, Iterator::count);
        let before = files();
        let mut child = index().spawn().expect("docent runs");
        // Each round lets it come a little further: files appear one after the other.
        while files() < before + round as usize && child.try_wait().expect("its state").is_none() {
            std::thread::yield_now();
        }
        let _ = child.kill();
        let _ = child.wait();
    }
    let mut process = Process::start(&path);
    let found = process.served.call("search", json!({"query": "page 399"}));
    assert!(found.contains("many/page399.md"), "{found}");
    process.survives(&[]);
}
