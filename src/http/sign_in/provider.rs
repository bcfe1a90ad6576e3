//! The identity provider: Google, or another issuer of OpenID Connect. It is asked for `openid` and
//! nothing else, and of its answer the subject is taken and the rest forgotten, its tokens too.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use url::Url;

use crate::auth::{Consented, Expected, Sent, Subject, Untrue, algorithm, signed_in};
use crate::http::fetched::{Fetched, aside};
use crate::http::issuer_keys::IssuerKeys;
use crate::outward::{self, Agent};

/// Google, and how its older tokens spell it.
const GOOGLE: &str = "https://accounts.google.com";
const GOOGLE_BEFORE: &str = "accounts.google.com";

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Largest answer taken, in bytes.
const MAX_ANSWER: u64 = 64 * 1024;
/// How long what the provider says of itself is good for.
const METADATA: Duration = Duration::from_secs(24 * 60 * 60);

/// What the operator says of the provider.
#[derive(Clone)]
pub struct ProviderOptions {
    /// The issuer: an `https` address, byte for byte as the provider spells it.
    pub issuer: String,
    /// What the provider knows this server by.
    pub client_id: String,
    /// And how it knows that it is this server.
    pub client_secret: String,
    /// How ID tokens may be signed.
    pub algorithms: Vec<String>,
}

/// The provider.
pub(super) struct Provider {
    options: ProviderOptions,
    redirect_uri: String,
    expected: Expected,
    agent: Agent,
    metadata: Fetched<Metadata>,
    keys: IssuerKeys,
}

/// What the provider says of itself (OpenID Connect Discovery section 3).
#[derive(Debug, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
}

impl Provider {
    pub(super) fn new(options: ProviderOptions, redirect_uri: String) -> anyhow::Result<Provider> {
        let mut issuers = vec![options.issuer.clone()];
        if options.issuer == GOOGLE {
            issuers.push(GOOGLE_BEFORE.to_owned());
        }
        let algorithms = options.algorithms.iter().map(|name| algorithm(name));
        let expected = Expected {
            issuers,
            audience: options.client_id.clone(),
            algorithms: algorithms.collect::<anyhow::Result<_>>()?,
            kinds: Vec::new(),
            scope: None,
        };
        let agent = outward::agent(PATIENCE);
        let keys = IssuerKeys::new(agent.clone());
        Ok(Provider { options, redirect_uri, expected, agent, metadata: Fetched::new(), keys })
    }

    /// What people call it.
    pub(super) fn name(&self) -> &str {
        if self.options.issuer == GOOGLE {
            return "Google";
        }
        let (_, rest) = self.options.issuer.split_once("://").unwrap_or_default();
        rest.split('/').next().unwrap_or_default()
    }

    /// Where a person is sent to sign in.
    ///
    /// # Errors
    ///
    /// The provider cannot be reached, or says of itself what cannot be right.
    pub(super) async fn address(&self, sent: &Sent) -> anyhow::Result<String> {
        let metadata = self.metadata().await?;
        let mut address = Url::parse(&metadata.authorization_endpoint)?;
        address.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", &self.options.client_id),
            ("redirect_uri", &self.redirect_uri),
            ("scope", "openid"),
            ("state", &sent.state),
            ("nonce", &sent.nonce),
            ("code_challenge", &sent.challenge),
            ("code_challenge_method", "S256"),
        ]);
        Ok(address.into())
    }

    /// Whether an answer says that it comes from another issuer (RFC 9207).
    pub(super) fn is_foreign<'a>(&self, mut issuers: impl Iterator<Item = &'a str>) -> bool {
        issuers.any(|issuer| issuer != self.options.issuer)
    }

    /// Who came back with this code, at this time (seconds since 1970).
    ///
    /// # Errors
    ///
    /// The provider cannot be reached, refuses the code, or answers what is not believed.
    pub(super) async fn who(
        &self,
        code: &str,
        consented: &Consented,
        now: u64,
    ) -> anyhow::Result<Subject> {
        let metadata = self.metadata().await?;
        let token = self.exchange(&metadata, code, &consented.verifier).await?;
        let read = |keys: &_| signed_in(&token, keys, &self.expected, &consented.nonce, now);
        match self.keys.read(&metadata.jwks_uri, read).await? {
            Ok(subject) => Ok(subject),
            Err(Untrue::UnknownKey | Untrue::Narrow) => {
                bail!("the ID token is signed by a key that the provider does not name")
            }
            Err(Untrue::Wrong(why)) => bail!("the ID token is not believed: {why}"),
        }
    }

    async fn exchange(
        &self,
        metadata: &Metadata,
        code: &str,
        verifier: &str,
    ) -> anyhow::Result<String> {
        #[derive(Deserialize)]
        struct Tokens {
            id_token: String,
        }
        let (agent, options) = (self.agent.clone(), self.options.clone());
        let (address, redirect_uri) = (metadata.token_endpoint.clone(), self.redirect_uri.clone());
        let (code, verifier) = (code.to_owned(), verifier.to_owned());
        let (status, body) = aside(move || {
            let form = [
                ("grant_type", "authorization_code"),
                ("code", &code),
                ("redirect_uri", &redirect_uri),
                ("client_id", &options.client_id),
                ("client_secret", &options.client_secret),
                ("code_verifier", &verifier),
            ];
            outward::post_form(&agent, &address, &form, MAX_ANSWER)
        })
        .await?;
        if status != 200 {
            #[derive(Deserialize)]
            struct Refusal {
                error: String,
            }
            // A code word of a fixed list; the rest of the answer may hold anything.
            let refusal = serde_json::from_slice(&body).map(|Refusal { error }| error);
            let refusal: String = refusal.unwrap_or_default().escape_default().take(40).collect();
            bail!("the provider's token endpoint answers with status {status} ({refusal})");
        }
        let tokens: Tokens =
            serde_json::from_slice(&body).context("the provider's answer has no ID token")?;
        Ok(tokens.id_token)
    }

    async fn metadata(&self) -> anyhow::Result<Arc<Metadata>> {
        let (agent, issuer) = (self.agent.clone(), self.options.issuer.clone());
        self.metadata.get(METADATA, move || Metadata::fetch(&agent, &issuer)).await
    }
}

impl Metadata {
    fn fetch(agent: &Agent, issuer: &str) -> anyhow::Result<Metadata> {
        let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let fetched = outward::get_json(agent, &address, MAX_ANSWER)?;
        let metadata: Metadata = serde_json::from_slice(&fetched.body)
            .context("the provider's metadata lacks something")?;
        ensure!(
            metadata.issuer == issuer,
            "the provider calls itself {:?}, the settings call it {issuer:?}",
            metadata.issuer
        );
        for address in
            [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri]
        {
            let url = Url::parse(address).context("the provider names an address that is none")?;
            // A provider on this machine may do without TLS, and no other.
            let plain = issuer.starts_with("http://");
            ensure!(
                url.scheme() == "https" || plain,
                "the provider names an address without TLS: {address}"
            );
        }
        Ok(metadata)
    }
}
