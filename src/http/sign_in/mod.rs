//! Where people sign in: docent is the small authorization server in front of an identity provider
//! that MCP clients need, because those providers take no client that nobody has announced to them
//! and know no resource but their own.
//!
//! | file | what it answers |
//! |---|---|
//! | `metadata` | what clients must know: the documents of RFC 8414 and RFC 9728 |
//! | `authorize` | `/authorize` and `/consent`: who asks, and whether the person agrees |
//! | `callback` | where the identity provider sends people back to |
//! | `token` | `/token` and `/revoke` |
//! | `register` | `/register` (RFC 7591) |
//! | `documents` | what clients say of themselves at their own address |
//! | `provider` | the identity provider |
//! | `page`, `cookie` | what the browser gets |

mod authorize;
mod callback;
mod cookie;
mod documents;
mod metadata;
mod page;
mod provider;
mod register;
mod token;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use ipnet::IpNet;
use serde_json::{Value, json};

use super::fetched::aside;
use super::{Clock, Site, client};
use crate::auth::{Clients, Fault, Grant, Grants, Pending, People};
use crate::limits::{Limit, Verdict, Windows};
use crate::outward::Agent;
use documents::Documents;
use provider::Provider;

pub(super) use metadata::{RESOURCE_METADATA, protected_resource};
pub use provider::ProviderOptions;

/// Paths that are fixed: clients of the oldest revision guess them.
const AUTHORIZE: &str = "/authorize";
const CONSENT: &str = "/consent";
const CALLBACK: &str = "/auth/google/callback";
const TOKEN: &str = "/token";
const REVOKE: &str = "/revoke";
const REGISTER: &str = "/register";
/// Where clients look for what they must know of a server; a few of them below the endpoint.
const WELL_KNOWN: [&str; 2] = ["/.well-known/", "/mcp/.well-known/"];

/// Largest body of a request here, in bytes.
const MAX_BODY: usize = 64 * 1024;
/// Addresses whose requests are counted at a time.
const ADDRESSES: usize = 100_000;

/// Requests from one address. Those who share one, behind a company's gateway, stay far below.
const AUTHORIZATIONS: Limit = Limit { calls: 100, per: Duration::from_secs(15 * 60) };
/// Of requests for tokens those that are refused: assistants that run elsewhere ask for all their
/// people from a few addresses.
const REFUSED_TOKENS: Limit = Limit { calls: 300, per: Duration::from_secs(15 * 60) };
/// Refreshes of one sign-in: each leaves a trace for as long as the sign-in lasts.
const REFRESHES: Limit = Limit { calls: 60, per: Duration::from_secs(60 * 60) };

/// What the sign-in is made of.
pub struct SignInOptions {
    /// What was granted.
    pub grants: Grants,
    /// Sign-ins that have begun.
    pub pending: Pending,
    /// The programs that people sign in with.
    pub clients: Clients,
    /// Who people are.
    pub people: People,
    /// The identity provider.
    pub provider: ProviderOptions,
    /// Schemes of apps that people may be sent back to.
    pub apps: Vec<String>,
    /// Fetches documents of clients; without it only those that register are known.
    pub documents: Option<Agent>,
    /// Origin of this server as the world knows it.
    pub origin: String,
    /// Clients that may register from one address.
    pub registrations: Limit,
    /// Where the time comes from.
    pub clock: Clock,
}

/// Where people sign in.
pub struct SignIn {
    grants: Grants,
    clients: Clients,
    people: People,
    pending: Pending,
    provider: Provider,
    documents: Option<Documents>,
    apps: Vec<String>,
    origin: String,
    clock: Clock,
    authorizations: Windows<IpNet>,
    refused_tokens: Windows<IpNet>,
    refreshes: Windows<String>,
    registration_limit: Limit,
    registrations: Windows<IpNet>,
}

impl SignIn {
    /// The sign-in of a server.
    ///
    /// # Errors
    ///
    /// A setting of the provider that cannot be right.
    pub fn new(options: SignInOptions) -> anyhow::Result<SignIn> {
        let SignInOptions {
            grants,
            pending,
            clients,
            people,
            provider,
            apps,
            documents,
            origin,
            registrations,
            clock,
        } = options;
        let provider = Provider::new(provider, format!("{origin}{CALLBACK}"))?;
        Ok(SignIn {
            grants,
            clients,
            people,
            pending,
            provider,
            documents: documents.map(Documents::new),
            apps,
            origin,
            clock,
            authorizations: Windows::new(ADDRESSES),
            refused_tokens: Windows::new(ADDRESSES),
            refreshes: Windows::new(ADDRESSES),
            registration_limit: registrations,
            registrations: Windows::new(ADDRESSES),
        })
    }

    /// Who stands behind an access token.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub(super) fn remembered(&self, token: &str) -> anyhow::Result<Option<Grant>> {
        self.grants.remembered(token)
    }

    /// Whether others share the store, so that an answer of it may take a while.
    pub(super) fn is_shared(&self) -> bool {
        self.grants.is_shared()
    }

    /// The same of any token, which may take a while.
    pub(super) fn whose(&self, token: &str) -> anyhow::Result<Option<Grant>> {
        self.grants.whose(token)
    }

    /// Forgets what has ended; for a timer.
    ///
    /// # Errors
    ///
    /// The store cannot be written.
    pub fn sweep(&self) -> anyhow::Result<()> {
        self.pending.sweep(self.now())?;
        self.grants.sweep()?;
        self.clients.sweep(self.now())
    }

    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// Whom people sign in with, for people.
    pub(super) fn provider_name(&self) -> &str {
        self.provider.name()
    }

    fn now(&self) -> u64 {
        (self.clock)().date
    }

    fn admit(&self, windows: &Windows<IpNet>, limit: Limit, address: IpAddr) -> Result<(), u64> {
        let network = client::network(address);
        let Verdict { admitted, wait, .. } = windows.admit(network, limit, (self.clock)().ticks);
        if admitted { Ok(()) } else { Err(wait.as_secs() + 1) }
    }
}

