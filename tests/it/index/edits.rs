//! An index that followed any edits says what one says that is built from the same files.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use docent::corpus::{Collection, Site};
use docent::index::{Index, Indexer, Progress, Search};
use docent::mcp::{Docs, Links, Shelf};
use proptest::prelude::*;
use serde_json::json;

use crate::harness::collection;

/// Where files are, have been, and will be.
const PATHS: [&str; 9] = [
    "a.md",
    "b.md",
    "guide/a.md",
    "guide/b.md",
    "guide/deep/c.md",
    "ref/a.md",
    "ref/README.md",
    "part.txt",
    "guide/part.txt",
];

const FOLDERS: [&str; 3] = ["guide", "guide/deep", "ref"];

/// What files are made of: several may have the same, so that there are copies.
const PARTS: [&str; 16] = [
    "---\ntitle: Kranich\naliases: [/old/]\nweight: 3\n---\n",
    "---\ntitle: Tapir\ndescription: Of tapirs.\ndraft: true\n---\n",
    "---\nkeywords: [zebra, quagga]\n---\n",
    "# Okapi\n\nThe okapi lives in the forest.\n\n",
    "# Tapir\n\nThe tapir swims in the river.\n\n",
    "## Ports\n\nSet `listen_port` to change the port of the daemon.\n\n",
    "## Ports\n\nSet `listen_port` to change the port of a daemon.\n\n",
    "## Install\n\nRun the installer, then restart the daemon, and wait until the daemon is up.\n\n",
    "## Firewall\n\nThe daemno is open.\n\n",
    "### Deep\n\n```sh\ndocent serve --port 1\n```\n\n",
    "See [the wombat](../guide/a.md) and [quolls](b.md#ports).\n\n",
    "See [numbats](/a.md), [the okapi page](../ref/README.md) and [it](guide/deep/c.md).\n\n",
    "{{#include part.txt}}\n\n",
    "{{#include ../part.txt}}\n\n",
    "Only words, and none of them is rare.\n\n",
    "Die Stadt liegt am Fluss, und der Fluss ist sehr breit und tief.\n\n",
];

const QUERIES: [&str; 14] = [
    "okapi",
    "tapir river",
    "listen_port",
    "change the port of the daemon",
    "restart daemon",
    "firewall",
    "firewal open",
    "okapy",
    "\"port of the daemon\"",
    "wombat",
    "quolls numbats",
    "kranich",
    "zebra",
    "Fluss Stadt",
];

#[derive(Debug, Clone)]
enum Edit {
    Write(&'static str, String),
    Remove(&'static str),
    Rename(&'static str, &'static str),
    Move(&'static str, &'static str),
    /// Everything that is indexed anew by itself.
    Walk,
    /// What changed, as a watcher names it.
    Tell,
}

fn edit() -> impl Strategy<Value = Edit> {
    let path = || proptest::sample::select(&PATHS[..]);
    let folder = || proptest::sample::select(&FOLDERS[..]);
    let parts = proptest::collection::vec(proptest::sample::select(&PARTS[..]), 0..5);
    prop_oneof![
        6 => (path(), parts).prop_map(|(path, parts)| Edit::Write(path, parts.concat())),
        2 => path().prop_map(Edit::Remove),
        2 => (path(), path()).prop_map(|(from, to)| Edit::Rename(from, to)),
        1 => (folder(), folder()).prop_map(|(from, to)| Edit::Move(from, to)),
        2 => Just(Edit::Walk),
        2 => Just(Edit::Tell),
    ]
}

/// Writes a file whose time tells its content: two files of one size differ in it, and one that is
/// put in the place of another may be older.
fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("folders are made");
    fs::write(path, text).expect("a file is written");
    let sum = text.bytes().fold(7u64, |sum, b| sum.wrapping_mul(31).wrapping_add(b.into()));
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + sum % 500_000_000);
    let file = File::options().write(true).open(path).expect("it was written");
    file.set_modified(time).expect("its time is set");
}

fn files(root: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path);
        }
    }
    found
}

/// Makes the edit, if it can be made; the paths that a watcher would name.
fn make(root: &Path, edit: &Edit) -> Vec<PathBuf> {
    match edit {
        Edit::Write(path, text) => {
            write(&root.join(path), text);
            vec![root.join(path)]
        }
        Edit::Remove(path) => {
            let _ = fs::remove_file(root.join(path));
            vec![root.join(path)]
        }
        Edit::Rename(from, to) => {
            let (from, to) = (root.join(from), root.join(to));
            fs::create_dir_all(to.parent().expect("a folder")).expect("folders are made");
            let _ = fs::rename(&from, &to);
            vec![from, to]
        }
        Edit::Move(from, to) => {
            let (from, to) = (root.join(from), root.join(to));
            let mut named: Vec<PathBuf> = files(&from).into_iter().collect();
            let _ = fs::rename(&from, &to);
            named.extend(files(&to));
            named.extend([from, to]);
            named
        }
        Edit::Walk | Edit::Tell => Vec::new(),
    }
}

