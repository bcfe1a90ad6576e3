//! The audit log at rest: rows are added and, when they are old, deleted; never changed.

use serde::{Deserialize, Serialize};

/// Something that happened at the door, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AuditRow {
    /// Seconds since 1970; of several times the minute in which they were.
    pub at: u64,
    /// What happened, by name.
    pub event: String,
    /// Why it was refused, if it was.
    pub refused: Option<String>,
    /// Who did it, or whom it was done to, if that is known: the id of a key, or the keyed hash of
    /// a person.
    pub who: Option<String>,
    /// The OAuth client that was used.
    pub client: Option<String>,
    /// From which network; none for this machine's command line, and for many at once.
    pub network: Option<String>,
    /// How many times in that minute.
    pub times: u64,
}

/// Keeps the audit log.
pub trait AuditStore {
    /// Adds rows to the audit log, all or none.
    ///
    /// # Errors
    ///
    /// What the database says.
    fn add_audit(&self, rows: &[AuditRow]) -> anyhow::Result<()>;

    /// The rows of the audit log from this time on, the newest last.
    ///
    /// # Errors
    ///
    /// What the database says.
    fn audit(&self, since: u64) -> anyhow::Result<Vec<AuditRow>>;

    /// Deletes what is older than a time and then, of more than `most` rows, those first that
    /// anybody can make: they must not push out those that tell of keys and of who signed in.
    ///
    /// # Errors
    ///
    /// What the database says.
    fn sweep_audit(&self, before: u64, most: u64) -> anyhow::Result<()>;
}
