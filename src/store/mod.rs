//! Where state lives: SQLite files in the data folder, which the command line and a running server
//! share. Of keys and people hashes only: whoever steals a file cannot call with it.

mod audit;
mod clients;
mod grants;
mod keys;
mod sqlite;
mod usage;

pub use audit::AuditRow;
pub use clients::Client;
pub use grants::{GrantKind, GrantRecord, Revocation, Standing};
pub use keys::{Key, KeyLimit, KeyScope};
pub use sqlite::Store;
pub use usage::{CallRow, FeedbackRow, UsageStore};