/// All that an index says, a line each.
fn said(index: &std::sync::Arc<Index>) -> String {
    let mut out = String::new();
    let snapshot = index.snapshot();
    for page in snapshot.catalog().expect("a catalog").pages() {
        writeln!(out, "{page:?}").expect("a text");
    }
    let shelf = Shelf { name: "docs".into(), ..Shelf::default() };
    let docs = Docs::new(index.clone(), Links::new(vec![shelf], None));
    for query in QUERIES {
        let search = Search { query: query.into(), limit: 20, ..Search::default() };
        let found = snapshot.search(&search).expect("an answer");
        for hit in &found.hits {
            let name =
                |hit: &docent::index::Hit| format!("{}#{}", hit.record.path, hit.record.ordinal);
            let also: Vec<String> = hit.also.iter().map(name).collect();
            let (name, score) = (name(hit), hit.score);
            writeln!(out, "{query}: {name} {score:.3} like {also:?}").expect("a text");
        }
        writeln!(out, "{query}: corrected {:?}", found.terms.corrected()).expect("a text");
        let arguments = json!({"query": query});
        let answer = docs.call("search", arguments.as_object().cloned()).expect("the tool");
        writeln!(out, "{query}: {answer:?}").expect("a text");
    }
    writeln!(out, "{:?}", docs.call("outline", None)).expect("a text");
    out
}

fn of(root: &Path) -> Collection {
    Collection { site: Some(Site::MdBook), ..collection(root, "docs") }
}

/// An index of the folder, built fresh.
fn fresh(root: &Path) -> String {
    let data = tempfile::tempdir().expect("a folder");
    let (mut indexer, _) = Indexer::open(data.path(), &[of(root)], "test").expect("an index");
    indexer.catch_up(&Progress::default()).expect("it is built");
    said(indexer.index())
}

fn follow(edits: &[Edit]) -> (String, String) {
    let dir = tempfile::tempdir().expect("a folder");
    let root = dir.path().join("docs");
    let (data, root) = (dir.path().join("data"), of(&root).root);
    // No edit touches it: a folder without any page is taken for one that is away.
    write(&root.join("always.md"), "# Always\n\nOne page is always there.\n");
    let (mut indexer, _) = Indexer::open(&data, &[of(&root)], "test").expect("an index");
    indexer.catch_up(&Progress::default()).expect("it is built");
    let mut named: BTreeSet<(usize, String)> = BTreeSet::new();
    for edit in edits.iter().chain([&Edit::Tell]) {
        match edit {
            Edit::Walk => {
                indexer.catch_up(&Progress::default()).expect("it is brought up to date");
                named.clear();
            }
            Edit::Tell => {
                indexer.update(&named).expect("it is brought up to date");
                named.clear();
            }
            _ => named.extend(make(&root, edit).iter().filter_map(|path| {
                let path = path.strip_prefix(&root).ok()?.to_str()?;
                Some((0, path.to_owned()))
            })),
        }
    }
    (said(indexer.index()), fresh(&root))
}

/// How often each property is tried; `PROPTEST_CASES` is for long runs.
fn cases(usual: u32) -> ProptestConfig {
    let given = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig::with_cases(given.unwrap_or(usual))
}

proptest! {
    #![proptest_config(cases(10))]

    #[test]
    fn an_index_after_any_edits_is_one_that_is_built_fresh(edits in proptest::collection::vec(edit(), 1..24)) {
        let (followed, fresh) = follow(&edits);
        for (followed, fresh) in followed.lines().zip(fresh.lines()) {
            prop_assert_eq!(followed, fresh);
        }
        prop_assert_eq!(followed.lines().count(), fresh.lines().count());
    }
}

#[test]
fn a_page_follows_what_it_pulls_in_when_that_comes_changes_and_goes() {
    let dir = tempfile::tempdir().expect("a folder");
    let root = of(&dir.path().join("docs")).root;
    let (data, part) = (dir.path().join("data"), root.join("part.txt"));
    let (mut indexer, _) = Indexer::open(&data, &[of(&root)], "test").expect("an index");
    write(&root.join("a.md"), "# A\n\n{{#include part.txt}}\n");
    let text = |indexer: &mut Indexer| {
        indexer.catch_up(&Progress::default()).expect("it is brought up to date");
        let sections = indexer.index().snapshot().sections("docs", "a.md").expect("the page");
        sections[0].text.clone()
    };
    assert_eq!(text(&mut indexer), "# A");
    // Each time it is older than the index, as files are that were copied here with their times.
    write(&part, "okapi\n");
    assert_eq!(text(&mut indexer), "# A\n\nokapi");
    write(&part, "tapir\n");
    assert_eq!(text(&mut indexer), "# A\n\ntapir");
    fs::remove_file(&part).expect("it is removed");
    assert_eq!(text(&mut indexer), "# A");
    // As a watcher names it: the file that came, or the folder that it came with.
    let mut told = |named: &str| {
        indexer.update(&BTreeSet::from([(0, named.to_owned())])).expect("an update");
        indexer.index().snapshot().sections("docs", "a.md").expect("the page")[0].text.clone()
    };
    write(&part, "okapi\n");
    assert_eq!(told("part.txt"), "# A\n\nokapi");
}

#[test]
fn a_word_that_stands_nowhere_any_more_is_not_known() {
    let dir = tempfile::tempdir().expect("a folder");
    let root = of(&dir.path().join("docs")).root;
    let (mut indexer, _) =
        Indexer::open(&dir.path().join("data"), &[of(&root)], "test").expect("an index");
    write(&root.join("a.md"), "# A\n\nThe daemno is open.\n");
    write(&root.join("b.md"), "# B\n\nAnother page.\n");
    indexer.catch_up(&Progress::default()).expect("it is built");
    write(&root.join("a.md"), "# A\n\nThe daemon is open.\n");
    indexer.catch_up(&Progress::default()).expect("it is brought up to date");
    let search = Search { query: "daemno".into(), limit: 5, ..Search::default() };
    let found = indexer.index().snapshot().search(&search).expect("an answer");
    assert_eq!(found.terms.corrected(), [("daemno".to_owned(), "daemon".to_owned())]);
    assert_eq!(found.hits.len(), 1);
}
