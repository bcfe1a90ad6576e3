//! Lets in who may call, and counts. Behind a closed door are those who show a bearer key; an open one
//! lets in everybody, each address within a limit.

use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use arc_swap::ArcSwap;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use ipnet::IpNet;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::client::{self, Peer};
use super::clock::Clock;
use super::error::{self, Error, Refusal};
use super::external::External;
use super::fetched::aside;
use super::rules::Rules;
use super::told::{OnLimit, Scope, Told};
use crate::auth::audit::{Entry, Event, Outcome};
use crate::auth::{ACCESS, Caller, Keys, Secret, Untrue};
use crate::limits::{By, Full, Limit, Place, Places, Shared, Windows};
use crate::mcp::{self, CallerKind};
use crate::usage::Counted;

/// Callers, and addresses, whose calls are counted at a time.
const CALLERS: usize = 100_000;
/// Longest credentials that are looked at.
const MAX_CREDENTIALS: usize = 8 * 1024;
/// Methods that are counted: those that bring documents.
const COUNTED: [&str; 3] = [TOOL_CALL, "resources/read", "prompts/get"];
const TOOL_CALL: &str = "tools/call";
/// Streams that a caller may have open at a time.
pub(super) const STREAMS: usize = 16;
/// Wrong keys that an address may show before it is told to slow down.
const WRONG_KEYS: Limit = Limit { calls: 20, per: Duration::from_secs(60) };
/// Wrong keys, from wherever, that are a flood of which the operator is told.
const FLOOD: Limit = Limit { calls: 1000, per: Duration::from_secs(60) };
/// Look-ups of callers who are not known yet, at a time, and how long one waits for its turn.
const LOOKUPS: usize = 32;
const LOOK: Duration = Duration::from_secs(2);
/// How often that is said.
const ALARM: Limit = Limit { calls: 1, per: Duration::from_secs(60) };

/// The door of a server, with the counts of those who came through it.
pub struct Door {
    /// Those in force: they may change while the server runs.
    rules: ArcSwap<Rules>,
    clock: Clock,
    /// Limits that hold over several replicas, where there are several.
    shared: Option<Shared>,
    callers: Windows<String>,
    addresses: Windows<IpNet>,
    wrong_keys: Windows<IpNet>,
    streams: Arc<Places<String>>,
    /// Wrong keys of all networks, and what was said of them and of look-ups that failed.
    floods: Windows<&'static str>,
    /// Turns to look up who is not known yet.
    lookups: Semaphore,
}

/// Who is calling, in the extensions of a request that came through the door.
#[derive(Debug, Clone)]
pub(super) enum Who {
    /// The bearer of a key.
    Key(Caller),
    /// A person who signed in: a keyed hash, and the token that they showed.
    Person {
        /// The hash.
        id: String,
        /// The token.
        token: String,
    },
    /// A person who signed in elsewhere.
    Guest {
        /// Issuer and subject.
        id: String,
        /// Until when their token is good, in seconds since 1970.
        until: u64,
    },
    /// Anybody at this address.
    Address(IpNet),
    /// Somebody on this machine.
    Neighbour,
}

impl Who {
    /// How much of everything is for this caller; none where the door is open to everybody.
    pub(super) fn scope(&self) -> Option<mcp::Scope> {
        match self {
            Who::Key(Caller { scope, .. }) => Some(mcp::Scope {
                collections: scope.collections.clone(),
                tools: scope.tools.clone(),
            }),
            // Everything, but for them alone: no cache may give it to others.
            Who::Person { .. } | Who::Guest { .. } => Some(mcp::Scope::default()),
            Who::Address(_) | Who::Neighbour => None,
        }
    }

    /// What the owner of the docs may be told of this caller: no address.
    pub(super) fn as_caller(&self) -> mcp::Caller {
        let (kind, who) = match self {
            Who::Key(Caller { name, .. }) => (CallerKind::Key, Some(name.clone())),
            Who::Person { id, .. } => (CallerKind::User, Some(id.clone())),
            // Of those there is no hash, and nothing else of them is for the disk.
            Who::Guest { .. } => (CallerKind::User, None),
            Who::Address(_) | Who::Neighbour => (CallerKind::Anonymous, None),
        };
        mcp::Caller { kind, who, client: None }
    }

