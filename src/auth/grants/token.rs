//! Requests for tokens (OAuth 2.1 section 3.2), and for their end (RFC 7009).

use anyhow::{Context, anyhow};
use oauth_as::store::RevocationWindow;
use oauth_as::{ClientId, ErrorCode, ErrorResponse, ScopeSet, Storage, TokenRequest};

use super::{ACCESS, Grants, Heard, REFRESH, Reuse, SIGN_IN, at_once, named};
use crate::auth::{Parameters, pkce};

/// An answer of the token endpoint: the JSON of RFC 6749 section 5.1, or a refusal.
pub type Answer = Result<serde_json::Value, Fault>;

/// A refusal of the token endpoint (RFC 6749 section 5.2).
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// HTTP status.
    pub status: u16,
    /// The error code.
    pub code: &'static str,
    /// What is wrong.
    pub why: String,
    /// Something was used again that can be used once: what it gave is revoked.
    pub reused: bool,
}

impl Grants {
    /// Answers a request for tokens (OAuth 2.1 section 3.2).
    ///
    /// # Errors
    ///
    /// The store cannot be read or written.
    pub fn token(&self, form: &Parameters) -> anyhow::Result<Answer> {
        let (request, resources) = match self.token_request(form)? {
            Ok(request) => request,
            Err(fault) => return Ok(Err(fault)),
        };
        let _turn = self.turn();
        // Nothing of another request.
        let _ = Reuse::heard();
        match at_once(self.server.token_with_resources(request, &resources))? {
            Ok(answer) => {
                let mut answer = serde_json::to_value(answer)?;
                for (member, prefix) in [("access_token", ACCESS), ("refresh_token", REFRESH)] {
                    if let Some(token) = answer[member].as_str() {
                        answer[member] = format!("{prefix}{token}").into();
                    }
                }
                Ok(Ok(answer))
            }
            Err(error) => {
                let heard = Reuse::heard();
                if heard == Some(Heard::Loose) {
                    tracing::error!(
                        "a token was used again, and what it gave could not be revoked: docent \
                         sign-in revoke ends it"
                    );
                }
                let reused = heard == Some(Heard::Contained);
                Ok(Err(Fault { reused, ..self.fault(error)? }))
            }
        }
    }

    /// Revokes a token of a client, with a refresh token the whole sign-in (RFC 7009); whether there
    /// was anything to revoke. What is unknown, or another client's, is left alone without a word.
    ///
    /// # Errors
    ///
    /// The store cannot be read or written.
    pub fn revoke(&self, form: &Parameters) -> anyhow::Result<Result<bool, Fault>> {
        let fault = |why: &str| Ok(Err(Fault::invalid_request(why)));
        if form.twice().is_some() {
            return fault("a parameter stands twice");
        }
        let (Some(client), Some(token)) = (form.one("client_id"), form.one("token")) else {
            return fault("client_id and token are needed");
        };
        let client = ClientId::new(client);
        let token = token.strip_prefix(ACCESS).or(token.strip_prefix(REFRESH)).unwrap_or(token);
        let _turn = self.turn();
        let records = self.server.store();
        let theirs = records.is_of(token, client.as_str())?;
        if let Some(family) = records.family(token)?.filter(|_| theirs) {
            // First, because the library tells nobody where this fails.
            let now = (self.time)();
            let window = RevocationWindow { recorded_at: now, until: now + SIGN_IN };
            let ended = at_once(records.revoke_token_family(&family, window))?;
            ended.map_err(|error| anyhow!("{error}"))?;
        }
        match at_once(self.server.revoke(&client, None, token, None))? {
            Ok(()) => Ok(Ok(theirs)),
            Err(error) => self.fault(error).map(Err),
        }
    }

