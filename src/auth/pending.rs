//! Sign-ins that have begun and not ended: at most ten minutes, in memory. Whoever is in the middle of
//! one when the server is started again begins anew.
//!
//! A sign-in is bound to one browser, by cookies: what was shown in it is agreed to in it, and who
//! comes back from the identity provider is who agreed. Else somebody could agree for themselves
//! and have another person sign in.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use subtle::ConstantTimeEq;

use super::grants::Asked;
use super::{pkce, secret};

/// Seconds until a sign-in that has begun must be done.
pub const PATIENCE: u64 = 600;
/// Sign-ins that are kept at a time, in each of the two phases; the oldest make room.
const MOST: usize = 10_000;
/// And of those who come from one place, so that a flood from there pushes nobody else out.
const MOST_FROM_ONE: usize = 500;
/// Characters of what nobody may guess.
const CHANCE: usize = 43;

/// Sign-ins that have begun.
#[derive(Default)]
pub struct Pending {
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// Consent was asked for.
    shown: Phase<Shown>,
    /// Consent was given, and the person was sent to the identity provider.
    consented: Phase<Consented>,
}

/// What a person is asked to agree to.
#[derive(Debug)]
pub struct Shown {
    /// The request.
    pub asked: Asked,
    /// Where the request came from.
    place: String,
    /// In the form: who sends it has seen the page.
    pub token: String,
    /// In a cookie: the browser that shows the page.
    pub browser: String,
}

/// What a person has agreed to.
#[derive(Debug)]
pub struct Consented {
    /// The request.
    pub asked: Asked,
    /// In a cookie, set only now: the browser in which it was agreed to.
    pub browser: String,
    /// For the identity provider's token endpoint (RFC 7636).
    pub verifier: String,
    /// What the identity provider puts into the ID token.
    pub nonce: String,
}

/// Why a sign-in does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// There is none of this name, or none any more.
    Unknown,
    /// It began in another browser, or the form is not the one that was shown.
    Elsewhere,
}

impl Pending {
    /// Begins a sign-in at this time (seconds since 1970), asked for from this place: its name, and
    /// what the page and the cookie hold.
    ///
    /// # Errors
    ///
    /// The system gives no random numbers.
    pub fn begin(&self, asked: Asked, place: String, now: u64) -> anyhow::Result<[String; 3]> {
        let [id, token, browser] = [chance()?, chance()?, chance()?];
        let (given, seen) = (token.clone(), browser.clone());
        let shown = Shown { asked, place: place.clone(), token: given, browser: seen };
        self.held().shown.put(id.clone(), place, shown, now);
        Ok([id, token, browser])
    }

    /// Ends the first phase: whoever answers the form has seen it in the same browser.
    ///
    /// # Errors
    ///
    /// It does not go on. What began in another browser can still go on there.
    pub fn answered(&self, id: &str, token: &str, browser: &str, now: u64) -> Result<Shown, Lost> {
        self.held()
            .shown
            .take(id, now, |shown| same(&shown.token, token) && same(&shown.browser, browser))
    }

    /// Begins the second phase: its name is the `state` at the identity provider.
    ///
    /// # Errors
    ///
    /// The system gives no random numbers.
    pub fn consented(&self, shown: Shown, now: u64) -> anyhow::Result<Sent> {
        let Shown { asked, place, .. } = shown;
        let [state, browser, verifier, nonce] = [chance()?, chance()?, chance()?, chance()?];
        let sent = Sent {
            state: state.clone(),
            browser: browser.clone(),
            nonce: nonce.clone(),
            challenge: pkce::challenge(&verifier),
        };
        let consented = Consented { asked, browser, verifier, nonce };
        self.held().consented.put(state, place, consented, now);
        Ok(sent)
    }

    /// Ends the second phase, once.
    ///
    /// # Errors
    ///
    /// It does not go on.
    pub fn back(&self, state: &str, browser: &str, now: u64) -> Result<Consented, Lost> {
        self.held().consented.take(state, now, |consented| same(&consented.browser, browser))
    }

