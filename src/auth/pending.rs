//! Sign-ins that have begun and not ended: at most ten minutes. Where several servers share a state,
//! each step may be made at another one.
//!
//! A sign-in is bound to one browser, by cookies: what was shown in it is agreed to in it, and who
//! comes back from the identity provider is who agreed. Else somebody could agree for themselves
//! and have another person sign in.

use std::sync::Arc;

use anyhow::Context;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::grants::Asked;
use super::{Grants, Parameters, pkce, seal, secret};
use crate::store::{Begun, Phase, Store, Taken};

/// Seconds until a sign-in that has begun must be done.
pub use crate::store::begun::PATIENCE;

/// Characters of what nobody may guess.
const CHANCE: usize = 43;

/// Sign-ins that have begun.
pub struct Pending {
    store: Arc<dyn Store>,
}

/// A sign-in at which consent is asked for: what the page and the cookie hold.
#[derive(Debug)]
pub struct Shown {
    /// Its name, in the form.
    pub id: String,
    /// In the form: who sends it has seen the page.
    pub token: String,
    /// In a cookie: the browser that shows the page.
    pub browser: String,
}

/// What a person has answered.
#[derive(Debug)]
pub struct Answered {
    /// The request.
    pub asked: Asked,
    /// Where the request came from.
    place: String,
}

/// What a person has agreed to.
#[derive(Debug)]
pub struct Consented {
    /// The request.
    pub asked: Asked,
    /// For the identity provider's token endpoint (RFC 7636).
    pub verifier: String,
    /// What the identity provider puts into the ID token.
    pub nonce: String,
}

/// What a person is sent to the identity provider with.
#[derive(Debug)]
pub struct Sent {
    /// Comes back with them: the name of the sign-in.
    pub state: String,
    /// In a cookie, set only now: the browser in which it was agreed to.
    pub browser: String,
    /// Comes back in the ID token.
    pub nonce: String,
    /// SHA-256 of the verifier (RFC 7636 section 4.2).
    pub challenge: String,
}

/// Why a sign-in does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// There is none of this name, or none any more.
    Unknown,
    /// It began in another browser, or the form is not the one that was shown.
    Elsewhere,
}

/// What is kept of the second phase besides the request.
#[derive(Serialize, Deserialize)]
struct Kept {
    request: Parameters,
    verifier: String,
    nonce: String,
}

impl Pending {
    /// Those of this store.
    pub fn new(store: Arc<dyn Store>) -> Pending {
        Pending { store }
    }

    /// Begins a sign-in at this time (seconds since 1970), asked for from this place.
    ///
    /// # Errors
    ///
    /// The system gives no random numbers; the store cannot be written.
    pub fn begin(&self, asked: &Asked, place: String, now: u64) -> anyhow::Result<Shown> {
        let [id, token, browser] = [chance()?, chance()?, chance()?];
        let sealed = sealed(&id, asked.request())?;
        let begun = Begun { id: seal::hash(&id), proof: proof(&[&token, &browser]), place, sealed };
        self.store.put_begun(Phase::Shown, &begun, now)?;
        Ok(Shown { id, token, browser })
    }

    /// Ends the first phase: whoever answers the form has seen it in the same browser. The request is
    /// looked at once more: its client may have been taken out meanwhile.
    ///
    /// # Errors
    ///
    /// The store cannot be read or written. In the result why it does not go on: what began in another
    /// browser still can, there.
    pub fn answered(
        &self,
        grants: &Grants,
        id: &str,
        [token, browser]: [&str; 2],
        now: u64,
    ) -> anyhow::Result<Result<Answered, Lost>> {
        let taken = self.take::<Parameters>(Phase::Shown, id, &[token, browser], now)?;
        let (request, place) = match taken {
            Ok(taken) => taken,
            Err(lost) => return Ok(Err(lost)),
        };
        let asked = grants.ask_again(request)?.ok_or(Lost::Unknown);
        Ok(asked.map(|asked| Answered { asked, place }))
    }

    /// Begins the second phase: its name is the `state` at the identity provider.
    ///
    /// # Errors
    ///
    /// The system gives no random numbers; the store cannot be written.
    pub fn consented(&self, answered: &Answered, now: u64) -> anyhow::Result<Sent> {
        let [state, browser, verifier, nonce] = [chance()?, chance()?, chance()?, chance()?];
        let challenge = pkce::challenge(&verifier);
        let request = answered.asked.request().clone();
        let kept = Kept { request, verifier, nonce: nonce.clone() };
        let begun = Begun {
            id: seal::hash(&state),
            proof: proof(&[&browser]),
            place: answered.place.clone(),
            sealed: sealed(&state, &kept)?,
        };
        self.store.put_begun(Phase::Consented, &begun, now)?;
        Ok(Sent { state, browser, nonce, challenge })
    }

    /// Ends the second phase, once.
    ///
    /// # Errors
    ///
    /// As [`Pending::answered`].
    pub fn back(
        &self,
        grants: &Grants,
        state: &str,
        browser: &str,
        now: u64,
    ) -> anyhow::Result<Result<Consented, Lost>> {
        let kept = match self.take::<Kept>(Phase::Consented, state, &[browser], now)? {
            Ok((kept, _)) => kept,
            Err(lost) => return Ok(Err(lost)),
        };
        let Kept { request, verifier, nonce } = kept;
        let asked = grants.ask_again(request)?.ok_or(Lost::Unknown);
        Ok(asked.map(|asked| Consented { asked, verifier, nonce }))
    }

