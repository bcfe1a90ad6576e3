//! Files that are not what their names say, or not there any more: none stops the indexer.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::sync::mpsc::channel;
use std::time::Duration;

use docent::index::Report;
use expect_test::expect;

use super::found;
use crate::harness::{Folder, folder};

/// Runs the indexer where it may get stuck: a FIFO without a writer is never opened.
fn in_time(
    mut folder: Folder,
    run: impl FnOnce(&mut Folder) -> Report + Send + 'static,
) -> (Folder, Report) {
    let (sender, done) = channel();
    std::thread::spawn(move || {
        let report = run(&mut folder);
        drop(sender.send((folder, report)));
    });
    done.recv_timeout(Duration::from_secs(30)).expect("the indexer is not stuck")
}

fn skipped(report: &Report) -> String {
    let line = |it: &docent::corpus::Warning| format!("{}: {}\n", it.path, it.message);
    report.skipped.iter().map(line).collect()
}

#[test]
fn odd_files_are_named_and_the_others_are_indexed() {
    let folder = folder(&[("good.md", "# Good\n\nokapi\n")]);
    let docs = folder.docs_dir();
    fs::create_dir(docs.join("folder.md")).expect("a folder");
    symlink("nowhere.md", docs.join("dangling.md")).expect("a link");
    symlink("itself.md", docs.join("itself.md")).expect("a link");
    let made = Command::new("mkfifo").arg(docs.join("fifo.md")).status().expect("mkfifo runs");
    assert!(made.success());
    let _socket = UnixListener::bind(docs.join("socket.md")).expect("a socket");
    let sparse = File::create(docs.join("sparse.md")).expect("a file");
    sparse.set_len(200 << 20).expect("a sparse file");
    fs::write(docs.join("latin.md"), b"# Caf\xe9\n\ntapir\n").expect("a file");
    fs::write(docs.join("binary.md"), b"# A\0B\n").expect("a file");
    fs::write(docs.join("two\nlines.md"), "# Lines\n").expect("a file");
    // Some file systems take no such name; then there is nothing to be odd.
    let _ = fs::write(docs.join(OsStr::from_bytes(b"caf\xe9.md")), "# Bytes\n");
    let bytes_are_names = docs.join(OsStr::from_bytes(b"caf\xe9.md")).exists();

    let (folder, report) = in_time(folder, Folder::catch_up);
    assert_eq!(report.pages, 2, "{report:?}");
    assert_eq!(found(folder.indexer.index(), "okapi"), ["good.md#good"]);
    assert_eq!(found(folder.indexer.index(), "tapir"), ["latin.md#caf"]);
    let told = skipped(&report);
    let (bytes, rest): (Vec<&str>, Vec<&str>) =
        told.lines().partition(|line| line.starts_with("caf\u{fffd}.md: "));
    assert_eq!(bytes.len(), usize::from(bytes_are_names));
    expect![[r#"
        dangling.md: cannot be read (broken link, loop or no permission)
        fifo.md: not a regular file, not read
        itself.md: cannot be read (broken link, loop or no permission)
        socket.md: not a regular file, not read
        sparse.md: file is larger than 8 MiB, not read
        two�lines.md: file name is not plain UTF-8, not read
        binary.md: binary file"#]]
    .assert_eq(&rest.join("\n"));

    // The same, as events name them one by one.
    let names = ["folder.md", "dangling.md", "itself.md", "fifo.md", "socket.md", "sparse.md"];
    let names = names.into_iter().chain(["latin.md", "binary.md", "two\nlines.md", "gone.md"]);
    let names: BTreeSet<_> = names.map(|name| (0, name.to_owned())).collect();
    let (_folder, report) =
        in_time(folder, move |folder| folder.indexer.update(&names).expect("an update"));
    assert_eq!(report.pages, 2, "{report:?}");
    expect![[r#"
        binary.md: binary file
        fifo.md: not a regular file
        folder.md: not a regular file
        itself.md: file cannot be read
        socket.md: not a regular file
        sparse.md: file is larger than 8 MiB
    "#]]
    .assert_eq(&skipped(&report));
}

#[test]
fn a_page_that_turns_into_something_else_is_gone() {
    let folder = folder(&[("page.md", "# Page\n\nokapi\n"), ("other.md", "# Other\n\ntapir\n")]);
    let page = folder.docs_dir().join("page.md");
    fs::remove_file(&page).expect("it is removed");
    assert!(Command::new("mkfifo").arg(&page).status().expect("mkfifo runs").success());
    let names = BTreeSet::from([(0, "page.md".to_owned())]);
    let (folder, report) =
        in_time(folder, move |folder| folder.indexer.update(&names).expect("an update"));
    assert_eq!(report.changes.removed.len(), 1);
    assert_eq!(found(folder.indexer.index(), "okapi"), [] as [&str; 0]);
    assert_eq!(found(folder.indexer.index(), "tapir"), ["other.md#other"]);
}

#[test]
fn files_that_vanish_between_listing_and_reading_are_gone() {
    let mut folder = folder(&[("stays.md", "# Stays\n\nokapi\n")]);
    for round in 0..4 {
        let path = |n: u32| format!("p{n:03}.md");
        for n in 0..300 {
            folder.write(&path(n), &format!("# P{n}\n\nround {round}\n"));
        }
        // Listed in order and deleted from the end: somewhere in the middle they meet.
        let docs = folder.docs_dir();
        let deleting = std::thread::spawn(move || {
            for n in (0..300).rev() {
                fs::remove_file(docs.join(path(n))).expect("it is removed");
            }
        });
        let report = folder.catch_up();
        assert!(report.skipped.is_empty(), "{:?}", report.skipped);
        deleting.join().expect("all are deleted");
        assert_eq!(folder.catch_up().pages, 1);
        assert_eq!(found(folder.indexer.index(), "okapi"), ["stays.md#stays"]);
    }
}
