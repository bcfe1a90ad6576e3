//! Keys that a deployment brings along: the input is a keys file, and a key of the settings. No
//! mistake in them repeats a secret, and no key of theirs lets in who has not its secret.
#![no_main]

use std::sync::{Arc, LazyLock};

use docent::auth::{Denied, Keys, Listed, Secret};
use docent::store::SqliteStore;
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder"));
static STORE: LazyLock<Arc<SqliteStore>> =
    LazyLock::new(|| Arc::new(SqliteStore::open(FOLDER.path()).expect("a store")));

/// A key that was written there by mistake.
static SECRET: LazyLock<Secret> = LazyLock::new(|| Secret::new().expect("chance"));

fuzz_target!(|text: &str| {
    let text = text.replace("KEY", SECRET.reveal()).replace("ID", SECRET.id());
    let path = FOLDER.path().join("keys.toml");
    std::fs::write(&path, &text).expect("a file");
    for listed in [Listed::default().with_file(&path), Listed::default().with_single(&text)] {
        match listed {
            Err(error) => {
                let error = format!("{error:#}");
                assert!(!error.contains(&SECRET.reveal()[17..]), "{error}");
            }
            Ok(listed) => {
                let keys = Keys::open(STORE.clone()).expect("keys").with(listed);
                let denied = keys.check(SECRET.reveal(), 1).expect("the store").err();
                assert_eq!(denied, Some(Denied::Unknown), "{text}");
                for (key, _) in keys.list_all().expect("the store") {
                    assert_eq!(key.id.len(), 8, "{key:?}");
                }
            }
        }
    }
});
