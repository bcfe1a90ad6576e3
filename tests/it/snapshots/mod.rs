//! Index snapshots, with real processes over a folder: one that publishes, others that follow.

mod broken;
mod following;
mod publishing;
mod replica;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::commands::errors;
use crate::commands::served::Served;
use crate::harness::{docent, write};

/// A publisher with docs, and the folder that it publishes to; `docent.toml` is for replicas, too.
pub(crate) struct Site {
    _dir: TempDir,
    pub(crate) dir: PathBuf,
}

impl Site {
    pub(crate) fn new() -> Site {
        let dir = tempfile::tempdir().expect("a folder");
        let site = Site { dir: dir.path().canonicalize().expect("it is there"), _dir: dir };
        site.write("docs/guide/ports.md", "# Ports\n\nChange `listen` to use another port.\n");
        site.write("docs/install.md", "# Installation\n\n## Linux\n\nUse the package.\n");
        site.settings("[[collections]]\npath = \"docs\"\ntitle = \"The guide\"\n");
        site
    }

    /// Writes `docent.toml` with these collections.
    pub(crate) fn settings(&self, collections: &str) {
        let follow = self.address();
        self.write(
            "docent.toml",
            &format!(
                "data_dir = \"data\"\nfollow = {follow:?}\nfollow_interval_ms = 100\n{collections}"
            ),
        );
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        write(&self.dir, path, text);
    }

    /// Where snapshots are published.
    pub(crate) fn bucket(&self) -> PathBuf {
        self.dir.join("bucket")
    }

    pub(crate) fn address(&self) -> String {
        address_of(&self.bucket())
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = docent();
        command.current_dir(&self.dir).args(words);
        command
    }

    /// Publishes what the docs say now; what `--json` says of it.
    pub(crate) fn publish(&self) -> Value {
        self.publish_to(&self.address())
    }

    pub(crate) fn publish_to(&self, address: &str) -> Value {
        let output = self.command(&["index", "--publish", address, "--json"]).output();
        let output = output.expect("docent runs");
        assert!(output.status.success(), "{}", errors(&output));
        let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        said["published"].clone()
    }

    /// The command of a replica with a data folder of its own.
    pub(crate) fn replica_in(&self, data: &str) -> Command {
        self.command(&["serve", "--data-dir", data, "--listen", "127.0.0.1:0", "--log", "human"])
    }

    /// A replica that serves.
    pub(crate) fn replica(&self) -> Served {
        Served::run(self.replica_in("replica"))
    }

    /// Where a replica keeps snapshots: in a folder of the address.
    pub(crate) fn kept(&self, data: &str) -> PathBuf {
        let all = fs::read_dir(self.dir.join(data).join("snapshots")).expect("a folder").flatten();
        let mut folders: Vec<PathBuf> =
            all.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
        assert_eq!(folders.len(), 1, "{folders:?}");
        folders.remove(0)
    }

    /// The pointer.
    pub(crate) fn pointer(&self) -> Value {
        let text = fs::read(self.bucket().join("current.json")).expect("a pointer");
        serde_json::from_slice(&text).expect("JSON")
    }
}

/// The address of a folder.
pub(crate) fn address_of(folder: &Path) -> String {
    url::Url::from_file_path(folder).expect("a whole path").to_string()
}

/// The names of the folders in a folder.
pub(crate) fn folders(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("a folder").flatten();
    let folders = entries.filter(|entry| entry.path().is_dir());
    folders.map(|entry| entry.file_name().into_string().expect("a name")).collect()
}

/// Copies all of a folder.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("it is read").flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("it is copied");
        }
    }
}

/// The id of the snapshot that a server serves.
pub(crate) fn served_id(served: &Served) -> String {
    served.ready()["snapshot"]["id"].as_str().expect("an id").to_owned()
}

/// What a search for a word answers.
pub(crate) fn search(served: &Served, query: &str) -> String {
    served.call("search", serde_json::json!({ "query": query }))
}
