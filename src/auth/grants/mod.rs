//! What people who sign in grant to clients: authorization codes, access tokens, refresh tokens.
//!
//! The state machines of OAuth 2.1 are those of the crate `oauth-as`. It is young, so that only
//! this folder names it, and what it leaves to its host is done here, before it is asked: which
//! requests are answered with a page and which by sending back, loopback ports, resource
//! indicators (RFC 8707) in the spellings of real clients, and that a code is told to nobody who
//! does not hold its verifier.

mod records;

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as Task, Poll, Waker};
use std::time::{Duration, SystemTime};

use anyhow::{Context, anyhow};
use oauth_as::events::{Event, EventSink};
use oauth_as::{
    AuthorizationError, AuthorizationRequest, AuthorizationServer, ClientId, ErrorCode,
    ErrorResponse, ScopeSet, ServerConfig, Storage, TokenRequest, UserApproval,
    ValidatedAuthorizationRequest,
};
use rustc_hash::FxHashMap;
use url::Url;

use super::{pkce, redirect, seal};
use crate::store::{Client, Store};
use records::Records;

/// The one scope there is: to read the docs.
pub const SCOPE: &str = "docs:read";

/// How access and refresh tokens begin, so that scanners find them and nobody takes one for the
/// other.
pub const ACCESS: &str = "dk_at_";
const REFRESH: &str = "dk_rt_";

/// How long a code is good for, and an access token, and a sign-in as a whole.
const CODE: Duration = Duration::from_secs(60);
const ACCESS_TOKEN: Duration = Duration::from_secs(60 * 60);
/// How long a sign-in lasts, however often it is refreshed.
pub const SIGN_IN: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How long the answer to a refresh is given again to whoever asks again: several processes of one
/// client share a token, and of some an answer is lost.
const RETRY: Duration = Duration::from_secs(120);
/// Longest `state` that is handed back, in bytes.
const MAX_STATE: usize = 2048;
/// Tokens that are remembered at a time.
const MOST_KNOWN: usize = 10_000;

/// Where the time comes from.
pub type Time = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// All that was granted.
pub struct Grants {
    server: AuthorizationServer<Records, Watch>,
    time: Time,
    issuer: String,
    resource: String,
    apps: Vec<String>,
    /// Tokens are given out one request at a time: of many that show one code at once, one is
    /// first.
    turn: Mutex<()>,
    /// The library has just found that something was used again.
    reused: Arc<AtomicBool>,
    known: Mutex<Known>,
}

/// Tokens that were looked up since anybody has written: whatever is written may have ended one.
#[derive(Default)]
struct Known {
    /// Of the store when these were looked up.
    version: i64,
    /// By their hashes, and when they end.
    tokens: FxHashMap<[u8; 32], (Grant, SystemTime)>,
}

/// A request for a code that may be shown to a person.
#[derive(Debug)]
pub struct Asked(ValidatedAuthorizationRequest);

impl Asked {
    /// Who asks.
    pub fn client(&self) -> &str {
        self.0.client_id.as_str()
    }

    /// Where the person is sent back to.
    pub fn redirect_uri(&self) -> &str {
        &self.0.redirect_uri
    }
}

/// A request for a code that is refused.
#[derive(Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Whoever asks may not be who they say, or not be reachable where they say: a page says so.
    Shown(String),
    /// The client is told, at this address.
    SentBack(String),
}

/// Who stands behind an access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The person: a keyed hash.
    pub person: String,
    /// The client that they signed in with.
    pub client: String,
}

