//! What is torn, cut off, changed or of another version is never served: it is told, and the next one is.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{Site, address_of, copy, folders, search, served_id};
use crate::commands::served::Served;

/// A publisher with a replica, and a second place that publishes first: there snapshots are broken
/// before they come where the replica looks, with the pointer last.
struct Bench {
    site: Site,
    served: Served,
    /// The number of the snapshot that is served.
    at: usize,
}

impl Bench {
    fn new() -> Bench {
        let site = Site::new();
        site.write("docs/new.md", "# New\n\nThe okapi number 0 is here.\n");
        site.publish();
        let served = site.replica();
        Bench { site, served, at: 0 }
    }

    /// Publishes a snapshot, broken by somebody; then as it should be.
    fn breaks(&mut self, expected: &str, break_it: impl FnOnce(&Path)) {
        let Bench { site, served, at } = self;
        let before = served_id(served);
        let staging = site.dir.join("staging");
        let _ = fs::remove_dir_all(&staging);
        copy(&site.bucket(), &staging);
        let next = format!("number {}", *at + 1);
        site.write("docs/new.md", &format!("# New\n\nThe okapi {next} is here.\n"));
        site.publish_to(&address_of(&staging));
        let whole = site.dir.join("whole");
        let _ = fs::remove_dir_all(&whole);
        copy(&staging, &whole);
        break_it(&staging);
        put(&staging, &site.bucket());
        let said = served.hears(expected);
        assert!(
            said.contains("ERROR") && said.contains(&format!("serving the snapshot {before}")),
            "{said}"
        );
        assert_eq!(served_id(served), before);
        let found = search(served, "okapi");
        assert!(found.contains(&format!("number {at}")) && !found.contains(&next), "{found}");
        let problem = served.ready()["problem"].clone();
        let problem = problem.as_str().unwrap_or_default();
        assert!(problem.contains("Newer docs cannot be had just now ("), "{problem}");
        assert!(!problem.contains("file:") && !problem.contains('/'), "{problem}");
        put(&whole, &site.bucket());
        served.hears("moved to a newer snapshot");
        served.hears("snapshots can be followed again");
        // Nothing of it is left here.
        let kept = folders(&site.kept("replica"));
        assert!(kept.len() <= 2 && kept.iter().all(|it| !it.ends_with(".part")), "{kept:?}");
        assert!(search(served, "okapi").contains(&next));
        assert!(served.ready()["problem"].is_null());
        self.at += 1;
    }
}

/// Puts everything of a folder into another one, the pointer last and at once.
fn put(from: &Path, to: &Path) {
    for folder in ["files", "snapshots"] {
        fs::remove_dir_all(to.join(folder)).expect("it was there");
        copy(&from.join(folder), &to.join(folder));
    }
    let new = to.join("new-pointer");
    fs::copy(from.join("current.json"), &new).expect("it is copied");
    fs::rename(new, to.join("current.json")).expect("it is moved");
}

fn json_of(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a file")).expect("JSON")
}

/// Changes the manifest of the current snapshot, and the pointer with it.
fn change(place: &Path, change: impl FnOnce(&mut Value)) {
    let mut pointer = json_of(&place.join("current.json"));
    let path = manifest_of(place);
    let mut manifest = json_of(&path);
    change(&mut manifest);
    let text = manifest.to_string();
    pointer["blake3"] = json!(blake3::hash(text.as_bytes()).to_hex().to_string());
    fs::write(&path, text).expect("it is written");
    fs::write(place.join("current.json"), pointer.to_string()).expect("it is written");
}

fn manifest_of(place: &Path) -> std::path::PathBuf {
    let pointer = json_of(&place.join("current.json"));
    place.join("snapshots").join(format!("{}.json", pointer["id"].as_str().expect("an id")))
}

/// The largest file of the current snapshot that the one before has not.
fn file_of(place: &Path) -> std::path::PathBuf {
    let manifest = json_of(&manifest_of(place));
    let files = manifest["files"].as_array().expect("files").clone();
    let meta = files.iter().find(|file| file["name"] == "meta.json").expect("meta.json");
    place.join("files").join(meta["blake3"].as_str().expect("a hash"))
}

