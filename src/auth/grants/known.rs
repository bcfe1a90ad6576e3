//! Who stands behind an access token. It is shown at every call and nearly always good: what was
//! looked up once is remembered until anybody writes.

use std::sync::PoisonError;
use std::time::SystemTime;

use anyhow::anyhow;
use rustc_hash::FxHashMap;

use super::{ACCESS, Grants, at_once};
use crate::auth::seal;

/// Tokens that are remembered at a time.
const MOST_KNOWN: usize = 10_000;

/// Who stands behind an access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The person: a keyed hash.
    pub person: String,
    /// The client that they signed in with.
    pub client: String,
}

/// Tokens that were looked up since anybody has written: whatever is written may have ended one.
#[derive(Default)]
pub(super) struct Known {
    /// Of the store when these were looked up.
    version: i64,
    /// By their hashes, and when they end.
    tokens: FxHashMap<[u8; 32], (Grant, SystemTime)>,
}

impl Grants {
    /// Who stands behind an access token that is shown at `resource`, if that was looked up before and
    /// nobody has changed anything since: [`Grants::whose`] without a wait.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn remembered(&self, token: &str) -> anyhow::Result<Option<Grant>> {
        let Some(token) = token.strip_prefix(ACCESS) else { return Ok(None) };
        let version = self.server.store().store.version()?;
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.tokens.get(&seal::hash(token)).filter(|_| known.version == version);
        Ok(found.filter(|(_, ends)| (self.time)() < *ends).map(|(grant, _)| grant.clone()))
    }

    /// Who stands behind an access token that is shown at `resource`; none if it is not good. May wait for
    /// the store.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn whose(&self, token: &str) -> anyhow::Result<Option<Grant>> {
        let Some(token) = token.strip_prefix(ACCESS) else { return Ok(None) };
        // The version first: what is written in between is looked up again.
        let (version, hash) = (self.server.store().store.version()?, seal::hash(token));
        let found = at_once(self.server.introspect(token))?.map_err(|error| anyhow!("{error}"))?;
        let Some(token) = found.filter(|token| token.resource == [self.resource.as_str()]) else {
            return Ok(None);
        };
        let Some(person) = token.subject.clone() else { return Ok(None) };
        let grant = Grant { person, client: token.client_id.to_string() };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // Only now: what is remembered is better than nothing while the store cannot be read.
        if known.version != version || known.tokens.len() >= MOST_KNOWN {
            *known = Known { version, tokens: FxHashMap::default() };
        }
        known.tokens.insert(hash, (grant.clone(), token.expires_at));
        Ok(Some(grant))
    }
}
