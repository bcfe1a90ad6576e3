//! Requests for a code (OAuth 2.1 section 4.1): which are shown to a person, who is told of the
//! others, and with what a person is sent back.

use anyhow::anyhow;
use oauth_as::{
    AuthorizationError, AuthorizationRequest, ErrorCode, UserApproval,
    ValidatedAuthorizationRequest,
};

use super::{Grants, SCOPE, at_once};
use crate::auth::{Parameters, redirect};
use crate::store::Client;

/// The parameters of a request that mean something here. Of a sign-in that has begun nothing else is
/// kept: anybody can begin one.
const MEANT: [&str; 7] = [
    "client_id",
    "redirect_uri",
    "response_type",
    "state",
    "code_challenge",
    "code_challenge_method",
    "resource",
];
/// Longest `state` that is handed back, in bytes.
const MAX_STATE: usize = 2048;

/// A request for a code that may be shown to a person.
#[derive(Debug)]
pub struct Asked {
    valid: ValidatedAuthorizationRequest,
    request: Parameters,
}

impl Asked {
    /// Who asks.
    pub fn client(&self) -> &str {
        self.valid.client_id.as_str()
    }

    /// Where the person is sent back to.
    pub fn redirect_uri(&self) -> &str {
        &self.valid.redirect_uri
    }

    /// As it was asked for.
    pub(in crate::auth) fn request(&self) -> &Parameters {
        &self.request
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

impl Grants {
    /// Looks at a request of a known client for a code (OAuth 2.1 section 4.1.1).
    ///
    /// # Errors
    ///
    /// Why it is refused, and who is told.
    pub fn ask(
        &self,
        parameters: &Parameters,
        client: &Client,
    ) -> anyhow::Result<Result<Asked, Unfit>> {
        let shown = |why: &str| Ok(Err(Unfit::Shown(why.to_owned())));
        let one = |name: &str| parameters.one(name);
        if let Some(name) = parameters.twice() {
            let name: String = name.chars().take(40).collect();
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
        let Some(resource) = self.resource_of(parameters) else {
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
                Ok(Ok(Asked { valid: asked, request: parameters.only(&MEANT) }))
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

    /// Looks once more at a request that was good before; none if it is not any more.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub(in crate::auth) fn ask_again(&self, request: Parameters) -> anyhow::Result<Option<Asked>> {
        let id = request.one("client_id").unwrap_or_default();
        let Some(client) = self.server.store().store.client(id)? else { return Ok(None) };
        Ok(self.ask(&request, &client)?.ok())
    }

    /// Grants what was asked for, for a person: the address that takes the code to the client.
    ///
    /// # Errors
    ///
    /// The store cannot be written.
    pub fn approve(&self, asked: &Asked, person: &str) -> anyhow::Result<String> {
        let approval = UserApproval::granted(&asked.valid, person);
        let issued = at_once(self.server.issue_authorization_code(approval))?;
        let issued = issued.map_err(|error| anyhow!("{error:?}"))?;
        let mut answer = vec![("code", issued.code.as_str())];
        answer.extend(issued.state.as_deref().map(|state| ("state", state)));
        answer.push(("iss", &self.issuer));
        Ok(redirect::location(&asked.valid.redirect_uri, &answer))
    }

    /// The address that tells the client that it gets nothing, and why.
    pub fn refuse(&self, asked: &Asked, code: &str, why: &str) -> String {
        self.error(&asked.valid.redirect_uri, asked.valid.state.as_deref(), code, why)
    }

    fn error(&self, uri: &str, state: Option<&str>, code: &str, why: &str) -> String {
        let mut answer = vec![("error", code), ("error_description", why)];
        answer.extend(state.map(|state| ("state", state)));
        answer.push(("iss", &self.issuer));
        redirect::location(uri, &answer)
    }
}
