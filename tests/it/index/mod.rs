//! The index: what is found, what survives, what changes while it is served.

mod edits;
#[cfg(unix)]
mod files;
mod git;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use docent::corpus::Watch;
use docent::index::{Follow, Held, Index, Indexer, News, Progress, Search};

use crate::harness::{collection, docs, folder, ids, write};

const SMALL: &[(&str, &str)] = &[
    ("guide/install.md", "# Installation\n\nGet it.\n\n## Linux\n\nUse the package.\n"),
    ("guide/ports.md", "# Ports\n\nChange `listen` to use another port.\n"),
];

fn found(index: &Index, query: &str) -> Vec<String> {
    let search = Search { query: query.into(), limit: 10, ..Search::default() };
    let hits = index.snapshot().search(&search).expect("a search answers").hits;
    hits.into_iter().map(|hit| format!("{}#{}", hit.record.path, hit.record.anchor)).collect()
}

#[test]
fn sections_are_found_by_words_and_by_identifiers() {
    let (_folder, docs) = docs(&[
        ("a.md", "# Channels\n\nSend values with `std::sync::mpsc` between threads.\n"),
        ("b.md", "# Effects\n\nCall `useEffect` after rendering, or `snake_case_name()`.\n"),
    ]);
    assert_eq!(ids(&docs, "std::sync::mpsc")[0], "a.md#channels");
    assert_eq!(ids(&docs, "mpsc")[0], "a.md#channels");
    assert_eq!(ids(&docs, "use effect")[0], "b.md#effects");
    assert_eq!(ids(&docs, "snake_case_name")[0], "b.md#effects");
    assert_eq!(ids(&docs, "sending value")[0], "a.md#channels");
}

#[test]
fn a_page_takes_two_places_before_others_have_a_turn() {
    let many: String = (0..8).map(|n| format!("## Ports {n}\n\nports ports ports\n\n")).collect();
    let (_folder, docs) = docs(&[
        ("many.md", &format!("# Ports\n\n{many}")),
        ("other.md", "# Other\n\nSomething on ports, among a lot of other words that are here.\n"),
    ]);
    let found = ids(&docs, "ports");
    assert!(found[..3].contains(&"other.md#other".to_owned()), "{found:?}");
}

#[test]
fn what_other_pages_call_a_page_counts_for_it_and_follows_them() {
    let machines = "Machines act as one, and each of the machines knows the others.\n";
    let mut folder = folder(&[
        ("guide/a.md", &format!("# Alpha\n\n{machines}")),
        ("guide/b.md", &format!("# Beta\n\n{machines}")),
        ("links.md", "# Links\n\nRead about [clusters](guide/b.md#beta) now.\n"),
    ]);
    let first = |folder: &crate::harness::Folder| {
        let found = found(folder.indexer.index(), "cluster of machines");
        found.into_iter().find(|id| id.starts_with("guide/")).expect("a hit")
    };
    assert_eq!(first(&folder), "guide/b.md#beta");
    folder.write("links.md", "# Links\n\nRead about [clusters](/site/guide/a/) now.\n");
    assert_eq!(folder.catch_up().bytes, 52, "only the page with the links is read");
    assert_eq!(first(&folder), "guide/a.md#alpha");
    // A page that is linked to before it is there.
    folder.write("links.md", "# Links\n\nRead about [clusters](guide/c.md) now.\n");
    folder.catch_up();
    folder.write("guide/c.md", &format!("# Gamma\n\n{machines}"));
    folder.catch_up();
    assert_eq!(first(&folder), "guide/c.md#gamma");
    // Without a link they answer alike, in the order that any index of them has.
    std::fs::remove_file(folder.docs_dir().join("links.md")).expect("a file is removed");
    folder.catch_up();
    let page = |title: &str| format!("# {title}\n\n{machines}");
    let fresh = crate::harness::folder(&[
        ("guide/a.md", &page("Alpha")),
        ("guide/b.md", &page("Beta")),
        ("guide/c.md", &page("Gamma")),
    ]);
    assert_eq!(first(&folder), first(&fresh));
}

