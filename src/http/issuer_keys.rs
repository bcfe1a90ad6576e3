//! The keys of an issuer of signed tokens.

use std::time::Duration;

use super::fetched::Fetched;
use crate::auth::{KeySet, Untrue};
use crate::outward::{self, Agent};

/// How long keys are good for.
const FRESH: Duration = Duration::from_secs(60 * 60);
/// Largest key set taken, in bytes.
const MAX_SET: u64 = 64 * 1024;

/// The keys of one issuer.
pub(super) struct IssuerKeys {
    agent: Agent,
    fetched: Fetched<KeySet>,
}

impl IssuerKeys {
    pub(super) fn new(agent: Agent) -> IssuerKeys {
        IssuerKeys { agent, fetched: Fetched::new() }
    }

    /// Reads a token with the keys at an address, and with newer ones if the token's is not among
    /// them: the issuer may have begun to use it.
    ///
    /// # Errors
    ///
    /// There are no keys, and they cannot be fetched.
    pub(super) async fn read<T>(
        &self,
        address: &str,
        read: impl Fn(&KeySet) -> Result<T, Untrue>,
    ) -> anyhow::Result<Result<T, Untrue>> {
        let keys = |age| {
            let (agent, address) = (self.agent.clone(), address.to_owned());
            self.fetched
                .get(age, move || KeySet::read(&outward::get_json(&agent, &address, MAX_SET)?.body))
        };
        match read(&*keys(FRESH).await?) {
            Err(Untrue::UnknownKey) => Ok(read(&*keys(Duration::ZERO).await?)),
            read => Ok(read),
        }
    }
}
