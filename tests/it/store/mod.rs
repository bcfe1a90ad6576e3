//! The state of a server, in SQLite.

mod contract;

use std::sync::Arc;

use contract::{Place, held_to_the_contract};
use docent::store::{SqliteStore, SqliteUsage, Store, UsageStore};
use tempfile::TempDir;

struct Folder(TempDir);

impl Place for Folder {
    fn open(&self) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open(self.0.path()).expect("a store"))
    }

    fn usage(&self) -> Box<dyn UsageStore> {
        Box::new(SqliteUsage::open(self.0.path()).expect("a store"))
    }
}

fn folder() -> Folder {
    Folder(TempDir::new().expect("a folder"))
}

held_to_the_contract!(folder);