#[test]
fn only_changed_files_are_read_again() {
    let mut folder = folder(SMALL);
    assert!(folder.catch_up().changes.is_empty());
    folder.write("guide/ports.md", "# Ports\n\nThe zebra moved in.\n");
    folder.write("new.md", "# New\n\nFresh words.\n");
    std::fs::remove_file(folder.docs_dir().join("guide/install.md")).expect("a file is removed");
    let report = folder.catch_up();
    let name = |path: &str| ("docs".to_owned(), path.to_owned());
    assert_eq!(report.changes.added, [name("new.md")]);
    assert_eq!(report.changes.changed, [name("guide/ports.md")]);
    assert_eq!(report.changes.removed, [name("guide/install.md")]);
    let index = folder.indexer.index();
    assert_eq!(found(index, "zebra"), ["guide/ports.md#ports"]);
    assert_eq!(found(index, "package"), [] as [&str; 0]);
    assert_eq!(found(index, "fresh"), ["new.md#new"]);
}

#[test]
fn a_removed_folder_takes_its_pages_along() {
    let mut folder = folder(SMALL);
    folder.write("top.md", "# Top\n\nStays.\n");
    folder.catch_up();
    std::fs::remove_dir_all(folder.docs_dir().join("guide")).expect("a folder is removed");
    let report =
        folder.indexer.update(&BTreeSet::from([(0, "guide".to_owned())])).expect("an update");
    assert_eq!(report.changes.removed.len(), 2);
    assert_eq!(report.pages, 1);
}

#[test]
fn a_snapshot_stays_whole_while_the_index_moves_on() {
    let mut folder = folder(SMALL);
    let before = folder.indexer.index().snapshot();
    folder.write("guide/ports.md", "# Ports\n\nNothing of it is left.\n");
    folder.catch_up();
    let search = Search { query: "listen".into(), limit: 5, ..Search::default() };
    assert_eq!(before.search(&search).expect("the old one answers").hits.len(), 1);
    let after = folder.indexer.index().snapshot();
    assert_eq!(after.search(&search).expect("the new one answers").hits.len(), 0);
    assert!(after.generation() > before.generation());
}

#[test]
fn an_index_is_opened_again_and_its_catalog_is_the_same() {
    let folder = folder(SMALL);
    let root = folder.docs_dir();
    let data = folder.dir.path().join("data");
    let before = folder.indexer.index().snapshot();
    let names: Vec<_> =
        before.catalog().expect("a catalog").pages().iter().map(|p| p.path.clone()).collect();
    drop(folder.indexer);
    let (again, reason) =
        Indexer::open(&data, &[collection(&root, "docs")], "test").expect("it opens");
    assert!(reason.is_none(), "{reason:?}");
    let after = again.index().snapshot();
    let catalog = after.catalog().expect("a catalog");
    assert_eq!(catalog.pages().iter().map(|p| p.path.clone()).collect::<Vec<_>>(), names);
    assert_eq!(catalog.sections(), before.catalog().expect("a catalog").sections());
}

#[test]
fn an_index_that_does_not_fit_is_made_again_and_says_why() {
    let folder = folder(SMALL);
    let root = folder.docs_dir();
    let data = folder.dir.path().join("data");
    drop(folder.indexer);
    let open = || Indexer::open(&data, &[collection(&root, "docs")], "test").expect("it opens");
    let reason = |why: Option<docent::index::OpenError>| why.expect("a reason").to_string();

    let other = Indexer::open(&data, &[collection(&root, "other")], "test").expect("it opens");
    assert_eq!(reason(other.1), "the collections are configured differently");
    drop(other.0);

    // What a crash before the first commit leaves: files, and a meta without a stamp.
    let (half, _) = open();
    drop(half);
    assert_eq!(reason(open().1), "the index was left half-written");

    let (mut whole, _) = open();
    whole.catch_up(&Progress::default()).expect("it is built");
    drop(whole);
    let meta = data.join("search/meta.json");
    let text = std::fs::read_to_string(&meta).expect("the meta file");
    std::fs::write(&meta, text.replace("analyzer ", "analyzer 0")).expect("it is written");
    assert!(reason(open().1).starts_with("the index was made by docent"));

    std::fs::write(&meta, "{ not json").expect("it is written");
    assert!(reason(open().1).starts_with("the index cannot be read"));
    let (mut mended, _) = open();
    assert_eq!(mended.catch_up(&Progress::default()).expect("it is built").pages, 2);
}

