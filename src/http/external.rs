//! Tokens of an authorization server that somebody else runs: here is only the resource (RFC 9068).

use std::time::Duration;

use super::issuer_keys::IssuerKeys;
use crate::auth::{Expected, Subject, Untrue, algorithm, calling, is_plausible};
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
    /// What kinds of token they may be, as their header calls them.
    pub kinds: Vec<String>,
    /// What they must allow, if anything.
    pub scope: Option<String>,
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
            kinds: options.kinds,
            scope: options.scope,
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

    /// What a token must allow, if anything.
    pub(super) fn scope(&self) -> Option<&str> {
        self.expected.scope.as_deref()
    }

    /// Who shows a token at this time (seconds since 1970), and until when it is good.
    ///
    /// # Errors
    ///
    /// There are no keys, and they cannot be fetched.
    pub(super) async fn whose(
        &self,
        token: &str,
        now: u64,
    ) -> anyhow::Result<Result<(Subject, u64), Untrue>> {
        if !is_plausible(token, &self.expected) {
            return Ok(Err(Untrue::Wrong("it is no token of this issuer")));
        }
        let read = |keys: &_| calling(token, keys, &self.expected, now);
        self.keys.read(&self.jwks_url, read).await
    }
}