/// The routes, apart from the documents of discovery.
pub(super) fn routes() -> Router<Arc<Site>> {
    let nothing_else = |allowed| move || async move { method_not_allowed(allowed) };
    Router::new()
        .route(AUTHORIZE, get(authorize::asked).fallback(nothing_else("GET, HEAD")))
        .route(CONSENT, post(authorize::answered).fallback(nothing_else("POST")))
        .route(CALLBACK, get(callback::back).fallback(nothing_else("GET, HEAD")))
        .route(TOKEN, post(token::token).fallback(nothing_else("POST, OPTIONS")))
        .route(REVOKE, post(token::revoke).fallback(nothing_else("POST, OPTIONS")))
        .route(REGISTER, post(register::register).fallback(nothing_else("POST, OPTIONS")))
        .merge(metadata::authorization_server())
}

/// Who asks at a path here, which is in front of the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    /// A person's browser.
    Person,
    /// A form in a person's browser, whose origin is looked at here.
    Form,
    /// Programs. Pages of every origin may ask too and read the answer: there is nothing that a
    /// browser would add of its own accord.
    Program,
}

/// Who asks at a path; none if the path is not here.
pub(super) fn asker(path: &str) -> Option<Asker> {
    match path {
        AUTHORIZE | CALLBACK => Some(Asker::Person),
        CONSENT => Some(Asker::Form),
        TOKEN | REVOKE | REGISTER => Some(Asker::Program),
        path => is_well_known(path).then_some(Asker::Program),
    }
}

/// Whether a path is where clients look for what they must know of a server (RFC 8615).
pub(super) fn is_well_known(path: &str) -> bool {
    WELL_KNOWN.iter().any(|place| path.starts_with(place))
}

/// Lets pages of every origin ask and read.
pub(super) fn share(headers: &mut HeaderMap) {
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    set(header::ACCESS_CONTROL_EXPOSE_HEADERS, "WWW-Authenticate, Retry-After");
}

/// Answers a preflight.
pub(super) fn preflight() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS");
    set(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        "Authorization, Content-Type, Accept, MCP-Protocol-Version",
    );
    set(header::ACCESS_CONTROL_MAX_AGE, "7200");
    response
}

/// Runs what waits for the store or another server, beside the threads that serve.
async fn beside<T: Send + 'static>(
    site: &Arc<Site>,
    work: impl FnOnce(&SignIn) -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    let sign_in = site.sign_in()?.clone();
    aside(move || work(&sign_in)).await
}

/// A body of bounded size, if it is of this kind.
async fn body(headers: &HeaderMap, body: Body, kind: &str) -> Result<Vec<u8>, Response> {
    let content = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content = content.and_then(|value| value.split(';').next()).unwrap_or_default();
    if !content.trim().eq_ignore_ascii_case(kind) {
        let why = format!("the Content-Type here is {kind}");
        return Err(fault(&Fault::new(415, "invalid_request", why)));
    }
    match tokio::time::timeout(Duration::from_secs(10), to_bytes(body, MAX_BODY)).await {
        Ok(Ok(bytes)) => Ok(bytes.to_vec()),
        Ok(Err(_)) => {
            let why = format!("a body here is at most {} KiB long", MAX_BODY / 1024);
            Err(closing(fault(&Fault::new(413, "invalid_request", why))))
        }
        Err(_) => Err(closing(fault(&Fault::new(
            408,
            "invalid_request",
            "the body did not arrive in time",
        )))),
    }
}

/// The rest of the body was not read: it must not be taken for a request.
fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// An answer in JSON that nobody keeps.
fn answer(status: StatusCode, body: &Value) -> Response {
    let mut response = (status, axum::Json(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// A refusal in the form of RFC 6749 section 5.2.
fn fault(fault: &Fault) -> Response {
    let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::BAD_REQUEST);
    let mut body = json!({ "error": fault.code });
    if !fault.why.is_empty() {
        body["error_description"] = fault.why.as_str().into();
    }
    answer(status, &body)
}

/// The server's own failure, whose cause is for the log alone.
fn failed(error: &anyhow::Error) -> Response {
    tracing::error!(error = format!("{error:#}"), "a request of a sign-in failed");
    fault(&Fault::new(500, "server_error", "the server failed; the cause is in its log"))
}

/// More requests from an address than anybody needs.
fn too_many(seconds: u64) -> Response {
    let why = format!("too many requests came from this address; try again in {seconds} s");
    let mut response = fault(&Fault::new(429, "temporarily_unavailable", why));
    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    response
}

fn method_not_allowed(allowed: &'static str) -> Response {
    let mut response = fault(&Fault::new(405, "invalid_request", format!("send {allowed}")));
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// Sends the browser on. 303, so that it does not send a form again elsewhere.
fn see_other(address: &str) -> Response {
    match HeaderValue::try_from(address) {
        Ok(address) => {
            let mut response = StatusCode::SEE_OTHER.into_response();
            let headers = response.headers_mut();
            headers.insert(header::LOCATION, address);
            let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
            set(header::CACHE_CONTROL, "no-store");
            set(header::REFERRER_POLICY, "no-referrer");
            response
        }
        Err(error) => failed(&anyhow::Error::new(error)),
    }
}
