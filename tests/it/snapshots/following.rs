//! Replicas follow: within moments, without a failed request, and from whatever was there at the start.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;

use super::{Site, address_of, folders, search, served_id};
use crate::commands::fails;
use crate::commands::served::Served;

#[test]
fn newer_snapshots_are_served_and_no_request_fails() {
    let site = Site::new();
    site.publish();
    let served = site.replica();
    let (stop, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    let address = served.address.clone();
    let ask = |head: &str, body: &str| {
        let stream = TcpStream::connect(&address).expect("it listens");
        let answer = Served::asked(stream, &address, head, body);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        asked.fetch_add(1, Ordering::Relaxed);
    };
    let call = "POST /mcp HTTP/1.1\r\nContent-Type: application/json\r\n\
                Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2025-11-25\r\n";
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "search", "arguments": {"query": "port"}}})
    .to_string();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    ask(call, &body);
                    ask("GET /docs/docs/install.md HTTP/1.1\r\n", "");
                    ask("GET /readyz HTTP/1.1\r\n", "");
                }
            });
        }
        for at in 0..5 {
            site.write("docs/new.md", &format!("# New\n\nThe okapi number {at} is here.\n"));
            let done = site.publish();
            served.hears("moved to a newer snapshot");
            assert_eq!(served_id(&served), done["id"].as_str().expect("an id"));
            assert!(search(&served, "okapi").contains(&format!("number {at}")));
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(asked.load(Ordering::Relaxed) > 10);
    // The one that is served stays here, and the one before.
    assert_eq!(folders(&site.kept("replica")).len(), 2);
}

#[test]
fn a_restart_fetches_nothing_that_is_here_and_leaves_nothing_half() {
    let site = Site::new();
    site.publish();
    drop(site.replica());
    let kept = site.kept("replica");
    let id = site.pointer()["id"].as_str().expect("an id").to_owned();
    fs::create_dir_all(kept.join("20990101T000000Z-0.part/search")).expect("a folder");
    // The one before, an older one, and one whose manifest is that of another.
    let before = "20000101T000000Z-0";
    let (old, alien) = ("19990101T000000Z-0", "19980101T000000Z-0");
    for (other, named) in [(before, before), (old, old), (alien, old)] {
        fs::create_dir_all(kept.join(other)).expect("a folder");
        let text = fs::read_to_string(kept.join(&id).join("manifest.json")).expect("a manifest");
        let text = text.replace(&id, named);
        fs::write(kept.join(other).join("manifest.json"), text).expect("it is written");
    }
    fs::create_dir_all(kept.join("files")).expect("a folder");
    // Were a single file fetched, it would be missed.
    for entry in fs::read_dir(site.bucket().join("files")).expect("files").flatten() {
        fs::remove_file(entry.path()).expect("it was there");
    }
    let served = site.replica();
    assert_eq!(served_id(&served), id);
    assert!(search(&served, "port").contains("guide/ports.md#ports"));
    // What docent did not bring is not its own to delete.
    let mut left = folders(&kept);
    left.sort();
    assert_eq!(left, [alien, before, &id, "files"]);
}

#[test]
fn another_address_never_brings_the_docs_of_the_one_before() {
    let (site, other) = (Site::new(), Site::new());
    site.publish();
    other.write("docs/new.md", "# New\n\nThe okapi is here.\n");
    other.publish();
    drop(site.replica());
    let at = |address: &str| {
        let mut command = site.replica_in("replica");
        command.args(["--follow", address]);
        command
    };
    let nowhere = address_of(&site.dir.join("nowhere"));
    let mut child = at(&nowhere).stderr(Stdio::piped()).spawn().expect("docent runs");
    let said = BufReader::new(child.stderr.take().expect("its log")).lines();
    let mut said = said.map_while(Result::ok);
    let served = said.find(|line| line.contains("endpoint: http"));
    let _ = child.kill();
    assert_eq!((served, child.wait().expect("it ends").code()), (None, Some(1)));
    fs::rename(site.dir.join("docs"), site.dir.join("away")).expect("it was there");
    let mut asked =
        site.command(&["search", "port", "--data-dir", "replica", "--follow", &nowhere]);
    let asked = asked.output().expect("docent runs");
    let found = String::from_utf8_lossy(&asked.stdout).into_owned();
    assert!(!found.contains("guide/ports.md"), "{found}");
    let served = Served::run(at(&other.address()));
    assert!(search(&served, "okapi").contains("new.md#new"));
    // What nobody follows any more takes no room.
    assert_eq!(folders(&site.kept("replica")).len(), 1);
}

