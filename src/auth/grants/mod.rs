//! What people who sign in grant to clients: authorization codes, access tokens, refresh tokens.
//!
//! The state machines of OAuth 2.1 are those of the crate `oauth-as`. It is young, so that only
//! this folder names it, and what it leaves to its host is done here, before it is asked: which
//! requests are answered with a page and which by sending back, loopback ports, resource
//! indicators (RFC 8707) in the spellings of real clients, and that a code is told to nobody who
//! does not hold its verifier.

mod ask;
mod known;
mod records;
#[cfg(test)]
pub(in crate::auth) mod tests;
mod token;

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as Task, Poll, Waker};
use std::time::{Duration, SystemTime};

use anyhow::anyhow;
use oauth_as::events::{Event, EventSink};
use oauth_as::{AuthorizationServer, ServerConfig, Storage};
use url::Url;

use super::Parameters;
use crate::store::Store;
use known::Known;
use records::Records;

pub use ask::{Asked, Unfit};
pub use known::Grant;
pub use token::{Answer, Fault};

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
    /// Tokens that were looked up.
    known: Mutex<Known>,
}

impl Grants {
    /// What is granted by the server at this origin, for its endpoint `resource`. People may be
    /// sent back to apps with these schemes.
    pub fn new(
        store: Arc<dyn Store>,
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
        let server =
            AuthorizationServer::with_clock(config, Records { store }, Watch(time.clone()));
        Grants {
            server: server.with_event_sink(Box::new(Reuse)),
            known: Mutex::default(),
            time,
            issuer: issuer.to_owned(),
            resource: resource.to_owned(),
            apps: apps.to_vec(),
            turn: Mutex::default(),
        }
    }

    /// Whether others share the store, so that an answer of it may take a while.
    pub fn is_shared(&self) -> bool {
        self.server.store().store.salt().is_some()
    }

    /// Waits for its turn where nobody else has the store. Where it is shared, the store decides who is
    /// first, and one answer that takes long holds up no other.
    fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        (!self.is_shared()).then(|| self.turn.lock().unwrap_or_else(PoisonError::into_inner))
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

    /// The resource of a request: this server's, whether it is named in one of its spellings or not
    /// at all; none if it is another.
    fn resource_of(&self, parameters: &Parameters) -> Option<&str> {
        let ours = Url::parse(&self.resource).ok()?;
        // What is parsed has its scheme and host in lower case, and no port that goes without saying.
        named(parameters)
            .all(|named| Url::parse(named).is_ok_and(|url| url == ours))
            .then_some(&self.resource)
    }
}

/// The resources that a request names. One without a value counts as absent (RFC 6749 section 3.1).
fn named(parameters: &Parameters) -> impl Iterator<Item = &str> {
    parameters.all("resource").filter(|value| !value.is_empty())
}

/// The clock of the library.
struct Watch(Time);

impl oauth_as::server::Clock for Watch {
    fn now(&self) -> SystemTime {
        (self.0)()
    }
}

/// Hears from the library that something was used again.
struct Reuse;

/// What was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// It was used again, and what it gave is revoked.
    Contained,
    /// It was used again, and what it gave could not be revoked.
    Loose,
}

thread_local! {
    /// Of the request that this thread answers just now.
    static HEARD: Cell<Option<Heard>> = const { Cell::new(None) };
}

impl Reuse {
    /// What was heard since this was asked last.
    fn heard() -> Option<Heard> {
        HEARD.take()
    }
}

impl EventSink for Reuse {
    fn on_event(&self, event: Event<'_>) {
        let (Event::RefreshTokenReuseDetected { containment_failed, .. }
        | Event::AuthorizationCodeReplayDetected { containment_failed, .. }) = event
        else {
            return;
        };
        HEARD.set(Some(if containment_failed { Heard::Loose } else { Heard::Contained }));
    }
}

/// What a future comes to that never waits.
fn at_once<T>(future: impl Future<Output = T>) -> anyhow::Result<T> {
    match pin!(future).poll(&mut Task::from_waker(Waker::noop())) {
        Poll::Ready(value) => Ok(value),
        Poll::Pending => Err(anyhow!("the store was waited for")),
    }
}
