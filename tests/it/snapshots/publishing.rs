//! `docent index --publish`: what travels, what stays, who waits for whom.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use docent::index::Lock;
use serde_json::json;

use super::Site;
use crate::commands::{errors, fails};

#[test]
fn only_what_is_not_there_travels_and_nothing_at_all_if_nothing_changed() {
    let site = Site::new();
    let first = site.publish();
    assert_eq!(first["unchanged"], false, "{first}");
    assert_eq!(first["uploaded"], first["files"], "{first}");
    assert_eq!(first["bytes_uploaded"], first["bytes"], "{first}");
    let pointer = site.pointer();
    assert_eq!(pointer["id"], first["id"]);
    assert_eq!(pointer["format"], 1);

    let again = site.publish();
    assert_eq!((&again["unchanged"], &again["uploaded"]), (&json!(true), &json!(0)), "{again}");
    assert_eq!(again["id"], first["id"]);
    // Also where the index was made from nothing, as in CI: the docs say the same.
    fs::remove_dir_all(site.dir.join("data")).expect("it was there");
    assert_eq!(site.publish()["unchanged"], true);
    assert_eq!(site.pointer(), pointer);
    // And where a checkout gave the files another time.
    fs::remove_dir_all(site.dir.join("data")).expect("it was there");
    let old = SystemTime::now() - Duration::from_secs(100 * 24 * 3600);
    for page in ["docs/guide/ports.md", "docs/install.md"] {
        let file = File::options().append(true).open(site.dir.join(page)).expect("a page");
        file.set_modified(old).expect("a time");
    }
    assert_eq!(site.publish()["unchanged"], true);
    assert_eq!(site.pointer(), pointer);

    site.write("docs/new.md", "# New\n\nThe okapi is here.\n");
    let second = site.publish();
    assert!(second["id"].as_str() > first["id"].as_str(), "{second}");
    site.write("docs/newer.md", "# Newer\n\nThe tapir is here.\n");
    let third = site.publish();
    assert!(third["uploaded"].as_u64() < third["files"].as_u64(), "{third}");
    assert_eq!(site.pointer()["id"], third["id"]);
    // What is told of a collection is a part of it.
    site.settings("[[collections]]\npath = \"docs\"\ntitle = \"Another title\"\n");
    assert_eq!(site.publish()["unchanged"], false);
}

#[test]
fn a_snapshot_that_lacks_a_file_is_published_again() {
    let site = Site::new();
    let first = site.publish();
    let files = fs::read_dir(site.bucket().join("files")).expect("files");
    let file = files.flatten().next().expect("a file").path();
    fs::remove_file(&file).expect("it was there");
    let second = site.publish();
    assert_eq!((&second["unchanged"], &second["uploaded"]), (&json!(false), &json!(1)), "{second}");
    assert!(file.exists() && second["id"] != first["id"]);
    // So is one of which a file has other bytes, as many as it should have.
    let mut bytes = fs::read(&file).expect("a file");
    bytes[0] ^= 1;
    fs::write(&file, bytes).expect("it is written");
    let third = site.publish();
    assert_eq!((&third["unchanged"], &third["uploaded"]), (&json!(false), &json!(1)), "{third}");
    assert_eq!(site.publish()["unchanged"], true);
    // A pointer that was torn is written anew.
    fs::write(site.bucket().join("current.json"), "{\"form").expect("it is written");
    assert_eq!(site.publish()["unchanged"], false);
    assert_eq!(site.publish()["unchanged"], true);
}

#[test]
fn one_publishes_at_a_time_and_the_other_is_told_who() {
    let site = Site::new();
    site.publish();
    let lock = Lock::take(&site.bucket(), "index --publish since noon").expect("a lock");
    site.write("docs/new.md", "# New\n");
    let said = fails(&mut site.command(&["index", "--publish", &site.address()]));
    let expected = format!(
        "docent: the snapshot was not published: docent index --publish since noon (process {}) \
         publishes to {} just now: try again when that is done",
        std::process::id(),
        site.address()
    );
    assert_eq!(said, expected);
    drop(lock);
    assert_eq!(site.publish()["unchanged"], false);
}