    /// Forgets what was not ended in time.
    ///
    /// # Errors
    ///
    /// The store cannot be written.
    pub fn sweep(&self, now: u64) -> anyhow::Result<()> {
        self.store.sweep_begun(now)
    }

    fn take<T: DeserializeOwned>(
        &self,
        phase: Phase,
        id: &str,
        shown: &[&str],
        now: u64,
    ) -> anyhow::Result<Result<(T, String), Lost>> {
        match self.store.take_begun(phase, &seal::hash(id), &proof(shown), now)? {
            Taken::Begun { sealed, place } => {
                let plain = seal::open(id, &sealed)?;
                let kept = serde_json::from_slice(&plain);
                let kept = kept.context("what is kept of a sign-in cannot be read")?;
                Ok(Ok((kept, place)))
            }
            Taken::Unknown => Ok(Err(Lost::Unknown)),
            Taken::Elsewhere => Ok(Err(Lost::Elsewhere)),
        }
    }
}

/// The hash of what has to be shown. Each part is as long as all others of its kind, or is wrong.
fn proof(shown: &[&str]) -> [u8; 32] {
    seal::hash(&shown.join("\n"))
}

fn sealed(id: &str, kept: &impl Serialize) -> anyhow::Result<Vec<u8>> {
    seal::seal(id, &serde_json::to_vec(kept)?)
}

fn chance() -> anyhow::Result<String> {
    secret::chance(CHANCE)
}

#[cfg(test)]
mod tests {
    use super::super::grants::tests::Server;
    use super::*;
    use crate::store::Revocation;

    const NOW: u64 = 1_000_000_000;

    /// A server, the sign-ins at it, and one that has begun.
    fn begun() -> (Server, Pending, Shown) {
        let server = Server::new();
        let pending = Pending::new(server.store.clone());
        let asked = server.ask("app", &[("state", "theirs")]).unwrap().unwrap();
        let shown = pending.begin(&asked, "192.0.2.1/32".to_owned(), NOW).unwrap();
        (server, pending, shown)
    }

    fn answer(server: &Server, pending: &Pending, shown: &Shown) -> Result<Answered, Lost> {
        let proof = [shown.token.as_str(), shown.browser.as_str()];
        pending.answered(&server.grants, &shown.id, proof, NOW).unwrap()
    }

    #[test]
    fn both_phases_are_bound_to_their_browser_and_end_once() {
        let (server, pending, shown) = begun();
        let answered = |id: &str, proof| pending.answered(&server.grants, id, proof, NOW).unwrap();
        let good = [shown.token.as_str(), shown.browser.as_str()];
        assert_eq!(answered(&shown.token, good).unwrap_err(), Lost::Unknown);
        for bad in [[good[1], good[0]], [good[0], ""], ["", good[1]], [&shown.id, good[1]]] {
            assert_eq!(answered(&shown.id, bad).unwrap_err(), Lost::Elsewhere, "{bad:?}");
        }
        let agreed = answered(&shown.id, good).unwrap();
        assert_eq!((agreed.asked.client(), agreed.place.as_str()), ("app", "192.0.2.1/32"));
        assert_eq!(answered(&shown.id, good).unwrap_err(), Lost::Unknown);

        let sent = pending.consented(&agreed, NOW).unwrap();
        let back =
            |state: &str, browser: &str| pending.back(&server.grants, state, browser, NOW).unwrap();
        assert_eq!(back(&shown.id, &sent.browser).unwrap_err(), Lost::Unknown);
        assert_eq!(back(&sent.state, &shown.browser).unwrap_err(), Lost::Elsewhere);
        let consented = back(&sent.state, &sent.browser).unwrap();
        assert_eq!(consented.nonce, sent.nonce);
        assert_eq!(pkce::challenge(&consented.verifier), sent.challenge);
        assert_eq!(consented.asked.request().one("state"), Some("theirs"));
        assert_eq!(back(&sent.state, &sent.browser).unwrap_err(), Lost::Unknown);
    }

    #[test]
    fn nothing_that_is_given_out_can_be_guessed() {
        let (server, pending, shown) = begun();
        let sent = pending.consented(&answer(&server, &pending, &shown).unwrap(), NOW).unwrap();
        let Shown { id, token, browser } = shown;
        let mut given = vec![id, token, browser, sent.state, sent.browser, sent.nonce];
        assert!(given.iter().all(|it| it.len() == CHANCE), "{given:?}");
        given.sort();
        given.dedup();
        assert_eq!(given.len(), 6);
    }

    #[test]
    fn what_is_not_ended_in_time_is_forgotten() {
        let (server, pending, shown) = begun();
        pending.sweep(NOW + PATIENCE + 1).unwrap();
        assert_eq!(answer(&server, &pending, &shown).unwrap_err(), Lost::Unknown);
    }

    #[test]
    fn a_client_that_was_taken_out_meanwhile_gets_nobody() {
        let (server, pending, shown) = begun();
        server.store.revoke(Revocation::Client("app"), NOW * 1000, NOW * 1000).unwrap();
        assert_eq!(answer(&server, &pending, &shown).unwrap_err(), Lost::Unknown);
    }
}
