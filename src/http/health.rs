//! What orchestrators ask: is the process up, does the index serve.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::Site;
use crate::limits::Fallback;
use crate::mcp::Standing;

/// `GET /healthz`: the process answers.
pub(super) async fn up() -> Response {
    uncached("ok".into_response())
}

/// `GET /readyz`: the index can be read. What keeps the docs from being followed is told, but
/// does not make the server unready: what was indexed is still served.
pub(super) async fn ready(State(site): State<Arc<Site>>) -> Response {
    let snapshot = site.docs.snapshot();
    let stamp = snapshot.stamp();
    let catalog = snapshot.catalog();
    let unreadable = catalog.as_ref().err().map(|error| {
        tracing::error!(error = format!("{error:#}"), "the index does not serve");
        "the index cannot be read".to_owned()
    });
    let ready = unreadable.is_none();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    // What is inside, in numbers and in the words of errors, is for those behind the door.
    if site.door.rules().is_closed() {
        let pulls = site.docs.standings().iter().all(|standing| !standing.failing);
        let current = pulls && site.docs.problem().is_none();
        let mut body = json!({ "ready": ready, "current": current });
        tell_state(&site, &mut body);
        add_snapshot(&site, &mut body);
        return uncached((status, Json(body)).into_response());
    }
    let mut body = json!({
        "ready": ready,
        "pages": stamp.pages(),
        "sections": stamp.sections,
        "committed": stamp.committed,
        "problem": unreadable.or_else(|| site.docs.problem()),
    });
    let repositories: Vec<Value> = site.docs.standings().iter().map(repository).collect();
    if !repositories.is_empty() {
        if body["problem"].is_null() {
            let mut problems = repositories.iter().map(|it| it["problem"].clone());
            body["problem"] = problems.find(|it| !it.is_null()).unwrap_or_default();
        }
        body["repositories"] = repositories.into();
    }
    if let Some(embedded) = snapshot.embedded() {
        body["meaning"] = json!({
            "model": embedded.model,
            "embedded": embedded.embedded,
            "sections": embedded.sections,
        });
    }
    tell_state(&site, &mut body);
    add_snapshot(&site, &mut body);
    uncached((status, Json(body)).into_response())
}

/// Whether the state that replicas share can be reached, and by whom limits are counted. Without it the
/// docs are still served. It says nothing of what is inside, so it is for everybody.
fn tell_state(site: &Site, body: &mut Value) {
    let Some(shared) = site.door.shared() else { return };
    let reachable = shared.is_reachable();
    let limits = match (reachable, shared.fallback()) {
        (true, _) => "shared",
        (false, Fallback::Local) => "local",
        (false, Fallback::Deny) => "deny",
    };
    body["state"] = json!({ "reachable": reachable, "limits": limits });
}

/// Which snapshot is served, where one is followed: that tells nothing of what is inside.
fn add_snapshot(site: &Site, body: &mut Value) {
    if let Some(followed) = site.docs.followed() {
        body["snapshot"] = json!({ "id": followed.id, "published": followed.published });
    }
}

/// How a repository is doing. What keeps it from being pulled has addresses in it, and is for the log.
fn repository(standing: &Standing) -> Value {
    let Standing { collection, commit, pulled, failing, .. } = standing;
    let problem = failing.then(|| match commit {
        Some(commit) => {
            format!("The docs of {collection} cannot be pulled just now; this is commit {commit}.")
        }
        None => format!("The docs of {collection} could not be pulled yet; there are none of it."),
    });
    json!({ "collection": collection, "commit": commit, "pulled": pulled, "problem": problem })
}

fn uncached(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
