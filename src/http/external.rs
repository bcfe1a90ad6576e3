//! Tokens of an authorization server that somebody else runs: here is only the resource (RFC 9068).

use std::time::Duration;

use anyhow::Context;

use super::issuer_keys::IssuerKeys;
use crate::auth::{Expected, Untrue, algorithm, calling};
use crate::outward;

/// How long an answer of the authorization server may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the operator says of the authorization server.
#[derive(Clone)]
pub struct ExternalOptions {
    /// Origin of this server as the world knows it.
    pub origin: String,
    /// Its issuer, byte for byte as it stands in its tokens.
    pub issuer: String,
    /// Where its keys are (RFC 7517).
    pub jwks_url: String,
    /// What its tokens must be made for.
    pub audience: String,
    /// How they may be signed.
    pub algorithms: Vec<String>,
}

/// The authorization server.
pub struct External {
    origin: String,
    jwks_url: String,
    expected: Expected,
    keys: IssuerKeys,
}

impl External {
    /// An authorization server. Nothing is asked of it yet.
    ///
    /// # Errors
    ///
    /// An algorithm that is none.
    pub fn new(options: ExternalOptions) -> anyhow::Result<External> {
        let algorithms = options.algorithms.iter().map(|name| algorithm(name));
        let expected = Expected {
            issuers: vec![options.issuer],
            audience: options.audience,
            algorithms: algorithms.collect::<anyhow::Result<_>>()?,
        };
        let keys = IssuerKeys::new(outward::agent(PATIENCE));
        Ok(External { origin: options.origin, jwks_url: options.jwks_url, expected, keys })
    }

    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// The issuer.
    pub(super) fn issuer(&self) -> &str {
        &self.expected.issuers[0]
    }

    /// Issuer and subject of who shows a token, at this time (seconds since 1970); none if it is not
    /// believed.
    ///
    /// # Errors
    ///
    /// The keys cannot be fetched.
    pub(super) async fn whose(
        &self,
        token: &str,
        now: u64,
    ) -> anyhow::Result<Option<(String, String)>> {
        let read = |keys: &_| calling(token, keys, &self.expected, now);
        let read = self.keys.read(&self.jwks_url, read).await;
        match read.context("the keys of the authorization server cannot be fetched")? {
            Ok(subject) => Ok(Some((subject.issuer, subject.name))),
            Err(Untrue::UnknownKey) => {
                tracing::debug!("a token is signed by an unknown key");
                Ok(None)
            }
            Err(Untrue::Wrong(why)) => {
                tracing::debug!(why, "a token is not believed");
                Ok(None)
            }
        }
    }
}
