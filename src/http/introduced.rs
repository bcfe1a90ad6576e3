//! Which programs have said who they are. Revisions with a handshake say it once, and there is no
//! session in which it could be kept: it is remembered by who called, and with what.

use std::hash::{Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use axum::http::{HeaderMap, header};
use rustc_hash::{FxHashMap, FxHasher};

use super::door::Who;
use crate::mcp::Client;

/// Programs that are remembered before the older half of them is forgotten.
const MOST: usize = 10_000;

/// The programs that said who they are.
#[derive(Default)]
pub(super) struct Introduced(Mutex<Generations>);

/// Those that were met since the last time that there were too many, and those before.
#[derive(Default)]
struct Generations {
    new: FxHashMap<u64, Client>,
    old: FxHashMap<u64, Client>,
}

impl Introduced {
    /// What this caller's program is: what it says now, or what it said before.
    pub(super) fn client(
        &self,
        who: Option<&Who>,
        headers: &HeaderMap,
        said: Option<Client>,
        is_handshake: bool,
    ) -> Option<Client> {
        if !is_handshake && said.is_some() {
            return said;
        }
        let key = key(who, headers);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match said {
            Some(client) => {
                known.remember(key, client.clone());
                Some(client)
            }
            None => known.recall(key),
        }
    }
}

impl Generations {
    fn remember(&mut self, key: u64, client: Client) {
        if self.new.len() >= MOST / 2 {
            self.old = std::mem::take(&mut self.new);
        }
        self.new.insert(key, client);
    }

    fn recall(&mut self, key: u64) -> Option<Client> {
        if let Some(client) = self.new.get(&key) {
            return Some(client.clone());
        }
        let client = self.old.remove(&key)?;
        self.remember(key, client.clone());
        Some(client)
    }
}

/// Two programs of one caller differ by their `User-Agent`, if by anything.
fn key(who: Option<&Who>, headers: &HeaderMap) -> u64 {
    let mut hasher = FxHasher::default();
    who.and_then(Who::counted_as).hash(&mut hasher);
    headers.get(header::USER_AGENT).map(|agent| agent.as_bytes()).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(name: &str) -> Option<Client> {
        Client::new(name, "1")
    }

    #[test]
    fn who_said_it_once_need_not_say_it_again() {
        let introduced = Introduced::default();
        let mut agent = HeaderMap::new();
        agent.insert(header::USER_AGENT, "x/1".parse().unwrap());
        let other = HeaderMap::new();
        assert_eq!(introduced.client(None, &agent, None, false), None);
        assert_eq!(introduced.client(None, &agent, client("a"), true), client("a"));
        assert_eq!(introduced.client(None, &agent, None, false), client("a"));
        assert_eq!(introduced.client(None, &other, None, false), None);
        let person = Who::Guest { id: "1".into(), until: 0 };
        assert_eq!(introduced.client(Some(&person), &agent, None, false), None);
        // What a call says itself counts for that call.
        assert_eq!(introduced.client(None, &agent, client("b"), false), client("b"));
        assert_eq!(introduced.client(None, &agent, None, false), client("a"));
    }

    #[test]
    fn of_too_many_those_go_that_were_not_met_for_long() {
        let mut known = Generations::default();
        known.remember(0, client("first").unwrap());
        for key in 1..MOST as u64 * 3 {
            known.remember(key, client("x").unwrap());
            // Whoever calls again and again is not forgotten.
            assert!(known.recall(0).is_some());
        }
        assert!(known.new.len() + known.old.len() <= MOST + 1);
        assert_eq!(known.recall(1), None);
    }
}
