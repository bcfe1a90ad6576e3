//! What programs are told of a server that have not connected yet: its server card (SEP-2127), the
//! catalog that leads to it, and its entry in a registry. Nothing of it comes from documents.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};

use super::Site;
use super::front::{Called, Front};
use crate::mcp::{self, Shelf};

/// Where the extension of SEP-2127 has the card: behind the endpoint.
pub(super) const CARD: &str = "/mcp/server-card";
/// Where earlier drafts had it, and where many programs still look.
const EARLIER: [&str; 2] = ["/.well-known/mcp/server-card.json", "/.well-known/mcp/server-card"];
/// Where an AI Catalog is looked for, and where that is going to be.
const CATALOG: [&str; 2] = ["/.well-known/ai-catalog.json", "/.well-known/ard.json"];

/// Schema of server cards.
const CARD_SCHEMA: &str =
    "https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json";
/// Schema of `server.json`, of 2025-12-11; the registry takes no other.
const REGISTRY_SCHEMA: &str =
    "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json";
/// Version of the AI Catalog's own form.
const CATALOG_VERSION: &str = "1.0";

const CARD_TYPE: HeaderValue = HeaderValue::from_static("application/mcp-server-card+json");
const CATALOG_TYPE: HeaderValue = HeaderValue::from_static("application/ai-catalog+json");

/// A document for programs, with what its caches compare.
struct Document {
    text: String,
    kind: HeaderValue,
    tag: HeaderValue,
}

/// The documents of a server; they never change while it runs.
pub(super) struct Documents {
    card: Document,
    catalog: Document,
}

/// How programs come in, as far as they have to be told before they ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// As they are.
    Open,
    /// With a bearer key, and in no other way.
    Key,
    /// With a token: the answer to their first call says where to get one.
    SignIn,
}

impl Documents {
    /// The documents of a server at an address.
    pub(super) fn new(called: &Called, address: &str, way: Way) -> Documents {
        let mut card = described(CARD_SCHEMA, called, address, way);
        card["remotes"][0]["supportedProtocolVersions"] = json!(mcp::revisions());
        let (namespace, name) = called.name.split_once('/').unwrap_or(("", &called.name));
        let publisher: Vec<&str> = namespace.rsplit('.').collect();
        let catalog = json!({
            "specVersion": CATALOG_VERSION,
            "entries": [{
                "identifier": format!("urn:air:{}:mcp:{name}", publisher.join(".")),
                "type": "application/mcp-server-card+json",
                "url": format!("{address}{CARD}"),
            }],
        });
        Documents {
            card: Document::new(&card, CARD_TYPE),
            catalog: Document::new(&catalog, CATALOG_TYPE),
        }
    }
}

impl Document {
    fn new(body: &Value, kind: HeaderValue) -> Document {
        let text = format!("{body:#}\n");
        let tag = format!("\"{}\"", &blake3::hash(text.as_bytes()).to_hex()[..16]);
        let tag = HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\""));
        Document { text, kind, tag }
    }

    fn answer(&self, request: &Request) -> Response {
        let known = request.headers().get(header::IF_NONE_MATCH);
        let is_known = known.is_some_and(|known| {
            let tags = known.to_str().unwrap_or_default().split(',');
            let ours = self.tag.to_str().unwrap_or_default();
            tags.map(|tag| tag.trim().trim_start_matches("W/")).any(|tag| tag == ours || tag == "*")
        });
        let mut response = if is_known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            self.text.clone().into_response()
        };
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_TYPE);
        if !is_known {
            headers.insert(header::CONTENT_TYPE, self.kind.clone());
        }
        headers.insert(header::ETAG, self.tag.clone());
        let hour = HeaderValue::from_static("public, max-age=3600");
        headers.insert(header::CACHE_CONTROL, hour);
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}

/// The entry of a server in the MCP registry, `server.json`.
pub fn registry_entry(front: &Front, address: &str, shelves: &[Shelf], way: Way) -> Value {
    let called = front.called(address, shelves, way != Way::Open);
    described(REGISTRY_SCHEMA, &called, address, way)
}

/// What server cards and entries of the registry have in common.
fn described(schema: &str, called: &Called, address: &str, way: Way) -> Value {
    let mut remote = json!({ "type": "streamable-http", "url": format!("{address}/mcp") });
    if way == Way::Key {
        remote["headers"] = json!([{
            "name": "Authorization",
            "description": "A bearer key; whoever runs the server makes them",
            "isRequired": true,
            "isSecret": true,
            "value": "Bearer {key}",
            "variables": {
                "key": {
                    "description": "The key, which begins with dk_live_",
                    "isRequired": true,
                    "isSecret": true,
                },
            },
        }]);
    }
    json!({
        "$schema": schema,
        "name": called.name,
        "title": called.title,
        "description": called.description,
        "version": env!("CARGO_PKG_VERSION"),
        "websiteUrl": format!("{address}/"),
        "remotes": [remote],
    })
}

/// Routes of the documents.
pub(super) fn routes() -> Router<Arc<Site>> {
    let mut routes = Router::new();
    for path in [CARD].into_iter().chain(EARLIER) {
        routes = routes.route(path, get(card));
    }
    for path in CATALOG {
        routes = routes.route(path, get(catalog));
    }
    routes
}

async fn card(State(site): State<Arc<Site>>, request: Request) -> Response {
    site.documents.card.answer(&request)
}

async fn catalog(State(site): State<Arc<Site>>, request: Request) -> Response {
    site.documents.catalog.answer(&request)
}

/// Whether a request is for one of the documents: everybody may read them, pages of every origin
/// included, because they hold what is public anyway.
pub(super) fn is_asked(method: &Method, path: &str) -> bool {
    let reads = [Method::GET, Method::HEAD, Method::OPTIONS].contains(method);
    reads && (path == CARD || EARLIER.contains(&path) || CATALOG.contains(&path))
}

/// Lets pages of every origin read.
pub(super) fn share(response: &mut Response) {
    let headers = response.headers_mut();
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    set(header::ACCESS_CONTROL_ALLOW_METHODS, "GET");
    set(header::ACCESS_CONTROL_ALLOW_HEADERS, "Content-Type, If-None-Match");
    set(header::ACCESS_CONTROL_EXPOSE_HEADERS, "ETag");
}
