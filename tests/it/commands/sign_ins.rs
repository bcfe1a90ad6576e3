//! `docent sign-in`: who is signed in, and how that is ended.

use docent::store::{GrantKind, GrantRecord, GrantStore, SqliteStore};

use super::errors;
use crate::harness::{docent, write};

fn run(dir: &std::path::Path, words: &[&str]) -> (bool, String, String) {
    let mut command = docent();
    command.current_dir(dir).arg("sign-in").args(words).args(["--data-dir", "data"]);
    let output = command.output().expect("docent runs");
    let said = String::from_utf8(output.stdout.clone()).expect("text");
    (output.status.success(), said, errors(&output))
}

fn signed_in(store: &SqliteStore, person: &str, client: &str, at: u64) {
    let record = |kind: GrantKind, salt: &str| GrantRecord {
        kind,
        hash: *blake3::hash(format!("{person}{client}{salt}").as_bytes()).as_bytes(),
        client: client.into(),
        family: Some(format!("{person}-{client}")),
        person: Some(person.into()),
        established: at,
        expires: Some(4_000_000_000_000),
        successor: None,
        sealed: vec![1],
    };
    for kind in [GrantKind::Access, GrantKind::Refresh] {
        assert!(store.put_grant(&record(kind, "x")).expect("a store"));
    }
}

#[test]
fn sign_ins_are_listed_and_ended() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "docs/a.md", "# A\n");
    let store = SqliteStore::open(&dir.path().join("data")).expect("a store");
    let (good, _, said) = run(dir.path(), &["list"]);
    assert!(good && said.contains("nobody is signed in"), "{said}");
    for (person, client) in [("ada", "app"), ("ada", "other"), ("bob", "app"), ("eve", "third")] {
        signed_in(&store, person, client, 1_700_000_000_000);
    }
    let people = |dir| {
        let json = run(dir, &["list", "--json"]).1;
        let rows: Vec<serde_json::Value> = serde_json::from_str(&json).expect("JSON");
        let mut people: Vec<_> =
            rows.iter().map(|row| format!("{} {}", row["person"], row["client"])).collect();
        people.sort();
        people
    };
    assert_eq!(people(dir.path()).len(), 4);
    let (good, table, _) = run(dir.path(), &["list"]);
    assert!(good && table.contains("2023-11-14T22:13:20Z"), "{table}");

    assert!(run(dir.path(), &["revoke", "--person", "ada"]).0);
    assert_eq!(people(dir.path()), ["\"bob\" \"app\"", "\"eve\" \"third\""]);
    assert!(run(dir.path(), &["revoke", "--client", "app"]).0);
    assert_eq!(people(dir.path()), ["\"eve\" \"third\""]);
    let (good, _, said) = run(dir.path(), &["revoke", "--person", "ada"]);
    assert!(!good && said.contains("nobody like that is signed in"), "{said}");
    assert!(run(dir.path(), &["revoke", "--all"]).0);
    assert!(people(dir.path()).is_empty());

    // What a backup brings back of before does not come in again.
    let old = GrantRecord {
        kind: GrantKind::Refresh,
        hash: [7; 32],
        client: "app".into(),
        family: Some("old".into()),
        person: Some("zoe".into()),
        established: 1_700_000_000_000,
        expires: Some(4_000_000_000_000),
        successor: None,
        sealed: vec![1],
    };
    assert!(!store.put_grant(&old).expect("a store"));
    // And it is in the log, without anything that was given.
    let log = docent().current_dir(dir.path()).args(["audit", "--data-dir", "data"]).output();
    let log = String::from_utf8(log.expect("docent runs").stdout).expect("text");
    assert_eq!(log.matches("sign_in.ended").count(), 3, "{log}");
    let (good, _, said) = run(dir.path(), &["revoke"]);
    assert!(!good && said.contains("--all"), "{said}");
}
