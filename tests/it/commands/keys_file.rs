//! Keys that a deployment brings along: a file of hashes, and one in the environment.

use std::path::Path;
use std::process::{Command, Output};

use super::keys::search;
use super::served::{Served, manual, serve};
use super::{errors, fails};
use crate::harness::{docent, write};

fn key(dir: &Path, words: &[&str]) -> Command {
    let mut command = docent();
    command.current_dir(dir).arg("key").args(words);
    command
}

/// A key for a file: itself, its entry, and `ID:HASH`.
fn made(dir: &Path, words: &[&str]) -> (String, String, String) {
    let output = key(dir, &[&["create", "--name", "a \"b\"", "--for-file"], words].concat())
        .output()
        .expect("docent runs");
    assert!(output.status.success(), "{}", errors(&output));
    let said = errors(&output);
    let printed = String::from_utf8(output.stdout).expect("text").trim_end().to_owned();
    assert!(!said.contains(&printed[17..]), "it is shown once");
    let entry = said.split("\n\n").find(|part| part.starts_with("[[keys]]")).expect("an entry");
    let single = said.lines().next_back().expect("a line");
    (printed, format!("{entry}\n"), single.to_owned())
}

fn text(output: Output) -> String {
    assert!(output.status.success(), "{}", errors(&output));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn a_server_lets_in_by_a_file_of_hashes_and_follows_it() {
    let (_dir, dir) = manual();
    let (first, entry, _) = made(&dir, &["--limit", "2/hour"]);
    let (second, other, _) = made(&dir, &["--never"]);
    assert!(!dir.join("data").exists(), "nothing is kept of them");
    write(&dir, "keys.toml", &entry);
    let mut command = serve(&dir);
    command.args(["--access", "keys", "--keys-file", "keys.toml"]);
    let served = Served::run(command);
    for status in ["200", "200", "429"] {
        assert!(search(&served, &first).contains(status));
    }
    assert!(search(&served, &second).contains("401"));
    write(&dir, "keys.toml", &other);
    assert!(search(&served, &second).contains("200"));
    served.hears("keys.toml again");
    assert!(search(&served, &first).contains("401"));
    write(&dir, "keys.toml", "keys = 1\n");
    assert!(search(&served, &second).contains("200"));
    let said = served.hears("the keys from before it was changed stay");
    assert!(said.contains("keys.toml: line 1: "), "{said}");
    assert!(!served.said().join("\n").contains("there is no key yet"));
}

#[test]
fn one_key_may_stand_in_the_environment() {
    let (_dir, dir) = manual();
    let (key, _, single) = made(&dir, &[]);
    let mut command = serve(&dir);
    command.env("DOCENT_KEY_HASH", &single).env("DOCENT_ACCESS", "keys");
    let served = Served::run(command);
    assert!(search(&served, &key).contains("200"));
    let mut wrong = serve(&dir);
    let said = fails(wrong.env("DOCENT_KEY_HASH", &key).env("DOCENT_ACCESS", "keys"));
    assert!(said.contains("DOCENT_KEY_HASH: key_hash: this is not ID:HASH"), "{said}");
    let mut config = docent();
    config.current_dir(&dir).args(["config", "docs"]).env("DOCENT_ACCESS", "keys");
    let output = config.env("DOCENT_KEY_HASH", &key).output().expect("docent runs");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned() + &errors(&output);
    assert!(printed.contains("key_hash = "), "{printed}");
    assert!(!printed.contains(&key[17..]), "{printed}");
}

#[test]
fn all_places_are_listed_and_each_is_changed_where_it_is() {
    let (_dir, dir) = manual();
    let (_, entry, _) = made(&dir, &[]);
    let (_, _, single) = made(&dir, &[]);
    write(&dir, "conf/keys.toml", &entry);
    write(
        &dir,
        "conf/docent.toml",
        &format!(
            "data_dir = \"../data\"\naccess = \"keys\"\nkeys_file = \"keys.toml\"\n\
             key_hash = \"{single}\"\n[[collections]]\npath = \"../docs\"\n"
        ),
    );
    let run = |words: &[&str]| key(&dir, &[words, &["--config", "conf/docent.toml"]].concat());
    let own = text(run(&["create", "--name", "own"]).output().expect("docent runs"));
    let listed = text(run(&["list"]).output().expect("docent runs"));
    for (id, place) in
        [(&own[8..16], "data_dir"), (&entry[15..23], "keys_file"), (&single[..8], "key_hash")]
    {
        let line = listed.lines().find(|line| line.starts_with(id));
        assert!(line.is_some_and(|line| line.contains(place)), "{id} {place}: {listed}");
    }
    let said = fails(&mut run(&["revoke", &entry[15..23]]));
    assert!(said.contains("conf/keys.toml, which only you can change"), "{said}");
    let said = fails(&mut run(&["rotate", &single[..8]]));
    assert!(said.contains("the setting key_hash"), "{said}");
    // A file that cannot be read keeps nobody from taking back another key.
    write(&dir, "conf/keys.toml", "x");
    assert!(fails(&mut run(&["list"])).contains("keys.toml: line 1"));
    let output = run(&["revoke", &own[8..16]]).output().expect("docent runs");
    assert!(output.status.success(), "{}", errors(&output));
}

#[test]
fn a_file_that_lets_nobody_in_or_everybody_is_told_at_start() {
    let (_dir, dir) = manual();
    write(&dir, "keys.toml", "[[keys]]\nid = \"x\"\nname = \"x\"\nhash = \"x\"\n");
    let with = |words: &[&str]| {
        let mut command = serve(&dir);
        command.args(words);
        command
    };
    let said = fails(&mut with(&["--access", "keys", "--keys-file", "keys.toml"]));
    assert!(said.contains("keys.toml: the key x: id: "), "{said}");
    let said = fails(&mut with(&["--access", "keys", "--keys-file", "nowhere.toml"]));
    assert!(said.contains("cannot read the keys file nowhere.toml"), "{said}");
    let (_, entry, _) = made(&dir, &[]);
    write(&dir, "keys.toml", &entry);
    let said = fails(&mut with(&["--keys-file", "keys.toml"]));
    assert!(said.contains("keep nobody out while everybody may come in"), "{said}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let all = std::fs::Permissions::from_mode(0o666);
        std::fs::set_permissions(dir.join("keys.toml"), all).expect("it is ours");
        let served = Served::run(with(&["--access", "keys", "--keys-file", "keys.toml"]));
        let said = served.said().join("\n");
        assert!(said.contains("who may write keys.toml lets himself in"), "{said}");
    }
}
