//! Bearer keys at rest. Times are seconds since 1970.

use serde::{Deserialize, Serialize};

/// A key as it is kept: nothing here lets anybody call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// The part of the key that is no secret.
    pub id: String,
    /// SHA-256 of the whole key.
    pub hash: [u8; 32],
    /// What people call it.
    pub name: String,
    /// The first key of those that follow each other by rotation; they are counted as one.
    pub family: String,
    /// A limit of its own, if it has one.
    pub limit: Option<KeyLimit>,
    /// What it may see and use.
    pub scope: KeyScope,
    /// When it was made.
    pub created: u64,
    /// From when on it is refused.
    pub expires: Option<u64>,
    /// Since when it is refused.
    pub revoked: Option<u64>,
    /// When it was last used, to the hour.
    pub used: Option<u64>,
}

/// What a key may see and use; none is everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyScope {
    /// Names of collections. One that is not served any more lets see nothing.
    pub collections: Option<Vec<String>>,
    /// Names of tools.
    pub tools: Option<Vec<String>>,
}

/// So many calls in so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyLimit {
    /// Calls.
    pub calls: u32,
    /// Seconds of the window.
    pub seconds: u64,
}

/// Keeps keys.
pub trait KeyStore {
    /// All keys, the newest last.
    ///
    /// # Errors
    ///
    /// What the database says.
    fn keys(&self) -> anyhow::Result<Vec<Key>>;

    /// One key.
    ///
    /// # Errors
    ///
    /// What the database says.
    fn key(&self, id: &str) -> anyhow::Result<Option<Key>>;

    /// Keeps a new key; `ends` is the id of one that ends at a time because this one follows it.
    ///
    /// # Errors
    ///
    /// What the database says.
    fn add_key(&self, key: &Key, ends: Option<(&str, u64)>) -> anyhow::Result<()>;

    /// Refuses a key from this time on; one that is refused already stays as it is.
    ///
    /// # Errors
    ///
    /// What the database says.
    fn revoke_key(&self, id: &str, now: u64) -> anyhow::Result<()>;

    /// Notes that a key was used.
    ///
    /// # Errors
    ///
    /// What the database says.
    fn use_key(&self, id: &str, now: u64) -> anyhow::Result<()>;
}