#[test]
fn of_many_who_publish_at_once_each_is_whole_or_refused() {
    let site = Site::new();
    site.publish();
    let writers = ["a", "b", "c"].map(|name| {
        let other = Site::new();
        other.write("docs/mine.md", &format!("# Mine\n\nWritten by {name}.\n"));
        other
    });
    let children: Vec<_> = writers
        .iter()
        .map(|writer| {
            let mut command = writer.command(&["index", "--publish", &site.address()]);
            command.stderr(std::process::Stdio::piped()).spawn().expect("docent runs")
        })
        .collect();
    let mut published = 0;
    for child in children {
        let output = child.wait_with_output().expect("it ends");
        let said = errors(&output);
        if output.status.success() {
            published += 1;
        } else {
            assert!(said.contains("just now: try again when that is done"), "{said}");
        }
    }
    assert!(published > 0);
    let served = site.replica();
    assert_eq!(super::served_id(&served), site.pointer()["id"].as_str().expect("an id"));
    assert!(super::search(&served, "Written by").contains("mine.md#mine"));
}

#[test]
fn old_snapshots_go_and_what_replicas_may_need_stays() {
    let site = Site::new();
    for at in 0..7 {
        site.write("docs/new.md", &format!("# New\n\nNumber {at} is here.\n"));
        site.publish();
    }
    let count = |folder: &str| fs::read_dir(site.bucket().join(folder)).expect("a folder").count();
    assert_eq!(count("snapshots"), 7);
    // They grow old. One object stands in no snapshot, and a new one in none yet.
    for folder in ["snapshots", "files"] {
        for entry in fs::read_dir(site.bucket().join(folder)).expect("a folder").flatten() {
            let old = SystemTime::now() - Duration::from_secs(3 * 24 * 3600);
            let file = File::options().append(true).open(entry.path()).expect("a file");
            file.set_modified(old).expect("a time");
        }
    }
    site.write(&format!("bucket/files/{}", "0".repeat(64)), "somebody else uploads this");
    let before = count("files");
    site.write("docs/new.md", "# New\n\nThe last one is here.\n");
    let done = site.publish();
    // The newest five are too young by what their manifests say, which their names go by.
    assert!(done["deleted"].as_u64() > Some(0), "{done}");
    assert!(count("snapshots") < 8 && count("files") < before + 8);
    assert!(site.bucket().join("files").join("0".repeat(64)).exists());
    let served = site.replica();
    assert!(super::search(&served, "last").contains("new.md#new"));
}

#[test]
fn wrong_addresses_are_told_before_the_docs_are_read() {
    let site = Site::new();
    for (address, expected) in [
        ("bucket", "this is not an address such as s3://bucket/prefix"),
        ("s3://key:secret/bucket", "this is not an address such as s3://bucket/prefix"),
        ("http://a.example/x", "is not an address such as s3://bucket/prefix"),
        ("s3://bucket/x?y=z", "such as s3://bucket/prefix, without ? and #"),
        ("s3://key:secret@bucket", "credentials come from the environment"),
    ] {
        let said = fails(&mut site.command(&["index", "--publish", address]));
        assert!(said.starts_with("docent: --publish: ") && said.contains(expected), "{said}");
        assert!(!said.contains("secret"), "{said}");
    }
    assert!(!site.dir.join("data").exists());
    // A file stands where the folder should be.
    site.write("file", "x");
    let address = format!("file://{}/file/x", site.dir.display());
    let said = fails(&mut site.command(&["index", "--publish", &address]));
    assert!(said.contains("the snapshot was not published: file://"), "{said}");
    assert!(said.contains("cannot make the folder"), "{said}");
}

#[test]
fn people_are_told_what_was_published() {
    let site = Site::new();
    let said = || {
        let output = site.command(&["index", "--publish", &site.address()]).output();
        errors(&output.expect("docent runs"))
    };
    let first = said();
    let line = first.lines().last().unwrap_or_default();
    assert!(
        line.starts_with("published 20") && line.contains(" objects were not there"),
        "{first}"
    );
    assert!(said().contains("nothing changed since 20"));
}
