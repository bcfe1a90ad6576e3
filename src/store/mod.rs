//! Where state lives: one SQLite file in the data folder, which the command line and a running
//! server share. Hashes only: whoever steals the file cannot call with it.

mod audit;
mod clients;
mod grants;
mod keys;
mod sqlite;

pub use audit::AuditRow;
pub use clients::Client;
pub use grants::{GrantKind, GrantRecord, Revocation, Standing};
pub use keys::{Key, KeyLimit, KeyScope};
pub use sqlite::Store;