    /// Whom streams are counted by; nobody for those of whom nothing is counted.
    pub(super) fn counted_as(&self) -> Option<String> {
        match self {
            Who::Key(Caller { family, .. }) => Some(family.clone()),
            Who::Person { id, .. } | Who::Guest { id, .. } => Some(id.clone()),
            Who::Address(network) => Some(network.to_string()),
            Who::Neighbour => None,
        }
    }
}

impl Door {
    /// A door with these rules.
    pub fn new(rules: Rules, clock: Clock) -> Door {
        Door {
            rules: ArcSwap::from_pointee(rules),
            clock,
            shared: None,
            callers: Windows::new(CALLERS),
            addresses: Windows::new(CALLERS),
            wrong_keys: Windows::new(CALLERS),
            streams: Places::new(STREAMS),
            floods: Windows::new(3),
            lookups: Semaphore::new(LOOKUPS),
        }
    }

    /// The same door, whose limits of callers hold over several replicas. What is there to keep floods
    /// off, and streams, each replica counts for itself.
    pub fn sharing(self, shared: Option<Shared>) -> Door {
        Door { shared, ..self }
    }

    /// Limits that hold over several replicas, where there are several.
    pub fn shared(&self) -> Option<&Shared> {
        self.shared.as_ref()
    }

    /// The rules in force.
    pub(super) fn rules(&self) -> Arc<Rules> {
        self.rules.load_full()
    }

    /// Keeps to other rules from the next call on. Who has called is not forgotten.
    pub(super) fn follow(&self, rules: Rules) {
        self.rules.store(Arc::new(rules));
    }

    /// Whether the word of this peer on the client's address counts.
    pub(super) fn trusts(&self, peer: IpAddr) -> bool {
        client::is_trusted(peer, &self.rules().trusted_proxies)
    }

    /// The address that a request comes from.
    pub(super) fn address(&self, request: &Request) -> IpAddr {
        let peer = Peer::of(request.extensions());
        client::address(peer, request.headers(), &self.rules().trusted_proxies)
    }

    /// The network that a request comes from.
    pub(super) fn network(&self, request: &Request) -> IpNet {
        client::network(self.address(request))
    }

    /// Counts a refusal for a limit that is kept elsewhere.
    pub(super) fn limited(&self, limit: &'static str) {
        self.rules().metrics.limited(limit);
    }

    /// Notes what happened, from this address.
    pub(super) fn note(&self, entry: Entry, address: IpAddr) {
        let rules = self.rules();
        rules.metrics.at_the_door(entry.event().name(), entry.is_refused());
        if let Some(audit) = &rules.audit {
            audit.note(entry.from(address));
        }
    }

    /// Whether the model is told that this call is refused, and not its client.
    pub(super) fn tells_model(&self, method: &str) -> bool {
        self.rules().on_limit == OnLimit::ToolResult && method == TOOL_CALL
    }

    /// Finds out who is calling, and says so in the request's extensions. A page for people counts
    /// as a call; whether anything else does, its body says.
    ///
    /// # Errors
    ///
    /// Nobody who may call: the answer, which is the same for every wrong key.
    pub(super) async fn enter(&self, request: &mut Request, is_page: bool) -> Result<(), Error> {
        let peer = Peer::of(request.extensions());
        let address = self.address(request);
        let who = if self.rules().is_closed() {
            let shown = bearer(request.headers());
            self.bearer(shown.map(|shown| shown.map(str::to_owned)), address).await?
        } else if peer.is_loopback() && !self.trusts(peer) {
            // What a proxy says makes nobody a neighbour, nor does the proxy's own address.
            Who::Neighbour
        } else {
            Who::Address(client::network(address))
        };
        if is_page {
            self.counted(&who).await.map(|told| told.or_refused(None)).transpose()?;
        }
        request.extensions_mut().insert(who);
        Ok(())
    }

