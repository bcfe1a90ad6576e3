//! Programs that people sign in with. Times are seconds since 1970.

use serde::{Deserialize, Serialize};

/// A client as it is kept. All of them are public clients, so that there is no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// What it calls itself by: a random name, or the address of its metadata document.
    pub id: String,
    /// What it says it is called, which nobody has checked.
    pub name: String,
    /// Where people may be sent back to.
    pub redirect_uris: Vec<String>,
    /// When it was first seen.
    pub created: u64,
    /// When somebody last signed in with it.
    pub used: Option<u64>,
    /// Until when its document need not be fetched again; none for one that registered.
    pub fresh_until: Option<u64>,
}

/// Keeps clients.
pub trait ClientStore {
    /// One client.
    ///
    /// # Errors
    ///
    /// What the database says.
    fn client(&self, id: &str) -> anyhow::Result<Option<Client>>;

    /// Keeps a client, new or changed. Where there are `most` of its kind (those with a document,
    /// those that registered), one makes room: of those that nobody is signed in with the one that
    /// was not used for longest, else of all. Who is signed in with it has to sign in again.
    ///
    /// # Errors
    ///
    /// What the database says.
    fn put_client(&self, client: &Client, most: u64) -> anyhow::Result<()>;

    /// Notes that somebody signed in with a client.
    ///
    /// # Errors
    ///
    /// What the database says.
    fn use_client(&self, id: &str, now: u64) -> anyhow::Result<()>;

    /// Forgets clients that nobody has used since a time and nobody is signed in with.
    ///
    /// # Errors
    ///
    /// What the database says.
    fn forget_clients(&self, since: u64) -> anyhow::Result<usize>;
}
