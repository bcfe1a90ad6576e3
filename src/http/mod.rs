//! The wire: routes, guards, pages for people.
//!
//! | file | what it decides |
//! |---|---|
//! | `accept`, `rest` | how long a connection is waited for, and how serving ends |
//! | `tls` | with which certificate connections are encrypted |
//! | `address` | what address clients are told |
//! | `guard` | which hosts and origins are let in (pure) |
//! | `door`, `rules`, `client`, `told` | who may call, and how much |
//! | `sign_in` | how people sign in |
//! | `external`, `issuer_keys`, `fetched` | tokens that others give out |
//! | `stream` | how long a caller is told of changes |
//! | `reload` | what of all this can be set anew while it runs |
//! | `cors` | what browsers are told |
//! | `rpc`, `envelope` | which bodies are calls |
//! | `introduced`, `trace` | what is known of a call besides: its program, its trace |
//! | `metrics` | what Prometheus reads |
//! | `home`, `pages`, `html`, `render`, `link` | what people see |
//! | `front`, `card` | what is told before anybody connects |
//! | `llms` | what programs read that do not connect |
//! | `hooks` | who asks for a pull |
//! | `health` | what orchestrators see |
//! | `error` | what refusals and failures look like |

mod accept;
mod address;
mod card;
mod client;
mod clock;
mod cors;
mod door;
mod envelope;
mod error;
mod external;
mod fetched;
mod front;
mod guard;
mod health;
mod home;
mod hooks;
mod html;
mod introduced;
mod issuer_keys;
mod link;
mod llms;
mod metrics;
mod pages;
mod reload;
mod render;
mod rest;
mod rpc;
mod rules;
mod sign_in;
mod stream;
mod tls;
mod told;
mod trace;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use rmcp::ServerHandler;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;

pub use accept::{Listening, Patience, serve, stopped};
pub use address::address;
pub use card::{Way, registry_entry};
pub use client::{Peer, read_network as network};
pub use clock::{Clock, Now, system_clock};
pub use door::Door;
pub use external::{External, ExternalOptions};
pub use front::{Front, Guide, Step, server_name};
pub use guard::check as check_guard;
pub use hooks::{Hooks, Ring};
pub use metrics::metrics_router;
pub use reload::Reload;
pub use rules::Rules;
pub use sign_in::{ProviderOptions, SignIn, SignInOptions};
pub use tls::{Tls, certificates};
pub use told::OnLimit;

use crate::mcp::{self, Docs};
use card::Documents;
use door::Who;
use error::{Error, Refusal};
use front::Called;
use guard::{Denied, Guard};
use sign_in::Asker;

/// Path of the MCP endpoint.
const ENDPOINT: &str = "/mcp";
/// What the paths of pages for people begin with.
const PAGES: &str = "/docs/";

/// What the server is made of.
#[derive(Clone)]
pub struct Options {
    /// What is served.
    pub docs: Docs,
    /// Address that the world knows this server by, if it is not the one listened on. A path in
    /// it is where a proxy mounts this server; the proxy takes it off again.
    pub public_url: Option<String>,
    /// Address that is listened on, with the real port.
    pub listen: SocketAddr,
    /// Hosts to answer to besides the derived ones.
    pub allowed_hosts: Vec<String>,
    /// Origins of web pages that may call besides the derived ones; `*` is any.
    pub allowed_origins: Vec<String>,
    /// How long a call is waited for.
    pub patience: Patience,
    /// Who may call, and how much.
    pub door: Arc<Door>,
    /// Who may ask for a pull.
    pub hooks: Hooks,
    /// What is told before anybody connects.
    pub front: Front,
}

impl Options {
    fn guard(&self) -> anyhow::Result<Guard> {
        let public_url = self.public_url.as_deref();
        Guard::new(self.listen, public_url, &self.allowed_hosts, &self.allowed_origins)
    }

    fn address(&self) -> String {
        address(self.public_url.as_deref(), self.listen)
    }
}

/// What the operator should see at start: where to connect, and who is let in.
pub fn describe(options: &Options) -> anyhow::Result<Vec<String>> {
    let mut lines = vec![format!("endpoint: {}{ENDPOINT}", options.address())];
    lines.push(options.door.rules().describe());
    lines.extend(options.guard()?.describe());
    Ok(lines)
}

/// All routes. Streams end on `cancel`.
pub fn router(options: &Options, cancel: CancellationToken) -> anyhow::Result<Router> {
    Ok(reloadable(options, cancel)?.0)
}

/// All routes, and what of them can be set anew while they serve.
pub fn reloadable(
    options: &Options,
    cancel: CancellationToken,
) -> anyhow::Result<(Router, Reload)> {
    let site = Arc::new(Site::new(options)?);
    let docs = &options.docs;
    let router = routes(docs.clone(), Some(docs.clone()), site.clone(), options.patience, cancel);
    Ok((router, Reload::new(site, options.clone())))
}