#[test]
fn a_place_in_the_data_folder_is_refused() {
    let site = Site::new();
    for (place, relation) in
        [("data/snapshots", "is in the data folder"), ("data", "is the data folder")]
    {
        let address = address_of(&site.dir.join(place));
        for words in [["index", "--publish"], ["serve", "--follow"]] {
            let said = fails(site.command(&words).arg(&address));
            assert!(said.starts_with(&format!("docent: {}: ", words[1])), "{said}");
            assert!(said.contains(relation), "{said}");
        }
    }
    assert!(!site.dir.join("data").exists());
}

#[test]
fn a_place_that_is_away_at_the_start_is_no_end() {
    let site = Site::new();
    let away = site.dir.join("away");
    let said = fails(&mut site.replica_in("replica"));
    let expected =
        format!("docent: {}: there is no folder {}", site.address(), site.bucket().display());
    assert_eq!(said, expected);
    site.publish();
    drop(site.replica());
    fs::rename(site.bucket(), &away).expect("it was there");
    let served = site.replica();
    assert!(search(&served, "port").contains("guide/ports.md#ports"));
    let problem = served.ready()["problem"].as_str().unwrap_or_default().to_owned();
    let expected = "Newer docs cannot be had just now (the place of the snapshots is not there); this is \
                    the snapshot 20";
    assert!(problem.starts_with(expected), "{problem}");
    // What is told to callers names no path.
    assert!(!problem.contains('/'), "{problem}");
    let said = served.said().join("\n");
    assert!(
        said.contains("there is no folder") && said.contains("serving the snapshot 20"),
        "{said}"
    );
    fs::rename(&away, site.bucket()).expect("it was there");
    served.hears("snapshots can be followed again");
    site.write("docs/new.md", "# New\n\nThe okapi is here.\n");
    site.publish();
    served.hears("moved to a newer snapshot");
    assert!(search(&served, "okapi").contains("new.md#new"));
    assert!(served.ready()["problem"].is_null());
}

#[test]
fn who_comes_before_the_first_snapshot_waits_for_it() {
    let site = Site::new();
    fs::create_dir(site.bucket()).expect("a folder");
    #[cfg(unix)]
    {
        // Told to end while it waits, it ends.
        let mut command = site.replica_in("other");
        let mut child = command.stderr(Stdio::piped()).spawn().expect("docent runs");
        let mut lines = BufReader::new(child.stderr.take().expect("its log")).lines();
        let line = lines.next().expect("a line").expect("text");
        assert!(line.contains("waiting: nothing is published at file://"), "{line}");
        assert!(line.contains("yet: docent index --publish does that"), "{line}");
        let told = std::process::Command::new("kill").arg(child.id().to_string()).status();
        assert!(told.expect("kill runs").success());
        assert_eq!(child.wait().expect("it ends").code(), Some(0));
    }
    let waiting = site.replica_in("replica");
    let served = std::thread::scope(|scope| {
        let served = scope.spawn(|| Served::run(waiting));
        site.publish();
        served.join().expect("it serves")
    });
    assert!(search(&served, "port").contains("guide/ports.md#ports"));
}

#[test]
fn listeners_are_told_of_what_a_snapshot_changes() {
    let site = Site::new();
    site.publish();
    let served = site.replica();
    let body =
        json!({"jsonrpc": "2.0", "id": "listen", "method": "subscriptions/listen", "params": {
        "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {}},
        "notifications": {"resourcesListChanged": true,
            "resourceSubscriptions": ["docs:///docs/install.md"]}}})
        .to_string();
    let mut stream = served.connect();
    write!(
        stream,
        "POST /mcp HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\n\
         Mcp-Method: subscriptions/listen\r\nContent-Length: {}\r\n\r\n{body}",
        served.address,
        body.len()
    )
    .expect("it reads");
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    lines.find(|line| line.contains("acknowledged")).expect("it listens");
    site.write("docs/install.md", "# Installation\n\n## Linux\n\nUse the other package.\n");
    site.write("docs/new.md", "# New\n");
    site.publish();
    lines.find(|line| line.contains("notifications/resources/list_changed")).expect("a notice");
    lines.find(|line| line.contains("docs:///docs/install.md")).expect("a notice");
}