    async fn bearer(&self, shown: Option<Option<String>>, address: IpAddr) -> Result<Who, Error> {
        let network = client::network(address);
        let Some(shown) = shown else {
            self.attempt(network)?;
            return Err(self.rules().challenge(false).into());
        };
        let date = (self.clock)().date;
        let token = shown.unwrap_or_default();
        let rules = self.rules();
        let Rules { keys, sign_in, external, .. } = &*rules;
        if let Some(sign_in) = sign_in
            && token.starts_with(ACCESS)
        {
            let grant = match sign_in.remembered(&token)? {
                Some(grant) => Some(grant),
                None => {
                    self.attempts_left(network)?;
                    let (sign_in, shown) = (sign_in.clone(), token.clone());
                    self.looked_up(move || sign_in.whose(&shown)).await?
                }
            };
            if let Some(grant) = grant {
                return Ok(Who::Person { id: grant.person, token });
            }
            let refused = Entry::of(Event::TokenShown).outcome(Outcome::Refused("not valid"));
            self.note(refused, address);
            // Tokens end every hour, and their bearers come to learn it: this is no guessing.
            self.attempt(network)?;
            return Err(self.rules().challenge(true).into());
        }
        if let Some(external) = external.as_ref().filter(|_| Secret::parse(&token).is_none()) {
            return self.guest(external, &token, date, address).await;
        }
        if let Some(keys) = keys {
            let checked = match keys.check_at_once(&token, date) {
                Some(checked) => checked,
                None => {
                    let (keys, shown) = (keys.clone(), token.clone());
                    self.looked_up(move || keys.check(&shown, date)).await?
                }
            };
            match checked {
                Ok(caller) => {
                    if caller.unnoted {
                        note(keys, &caller, date);
                    }
                    return Ok(Who::Key(caller));
                }
                Err(denied) => {
                    tracing::debug!(?denied, "a key was refused");
                    self.note(Entry::refused_key(&token, denied), address);
                    self.watch_for_floods();
                }
            }
        }
        // A right key comes in from wherever wrong ones are tried: nobody can lock it out.
        let told = self.told(Scope::WrongKeys, WRONG_KEYS, &self.wrong_keys, network);
        told.or_refused(None)?;
        Err(self.rules().challenge(true).into())
    }

