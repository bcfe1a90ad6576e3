//! Who may call, and how much. Behind a closed door are those who show a bearer key; an open one
//! lets in everybody, each address within a limit.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use ipnet::IpNet;

use super::client::{self, Peer};
use super::clock::Clock;
use super::error::{self, Error, Refusal};
use super::told::{Scope, Told};
use crate::auth::{Caller, Denied, Keys};
use crate::limits::{Limit, Windows};

/// Callers, and addresses, whose calls are counted at a time.
const CALLERS: usize = 100_000;
/// Longest credentials that are looked at.
const MAX_CREDENTIALS: usize = 1024;
/// Methods that are counted: those that bring documents.
const COUNTED: [&str; 3] = ["tools/call", "resources/read", "prompts/get"];
/// Wrong keys that an address may show before it is told to slow down.
const WRONG_KEYS: Limit = Limit { calls: 20, per: Duration::from_secs(60) };
/// Wrong keys, from wherever, that are a flood of which the operator is told.
const FLOOD: Limit = Limit { calls: 1000, per: Duration::from_secs(60) };
/// How often that is said.
const ALARM: Limit = Limit { calls: 1, per: Duration::from_secs(60) };

/// Who may call, and how much.
#[derive(Clone)]
pub struct Rules {
    /// Who shows one of these comes in; without them everybody does.
    pub keys: Option<Arc<Keys>>,
    /// Limit of a key without one of its own.
    pub key: Limit,
    /// Limit of an address that calls without a key, this machine's own apart; behind a closed
    /// door, of its attempts.
    pub address: Limit,
    /// Proxies whose word on the client's address counts.
    pub trusted_proxies: Vec<IpNet>,
}

/// Everybody may call, with the default limits.
impl Default for Rules {
    fn default() -> Rules {
        let minute = Duration::from_secs(60);
        Rules {
            keys: None,
            key: Limit { calls: 60, per: minute },
            address: Limit { calls: 120, per: minute },
            trusted_proxies: Vec::new(),
        }
    }
}

/// The door of a server, with the counts of those who came through it.
pub struct Door {
    rules: Rules,
    clock: Clock,
    callers: Windows<String>,
    addresses: Windows<IpNet>,
    wrong_keys: Windows<IpNet>,
    /// Wrong keys of all networks, and what was said of them.
    floods: Windows<&'static str>,
}

/// Who is calling, in the extensions of a request that came through the door.
#[derive(Debug, Clone)]
pub(super) enum Who {
    /// The bearer of a key.
    Key(Caller),
    /// Anybody at this address.
    Address(IpNet),
    /// Somebody on this machine.
    Neighbour,
}

impl Door {
    /// A door with these rules.
    pub fn new(rules: Rules, clock: Clock) -> Door {
        let (callers, addresses) = (Windows::new(CALLERS), Windows::new(CALLERS));
        let (wrong_keys, floods) = (Windows::new(CALLERS), Windows::new(2));
        Door { rules, clock, callers, addresses, wrong_keys, floods }
    }

    /// Whether only some may come in.
    pub(super) fn is_closed(&self) -> bool {
        self.rules.keys.is_some()
    }

    /// What the operator should see at start.
    pub(super) fn describe(&self) -> String {
        let Rules { key, address, .. } = &self.rules;
        match self.rules.keys {
            Some(_) => {
                format!("callers: with a bearer key, {key} each unless the key says otherwise")
            }
            None => {
                format!("callers: everybody, {address} from an address that is not this machine's")
            }
        }
    }