    /// The sign-in that a refresh token in a form belongs to; none if it is of none.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn family(&self, form: &Parameters) -> anyhow::Result<Option<String>> {
        let token = form.one("refresh_token").and_then(|token| token.strip_prefix(REFRESH));
        token.map_or(Ok(None), |token| self.server.store().family(token))
    }

    fn token_request(
        &self,
        form: &Parameters,
    ) -> anyhow::Result<Result<(TokenRequest, Vec<String>), Fault>> {
        if form.twice().is_some() {
            return Ok(Err(Fault::invalid_request("a parameter stands twice")));
        }
        let one = |name| form.one(name);
        let owned = |name| one(name).map(str::to_owned);
        let Some(kind) = one("grant_type") else {
            return Ok(Err(Fault::invalid_request("grant_type is missing")));
        };
        if !["authorization_code", "refresh_token"].contains(&kind) {
            let why = "grant_type is authorization_code or refresh_token";
            return Ok(Err(Fault::new(400, "unsupported_grant_type", why)));
        }
        let Some(client) = one("client_id") else {
            return Ok(Err(Fault::invalid_request("client_id is missing")));
        };
        let mut resources = Vec::new();
        if named(form).next().is_some() {
            let Some(ours) = self.resource_of(form) else {
                let why = "the resource is not this server's";
                return Ok(Err(Fault::new(400, "invalid_target", why)));
            };
            resources.push(ours.to_owned());
        }
        let (client_id, client_secret) = (ClientId::new(client), owned("client_secret"));
        let request = if kind == "authorization_code" {
            let Some(code) = one("code") else {
                return Ok(Err(Fault::invalid_request("code is missing")));
            };
            let (redirect_uri, code_verifier) = (owned("redirect_uri"), owned("code_verifier"));
            if self.is_stray(&client_id, code, redirect_uri.as_deref(), code_verifier.as_deref())? {
                return Ok(Err(Fault::new(400, "invalid_grant", "the code is not good")));
            }
            let code = code.to_owned();
            TokenRequest::AuthorizationCode {
                client_id,
                client_secret,
                code,
                redirect_uri,
                code_verifier,
            }
        } else {
            let Some(token) = one("refresh_token") else {
                return Ok(Err(Fault::invalid_request("refresh_token is missing")));
            };
            let scope = match one("scope").map(ScopeSet::parse).transpose() {
                Ok(scope) => scope,
                Err(_) => return Ok(Err(Fault::new(400, "invalid_scope", "this is no scope"))),
            };
            // Another kind of token is no refresh token, whatever it is.
            let refresh_token = token.strip_prefix(REFRESH).unwrap_or_default().to_owned();
            TokenRequest::RefreshToken { client_id, client_secret, refresh_token, scope }
        };
        Ok(Ok((request, resources)))
    }

    /// Whether a code is shown by somebody who cannot be the one that it was meant for. They are
    /// told no more than of a code that does not exist, and whoever it was meant for keeps what
    /// they have: that a code is used twice says something only of who could have used it once.
    fn is_stray(
        &self,
        client: &ClientId,
        code: &str,
        redirect_uri: Option<&str>,
        verifier: Option<&str>,
    ) -> anyhow::Result<bool> {
        let records = self.server.store();
        // A client that is not known learns that first: it has to register again.
        if records.store.client(client.as_str())?.is_none() {
            return Ok(false);
        }
        let Some(meant) = records.code(code)? else { return Ok(false) };
        let fits = meant.client_id == *client
            && match redirect_uri {
                Some(uri) => uri == meant.redirect_uri,
                None => !meant.redirect_uri_was_explicit,
            }
            && verifier.is_some_and(|verifier| pkce::challenge(verifier) == meant.code_challenge);
        Ok(!fits)
    }

    fn fault(&self, error: ErrorResponse) -> anyhow::Result<Fault> {
        if error.error == ErrorCode::ServerError {
            return Err(anyhow!("{error}")).context("a request for tokens failed");
        }
        let why = error.error_description.as_deref().unwrap_or_default();
        Ok(Fault::new(error.http_status(), error.error.as_str(), why))
    }
}

impl Fault {
    /// A refusal.
    pub fn new(status: u16, code: &'static str, why: impl Into<String>) -> Fault {
        Fault { status, code, why: why.into(), reused: false }
    }

    /// A request that is not formed as it should be.
    pub fn invalid_request(why: &str) -> Fault {
        Fault::new(400, "invalid_request", why)
    }
}
