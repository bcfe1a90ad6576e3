//! Sign-ins that have begun, in memory: anybody can begin one, and for each of a flood there would be a
//! wait for the disk. Whoever is in the middle of one when the server is started again begins anew.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::SqliteStore;
use crate::store::begun::{MOST, MOST_FROM_ONE, PATIENCE};
use crate::store::{Begun, BegunStore, Phase, Taken};

/// Those of both phases.
#[derive(Default)]
pub(super) struct Held([Mutex<Queue>; 2]);

impl Held {
    fn of(&self, phase: Phase) -> MutexGuard<'_, Queue> {
        let Held([shown, consented]) = self;
        let queue = match phase {
            Phase::Shown => shown,
            Phase::Consented => consented,
        };
        queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BegunStore for SqliteStore {
    fn put_begun(&self, phase: Phase, begun: &Begun, now: u64) -> anyhow::Result<()> {
        self.begun.of(phase).put(begun.clone(), now);
        Ok(())
    }

    fn take_begun(
        &self,
        phase: Phase,
        id: &[u8; 32],
        proof: &[u8; 32],
        now: u64,
    ) -> anyhow::Result<Taken> {
        Ok(self.begun.of(phase).take(id, proof, now))
    }

    fn sweep_begun(&self, now: u64) -> anyhow::Result<()> {
        for phase in [Phase::Shown, Phase::Consented] {
            self.begun.of(phase).pass(now);
        }
        Ok(())
    }
}

/// Sign-ins of one phase, by name and by age.
#[derive(Default)]
struct Queue {
    named: HashMap<[u8; 32], Waiting>,
    /// Names in the order in which they came, of all and of each place.
    aged: BTreeMap<u64, [u8; 32]>,
    placed: HashMap<String, BTreeSet<u64>>,
    next: u64,
}

/// One of them.
struct Waiting {
    since: u64,
    turn: u64,
    begun: Begun,
}

impl Queue {
    fn put(&mut self, begun: Begun, now: u64) {
        self.pass(now);
        let from_one = self.placed.get(&begun.place);
        let full = from_one.filter(|turns| turns.len() >= MOST_FROM_ONE);
        let oldest = match full {
            Some(turns) => turns.first().copied(),
            None if self.named.len() >= MOST => self.aged.keys().next().copied(),
            None => None,
        };
        if let Some(id) = oldest.and_then(|turn| self.aged.get(&turn).copied()) {
            self.remove(&id);
        }
        let turn = self.next;
        self.next += 1;
        self.aged.insert(turn, begun.id);
        self.placed.entry(begun.place.clone()).or_default().insert(turn);
        self.named.insert(begun.id, Waiting { since: now, turn, begun });
    }

    fn take(&mut self, id: &[u8; 32], proof: &[u8; 32], now: u64) -> Taken {
        self.pass(now);
        match self.named.get(id) {
            None => Taken::Unknown,
            // They are hashes of what nobody can choose: how long the comparison takes tells nothing.
            Some(waiting) if waiting.begun.proof != *proof => Taken::Elsewhere,
            Some(_) => match self.remove(id) {
                Some(Begun { sealed, place, .. }) => Taken::Begun { sealed, place },
                None => Taken::Unknown,
            },
        }
    }

    /// Forgets those that are over.
    fn pass(&mut self, now: u64) {
        while let Some((_, id)) = self.aged.first_key_value() {
            if self.named.get(id).is_some_and(|waiting| waiting.since + PATIENCE > now) {
                break;
            }
            let id = *id;
            self.remove(&id);
        }
    }

    fn remove(&mut self, id: &[u8; 32]) -> Option<Begun> {
        let Waiting { turn, begun, .. } = self.named.remove(id)?;
        self.aged.remove(&turn);
        if let Some(turns) = self.placed.get_mut(&begun.place) {
            turns.remove(&turn);
            if turns.is_empty() {
                self.placed.remove(&begun.place);
            }
        }
        Some(begun)
    }
}