/// The same routes, with another server at the endpoint than the docs. What stands in front of
/// it can so be held to the whole protocol, of which the docs need only a part.
pub fn router_to(
    handler: impl ServerHandler + Clone,
    options: &Options,
    cancel: CancellationToken,
) -> anyhow::Result<Router> {
    let site = Arc::new(Site::new(options)?);
    Ok(routes(handler, None, site, options.patience, cancel))
}

/// The routes with a handler at the endpoint; `plain` answers what is plain before it.
fn routes(
    handler: impl ServerHandler + Clone,
    plain: Option<Docs>,
    site: Arc<Site>,
    patience: Patience,
    cancel: CancellationToken,
) -> Router {
    let service = Arc::new(mcp::http_service(handler, cancel.clone()));
    let desk = Arc::new(rpc::Desk::new(patience, site.door.clone()));
    let call = move |request: Request| async move {
        // Who came through a closed door has docs of their own.
        let scope = request.extensions().get().and_then(Who::scope);
        let docs = plain.map(|docs| scope.map_or_else(|| docs.now(), |scope| docs.within(&scope)));
        let hand_on = async |request, docs: Option<Docs>| match docs {
            Some(docs) => mcp::http_service(docs, cancel).handle(request).await.map(Body::new),
            None => service.handle(request).await.map(Body::new),
        };
        desk.answer(request, docs, hand_on).await
    };
    let mut routes = Router::new();
    if site.door.rules().sign_in.is_some() {
        routes = routes.merge(sign_in::routes());
    }
    if site.door.rules().issuer().is_some() {
        routes = routes.merge(sign_in::protected_resource());
    }

    routes
        .route(ENDPOINT, post(call).get(pages::endpoint).fallback(refuse_method))
        // A client that was given the address without the endpoint's path learns of it.
        .route("/", get(home::home).fallback(pages::nowhere))
        .route("/docs", get(pages::shelves))
        .route("/docs/", get(pages::shelves))
        .route("/docs/{*rest}", get(pages::docs))
        .route("/style.css", get(html::style))
        .route("/hooks/git/{collection}", post(hooks::hook).fallback(pages::nowhere))
        .route("/home.js", get(html::script))
        .route(llms::LIST, get(llms::list))
        .route(llms::FULL, get(llms::full))
        .merge(card::routes())
        .fallback(pages::nowhere)
        // Who is not let in, and every preflight, is answered here, before anything is read.
        .layer(middleware::from_fn_with_state(site.clone(), let_in))
        // Below the guard on purpose: orchestrators ask by the address of a container, which no
        // list knows, and there is nothing to learn here.
        .route("/healthz", get(health::up))
        .route("/readyz", get(health::ready))
        // Whatever panics inside is one answer of 500, and the process lives.
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(middleware::from_fn(named))
        .with_state(site)
}

/// What handlers share.
struct Site {
    docs: Docs,
    guard: ArcSwap<Guard>,
    door: Arc<Door>,
    hooks: Hooks,
    patience: Patience,
    /// Path that the public address ends with; links start with it.
    base: String,
    /// The public address, without a slash at its end.
    address: String,
    /// Address that clients connect to.
    endpoint: String,
    /// What the server is called.
    called: Called,
    /// What the owner says of it.
    about: Option<String>,
    /// How clients connect, as HTML.
    connecting: String,
    /// What programs are told before they connect.
    documents: Documents,
}

impl Site {
    fn new(options: &Options) -> anyhow::Result<Site> {
        let address = options.address();
        let (_, rest) = address.split_once("://").unwrap_or(("", &address));
        let base = rest.split_once('/').map(|(_, path)| format!("/{path}")).unwrap_or_default();
        let rules = options.door.rules();
        let closed = rules.is_closed();
        let way = match rules.issuer() {
            Some(_) => Way::SignIn,
            None if closed => Way::Key,
            None => Way::Open,
        };
        let called = options.front.called(&address, options.docs.collections(), closed);
        let endpoint = format!("{address}{ENDPOINT}");
        Ok(Site {
            docs: options.docs.clone(),
            guard: ArcSwap::from_pointee(options.guard()?),
            door: options.door.clone(),
            hooks: options.hooks.clone(),
            patience: options.patience,
            base,
            connecting: front::connecting(&endpoint, &options.front),
            documents: Documents::new(&called, &address, way),
            about: options.front.description.clone(),
            address,
            endpoint,
            called,
        })
    }

    /// Where people sign in.
    ///
    /// # Errors
    ///
    /// They do not sign in here, and so there is no way to whoever asks.
    fn sign_in(&self) -> anyhow::Result<Arc<SignIn>> {
        self.door.rules().sign_in.clone().context("nobody signs in here")
    }

