//! Where state lives: one SQLite file in the data folder, which the command line and a running
//! server share. Hashes only: whoever steals the file cannot call with it.

mod keys;
mod sqlite;

pub use keys::{Key, KeyLimit, KeyScope};
pub use sqlite::Store;