    /// Forgets what was not ended in time.
    pub fn sweep(&self, now: u64) {
        let mut held = self.held();
        held.shown.pass(now);
        held.consented.pass(now);
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a person is sent to the identity provider with.
#[derive(Debug)]
pub struct Sent {
    /// Comes back.
    pub state: String,
    /// For the cookie.
    pub browser: String,
    /// For the ID token.
    pub nonce: String,
    /// Of the verifier (RFC 7636).
    pub challenge: String,
}

/// Sign-ins of one phase, by name and by age.
struct Phase<T> {
    named: HashMap<String, Begun<T>>,
    /// Names in the order in which they came, of all and of each place.
    aged: BTreeMap<u64, String>,
    placed: HashMap<String, BTreeSet<u64>>,
    next: u64,
}

/// One of them.
struct Begun<T> {
    begun: u64,
    turn: u64,
    place: String,
    value: T,
}

impl<T> Default for Phase<T> {
    fn default() -> Phase<T> {
        let (named, aged, placed) = (HashMap::new(), BTreeMap::new(), HashMap::new());
        Phase { named, aged, placed, next: 0 }
    }
}

impl<T> Phase<T> {
    fn put(&mut self, id: String, place: String, value: T, now: u64) {
        self.pass(now);
        let from_one = self.placed.get(&place);
        let full = from_one.filter(|turns| turns.len() >= MOST_FROM_ONE);
        let oldest = match full {
            Some(turns) => turns.first().copied(),
            None if self.named.len() >= MOST => self.aged.keys().next().copied(),
            None => None,
        };
        if let Some(id) = oldest.and_then(|turn| self.aged.get(&turn).cloned()) {
            self.remove(&id);
        }
        let turn = self.next;
        self.next += 1;
        self.aged.insert(turn, id.clone());
        self.placed.entry(place.clone()).or_default().insert(turn);
        self.named.insert(id, Begun { begun: now, turn, place, value });
    }

    fn take(&mut self, id: &str, now: u64, fits: impl FnOnce(&T) -> bool) -> Result<T, Lost> {
        self.pass(now);
        let held = self.named.get(id).ok_or(Lost::Unknown)?;
        if !fits(&held.value) {
            return Err(Lost::Elsewhere);
        }
        self.remove(id).ok_or(Lost::Unknown)
    }

    /// Forgets those that are over.
    fn pass(&mut self, now: u64) {
        while let Some((_, id)) = self.aged.first_key_value() {
            if self.named.get(id).is_some_and(|held| held.begun + PATIENCE > now) {
                break;
            }
            let id = id.clone();
            self.remove(&id);
        }
    }

    fn remove(&mut self, id: &str) -> Option<T> {
        let Begun { turn, place, value, .. } = self.named.remove(id)?;
        self.aged.remove(&turn);
        if let Some(turns) = self.placed.get_mut(&place) {
            turns.remove(&turn);
            if turns.is_empty() {
                self.placed.remove(&place);
            }
        }
        Some(value)
    }
}

fn chance() -> anyhow::Result<String> {
    secret::chance(CHANCE)
}

fn same(ours: &str, theirs: &str) -> bool {
    ours.as_bytes().ct_eq(theirs.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phase() -> Phase<u32> {
        Phase::default()
    }

    #[test]
    fn a_sign_in_is_taken_once_by_who_fits_and_not_after_its_time() {
        let mut phase = phase();
        phase.put("a".into(), "here".into(), 7, 100);
        assert_eq!(phase.take("b", 100, |_| true), Err(Lost::Unknown));
        assert_eq!(phase.take("a", 100, |_| false), Err(Lost::Elsewhere));
        assert_eq!(phase.take("a", 699, |_| true), Ok(7));
        assert_eq!(phase.take("a", 699, |_| true), Err(Lost::Unknown));
        phase.put("a".into(), "here".into(), 7, 100);
        assert_eq!(phase.take("a", 700, |_| true), Err(Lost::Unknown));
        assert!(phase.named.is_empty() && phase.aged.is_empty() && phase.placed.is_empty());
    }

    #[test]
    fn a_flood_from_one_place_pushes_nobody_else_out() {
        let mut phase = phase();
        phase.put("honest".into(), "elsewhere".into(), 0, 100);
        for n in 0..3000 {
            phase.put(format!("{n}"), "flood".into(), n, 100);
        }
        assert_eq!(phase.named.len(), MOST_FROM_ONE + 1);
        assert_eq!(phase.take("honest", 100, |_| true), Ok(0));
        assert_eq!(phase.take("2999", 100, |_| true), Ok(2999));
        // From very many places the oldest of all make room.
        for n in 0..MOST + 10 {
            phase.put(format!("p{n}"), format!("place {n}"), 1, 100);
        }
        assert_eq!(phase.named.len(), MOST);
        assert_eq!(phase.take("p0", 100, |_| true), Err(Lost::Unknown));
    }
}
