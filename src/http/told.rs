//! What a counted call is told of its limit: headers, and a refusal where it is used up.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;

use super::envelope::Id;
use super::error::{self, Refusal};
use crate::limits::{Limit, Verdict};

/// draft-ietf-httpapi-ratelimit-headers: what the limit is, and what is left of it.
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LEFT: HeaderName = HeaderName::from_static("ratelimit");

/// How a `tools/call` over its limit is answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnLimit {
    /// With status 429 and a JSON-RPC error.
    #[default]
    Http,
    /// With status 200 and a result that says so to the model, for clients that hide errors of HTTP
    /// from it.
    ToolResult,
}

/// What calls are counted by.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope {
    Key,
    Person,
    Address,
    WrongKeys,
}

impl Scope {
    pub(super) fn name(self) -> &'static str {
        match self {
            Scope::Key => "key",
            Scope::Person => "user",
            Scope::Address => "address",
            Scope::WrongKeys => "wrong_keys",
        }
    }

    fn sentence(self, limit: Limit) -> String {
        match self {
            Scope::Key => format!("the limit of {limit} calls is used up"),
            Scope::Person => {
                format!("your limit of {limit} calls, which all your apps share, is used up")
            }
            Scope::Address => format!("the limit of {limit} calls from an address is used up"),
            Scope::WrongKeys => "too many wrong keys came from this address".into(),
        }
    }
}

/// A call that was counted, or refused.
pub(super) struct Told {
    pub(super) scope: Scope,
    pub(super) limit: Limit,
    pub(super) verdict: Verdict,
    /// It is refused because nobody can count it just now, and not for its limit.
    pub(super) uncounted: bool,
}

impl Told {
    /// Itself, if the call may go on.
    ///
    /// # Errors
    ///
    /// The limit is used up: the answer to this request.
    pub(super) fn or_refused(self, id: Option<&Id>) -> Result<Told, Refusal> {
        if self.verdict.admitted {
            return Ok(self);
        }
        let Told { scope, limit, .. } = self;
        let seconds = self.seconds();
        let code = error::TRANSPORT;
        if self.uncounted {
            let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, code, self.sentence());
            let refusal = refusal.of(id.cloned()).with(json!({ "retry_after_seconds": seconds }));
            return Err(refusal.header(header::RETRY_AFTER, HeaderValue::from(seconds)));
        }
        let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, code, self.sentence());
        let data = json!({
            "retry_after_seconds": seconds,
            "limit": limit.calls,
            "window_seconds": limit.per.as_secs(),
            "scope": scope.name(),
        });
        let refusal = refusal.of(id.cloned()).with(data);
        Err(self.headers().fold(refusal, |refusal, (name, value)| refusal.header(name, value)))
    }

    /// What a refused call is noted as.
    pub(super) fn reason(&self) -> &'static str {
        if self.uncounted { "uncounted" } else { self.scope.name() }
    }

    /// What a model is told of a refused call.
    pub(super) fn for_model(&self) -> String {
        format!(
            "{}. Until then every call is refused: answer with what you have, and say when to ask \
             again.",
            self.sentence()
        )
    }

    /// So many calls are left, and in so many seconds there is one more.
    pub(super) fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let (Limit { calls, per }, name) = (self.limit, self.scope.name());
        let policy = format!("\"{name}\";q={calls};w={}", per.as_secs());
        let left = format!("\"{name}\";r={};t={}", self.verdict.left, self.seconds());
        let known = (!self.uncounted).then_some([(POLICY, policy), (LEFT, left)]);
        let value = |(name, text)| Some((name, HeaderValue::try_from(text).ok()?));
        let retry = (!self.verdict.admitted)
            .then(|| (header::RETRY_AFTER, HeaderValue::from(self.seconds())));
        known.into_iter().flatten().filter_map(value).chain(retry)
    }

    /// What is used up, and when to come back.
    fn sentence(&self) -> String {
        if self.uncounted {
            return format!(
                "calls cannot be counted just now, so none is answered; try again in {} s",
                self.seconds()
            );
        }
        format!("{}; try again in {} s", self.scope.sentence(self.limit), self.seconds())
    }

    /// Whole seconds, never too few.
    fn seconds(&self) -> u64 {
        let wait = self.verdict.wait;
        wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
    }
}
