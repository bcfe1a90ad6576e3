//! The keys of an issuer of signed tokens, fetched when they are needed and kept for a while.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::sync::Mutex;

use crate::auth::{KeySet, Untrue};
use crate::outward;

/// How long keys are good for.
const FRESH: Duration = Duration::from_secs(60 * 60);
/// How soon they are fetched again for a token whose key is not among them, or after a failure.
const AGAIN: Duration = Duration::from_secs(10);
/// Largest key set taken, in bytes.
const MAX_SET: u64 = 64 * 1024;

/// The keys of one issuer.
pub(super) struct IssuerKeys {
    agent: outward::Agent,
    kept: Mutex<Option<(Instant, Arc<KeySet>)>>,
}

impl IssuerKeys {
    pub(super) fn new(agent: outward::Agent) -> IssuerKeys {
        IssuerKeys { agent, kept: Mutex::default() }
    }

    /// Reads a token with the keys at an address, and with newer ones if the token's is not among
    /// them: the issuer may have begun to use it.
    ///
    /// # Errors
    ///
    /// The keys cannot be fetched.
    pub(super) async fn read<T>(
        &self,
        address: &str,
        read: impl Fn(&KeySet) -> Result<T, Untrue>,
    ) -> anyhow::Result<Result<T, Untrue>> {
        match read(&*self.keys(address, FRESH).await?) {
            Err(Untrue::UnknownKey) => Ok(read(&*self.keys(address, AGAIN).await?)),
            read => Ok(read),
        }
    }

    async fn keys(&self, address: &str, age: Duration) -> anyhow::Result<Arc<KeySet>> {
        let mut kept = self.kept.lock().await;
        if let Some((at, keys)) = &*kept
            && at.elapsed() < age
        {
            return Ok(keys.clone());
        }
        let (agent, address) = (self.agent.clone(), address.to_owned());
        let fetched = aside(move || outward::get_json(&agent, &address, MAX_SET)).await;
        match (fetched.and_then(|fetched| KeySet::read(&fetched.body)), &*kept) {
            (Ok(keys), _) => {
                let keys = Arc::new(keys);
                *kept = Some((Instant::now(), keys.clone()));
                Ok(keys)
            }
            // Old keys are better than nobody signed in. They are asked for again soon.
            (Err(error), Some((_, keys))) => {
                tracing::warn!(error = format!("{error:#}"), "the issuer's keys are not renewed");
                let keys = keys.clone();
                let soon = Instant::now().checked_sub(FRESH - AGAIN).unwrap_or_else(Instant::now);
                *kept = Some((soon, keys.clone()));
                Ok(keys)
            }
            (Err(error), None) => Err(error),
        }
    }
}

/// Runs what waits for another server beside the threads that serve.
pub(super) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await.context("the work was broken off")?
}