#[test]
fn other_collections_are_searched_as_soon_as_they_come() {
    let site = Site::new();
    site.publish();
    let served = site.replica();
    assert!(search(&served, "port").contains("\"guide/ports.md#ports\""));
    site.write("more/animals.md", "# Animals\n\nThe okapi is here.\n");
    site.settings(
        "[[collections]]\npath = \"docs\"\n[[collections]]\npath = \"more\"\ntitle = \"Zoo\"\n",
    );
    site.publish();
    let said = served.hears("the snapshot brings other collections");
    assert!(said.contains("before=\"docs\"") && said.contains("now=\"docs, more\""), "{said}");
    assert!(said.contains("are made again with a restart"), "{said}");
    served.hears("moved to a newer snapshot");
    assert!(search(&served, "okapi").contains("\"more/animals.md#animals\""));
    let only = served.call("search", json!({"query": "okapi", "collection": "more"}));
    assert!(only.contains("more/animals.md#animals"), "{only}");
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).to_string();
    let head = "POST /mcp HTTP/1.1\r\nContent-Type: application/json\r\n\
                Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2025-11-25\r\n";
    let tools = served.ask(head, &body);
    assert!(tools.contains("[\"docs\",\"more\"]"), "{tools}");
    for path in ["/", "/docs/more/", "/docs/more/animals.md", "/llms.txt"] {
        let page = served.ask(&format!("GET {path} HTTP/1.1\r\n"), "");
        assert!(
            ["Zoo", "okapi", "animals.md"].iter().any(|it| page.contains(it)),
            "{path}: {page}"
        );
    }
    // And back: what is gone is told as any collection that is not there.
    site.settings("[[collections]]\npath = \"docs\"\n");
    site.publish();
    served.hears("moved to a newer snapshot");
    assert!(search(&served, "port").contains("\"guide/ports.md#ports\""));
    let gone = served.call("search", json!({"query": "okapi", "collection": "more"}));
    assert!(gone.contains("\"isError\":true"), "{gone}");
}

#[test]
fn wrong_settings_are_refused_in_words() {
    let site = Site::new();
    let follow = site.address();
    let serve = |words: &[&str]| {
        let mut command = site.command(&["serve", "--data-dir", "x", "--listen", "127.0.0.1:0"]);
        fails(command.args(words))
    };
    let both = serve(&["docs", "--follow", &follow]);
    let expected =
        "docent: --follow: who follows snapshots serves no docs folder: name the one or the other";
    assert_eq!(both, expected);
    let wrong = serve(&["--follow", "ftp://x/y"]);
    assert!(
        wrong.starts_with("docent: --follow: \"ftp://x/y\" is not an address such as s3://"),
        "{wrong}"
    );
    let mut stdio = site.command(&["stdio", "docs", "--data-dir", "x", "--follow", &follow]);
    assert_eq!(fails(&mut stdio), expected);
    let mut variable = site.command(&["config", "--check"]);
    variable.env("DOCENT_FOLLOW", "nowhere");
    assert!(
        fails(&mut variable)
            .starts_with("docent: DOCENT_FOLLOW: this is not an address such as s3://")
    );
    let shown = site.command(&["config"]).output().expect("docent runs");
    let shown = String::from_utf8(shown.stdout).expect("text");
    assert!(shown.contains(&format!("follow = {follow:?}")), "{shown}");
    assert!(shown.contains("follow_interval_ms = 100"), "{shown}");
    site.write("docent.toml", "follow_interval_ms = 1\nfollow = \"s3://bucket/prefix\"\n");
    let said = fails(&mut site.command(&["config"]));
    assert!(said.contains("follow_interval_ms: must be at least 50"), "{said}");
}