/// The parameters of a request at the token endpoint or the revocation endpoint.
#[derive(Default)]
pub struct Form {
    /// Name and value, in order.
    pub pairs: Vec<(String, String)>,
}

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
    /// What is granted by the server at this origin, for its endpoint `resource`. People may be
    /// sent back to apps with these schemes.
    pub fn new(
        store: Arc<Store>,
        issuer: &str,
        resource: &str,
        apps: &[String],
        time: Time,
    ) -> Grants {
        let mut config = ServerConfig::new(issuer, format!("{issuer}/device"));
        config.scopes_supported = Some(vec![SCOPE.to_owned()]);
        config.allowed_resources = Some(Box::new([resource.into()]));
        config.authorization_code_ttl = CODE;
        config.access_token_ttl = ACCESS_TOKEN;
        config.refresh_token_ttl = Some(SIGN_IN);
        config.refresh_retry_window = RETRY;
        let reused = Arc::new(AtomicBool::new(false));
        let server =
            AuthorizationServer::with_clock(config, Records { store }, Watch(time.clone()));
        Grants {
            server: server.with_event_sink(Box::new(Reuse(reused.clone()))),
            reused,
            known: Mutex::default(),
            time,
            issuer: issuer.to_owned(),
            resource: resource.to_owned(),
            apps: apps.to_vec(),
            turn: Mutex::default(),
        }
    }

    /// Looks at a request of a known client for a code (OAuth 2.1 section 4.1.1).
    ///
    /// # Errors
    ///
    /// Why it is refused, and who is told.
    pub fn ask(
        &self,
        pairs: &[(String, String)],
        client: &Client,
    ) -> anyhow::Result<Result<Asked, Unfit>> {
        let shown = |why: &str| Ok(Err(Unfit::Shown(why.to_owned())));
        let one = |name: &str| single(pairs, name).unwrap_or_default();
        let mut names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
        names.retain(|name| *name != "resource");
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            let name: String = twice[0].chars().take(40).collect();
            return shown(&format!("The request has the parameter {name} twice."));
        }
        let state = one("state");
        if state.is_some_and(|state| state.len() > MAX_STATE) {
            return shown("The request has a state that is too long.");
        }
        let registered = match (one("redirect_uri"), client.redirect_uris.as_slice()) {
            (Some(asked), known) => known.iter().find(|known| redirect::matches(known, asked)),
            (None, [only]) => Some(only),
            (None, _) => return shown("The request does not say where to send you back to."),
        };
        let Some(registered) = registered else {
            return shown(
                "The address that you would be sent back to is none of those that this app has \
                 named.",
            );
        };
        let back = one("redirect_uri").unwrap_or(registered);
        // The list of schemes may have become shorter since the client registered.
        if redirect::check(back, &self.apps).is_err() {
            return shown("You cannot be sent back to the address that this app has named.");
        }
        let sent_back = |code, why| Ok(Err(Unfit::SentBack(self.error(back, state, code, why))));
        if one("request").is_some() {
            return sent_back("request_not_supported", "parameters stand in the query");
        }
        if one("request_uri").is_some() {
            return sent_back("request_uri_not_supported", "parameters stand in the query");
        }
        if one("response_mode").is_some_and(|mode| mode != "query") {
            return sent_back("invalid_request", "the only response_mode is query");
        }
        if one("prompt").is_some_and(|prompt| prompt.split(' ').any(|word| word == "none")) {
            return sent_back("interaction_required", "a person is always asked");
        }
        let Some(resource) = self.resources(pairs) else {
            let why =
                "the resource is not this server's; leave it out or take the one of its metadata";
            return sent_back("invalid_target", why);
        };
        // The library knows the registered address alone. Whatever scopes are asked for, or none:
        // there is but one.
        let mut request = vec![
            ("client_id", client.id.as_str()),
            ("redirect_uri", registered),
            ("scope", SCOPE),
            ("resource", resource),
        ];
        for name in ["response_type", "state", "code_challenge", "code_challenge_method"] {
            request.extend(one(name).map(|value| (name, value)));
        }
        let request = AuthorizationRequest::from_pairs(request);
        match at_once(self.server.validate_authorization_request(&request))? {
            Ok(mut asked) => {
                asked.redirect_uri_was_explicit = one("redirect_uri").is_some();
                asked.redirect_uri = back.to_owned();
                Ok(Ok(Asked(asked)))
            }
            Err(AuthorizationError::Redirect(refused)) => {
                let why = refused.error.error_description.as_deref().unwrap_or_default();
                sent_back(refused.error.error.as_str(), why)
            }
            Err(AuthorizationError::Direct(refused)) if refused.error == ErrorCode::ServerError => {
                Err(anyhow!("{refused}"))
            }
            Err(AuthorizationError::Direct(_)) => shown("This app is not known here."),
        }
    }

    /// Grants what was asked for, for a person: the address that takes the code to the client.
    ///
    /// # Errors
    ///
    /// The store cannot be written.
    pub fn approve(&self, asked: &Asked, person: &str) -> anyhow::Result<String> {
        let approval = UserApproval::granted(&asked.0, person);
        let issued = at_once(self.server.issue_authorization_code(approval))?;
        let issued = issued.map_err(|error| anyhow!("{error:?}"))?;
        let mut answer = vec![("code", issued.code.as_str())];
        answer.extend(issued.state.as_deref().map(|state| ("state", state)));
        answer.push(("iss", &self.issuer));
        Ok(redirect::location(&asked.0.redirect_uri, &answer))
    }

    /// The address that tells the client that it gets nothing, and why.
    pub fn refuse(&self, asked: &Asked, code: &str, why: &str) -> String {
        self.error(&asked.0.redirect_uri, asked.0.state.as_deref(), code, why)
    }

    /// Answers a request for tokens (OAuth 2.1 section 3.2).
    ///
    /// # Errors
    ///
    /// The store cannot be read or written.
    pub fn token(&self, form: &Form) -> anyhow::Result<Answer> {
        let (request, resources) = match self.token_request(form)? {
            Ok(request) => request,
            Err(fault) => return Ok(Err(fault)),
        };
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
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
                let reused = self.reused.swap(false, Ordering::Relaxed);
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
    pub fn revoke(&self, form: &Form) -> anyhow::Result<Result<bool, Fault>> {
        let fault = |why: &str| Ok(Err(Fault::invalid_request(why)));
        let (client, token) = match (form.one("client_id"), form.one("token")) {
            (Ok(Some(client)), Ok(Some(token))) => (ClientId::new(client), token),
            (Err(()), _) | (_, Err(())) => return fault("a parameter stands twice"),
            _ => return fault("client_id and token are needed"),
        };
        let token = token.strip_prefix(ACCESS).or(token.strip_prefix(REFRESH)).unwrap_or(token);
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let theirs = self.server.store().is_of(token, client.as_str())?;
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
    pub fn family(&self, form: &Form) -> anyhow::Result<Option<String>> {
        let Ok(Some(token)) = form.one("refresh_token") else { return Ok(None) };
        let Some(token) = token.strip_prefix(REFRESH) else { return Ok(None) };
        self.server.store().family(token)
    }

    /// Who stands behind an access token that is shown at `resource`; none if it is not good.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn whose(&self, token: &str) -> anyhow::Result<Option<Grant>> {
        let Some(token) = token.strip_prefix(ACCESS) else { return Ok(None) };
        // The version first: what is written in between is looked up again.
        let (version, hash) = (self.server.store().store.version()?, seal::hash(token));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.version != version || known.tokens.len() >= MOST_KNOWN {
            *known = Known { version, tokens: FxHashMap::default() };
        }
        if let Some((grant, ends)) = known.tokens.get(&hash) {
            return Ok(((self.time)() < *ends).then(|| grant.clone()));
        }
        drop(known);
        let found = at_once(self.server.introspect(token))?.map_err(|error| anyhow!("{error}"))?;
        let found = found.filter(|token| token.resource == [self.resource.as_str()]);
        let Some((token, person)) =
            found.and_then(|token| Some((token.clone(), token.subject.clone()?)))
        else {
            return Ok(None);
        };
        let grant = Grant { person, client: token.client_id.to_string() };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.version == version {
            known.tokens.insert(hash, (grant.clone(), token.expires_at));
        }
        Ok(Some(grant))
    }

    /// Forgets what has ended.
    ///
    /// # Errors
    ///
    /// The store cannot be written.
    pub fn sweep(&self) -> anyhow::Result<()> {
        let now = (self.time)();
        let swept = at_once(self.server.store().sweep_expired(now))?;
        swept.map(drop).map_err(|error| anyhow!("{error}"))
    }

    fn token_request(
        &self,
        form: &Form,
    ) -> anyhow::Result<Result<(TokenRequest, Vec<String>), Fault>> {
        let mut names: Vec<&str> = form.pairs.iter().map(|(name, _)| name.as_str()).collect();
        names.retain(|name| *name != "resource");
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Ok(Err(Fault::invalid_request("a parameter stands twice")));
        }
        let one = |name| form.one(name).unwrap_or_default();
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
        if form.pairs.iter().any(|(name, value)| name == "resource" && !value.is_empty()) {
            let Some(ours) = self.resources(&form.pairs) else {
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

    /// The resource of a request: this server's, whether it is named in one of its spellings or not
    /// at all; none if it is another.
    fn resources(&self, pairs: &[(String, String)]) -> Option<&str> {
        let ours = Url::parse(&self.resource).ok()?;
        // One without a value counts as absent (RFC 6749 section 3.1).
        let mut named =
            pairs.iter().filter(|(name, value)| name == "resource" && !value.is_empty());
        // What is parsed has its scheme and host in lower case, and no port that goes without saying.
        named
            .all(|(_, value)| Url::parse(value).is_ok_and(|url| url == ours))
            .then_some(&self.resource)
    }

    fn error(&self, uri: &str, state: Option<&str>, code: &str, why: &str) -> String {
        let mut answer = vec![("error", code), ("error_description", why)];
        answer.extend(state.map(|state| ("state", state)));
        answer.push(("iss", &self.issuer));
        redirect::location(uri, &answer)
    }

    fn fault(&self, error: ErrorResponse) -> anyhow::Result<Fault> {
        if error.error == ErrorCode::ServerError {
            return Err(anyhow!("{error}")).context("a request for tokens failed");
        }
        let why = error.error_description.as_deref().unwrap_or_default();
        Ok(Fault::new(error.http_status(), error.error.as_str(), why))
    }
}

impl Form {
    /// The client that it says it comes from.
    pub fn client(&self) -> &str {
        self.one("client_id").unwrap_or_default().unwrap_or_default()
    }

    /// The value of a parameter that stands once; one that is empty counts as absent (RFC 6749
    /// section 3.2).
    fn one(&self, name: &str) -> Result<Option<&str>, ()> {
        single(&self.pairs, name)
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

fn single<'a>(pairs: &'a [(String, String)], name: &str) -> Result<Option<&'a str>, ()> {
    let mut values = pairs.iter().filter(|(at, _)| at == name).map(|(_, value)| value.as_str());
    let value = values.next();
    if values.next().is_some() { Err(()) } else { Ok(value.filter(|value| !value.is_empty())) }
}

/// The clock of the library.
struct Watch(Time);

impl oauth_as::server::Clock for Watch {
    fn now(&self) -> SystemTime {
        (self.0)()
    }
}

/// Hears from the library that something was used again.
struct Reuse(Arc<AtomicBool>);

impl EventSink for Reuse {
    fn on_event(&self, event: Event<'_>) {
        if matches!(
            event,
            Event::RefreshTokenReuseDetected { .. } | Event::AuthorizationCodeReplayDetected { .. }
        ) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

/// What a future comes to that never waits.
fn at_once<T>(future: impl Future<Output = T>) -> anyhow::Result<T> {
    match pin!(future).poll(&mut Task::from_waker(Waker::noop())) {
        Poll::Ready(value) => Ok(value),
        Poll::Pending => Err(anyhow!("the store was waited for")),
    }
}
