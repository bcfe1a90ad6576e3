//! Who may call, and how much: the bearer of a key, within its limit.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;

use super::envelope::Id;
use super::error::{self, Error, Refusal};
use crate::auth::{Caller, Keys};
use crate::limits::{Limit, Verdict, Windows};

/// Callers whose calls are counted at a time. There are as many as there are keys.
const CALLERS: usize = 100_000;
/// Longest credentials that are looked at.
const MAX_CREDENTIALS: usize = 1024;
/// Methods that are counted: those that bring documents.
const COUNTED: [&str; 2] = ["tools/call", "resources/read"];

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LEFT: HeaderName = HeaderName::from_static("ratelimit");

/// What time it is.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Seconds since 1970, for what ends on a date.
    pub date: u64,
    /// Time since some moment; never goes back, for what is counted.
    pub ticks: Duration,
}

/// Where the time comes from; tests bring their own.
pub type Clock = Arc<dyn Fn() -> Now + Send + Sync>;

/// The clock of the system.
pub fn system_clock() -> Clock {
    let begun = Instant::now();
    Arc::new(move || Now {
        // A clock before 1970 is a broken clock: then everything that ends has not ended yet.
        date: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        ticks: begun.elapsed(),
    })
}

/// The door of a server that not everybody may call.
pub struct Door {
    keys: Arc<Keys>,
    limit: Limit,
    windows: Windows<String>,
    clock: Clock,
}

impl Door {
    /// Lets in who shows one of these keys; `limit` is that of keys without one of their own.
    pub fn new(keys: Arc<Keys>, limit: Limit, clock: Clock) -> Door {
        Door { keys, limit, windows: Windows::new(CALLERS), clock }
    }

    /// What the operator should see at start.
    pub(super) fn describe(&self) -> String {
        format!("callers: with a bearer key, {} each unless the key says otherwise", self.limit)
    }

    /// Finds out who is calling, and says so in the request's extensions.
    ///
    /// # Errors
    ///
    /// Nobody who may call: the answer, which is the same for every wrong key.
    pub(super) fn enter(&self, request: &mut Request) -> Result<(), Error> {
        let Some(bearer) = bearer(request.headers())? else { return Err(challenge(false).into()) };
        let date = (self.clock)().date;
        match self.keys.check(bearer, date)? {
            Ok(caller) => {
                if caller.unnoted {
                    self.note(&caller, date);
                }
                request.extensions_mut().insert(caller);
                Ok(())
            }
            Err(denied) => {
                tracing::debug!(?denied, "a key was refused");
                Err(challenge(true).into())
            }
        }
    }

    /// Writes down the use of a key, beside the call.
    fn note(&self, caller: &Caller, date: u64) {
        let (keys, id) = (self.keys.clone(), caller.id.clone());
        tokio::task::spawn_blocking(move || {
            if let Err(error) = keys.note_use(&id, date) {
                tracing::warn!("the use of a key was not noted: {error:#}");
            }
        });
    }

    /// Counts a call, if its method is one that counts.
    ///
    /// # Errors
    ///
    /// The limit is used up.
    pub(super) fn count(
        &self,
        caller: &Caller,
        method: &str,
        id: Option<&Id>,
    ) -> Result<Option<Told>, Refusal> {
        if !COUNTED.contains(&method) {
            return Ok(None);
        }
        let own = caller
            .limit
            .map(|own| Limit { calls: own.calls, per: Duration::from_secs(own.seconds) });
        let limit = own.unwrap_or(self.limit);
        let verdict = self.windows.admit(caller.family.clone(), limit, (self.clock)().ticks);
        let told = Told { limit, verdict };
        if verdict.admitted { Ok(Some(told)) } else { Err(told.refusal(id.cloned())) }
    }
}

/// What a counted call is told of the limit.
pub(super) struct Told {
    limit: Limit,
    verdict: Verdict,
}

impl Told {
    /// Says it in the headers of draft-ietf-httpapi-ratelimit-headers: so many are left, and in so
    /// many seconds there is one more.
    pub(super) fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let Limit { calls, per } = self.limit;
        let policy = format!("\"key\";q={calls};w={}", per.as_secs());
        let left = format!("\"key\";r={};t={}", self.verdict.left, self.seconds());
        let value = |(name, text)| Some((name, HeaderValue::try_from(text).ok()?));
        [(POLICY, policy), (LEFT, left)].into_iter().filter_map(value)
    }

    /// Whole seconds, never too few.
    fn seconds(&self) -> u64 {
        let wait = self.verdict.wait;
        wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
    }

    fn refusal(&self, id: Option<Id>) -> Refusal {
        let (limit, seconds) = (self.limit, self.seconds());
        let message = format!("the limit of {limit} calls is used up; try again in {seconds} s");
        let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, error::TRANSPORT, message);
        let data = json!({
            "retry_after_seconds": seconds,
            "limit": limit.calls,
            "window_seconds": limit.per.as_secs(),
            "scope": "key",
        });
        let refusal = refusal.of(id).with(data);
        let refusal = refusal.header(header::RETRY_AFTER, HeaderValue::from(seconds));
        self.headers().fold(refusal, |refusal, (name, value)| refusal.header(name, value))
    }
}

/// The credentials of RFC 6750 section 2.1, the only place where they are looked for.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() || value.len() > MAX_CREDENTIALS {
        return Err(challenge(true));
    }
    let (scheme, token) =
        value.to_str().ok().and_then(|text| text.split_once(' ')).unwrap_or_default();
    if scheme.eq_ignore_ascii_case("bearer") { Ok(Some(token)) } else { Err(challenge(true)) }
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
        bearer(&headers).ok().map(|bearer| bearer.map(str::to_owned))
    }

    #[test]
    fn credentials_are_read_in_one_way() {
        assert_eq!(of(&[]), Some(None));
        assert_eq!(of(&["Bearer abc"]), Some(Some("abc".into())));
        assert_eq!(of(&["bEARER abc"]), Some(Some("abc".into())));
        for bad in ["abc", "Basic abc", "Bearer", "Bearerabc", "", "Bearer\tabc"] {
            assert_eq!(of(&[bad]), None, "{bad}");
        }
        assert_eq!(of(&["Bearer a", "Bearer a"]), None);
        assert_eq!(of(&[&format!("Bearer {}", "a".repeat(2000))]), None);
    }
}
