//! What was asked, at rest.

use serde::{Deserialize, Serialize};

/// A call, as it is kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CallRow {
    /// Milliseconds since 1970.
    pub at: u64,
    /// Name of the tool; `resource` for a resource that was read; empty for a call that was refused
    /// before it was looked at.
    pub tool: String,
    /// `ok`, `error`, or `limited:` and the kind of limit.
    pub outcome: String,
    /// The collection that was asked, or that answered.
    pub collection: Option<String>,
    /// Kind of the caller: `user`, `key`, `anonymous`, `local`.
    pub caller: String,
    /// Name of the key, or keyed hash of the person.
    pub who: Option<String>,
    /// Name of the client, by its own word.
    pub client: Option<String>,
    /// Its version.
    pub client_version: Option<String>,
    /// The question, or the id that was asked for in vain.
    pub query: Option<String>,
    /// Hits, of a search.
    pub results: Option<u64>,
    /// Share of the question, by rarity of its words, that the best hit holds: 0 to 1.
    pub coverage: Option<f64>,
    /// Ids of what was answered, best first.
    pub ids: Vec<String>,
    /// Words that were taken for others, as `word > other`.
    pub corrected: Vec<String>,
    /// Estimated tokens of the answer.
    pub tokens: u64,
    /// Microseconds from the call to the answer.
    pub micros: u64,
    /// How many calls this stands for.
    pub times: u64,
}

/// What an agent said of a page, as it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedbackRow {
    /// Milliseconds since 1970.
    pub at: u64,
    /// Id of the page or section; none where it is missing.
    pub page: Option<String>,
    /// `wrong`, `stale` or `missing`.
    pub problem: String,
    /// The sentence.
    pub comment: String,
    /// Name of the client, by its own word.
    pub client: Option<String>,
}

/// Keeps what was asked.
pub trait UsageStore: Send + Sync {
    /// Adds rows. Where that fails, some of them may be there; who adds them again may have them twice.
    ///
    /// # Errors
    ///
    /// What the database says.
    fn add(&self, calls: &[CallRow], feedback: &[FeedbackRow]) -> anyhow::Result<()>;

    /// Shows every call from this time on (milliseconds since 1970), the oldest first.
    ///
    /// # Errors
    ///
    /// What the database says.
    fn each_call(&self, since: u64, see: &mut dyn FnMut(CallRow)) -> anyhow::Result<()>;

    /// What agents said from this time on (milliseconds since 1970), the newest first.
    ///
    /// # Errors
    ///
    /// What the database says.
    fn feedback(&self, since: u64) -> anyhow::Result<Vec<FeedbackRow>>;

    /// Deletes what is older than a time (milliseconds since 1970), and of more than so many calls or
    /// sentences the oldest.
    ///
    /// # Errors
    ///
    /// What the database says.
    fn sweep(&self, before: u64, calls: u64, sentences: u64) -> anyhow::Result<()>;
}
