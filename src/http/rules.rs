//! Who may call, and how much: what was set, and what is said of it to those who come in, to those
//! who do not, and to the operator.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use ipnet::IpNet;

use super::error::Challenge;
use super::external::External;
use super::sign_in::{RESOURCE_METADATA, SignIn};
use super::told::OnLimit;
use crate::auth::{Audit, Keys, SCOPE};
use crate::limits::Limit;
use crate::usage::Metrics;

/// Who may call, and how much.
#[derive(Clone)]
pub struct Rules {
    /// Who shows one of these comes in.
    pub keys: Option<Arc<Keys>>,
    /// Who signed in here comes in.
    pub sign_in: Option<Arc<SignIn>>,
    /// Who signed in elsewhere comes in. Without any of the three, everybody does.
    pub external: Option<Arc<External>>,
    /// Where it is noted who was refused.
    pub audit: Option<Arc<Audit>>,
    /// Limit of a key without one of its own.
    pub key: Limit,
    /// Limit of a person who signed in, whatever they use.
    pub user: Limit,
    /// Limit of an address that calls without a key, this machine's own apart; behind a closed
    /// door, of its attempts.
    pub address: Limit,
    /// How a call over its limit is answered.
    pub on_limit: OnLimit,
    /// Proxies whose word on the client's address counts.
    pub trusted_proxies: Vec<IpNet>,
    /// Where it is counted who was refused.
    pub metrics: Arc<Metrics>,
}

/// Everybody may call, with the default limits.
impl Default for Rules {
    fn default() -> Rules {
        let minute = Duration::from_secs(60);
        Rules {
            keys: None,
            sign_in: None,
            external: None,
            audit: None,
            key: Limit { calls: 60, per: minute },
            user: Limit { calls: 40, per: 60 * minute },
            address: Limit { calls: 120, per: minute },
            on_limit: OnLimit::default(),
            trusted_proxies: Vec::new(),
            metrics: Arc::default(),
        }
    }
}

impl Rules {
    /// Whether only some may come in.
    pub(super) fn is_closed(&self) -> bool {
        let Rules { keys, sign_in, external, .. } = self;
        keys.is_some() || sign_in.is_some() || external.is_some()
    }

    /// Who gives out the tokens that are shown here, if anybody does.
    pub(super) fn issuer(&self) -> Option<&str> {
        let Rules { sign_in, external, .. } = self;
        let ours = sign_in.as_ref().map(|sign_in| sign_in.origin());
        ours.or(external.as_ref().map(|external| external.issuer()))
    }

    /// The address of this server, where clients learn from it who gives out tokens.
    fn origin(&self) -> Option<&str> {
        let Rules { sign_in, external, .. } = self;
        let ours = sign_in.as_ref().map(|sign_in| sign_in.origin());
        ours.or(external.as_ref().map(|external| external.origin()))
    }

    /// Whom people sign in with, for people.
    pub(super) fn provider_name(&self) -> Option<String> {
        let Rules { sign_in, external, .. } = self;
        let ours = sign_in.as_ref().map(|sign_in| sign_in.provider_name().to_owned());
        ours.or(external.as_ref().map(|external| external.issuer().to_owned()))
    }

    /// What the operator should see at start.
    pub(super) fn describe(&self) -> String {
        let Rules { keys, sign_in, external, key, user, address, .. } = self;
        let mut ways = Vec::new();
        if let Some(sign_in) = sign_in {
            ways.push(format!("signed in with {}, {user} each", sign_in.provider_name()));
        }
        if let Some(external) = external {
            ways.push(format!("with a token of {}, {user} each", external.issuer()));
        }
        if keys.is_some() {
            ways.push(format!("with a bearer key, {key} each unless the key says otherwise"));
        }
        if ways.is_empty() {
            ways.push(format!("everybody, {address} from an address that is not this machine's"));
        }
        format!("callers: {}", ways.join("; "))
    }

    /// What somebody learns who has to say who they are: every way in.
    pub(super) fn challenge(&self, shown: bool) -> Challenge {
        let Rules { keys, sign_in, external, .. } = self;
        let mut header = match self.origin() {
            None => "Bearer realm=\"docent\"".to_owned(),
            Some(origin) => {
                let scope = self.scope().map(|scope| format!(", scope=\"{scope}\""));
                let scope = scope.unwrap_or_default();
                format!("Bearer resource_metadata=\"{origin}{RESOURCE_METADATA}\"{scope}")
            }
        };
        let mut ways: Vec<Cow<'static, str>> = Vec::new();
        if let Some(sign_in) = sign_in {
            let provider = sign_in.provider_name();
            ways.push(format!("sign in with {provider}, as your client offers").into());
        }
        if let Some(external) = external {
            ways.push(format!("sign in at {}", external.issuer()).into());
        }
        if keys.is_some() {
            ways.push(
                "send a key as \"Authorization: Bearer dk_live_…\", which whoever runs the server \
                 makes with docent key create"
                    .into(),
            );
        }
        let mut message = format!("this server wants to know who calls: {}", ways.join("; or "));
        if shown {
            header += ", error=\"invalid_token\"";
            message = format!("what was sent is not valid, or not any more; {message}");
        }
        let code = if shown { "invalid_token" } else { "missing_token" };
        Challenge { status: StatusCode::UNAUTHORIZED, header, code, message }
    }

    /// What somebody learns whose token is good and does not allow enough (RFC 6750 section 3.1).
    pub(super) fn narrow(&self) -> Challenge {
        let Challenge { header, .. } = self.challenge(false);
        let scope = self.scope().unwrap_or_default();
        Challenge {
            status: StatusCode::FORBIDDEN,
            header: format!("{header}, error=\"insufficient_scope\""),
            code: "insufficient_scope",
            message: format!("the token does not allow {scope}, which calls need here"),
        }
    }

    /// What a token must allow, if anything.
    pub(super) fn scope(&self) -> Option<&str> {
        match (&self.sign_in, &self.external) {
            (Some(_), _) => Some(SCOPE),
            (None, Some(external)) => external.scope(),
            (None, None) => None,
        }
    }
}