#[test]
fn a_second_writer_is_told_who_has_the_index() {
    let folder = folder(SMALL);
    let data = folder.dir.path().join("data");
    let collections = [collection(&folder.docs_dir(), "docs")];
    let error = Indexer::open(&data, &collections, "index").err().expect("it is held");
    assert!(error.is::<Held>());
    let holder = format!("in use by docent test (process {})", std::process::id());
    assert!(error.to_string().ends_with(&holder), "{error}");
}

#[test]
fn a_folder_that_is_gone_changes_nothing() {
    let mut folder = folder(SMALL);
    std::fs::rename(folder.docs_dir(), folder.dir.path().join("away")).expect("it is moved");
    let error = folder.indexer.catch_up(&Progress::default()).expect_err("the folder is gone");
    assert!(error.to_string().contains("is gone"), "{error}");
    assert_eq!(found(folder.indexer.index(), "listen"), ["guide/ports.md#ports"]);
}

#[test]
fn changes_are_searchable_while_the_docs_are_followed() {
    follows(Watch::Events);
}

#[test]
fn changes_are_searchable_where_there_are_no_events() {
    follows(Watch::Poll);
}

/// Writes, moves and deletes files under a follower, and waits for the news of each.
fn follows(watch: Watch) {
    let folder = folder(SMALL);
    let root = folder.docs_dir();
    let index = folder.indexer.index().clone();
    let (sender, news) = mpsc::channel();
    let stop = Arc::new(AtomicBool::new(false));
    let follow = Follow {
        watch,
        interval: Duration::from_millis(60),
        repositories: Vec::new(),
        stop: stop.clone(),
        tell: Box::new(move |news| drop(sender.send(news))),
    };
    let thread = std::thread::spawn(move || follow.run(folder.indexer));
    let next = || news.recv_timeout(Duration::from_secs(20)).expect("news arrive");
    assert!(matches!(next(), News::Following));
    // What is asked for comes with some piece of news, which may hold more than one change.
    let until = |what: &str, query: &str, expected: &[&str]| {
        let end = Instant::now() + Duration::from_secs(20);
        while found(&index, query) != expected {
            assert!(Instant::now() < end, "{what}: {:?}", found(&index, query));
            assert!(matches!(next(), News::Moved(_)), "{what}");
        }
    };
    write(&root, "guide/ports.md", "# Ports\n\nThe zebra is here.\n");
    until("saved", "zebra", &["guide/ports.md#ports"]);
    std::fs::rename(root.join("guide/ports.md"), root.join("moved.md")).expect("it is moved");
    until("moved", "zebra", &["moved.md#ports"]);
    std::fs::remove_file(root.join("moved.md")).expect("it is removed");
    until("deleted", "zebra", &[]);
    write(&root, "deep/er/new.md", "# New\n\nThe okapi is here.\n");
    until("a new folder", "okapi", &["deep/er/new.md#new"]);
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    thread.join().expect("the follower ends");
}

#[test]
fn thousands_of_files_become_one_commit() {
    let folder = folder(SMALL);
    let root = folder.docs_dir();
    let index = folder.indexer.index().clone();
    let (sender, news) = mpsc::channel();
    let stop = Arc::new(AtomicBool::new(false));
    let follow = Follow {
        watch: Watch::Events,
        interval: Duration::from_secs(2),
        repositories: Vec::new(),
        stop: stop.clone(),
        tell: Box::new(move |news| drop(sender.send(news))),
    };
    let thread = std::thread::spawn(move || follow.run(folder.indexer));
    let next = || news.recv_timeout(Duration::from_secs(60)).expect("news arrive");
    assert!(matches!(next(), News::Following));
    let before = index.snapshot().generation();
    for n in 0..2000 {
        write(&root, &format!("guide/page{n}.md"), &format!("# Page {n}\n\nokapi {n}\n"));
    }
    let mut pages = 2;
    while pages < 2002 {
        let News::Moved(report) = next() else { panic!("the docs moved") };
        pages = report.pages;
    }
    let commits = index.snapshot().generation() - before;
    assert!(commits <= 2, "{commits} commits");
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    thread.join().expect("the follower ends");
}