    /// Somebody with a token of another authorization server.
    async fn guest(
        &self,
        external: &External,
        token: &str,
        date: u64,
        address: IpAddr,
    ) -> Result<Who, Error> {
        let refused = |reason| {
            self.note(Entry::of(Event::TokenShown).outcome(Outcome::Refused(reason)), address);
            // Tokens end, and their bearers come to learn it: this is no guessing.
            self.attempt(client::network(address))
        };
        match external.whose(token, date).await {
            Ok(Ok((subject, until))) => {
                let id = format!("{}:{}{}", subject.issuer.len(), subject.issuer, subject.name);
                Ok(Who::Guest { id, until })
            }
            Ok(Err(Untrue::Narrow)) => {
                refused("scope")?;
                Err(self.rules().narrow().into())
            }
            Ok(Err(untrue)) => {
                tracing::debug!(?untrue, "a token is not believed");
                refused("not believed")?;
                Err(self.rules().challenge(true).into())
            }
            // It was logged where it was asked for, once.
            Err(error) => {
                tracing::debug!(error = format!("{error:#}"), "nobody can be believed just now");
                let message = "the keys of the authorization server cannot be had just now";
                let refusal =
                    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error::TRANSPORT, message);
                Err(refusal.header(header::RETRY_AFTER, HeaderValue::from(10)).into())
            }
        }
    }

    /// Asks the store beside the threads that serve: where it is shared, it may take a while, or be away.
    /// Few ask at a time, so that there are threads left for everything else.
    async fn looked_up<T: Send + 'static>(
        &self,
        look: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let asked = async {
            let _turn =
                timeout(LOOK, self.lookups.acquire()).await.context("too many are asked for")?;
            aside(look).await
        };
        asked.await.map_err(|error| {
            let now = (self.clock)().ticks;
            if self.floods.admit("unknown", ALARM, now).admitted {
                tracing::error!("who is not known yet cannot be let in: {error:#}");
            }
            let message = "who calls cannot be looked up just now; try again in a few seconds";
            let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error::TRANSPORT, message);
            refusal.header(header::RETRY_AFTER, HeaderValue::from(5)).into()
        })
    }

    /// Refuses to look anything up for somebody whose attempts are used up.
    fn attempts_left(&self, network: IpNet) -> Result<(), Error> {
        let (limit, now) = (self.rules().address, (self.clock)().ticks);
        match self.addresses.used_up(&network, limit, now) {
            None => Ok(()),
            Some(_) => self.attempt(network),
        }
    }

    /// Counts somebody who did not get in, and did not guess either.
    pub(super) fn attempt(&self, network: IpNet) -> Result<(), Error> {
        let told = self.told(Scope::Address, self.rules().address, &self.addresses, network);
        told.or_refused(None)?;
        Ok(())
    }

    /// Counts somebody who does not know the secret of a webhook.
    pub(super) fn wrong_secret(&self, network: IpNet) -> Result<(), Error> {
        let told = self.told(Scope::WrongKeys, WRONG_KEYS, &self.wrong_keys, network);
        told.or_refused(None)?;
        Ok(())
    }

    /// Says that very many wrong keys come: whoever has many networks is held off in none of them.
    fn watch_for_floods(&self) {
        let now = (self.clock)().ticks;
        if !self.floods.admit("come", FLOOD, now).admitted
            && self.floods.admit("told", ALARM, now).admitted
        {
            tracing::warn!("more than {} wrong keys came within a minute", FLOOD.calls);
        }
    }

    /// Whether who came in may still be here: a key may be revoked while a stream of it is open, and a
    /// token ends. None where that has to be looked up in a state that is shared, for which no stream
    /// waits. What is wrong with the store the next call tells.
    pub(super) fn still_lets_in(&self, who: &Who) -> Option<bool> {
        let rules = self.rules();
        let Rules { keys, sign_in, .. } = &*rules;
        match (who, keys, sign_in) {
            (Who::Key(caller), Some(keys), _) if keys.is_shared() => {
                keys.is_good_at_once(&caller.id, (self.clock)().date)
            }
            (Who::Person { token, .. }, _, Some(sign_in)) => match sign_in.remembered(token) {
                Ok(Some(_)) => Some(true),
                Ok(None) if sign_in.is_shared() => None,
                _ => Some(self.lets_in(who)),
            },
            _ => Some(self.lets_in(who)),
        }
    }

    /// The same, which may take a while.
    pub(super) fn lets_in(&self, who: &Who) -> bool {
        let rules = self.rules();
        let Rules { keys, sign_in, .. } = &*rules;
        match (who, keys, sign_in) {
            (Who::Key(caller), Some(keys), _) => {
                keys.is_good(&caller.id, (self.clock)().date).unwrap_or(true)
            }
            (Who::Person { token, .. }, _, Some(sign_in)) => {
                sign_in.whose(token).map_or(true, |grant| grant.is_some())
            }
            (Who::Guest { until, .. }, _, _) => (self.clock)().date < *until,
            _ => true,
        }
    }

    /// A place for one more stream of this caller, if theirs are counted.
    ///
    /// # Errors
    ///
    /// As many are open as may be.
    pub(super) fn stream_of(&self, who: &Who) -> Result<Option<Place<String>>, Full> {
        who.counted_as().map(|caller| self.streams.take(caller)).transpose()
    }

    /// Counts a call, if its method is one that counts.
    pub(super) async fn count(&self, who: &Who, method: &str) -> Option<Told> {
        if COUNTED.contains(&method) { self.counted(who).await } else { None }
    }

    /// Counts a call of those whose calls are counted.
    async fn counted(&self, who: &Who) -> Option<Told> {
        let (scope, limit) = match who {
            Who::Neighbour => return None,
            Who::Address(_) => (Scope::Address, self.rules().address),
            Who::Person { .. } | Who::Guest { .. } => (Scope::Person, self.rules().user),
            Who::Key(Caller { limit, .. }) => {
                (Scope::Key, limit.map_or(self.rules().key, Limit::from))
            }
        };
        if let Some(shared) = &self.shared {
            let caller = who.counted_as()?;
            return Some(self.told_by_all(shared, scope, limit, &caller).await);
        }
        Some(match who {
            Who::Address(network) => self.told(scope, limit, &self.addresses, *network),
            who => self.told(scope, limit, &self.callers, who.counted_as()?),
        })
    }

    /// Counts a client that registers from this network; how long it has to wait, if it has to.
    pub(super) async fn registers(
        &self,
        network: IpNet,
        limit: Limit,
        alone: impl FnOnce() -> Result<(), u64>,
    ) -> Result<(), u64> {
        let Some(shared) = &self.shared else { return alone() };
        let now = (self.clock)().ticks;
        let (verdict, by) = shared.admit("registration", &network.to_string(), limit, now).await;
        self.rules().metrics.counted(counted_by(by));
        match verdict.admitted {
            true => Ok(()),
            // It is no call, and there to keep floods off.
            false if by == By::Nobody => alone(),
            false => Err(verdict.wait.as_secs() + 1),
        }
    }

    /// What all replicas together say of a call.
    async fn told_by_all(&self, shared: &Shared, scope: Scope, limit: Limit, caller: &str) -> Told {
        let now = (self.clock)().ticks;
        let (verdict, by) = shared.admit(scope.name(), caller, limit, now).await;
        self.rules().metrics.counted(counted_by(by));
        let uncounted = by == By::Nobody;
        if !verdict.admitted && !uncounted {
            self.limited(scope.name());
        }
        Told { scope, limit, verdict, uncounted }
    }

    fn told<K: Hash + Eq>(
        &self,
        scope: Scope,
        limit: Limit,
        windows: &Windows<K>,
        caller: K,
    ) -> Told {
        let verdict = windows.admit(caller, limit, (self.clock)().ticks);
        if !verdict.admitted {
            self.limited(scope.name());
        }
        Told { scope, limit, verdict, uncounted: false }
    }
}

