//! D21 and D22: the files of the index, and who else uses them.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use docent::index::{Indexer, Progress};
use docent::mcp::{Docs, Links, Shelf};
use serde_json::json;

use super::oracle::Process;
use crate::commands::fails;
use crate::commands::served::{manual, serve};
use crate::harness::{collection, docent, folder, ids, write};

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
    let whole = folder(PAGES);
    let (whole_data, collections) =
        (whole.dir.path().join("data"), [collection(&whole.docs_dir(), "docs")]);
    assert!(files(&whole_data).len() > 5, "{:?}", files(&whole_data));
    for (deed, act) in &DEEDS {
        for n in 0..files(&whole_data).len() {
            let dir = tempfile::tempdir().expect("a folder");
            std::fs::create_dir(dir.path().join("search")).expect("a folder");
            for entry in std::fs::read_dir(whole_data.join("search")).expect("the index").flatten()
            {
                let copy = dir.path().join("search").join(entry.file_name());
                std::fs::copy(entry.path(), copy).expect("it is copied");
            }
            let file = files(dir.path()).remove(n);
            let name = file.file_name().expect("a name").to_string_lossy().into_owned();
            act(&file);
            let mut indexer = match Indexer::open(dir.path(), &collections, "test") {
                Ok((indexer, _)) => indexer,
                // A folder in the place of a file is nothing that docent may put right.
                Err(error) => {
                    assert!(*deed == "a folder", "{deed}, {name}: {error:#}");
                    continue;
                }
            };
            indexer.catch_up(&Progress::default()).expect("it is made");
            indexer.index().verify().unwrap_or_else(|error| panic!("{deed}, {name}: {error:#}"));
            let shelf = Shelf { name: "docs".into(), ..Shelf::default() };
            let docs = Docs::new(indexer.index().clone(), Links::new(vec![shelf], None));
            for (query, id) in
                [("package", "guide/install.md#linux"), ("listen", "guide/ports.md#ports")]
            {
                assert_eq!(ids(&docs, query), [id], "{deed}, {name}");
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
