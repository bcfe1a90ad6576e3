//! `audit`: what the command line and a server wrote down of the door.

use std::path::Path;
use std::process::Command;

use docent::store::{AuditRow, AuditStore, SqliteStore};
use serde_json::Value;

use super::served::{Served, manual, serve};
use super::{errors, fails};
use crate::harness::docent;

fn audit(dir: &Path, words: &[&str]) -> Command {
    let mut command = docent();
    command.current_dir(dir).arg("audit").args(words).args(["--data-dir", "data"]);
    command
}

/// What it prints on standard output, and what it says.
fn runs(dir: &Path, words: &[&str]) -> (String, String) {
    let output = audit(dir, words).output().expect("docent runs");
    assert!(output.status.success(), "{}", errors(&output));
    (String::from_utf8(output.stdout.clone()).expect("text"), errors(&output))
}

fn key(dir: &Path, words: &[&str]) -> String {
    let mut command = docent();
    let output = command.current_dir(dir).arg("key").args(words).args(["--data-dir", "data"]);
    let output = output.output().expect("docent runs");
    assert!(output.status.success(), "{}", errors(&output));
    String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
}

#[test]
fn what_was_done_with_keys_is_shown() {
    let (_dir, dir) = manual();
    assert!(runs(&dir, &[]).1.contains("nothing was noted in the last 7d"));
    let first = key(&dir, &["create", "--name", "ci"]);
    let second = key(&dir, &["rotate", &first[8..16]]);
    key(&dir, &["revoke", &first[8..16]]);
    let (lines, _) = runs(&dir, &["--json"]);
    let rows: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let told: Vec<(&str, &str)> = rows
        .iter()
        .map(|row| (row["event"].as_str().expect("text"), row["who"].as_str().expect("text")))
        .collect();
    let (first_id, second_id) = (&first[8..16], &second[8..16]);
    assert_eq!(
        told,
        [
            ("key.created", first_id),
            ("key.rotated", first_id),
            ("key.created", second_id),
            ("key.revoked", first_id)
        ]
    );
    assert_eq!((&rows[0]["network"], &rows[0]["times"]), (&Value::Null, &1.into()));
    let (readable, _) = runs(&dir, &["--since", "1h"]);
    assert_eq!(readable.lines().count(), 5, "{readable}");
    assert!(!readable.contains(&first[17..]) && !lines.contains(&second[17..]));
    assert!(fails(&mut audit(&dir, &["--since", "soon"])).contains("--since: \"soon\" is no time"));
    let mut alone = docent();
    assert!(fails(alone.current_dir(&dir).arg("audit")).contains("whose log?"));
}

#[test]
fn a_server_notes_who_was_refused() {
    let (_dir, dir) = manual();
    let revoked = key(&dir, &["create", "--name", "gone"]);
    key(&dir, &["revoke", &revoked[8..16]]);
    let mut command = serve(&dir);
    command.args(["--access", "keys"]);
    let mut served = Served::run(command);
    assert!(super::keys::search(&served, &revoked).contains("401"));
    served.signal("TERM");
    served.ends();
    let (readable, _) = runs(&dir, &[]);
    let line = readable.lines().find(|line| line.contains("key.shown")).expect("it was noted");
    for part in ["revoked", &revoked[8..16], "127.0.0.0/24"] {
        assert!(line.contains(part), "{line}");
    }
}

#[test]
fn nothing_in_the_log_moves_the_cursor() {
    let (_dir, dir) = manual();
    let row = AuditRow {
        at: 4_000_000_000,
        event: "client.registered".into(),
        refused: None,
        who: Some("\x1b]0;title\x07".into()),
        client: Some("a\nb\u{9b}2J\u{202e}c".into()),
        network: None,
        times: 1,
    };
    let store = SqliteStore::open(&dir.join("data")).expect("a store");
    store.add_audit(&[row]).expect("it is written");
    for words in [&["--since", "1h"][..], &["--json"]] {
        let (printed, _) = runs(&dir, words);
        let moves = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(!printed.contains(moves), "{printed:?}");
        assert!(printed.contains("a\\") && printed.contains('c'), "{printed:?}");
    }
}
