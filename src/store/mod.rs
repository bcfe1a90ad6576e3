//! Where state lives: keys, sign-ins, clients, the audit log, what was asked. One server keeps it in
//! SQLite files in its data folder, which the command line shares; several keep it in Redis or Valkey.
//! Of keys and people hashes only: whoever steals it cannot call with it.
//!
//! Each topic is a file here, with what is kept and the trait of those who keep it; the same files in
//! `sqlite` and `redis` keep it. One suite of tests, the contract, holds both to the same answers.

mod audit;
pub mod begun;
mod clients;
mod grants;
mod keys;
pub mod redis;
mod sqlite;
mod usage;

pub use audit::{AuditRow, AuditStore};
pub use begun::{Begun, BegunStore, Phase, Taken};
pub use clients::{Client, ClientStore};
pub use grants::{Decide, GrantKind, GrantRecord, GrantStore, Revocation, Standing};
pub use keys::{Key, KeyLimit, KeyScope, KeyStore};
#[cfg(test)]
pub(crate) use sqlite::change;
pub use sqlite::{SqliteStore, SqliteUsage};
pub use usage::{CallRow, FeedbackRow, UsageStore};

/// The state of a server, or of several.
///
/// Nothing of it is asynchronous: SQLite answers at once, and who shares a state waits beside the threads that
/// serve.
pub trait Store:
    KeyStore + ClientStore + GrantStore + AuditStore + BegunStore + Send + Sync
{
    /// Another number than before once a key was changed, or something ended that had been granted: at once
    /// if that was done through this store, and within [`LAG`] wherever it was done. It may also change
    /// without such a cause. Asking costs microseconds: every call does.
    ///
    /// # Errors
    ///
    /// What the database says.
    fn version(&self) -> anyhow::Result<i64>;

    /// Random bytes that all who share the state have, if it is shared. They are no secret.
    fn salt(&self) -> Option<&[u8]> {
        None
    }
}

/// A hash as people and names of keys have it: 64 hexadecimal digits.
pub fn hex(hash: &[u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How long what one server writes may be unknown to another, which looks this often.
pub const LAG: std::time::Duration = std::time::Duration::from_secs(1);