#[test]
fn half_and_changed_snapshots_are_never_served() {
    let mut bench = Bench::new();
    bench.breaks("current.json is damaged", |place| {
        let text = fs::read(place.join("current.json")).expect("a pointer");
        fs::write(place.join("current.json"), &text[..text.len() / 2]).expect("it is written");
    });
    bench.breaks("is missing", |place| fs::remove_file(manifest_of(place)).expect("it was there"));
    bench.breaks("is not the manifest that current.json names", |place| {
        let path = manifest_of(place);
        let text = fs::read(&path).expect("a manifest");
        fs::write(&path, &text[..text.len() / 2]).expect("it is written");
    });
    bench.breaks("is not the manifest that current.json names", |place| {
        let path = manifest_of(place);
        let mut text = fs::read(&path).expect("a manifest");
        let at = text.len() / 2;
        text[at] ^= 1;
        fs::write(&path, text).expect("it is written");
    });
    bench.breaks("is missing", |place| fs::remove_file(file_of(place)).expect("it was there"));
    bench.breaks(" bytes and not ", |place| {
        let path = file_of(place);
        let bytes = fs::read(&path).expect("a file");
        fs::write(&path, &bytes[..bytes.len() - 1]).expect("it is written");
    });
    bench.breaks("is not what was published", |place| {
        let path = file_of(place);
        let mut bytes = fs::read(&path).expect("a file");
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        fs::write(&path, bytes).expect("it is written");
    });
    bench.breaks("is none that docent gives", |place| {
        change(place, |manifest| manifest["files"][0]["name"] = json!("../../../outside"));
    });
    assert!(!bench.site.dir.join("outside").exists());
}

#[test]
fn what_another_version_made_is_not_served() {
    let mut bench = Bench::new();
    bench.breaks("was made by docent 9.9.9, and this is docent 0", |place| {
        change(place, |manifest| manifest["made_by"] = json!("docent 9.9.9"));
    });
    bench.breaks("current.json was written by a later version of docent", |place| {
        let path = place.join("current.json");
        let mut pointer = json_of(&path);
        pointer["format"] = json!(2);
        fs::write(&path, pointer.to_string()).expect("it is written");
    });
    // One that lies about it is found out when it is opened.
    bench.breaks("cannot be read", |place| {
        change(place, |manifest| {
            let files = manifest["files"].as_array_mut().expect("files");
            let meta = files.iter_mut().find(|file| file["name"] == "meta.json").expect("it");
            let text = "{\"segments\":[]}";
            let hash = blake3::hash(text.as_bytes()).to_hex().to_string();
            fs::write(place.join("files").join(&hash), text).expect("it is written");
            meta["blake3"] = json!(hash);
            meta["size"] = json!(text.len());
        });
    });
}

#[test]
fn what_is_damaged_on_the_machine_of_a_replica_is_brought_again() {
    let site = Site::new();
    site.publish();
    let served = site.replica();
    let id = served_id(&served);
    // It is brought beside the one that is harmed, which goes when nobody serves it any more.
    let store = || {
        let kept = site.kept("replica");
        let folders = folders(&kept);
        assert!(folders.len() == 1 && folders[0].starts_with(&id), "{folders:?}");
        let entries = fs::read_dir(kept.join(&folders[0]).join("search")).expect("it").flatten();
        let mut files = entries.map(|entry| entry.path());
        files.find(|path| path.extension().is_some_and(|end| end == "store")).expect("a store")
    };
    let good = fs::read(store()).expect("a file");
    let mut bad = good.clone();
    bad[good.len() / 2] ^= 1;
    fs::write(store(), &bad).expect("it is written");
    served.hears("bringing the snapshot again");
    served.hears("moved to a newer snapshot");
    assert_eq!(fs::read(store()).expect("a file"), good);
    assert!(search(&served, "port").contains("guide/ports.md#ports"));
    fs::remove_file(store()).expect("it was there");
    served.hears("bringing the snapshot again");
    served.hears("snapshots can be followed again");
    assert_eq!(fs::read(store()).expect("a file"), good);
    assert_eq!(served_id(&served), id);
    assert!(served.ready()["problem"].is_null());
    // Also while the pointer leads nowhere.
    fs::write(site.bucket().join("current.json"), "{\"form").expect("it is written");
    served.hears("current.json is damaged");
    fs::write(store(), &bad).expect("it is written");
    served.hears("bringing the snapshot again");
    served.hears("moved to a newer snapshot");
    assert_eq!(fs::read(store()).expect("a file"), good);
    assert!(search(&served, "port").contains("guide/ports.md#ports"));
}