/// What the operator is told of how a call was counted.
fn counted_by(by: By) -> Counted {
    match by {
        By::All(took) => Counted::Shared(took),
        By::Known => Counted::Spared,
        By::Alone => Counted::Fallback("local"),
        By::Nobody => Counted::Fallback("deny"),
    }
}

/// Writes down the use of a key, beside the call.
fn note(keys: &Arc<Keys>, caller: &Caller, date: u64) {
    let (keys, id) = (keys.clone(), caller.id.clone());
    tokio::task::spawn_blocking(move || {
        if let Err(error) = keys.note_use(&id, date) {
            tracing::warn!("the use of a key was not noted: {error:#}");
        }
    });
}

/// The credentials of RFC 6750 section 2.1, the only place where they are looked for: none where
/// there are none, `Some(None)` where they cannot be those of a key.
pub(super) fn bearer(headers: &HeaderMap) -> Option<Option<&str>> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?;
    if values.next().is_some() || value.len() > MAX_CREDENTIALS {
        return Some(None);
    }
    let parts = value.to_str().ok().and_then(|text| text.split_once(' '));
    Some(parts.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, key)| key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Option<Option<String>> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        bearer(&headers).map(|bearer| bearer.map(str::to_owned))
    }

    #[test]
    fn credentials_are_read_in_one_way() {
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["Bearer abc"]), Some(Some("abc".into())));
        assert_eq!(of(&["bEARER abc"]), Some(Some("abc".into())));
        for bad in ["abc", "Basic abc", "Bearer", "Bearerabc", "", "Bearer\tabc"] {
            assert_eq!(of(&[bad]), Some(None), "{bad}");
        }
        assert_eq!(of(&["Bearer a", "Bearer a"]), Some(None));
        assert_eq!(of(&[&format!("Bearer {}", "a".repeat(10_000))]), Some(None));
    }
}