    /// Finds out who is calling, and says so in the request's extensions. A page for people counts
    /// as a call; whether anything else does, its body says.
    ///
    /// # Errors
    ///
    /// Nobody who may call: the answer, which is the same for every wrong key.
    pub(super) fn enter(&self, request: &mut Request, is_page: bool) -> Result<(), Error> {
        let trusted = &self.rules.trusted_proxies;
        let peer = Peer::of(request.extensions());
        let network = client::network(client::address(peer, request.headers(), trusted));
        let who = match &self.rules.keys {
            Some(keys) => Who::Key(self.bearer(keys, request.headers(), network)?),
            // What a proxy says makes nobody a neighbour, nor does the proxy's own address.
            None if peer.is_loopback() && !client::is_trusted(peer, trusted) => Who::Neighbour,
            None => Who::Address(network),
        };
        if is_page {
            self.counted(&who).map(|told| told.or_refused(None)).transpose()?;
        }
        request.extensions_mut().insert(who);
        Ok(())
    }

    fn bearer(
        &self,
        keys: &Arc<Keys>,
        headers: &HeaderMap,
        network: IpNet,
    ) -> Result<Caller, Error> {
        let Some(bearer) = bearer(headers) else {
            let told = self.told(Scope::Address, self.rules.address, &self.addresses, network);
            told.or_refused(None)?;
            return Err(challenge(false).into());
        };
        let date = (self.clock)().date;
        match bearer.map_or(Ok(Err(Denied::Malformed)), |key| keys.check(key, date))? {
            Ok(caller) => {
                if caller.unnoted {
                    note(keys, &caller, date);
                }
                Ok(caller)
            }
            // A right key comes in from wherever wrong ones are tried: nobody can lock it out.
            Err(denied) => {
                tracing::debug!(?denied, "a key was refused");
                self.watch_for_floods();
                let told = self.told(Scope::WrongKeys, WRONG_KEYS, &self.wrong_keys, network);
                told.or_refused(None)?;
                Err(challenge(true).into())
            }
        }
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

    /// Whether who came in may still be here: a key may be revoked while a stream of it is open.
    pub(super) fn still_lets_in(&self, who: &Who) -> bool {
        match (who, &self.rules.keys) {
            (Who::Key(caller), Some(keys)) => {
                let still = keys.is_good(&caller.id, (self.clock)().date);
                // The next call tells what is wrong with the store.
                still.unwrap_or(true)
            }
            _ => true,
        }
    }

    /// Counts a call, if its method is one that counts.
    pub(super) fn count(&self, who: &Who, method: &str) -> Option<Told> {
        if COUNTED.contains(&method) { self.counted(who) } else { None }
    }

    /// Counts a call of those whose calls are counted.
    fn counted(&self, who: &Who) -> Option<Told> {
        match who {
            Who::Neighbour => None,
            Who::Address(network) => {
                Some(self.told(Scope::Address, self.rules.address, &self.addresses, *network))
            }
            Who::Key(Caller { family, limit, .. }) => {
                let limit = limit.map_or(self.rules.key, Limit::from);
                Some(self.told(Scope::Key, limit, &self.callers, family.clone()))
            }
        }
    }

    fn told<K: Hash + Eq>(
        &self,
        scope: Scope,
        limit: Limit,
        windows: &Windows<K>,
        caller: K,
    ) -> Told {
        Told { scope, limit, verdict: windows.admit(caller, limit, (self.clock)().ticks) }
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
fn bearer(headers: &HeaderMap) -> Option<Option<&str>> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?;
    if values.next().is_some() || value.len() > MAX_CREDENTIALS {
        return Some(None);
    }
    let parts = value.to_str().ok().and_then(|text| text.split_once(' '));
    Some(parts.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, key)| key))
}

/// The challenge of RFC 6750 section 3.
fn challenge(shown: bool) -> Refusal {
    let message = "this server wants a key: send it as \"Authorization: Bearer dk_live_…\"; \
                   who runs the server makes keys with docent key create";
    let refused = if shown { "the key that was sent is not valid; " } else { "" };
    let refusal =
        Refusal::new(StatusCode::UNAUTHORIZED, error::TRANSPORT, format!("{refused}{message}"));
    let challenge = if shown {
        "Bearer realm=\"docent\", error=\"invalid_token\""
    } else {
        "Bearer realm=\"docent\""
    };
    refusal.header(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
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
        assert_eq!(of(&[&format!("Bearer {}", "a".repeat(2000))]), Some(None));
    }
}
