//! The clients that people sign in with, as far as they are known.

use std::sync::Arc;

use crate::store::{Client, Store};

/// Clients that are kept at a time, of those that register and of those with a document.
const MOST_REGISTERED: u64 = 100_000;
const MOST_DOCUMENTED: u64 = 20_000;
/// Seconds after which a client that nobody uses is forgotten.
const IDLE: u64 = 90 * 24 * 60 * 60;

/// The clients of a store.
pub struct Clients(Arc<dyn Store>);

impl Clients {
    /// The clients of this store.
    pub fn new(store: Arc<dyn Store>) -> Clients {
        Clients(store)
    }

    /// The client of this name.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn known(&self, id: &str) -> anyhow::Result<Option<Client>> {
        self.0.client(id)
    }

    /// Keeps a client. Where there are very many, the one that was not used for longest makes room.
    ///
    /// # Errors
    ///
    /// The store cannot be written.
    pub fn keep(&self, client: &Client) -> anyhow::Result<()> {
        let most = if client.fresh_until.is_some() { MOST_DOCUMENTED } else { MOST_REGISTERED };
        self.0.put_client(client, most)
    }

    /// Notes that somebody signed in with a client.
    ///
    /// # Errors
    ///
    /// The store cannot be written.
    pub fn used(&self, id: &str, now: u64) -> anyhow::Result<()> {
        self.0.use_client(id, now)
    }

    /// Forgets clients that nobody has used for a long time.
    ///
    /// # Errors
    ///
    /// The store cannot be written.
    pub fn sweep(&self, now: u64) -> anyhow::Result<()> {
        self.0.forget_clients(now.saturating_sub(IDLE)).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::SqliteStore;

    #[test]
    fn a_client_that_nobody_uses_for_ninety_days_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let clients = Clients::new(Arc::new(SqliteStore::open(dir.path()).unwrap()));
        let day = 24 * 60 * 60;
        for id in ["used", "idle"] {
            let client = Client {
                id: id.to_owned(),
                name: "An app".to_owned(),
                redirect_uris: vec!["https://app.example.org/back".to_owned()],
                created: day,
                used: None,
                fresh_until: None,
            };
            clients.keep(&client).unwrap();
        }
        clients.used("used", 2 * day).unwrap();
        let known = || ["used", "idle"].map(|id| clients.known(id).unwrap().is_some());
        clients.sweep(91 * day).unwrap();
        assert_eq!(known(), [true, true]);
        clients.sweep(91 * day + 1).unwrap();
        assert_eq!(known(), [true, false]);
        clients.sweep(92 * day + 1).unwrap();
        assert_eq!(known(), [false, false]);
    }
}
