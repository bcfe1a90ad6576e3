//! What goes wrong around a server: disks, folders, files of the index, file descriptors.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use super::served::{Served, manual, serve};
use super::{errors, fails};
use crate::harness::{docent, write};

/// The command, run by another one.
fn within(mut outer: Command, command: &Command) -> Command {
    outer.arg(command.get_program()).args(command.get_args());
    outer.current_dir(command.get_current_dir().expect("a folder"));
    for (name, _) in command.get_envs() {
        outer.env_remove(name);
    }
    outer
}

/// The command, run by a shell after these words of it.
pub(crate) fn after(words: &str, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{words} && exec \"$0\" \"$@\"")]);
    within(shell, command)
}

/// Waits until the docs are followed again.
pub(crate) fn recovers(served: &Served) {
    served.hears("the docs can be followed again");
    assert!(served.ready()["problem"].is_null());
}

pub(crate) fn search(served: &Served, query: &str) -> String {
    served.call("search", json!({"query": query}))
}

#[cfg(target_os = "linux")]
fn names_in_index(path: &Path) -> BTreeSet<OsString> {
    let entries = fs::read_dir(path.join("data/search")).expect("the index").flatten();
    entries.map(|entry| entry.file_name()).collect()
}

/// No file of the process may grow beyond this many bytes: a disk that is full, for it alone.
#[cfg(target_os = "linux")]
fn limit_files(served: &Served, bytes: &str) {
    let limited = Command::new("prlimit")
        .args(["--pid", &served.child.id().to_string(), &format!("--fsize={bytes}:")])
        .status();
    assert!(limited.expect("prlimit runs").success());
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_while_serving_is_told_and_waited_for() {
    let (_dir, path) = manual();
    let served = Served::run(after("trap '' XFSZ", &serve(&path)));
    served.follows();
    // Nothing can be written at all; only small files can.
    for (round, bytes) in ["0", "3000"].into_iter().enumerate() {
        let files = names_in_index(&path);
        limit_files(&served, bytes);
        let words: String = (0..4000).map(|n| format!("word{n}x{round} ")).collect();
        write(&path, "docs/new.md", &format!("# New\n\nokapi{round} {words}\n"));
        served.hears("serving what is indexed");
        let ready = served.ready();
        assert_eq!(ready["ready"], true, "{ready}");
        let problem = ready["problem"].as_str().expect("a problem");
        assert!(problem.contains("the index could not be written"), "{problem}");
        assert!(problem.contains("stays: File too large (os error 27))"), "{problem}");
        let answer = search(&served, "port");
        assert!(answer.contains("guide/ports.md#ports"), "{answer}");
        assert!(answer.contains("The docs cannot be followed just now"), "{answer}");
        assert!(!search(&served, &format!("okapi{round}")).contains("new.md#new"));
        // What was half-written does not pile up.
        let end = Instant::now() + Duration::from_secs(30);
        while names_in_index(&path) != files {
            assert!(Instant::now() < end, "{:?} instead of {files:?}", names_in_index(&path));
        }
        limit_files(&served, "unlimited");
        recovers(&served);
        assert!(search(&served, &format!("okapi{round}")).contains("new.md#new"));
        assert!(!search(&served, "port").contains("cannot be followed"));
    }
}

#[test]
fn a_disk_that_is_full_at_the_first_start_is_told_and_does_no_harm() {
    for blocks in [0, 1, 6] {
        let (_dir, path) = manual();
        let words: String = (0..4000).map(|n| format!("word{n} ")).collect();
        write(&path, "docs/long.md", &format!("# Long\n\n{words}\n"));
        let full = format!("trap '' XFSZ && ulimit -S -f {blocks}");
        for command in [serve(&path), index(&path)] {
            let said = fails(&mut after(&full, &command));
            assert!(said.starts_with("docent: "), "{blocks}: {said}");
            assert!(
                said.contains("cannot make an index in ") || said.contains("could not be written"),
                "{blocks}: {said}"
            );
            assert!(said.contains("File too large"), "{blocks}: {said}");
        }
        let served = Served::start(&path);
        assert!(search(&served, "port").contains("guide/ports.md#ports"), "{blocks}");
    }
}

#[test]
fn a_disk_that_is_full_at_a_later_start_does_not_keep_the_index_from_being_served() {
    let (_dir, path) = manual();
    assert!(index(&path).status().expect("docent runs").success());
    write(&path, "docs/new.md", "# New\n\nokapi\n");
    let served = Served::run(after("trap '' XFSZ && ulimit -S -f 0", &serve(&path)));
    served.hears("serving what is indexed");
    assert!(search(&served, "port").contains("guide/ports.md#ports"));
}

fn index(dir: &Path) -> Command {
    let mut command = docent();
    command.current_dir(dir).args(["index", "docs", "--data-dir", "data"]);
    command
}

/// A folder that refuses writers; they may come back when the test ends.
struct Sealed(PathBuf);

impl Sealed {
    fn new(dir: PathBuf) -> Sealed {
        mode(&dir, false);
        Sealed(dir)
    }

    /// The command, bound by permissions: root is not, unless it gives up its capabilities.
    fn bind(&self, command: Command) -> Command {
        let probe = self.0.join("probe");
        if fs::write(&probe, "").is_err() {
            return command;
        }
        fs::remove_file(&probe).expect("the probe goes");
        let mut bound = Command::new("setpriv");
        bound.args(["--bounding-set=-all", "--inh-caps=-all"]);
        within(bound, &command)
    }
}

impl Drop for Sealed {
    fn drop(&mut self) {
        mode(&self.0, true);
    }
}

/// Lets the owner write to a folder and to all that is in it, or not.
fn mode(path: &Path, writable: bool) {
    let is_folder = path.is_dir();
    let mode = if is_folder { 0o555 } else { 0o444 } | if writable { 0o200 } else { 0 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions");
    if is_folder {
        for entry in fs::read_dir(path).expect("a folder").flatten() {
            self::mode(&entry.path(), writable);
        }
    }
}

#[test]
fn a_data_folder_that_cannot_be_written_is_named_with_what_to_do() {
    let (_dir, path) = manual();
    fs::create_dir(path.join("data")).expect("a folder");
    let sealed = Sealed::new(path.join("data"));
    write(&path, "a-file", "");
    let below = |command: Command| {
        let mut command = command;
        command.args(["--data-dir", "a-file/data"]);
        command
    };
    let docs_only = || {
        let mut command = docent();
        command.current_dir(&path).args(["index", "docs"]);
        command
    };
    for mut command in [sealed.bind(serve(&path)), sealed.bind(index(&path)), below(docs_only())] {
        let said = fails(&mut command);
        assert!(said.starts_with("docent: cannot write to the data folder "), "{said}");
        assert!(said.contains("data (") && said.contains("--data-dir"), "{said}");
    }
}

#[test]
fn a_ready_index_in_a_folder_that_cannot_be_written_is_served_as_it_is() {
    let (_dir, path) = manual();
    assert!(index(&path).status().expect("docent runs").success());
    let sealed = Sealed::new(path.join("data"));
    let served = Served::run(sealed.bind(serve(&path)));
    assert!(served.ready()["problem"].is_null());
    assert!(search(&served, "port").contains("guide/ports.md#ports"));
    let mut asking = docent();
    asking.current_dir(&path).args(["search", "port", "--docs", "docs", "--data-dir", "data"]);
    let output = sealed.bind(asking).output().expect("docent runs");
    assert!(output.status.success(), "{}", errors(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("guide/ports.md#ports"));
    write(&path, "docs/new.md", "# New\n\nThe okapi is here.\n");
    // As soon as the folder can be written, the docs are followed.
    drop(sealed);
    served.hears("docs changed");
    assert!(search(&served, "okapi").contains("new.md#new"));
}

#[test]
fn keys_that_come_with_the_settings_need_no_folder_that_can_be_written() {
    let (_dir, path) = manual();
    assert!(index(&path).status().expect("docent runs").success());
    let mut create = docent();
    create.current_dir(&path).args(["key", "create", "--name", "ci", "--for-file"]);
    let output = create.output().expect("docent runs");
    let key = String::from_utf8(output.stdout.clone()).expect("text");
    let said = errors(&output);
    let single = said.lines().next_back().expect("a line");
    let guarded = || {
        let mut command = serve(&path);
        command.args(["--access", "keys"]);
        command
    };
    let sealed = Sealed::new(path.join("data"));
    let said = fails(&mut sealed.bind(guarded()));
    assert!(said.contains("cannot open the state in "), "{said}");
    let mut with_key = guarded();
    with_key.args(["--key-hash", single]);
    let served = Served::run(sealed.bind(with_key));
    assert!(super::keys::search(&served, key.trim_end()).contains("200"));
    assert!(super::keys::search(&served, "dk_live_x").contains("401"));
    assert!(served.said().join("\n").contains("the audit log ends with this process"));
    drop(served);
    // What is in a file that is there must not be forgotten.
    drop(sealed);
    let mut list = docent();
    list.current_dir(&path).args(["key", "list", "--data-dir", "data"]);
    assert!(list.status().expect("docent runs").success());
    let sealed = Sealed::new(path.join("data"));
    let mut with_key = guarded();
    with_key.args(["--key-hash", single]);
    let said = fails(&mut sealed.bind(with_key));
    assert!(said.contains("cannot open the state in "), "{said}");
}

/// Files of the index with this ending.
fn files_of_index(path: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(path.join("data/search")).expect("the index").flatten();
    let found: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == ending))
        .collect();
    assert!(!found.is_empty(), "no .{ending}");
    found
}

#[test]
fn an_index_that_is_damaged_while_it_is_served_is_made_again() {
    let (_dir, path) = manual();
    let served = Served::start(&path);
    served.follows();
    for ending in ["store", "term", "idx", "fast", "fieldnorm"] {
        for file in files_of_index(&path, ending) {
            use std::os::unix::fs::FileExt as _;
            let length = fs::metadata(&file).expect("its length").len() as usize;
            let open = fs::OpenOptions::new().write(true).open(&file).expect("the file");
            // The end of the file, by which Tantivy knows it, stays whole the first time.
            let length = if ending == "store" { length.min(40) } else { length };
            open.write_all_at(&vec![0xa5; length], 0).expect("it is overwritten");
        }
        // Words or hits, never a crash; and words that say what to do.
        for tool in [
            ("search", json!({"query": "port"})),
            ("fetch", json!({"id": "install.md"})),
            ("outline", json!({})),
        ] {
            let answer = served.call(tool.0, tool.1);
            assert!(answer.starts_with("HTTP/1.1 200 "), "{ending}: {answer}");
        }
        let line = served.hears("making the index again");
        assert!(line.contains("the index has damaged files"), "{line}");
        recovers(&served);
        assert!(search(&served, "port").contains("guide/ports.md#ports"), "{ending}");
        let fetched = served.call("fetch", json!({"id": "install.md#linux"}));
        assert!(fetched.contains("Use the package."), "{fetched}");
    }
}

#[test]
fn an_index_that_is_cut_off_while_it_is_served_is_made_again() {
    let (_dir, path) = manual();
    let served = Served::start(&path);
    served.follows();
    for file in files_of_index(&path, "store") {
        fs::OpenOptions::new().write(true).open(&file).expect("the file").set_len(0).expect("cut");
    }
    assert!(served.hears("making the index again").contains("was cut off"));
    recovers(&served);
    assert!(search(&served, "port").contains("guide/ports.md#ports"));
}

#[test]
fn a_data_folder_that_is_deleted_while_serving_comes_back() {
    let (_dir, path) = manual();
    let mut served = Served::start(&path);
    served.follows();
    // Taken away at once, so that nobody writes into it meanwhile.
    fs::rename(path.join("data"), path.join("gone")).expect("it is moved");
    fs::remove_dir_all(path.join("gone")).expect("it is deleted");
    assert!(search(&served, "port").contains("guide/ports.md#ports"));
    assert!(served.hears("making the index again").contains("the index was deleted"));
    recovers(&served);
    // It is followed, held and found whole, as if nothing had been.
    write(&path, "docs/new.md", "# New\n\nThe okapi is here.\n");
    served.hears("docs changed");
    assert!(search(&served, "okapi").contains("new.md#new"));
    let said = fails(&mut index(&path));
    assert!(said.contains(&format!("docent serve (process {})", served.child.id())), "{said}");
    served.signal("TERM");
    assert_eq!(served.ends(), Some(0));
    let output = index(&path).arg("--json").output().expect("docent runs");
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(summary["rebuilt"].is_null(), "{summary}");
}

#[test]
fn a_docs_folder_that_goes_and_comes_back_is_waited_for() {
    let (_dir, path) = manual();
    let served = Served::start(&path);
    served.follows();
    fs::rename(path.join("docs"), path.join("away")).expect("it is moved");
    assert!(served.hears("serving what is indexed").contains("gone"));
    let ready = served.ready();
    assert_eq!(ready["ready"], true, "{ready}");
    assert!(ready["problem"].as_str().is_some_and(|text| text.contains("gone")), "{ready}");
    let answer = search(&served, "port");
    assert!(answer.contains("guide/ports.md#ports"), "{answer}");
    assert!(answer.contains("The docs cannot be followed just now"), "{answer}");
    let root = path.to_str().expect("text");
    assert!(!answer.contains(root) && !ready.to_string().contains(root), "{answer}");
    write(&path, "away/new.md", "# New\n\nThe okapi is here.\n");
    fs::rename(path.join("away"), path.join("docs")).expect("it is moved back");
    recovers(&served);
    assert!(search(&served, "okapi").contains("new.md#new"));
    // And it is watched as before.
    write(&path, "docs/last.md", "# Last\n\nThe tapir is here.\n");
    served.hears("docs changed");
    assert!(search(&served, "tapir").contains("last.md#last"));
}

#[test]
fn an_empty_folder_in_the_place_of_the_docs_is_taken_for_docs_that_are_away() {
    let (_dir, path) = manual();
    let served = Served::start(&path);
    served.follows();
    // As a mount that vanishes leaves it behind.
    fs::rename(path.join("docs"), path.join("away")).expect("it is moved");
    fs::create_dir(path.join("docs")).expect("a folder");
    while !served.hears("serving what is indexed").contains("has no docs any more") {}
    let ready = served.ready();
    assert_eq!(ready["ready"], true, "{ready}");
    assert!(ready["problem"].as_str().is_some_and(|text| text.contains("no docs any more")));
    assert!(search(&served, "port").contains("guide/ports.md#ports"));
    write(&path, "away/new.md", "# New\n\nThe okapi is here.\n");
    fs::remove_dir(path.join("docs")).expect("it is empty");
    fs::rename(path.join("away"), path.join("docs")).expect("it is moved back");
    recovers(&served);
    assert!(search(&served, "okapi").contains("new.md#new"));
    assert!(search(&served, "port").contains("guide/ports.md#ports"));
}

#[test]
fn docs_that_are_deleted_one_after_the_other_are_served_until_there_are_others() {
    let (_dir, path) = manual();
    let served = Served::start(&path);
    served.follows();
    for entry in fs::read_dir(path.join("docs")).expect("a folder").flatten() {
        let gone = entry.path();
        let went = if gone.is_dir() { fs::remove_dir_all(gone) } else { fs::remove_file(gone) };
        went.expect("it goes");
    }
    assert!(served.hears("serving what is indexed").contains("has no docs any more"));
    // Neither is an index made in which nothing is.
    drop(served);
    let said = fails(&mut index(&path));
    assert!(said.contains("has no docs any more"), "{said}");
    let served = Served::start(&path);
    served.hears("serving what is indexed");
    write(&path, "docs/new.md", "# New\n\nThe okapi is here.\n");
    recovers(&served);
    assert!(search(&served, "okapi").contains("new.md#new"));
    assert!(!search(&served, "port").contains("guide/ports.md#ports"));
}

#[test]
fn another_folder_in_the_place_of_the_docs_is_watched_like_the_first() {
    let (_dir, path) = manual();
    write(&path, "other/guide/ports.md", "# Ports\n\nThe okapi is here.\n");
    let served = Served::start(&path);
    served.follows();
    fs::rename(path.join("docs"), path.join("old")).expect("it is moved");
    fs::rename(path.join("other"), path.join("docs")).expect("it is moved");
    let end = Instant::now() + Duration::from_secs(30);
    while !search(&served, "okapi").contains("guide/ports.md#ports") {
        assert!(Instant::now() < end, "the new folder is not read");
    }
    for number in 0..3 {
        write(&path, "docs/last.md", &format!("# Last\n\nThe tapir{number} is here.\n"));
        let end = Instant::now() + Duration::from_secs(30);
        while !search(&served, &format!("tapir{number}")).contains("last.md#last") {
            assert!(Instant::now() < end, "the new folder is not watched");
        }
    }
}

fn whole(dir: &Path) -> Command {
    let mut command = index(dir);
    command.arg("--check");
    command
}

#[test]
fn whether_an_index_is_whole_can_be_asked() {
    let (_dir, path) = manual();
    let said = fails(&mut whole(&path));
    assert!(said.ends_with("there is no index yet; docent index makes it anew"), "{said}");
    assert!(!path.join("data").exists(), "it makes nothing");
    let served = Served::start(&path);
    served.follows();
    // Also while somebody writes it, and where nothing may be written.
    let output = whole(&path).arg("--json").output().expect("docent runs");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(told["pages"], served.ready()["pages"], "{told}");
    assert_eq!(told["sections"], served.ready()["sections"], "{told}");
    drop(served);
    {
        let sealed = Sealed::new(path.join("data"));
        let output = sealed.bind(whole(&path)).output().expect("docent runs");
        assert!(errors(&output).contains(" is whole: "), "{}", errors(&output));
        assert!(output.status.success());
    }
    for ending in ["store", "idx"] {
        for file in files_of_index(&path, ending) {
            let mut bytes = fs::read(&file).expect("the file");
            bytes[0] ^= 1;
            fs::write(&file, bytes).expect("it is overwritten");
        }
        let said = fails(&mut whole(&path));
        assert!(said.contains("the index has damaged files"), "{said}");
        assert!(index(&path).status().expect("docent runs").success());
        assert!(whole(&path).status().expect("docent runs").success());
    }
}
