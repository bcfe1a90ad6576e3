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
mod token;

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
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
    /// The library has just found that something was used again.
    reused: Arc<AtomicBool>,
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