#[test]
fn a_reader_beside_the_writer_follows_it_and_takes_over() {
    let mut folder = folder(SMALL);
    let root = folder.docs_dir();
    let data = folder.dir.path().join("data");
    let collections = vec![collection(&root, "docs")];
    let beside = Arc::new(Index::open(&data, &collections).expect("it opens"));
    let (sender, news) = mpsc::channel();
    let stop = Arc::new(AtomicBool::new(false));
    let follow = Follow {
        watch: Watch::Events,
        interval: Duration::from_secs(2),
        repositories: Vec::new(),
        stop: stop.clone(),
        tell: Box::new(move |news| drop(sender.send(news))),
    };
    let index = beside.clone();
    let thread = std::thread::spawn(move || follow.run_beside(index, &collections, "test"));
    let next = || news.recv_timeout(Duration::from_secs(20)).expect("news arrive");

    folder.write("new.md", "# New\n\nThe okapi is here.\n");
    folder.catch_up();
    let News::Moved(report) = next() else { panic!("the docs moved") };
    assert_eq!(report.changes.added, [("docs".to_owned(), "new.md".to_owned())]);
    assert_eq!(found(&beside, "okapi"), ["new.md#new"]);

    let dir = folder.dir;
    drop(folder.indexer);
    assert!(matches!(next(), News::Following));
    write(&root, "last.md", "# Last\n\nThe tapir is here.\n");
    while found(&beside, "tapir").is_empty() {
        assert!(matches!(next(), News::Moved(_)));
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    thread.join().expect("the follower ends");
    drop(dir);
}

#[test]
fn a_file_that_becomes_a_folder_of_its_name_loses_no_page() {
    let mut folder = folder(&[("x.md", "# Old\n\nokapi\n"), ("y.md", "# Y\n\nother\n")]);
    std::fs::remove_file(folder.docs_dir().join("x.md")).expect("a file is removed");
    folder.write("x.md/inner.md", "# Inner\n\ntapir\n");
    folder.catch_up();
    assert_eq!(found(folder.indexer.index(), "okapi"), [] as [&str; 0]);
    assert_eq!(found(folder.indexer.index(), "tapir"), ["x.md/inner.md#inner"]);
}

#[test]
fn large_segments_are_merged_without_a_change_of_answers() {
    let text: String = (0..6000).map(|n| format!("## Part {n}\n\nword{n} okapi\n\n")).collect();
    let pages: Vec<(String, String)> =
        (0..4).map(|n| (format!("p{n}.md"), format!("# P{n}\n\n{text}"))).collect();
    let pages: Vec<(&str, &str)> = pages.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    let mut folder = folder(&pages[..2]);
    for (path, text) in &pages[2..] {
        folder.write(path, text);
        folder.catch_up();
    }
    let index = folder.indexer.index().clone();
    let (before, generation) = (found(&index, "word77"), index.snapshot().generation());
    folder.indexer.compact().expect("it is merged");
    assert!(index.snapshot().generation() > generation, "there was nothing to merge");
    assert_eq!(found(&index, "word77").len(), before.len());
    folder.write("p0.md", "# P0\n\ntapir\n");
    folder.catch_up();
    assert_eq!(found(&index, "tapir"), ["p0.md#p0"]);
    let root = folder.docs_dir();
    let data = folder.dir.path().join("data");
    drop(folder.indexer);
    let opened =
        Index::open(&data, &[collection(&root, "docs")]).expect("the stamp is still there");
    assert_eq!(opened.snapshot().stamp().pages(), 4);
}
