//! Sign-ins that have begun and not ended: at most ten minutes, in memory. Whoever is in the middle of
//! one when the server is started again begins anew.
//!
//! A sign-in is bound to one browser, by cookies: what was shown in it is agreed to in it, and who
//! comes back from the identity provider is who agreed. Else somebody could agree for themselves
//! and have another person sign in.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use subtle::ConstantTimeEq;

use super::grants::Asked;
use super::{pkce, secret};
use crate::store::Client;

/// Seconds until a sign-in that has begun must be done.
pub const PATIENCE: u64 = 600;
/// Sign-ins that are kept at a time, in each of the two phases; the oldest make room.
const MOST: usize = 10_000;
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
    /// Who asks.
    pub client: Client,
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
    /// Who asked.
    pub client: Client,
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
    /// Begins a sign-in at this time (seconds since 1970): its name, and what the page and the
    /// cookie hold.
    ///
    /// # Errors
    ///
    /// The system gives no random numbers.
    pub fn begin(&self, asked: Asked, client: Client, now: u64) -> anyhow::Result<[String; 3]> {
        let [id, token, browser] = [chance()?, chance()?, chance()?];
        let shown = Shown { asked, client, token: token.clone(), browser: browser.clone() };
        self.held().shown.put(id.clone(), shown, now);
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
        let Shown { asked, client, .. } = shown;
        let [state, browser, verifier, nonce] = [chance()?, chance()?, chance()?, chance()?];
        let sent = Sent {
            state: state.clone(),
            browser: browser.clone(),
            nonce: nonce.clone(),
            challenge: pkce::challenge(&verifier),
        };
        let consented = Consented { asked, client, browser, verifier, nonce };
        self.held().consented.put(state, consented, now);
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
    named: HashMap<String, (u64, u64, T)>,
    /// In the order in which they came.
    aged: BTreeMap<u64, String>,
    next: u64,
}

impl<T> Default for Phase<T> {
    fn default() -> Phase<T> {
        Phase { named: HashMap::new(), aged: BTreeMap::new(), next: 0 }
    }
}

impl<T> Phase<T> {
    fn put(&mut self, id: String, value: T, now: u64) {
        while let Some((turn, oldest)) = self.aged.first_key_value() {
            let is_over = self.named.get(oldest).is_none_or(|(begun, ..)| begun + PATIENCE <= now);
            if !is_over && self.named.len() < MOST {
                break;
            }
            let turn = *turn;
            if let Some(id) = self.aged.remove(&turn) {
                self.named.remove(&id);
            }
        }
        self.aged.insert(self.next, id.clone());
        self.named.insert(id, (now, self.next, value));
        self.next += 1;
    }

    fn take(&mut self, id: &str, now: u64, fits: impl FnOnce(&T) -> bool) -> Result<T, Lost> {
        let (begun, _, value) = self.named.get(id).ok_or(Lost::Unknown)?;
        if begun + PATIENCE <= now {
            return Err(Lost::Unknown);
        }
        if !fits(value) {
            return Err(Lost::Elsewhere);
        }
        let (_, turn, value) = self.named.remove(id).ok_or(Lost::Unknown)?;
        self.aged.remove(&turn);
        Ok(value)
    }
}

fn chance() -> anyhow::Result<String> {
    secret::chance(CHANCE)
}

fn same(ours: &str, theirs: &str) -> bool {
    ours.as_bytes().ct_eq(theirs.as_bytes()).into()
}