    /// Lets a request through the door; else the answer. What tells people how to come in is in front
    /// of it.
    async fn enter(&self, request: &mut Request) -> Option<Response> {
        let reads = [Method::GET, Method::HEAD].contains(request.method());
        let is_person = reads && rpc::takes_html(request.headers());
        match request.uri().path() {
            "/" | "/style.css" | "/home.js" if reads => return None,
            ENDPOINT if is_person => return None,
            _ if self.hooks.take(request) => return None,
            path if card::is_asked(request.method(), path) && !self.door.rules().is_closed() => {
                return None;
            }
            // Where nobody signs in clients must learn just that, and not that they have to.
            path if (sign_in::is_well_known(path) || card::is_asked(request.method(), path))
                && self.door.rules().is_closed() =>
            {
                return self
                    .door
                    .attempt(self.door.network(request))
                    .err()
                    .map(Error::into_response);
            }
            _ => {}
        }
        let path = request.uri().path();
        let is_page = path.starts_with(PAGES) || [llms::LIST, llms::FULL].contains(&path);
        let refused = self.door.enter(request, is_page).await.err()?;
        Some(match refused {
            Error::Internal(_) => refused.into_response(),
            _ if is_person => refused.shown_as(home::closed(self, StatusCode::UNAUTHORIZED)),
            refused => refused.into_response(),
        })
    }

    /// The docs, as far as they are for a caller.
    fn docs_for(&self, who: &Who) -> Docs {
        who.scope().map_or_else(|| self.docs.now(), |scope| self.docs.within(&scope))
    }

    /// What the start page is called in breadcrumbs.
    fn start(&self) -> String {
        "Docs".to_owned()
    }
}

/// Gives each request an id, which stands in the log and in the answer.
async fn named(request: Request, next: Next) -> Response {
    let id = trace::request_id();
    let method = request.method().clone();
    // An address may hold anything, a key by mistake among it: what is logged is ours.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let answered = async {
        let started = Instant::now();
        let response = next.run(request).await;
        let ms = started.elapsed().as_secs_f64() * 1000.0;
        let route = route.as_ref().map(MatchedPath::as_str);
        tracing::debug!(%method, route, status = response.status().as_u16(), ms, "answered");
        response
    };
    let mut response = answered.instrument(trace::request(&id)).await;
    response.headers_mut().insert(trace::REQUEST_ID, id);
    response
}

/// Lets requests in by host and origin, answers preflights, and shares answers with pages of
/// other origins.
async fn let_in(State(site): State<Arc<Site>>, mut request: Request, next: Next) -> Response {
    let (uri, headers) = (request.uri(), request.headers());
    let hosts = values(headers, &HOST);
    let authority = uri.authority().map(|authority| authority.as_str());
    // Where people sign in is in front of the door.
    let asker = site.door.rules().issuer().and_then(|_| sign_in::asker(uri.path()));
    let is_public = card::is_asked(request.method(), uri.path());
    let origins = values(headers, &ORIGIN);
    let guard = site.guard.load();
    let decision = guard.check_host(&hosts, authority).and_then(|()| match asker {
        _ if is_public || guard.is_own_page(&hosts, &origins) => Ok(()),
        Some(Asker::Program | Asker::Form) => Ok(()),
        Some(Asker::Person) | None => guard.check_origin(&origins),
    });
    drop(guard);
    if let Err(denied) = decision {
        return refuse(&denied).into_response();
    }
    let is_call = uri.path() == ENDPOINT;
    let origin = headers.get(ORIGIN).cloned();
    let is_preflight = request.method() == Method::OPTIONS;
    let mut response = match asker {
        _ if is_call && is_preflight => cors::preflight(headers),
        _ if is_public && is_preflight => StatusCode::NO_CONTENT.into_response(),
        Some(Asker::Program) if is_preflight => sign_in::preflight(),
        Some(_) => next.run(request).await,
        None => match site.enter(&mut request).await {
            None => next.run(request).await,
            Some(refused) => refused,
        },
    };
    match asker {
        _ if is_call => cors::share(origin, response.headers_mut()),
        _ if is_public => card::share(&mut response),
        Some(Asker::Program) => sign_in::share(response.headers_mut()),
        _ => {}
    }
    response
}

fn refuse(denied: &Denied) -> Refusal {
    let status = match denied {
        Denied::HostCount(_) | Denied::Authority => StatusCode::BAD_REQUEST,
        Denied::Host(_) | Denied::Origin(_) => StatusCode::FORBIDDEN,
    };
    Refusal::new(status, error::TRANSPORT, denied.to_string())
}

fn values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a [u8]> {
    headers.get_all(name).iter().map(|value| value.as_bytes()).collect()
}

async fn refuse_method() -> Error {
    rpc::method_not_allowed()
}
