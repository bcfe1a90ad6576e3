//! `/register`: clients that have no document of their own (RFC 7591).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::{answer, body, fault, too_many};
use crate::auth::audit::{Entry, Event};
use crate::auth::{self, Fault, SCOPE};
use crate::http::{Site, client};

/// `POST /register`.
pub(super) async fn register(State(site): State<Arc<Site>>, request: Request) -> Response {
    let sign_in = match site.sign_in() {
        Ok(sign_in) => sign_in,
        Err(error) => return super::failed(&error),
    };
    let address = site.door.address(&request);
    let limit = sign_in.registration_limit;
    let alone = || sign_in.admit(&sign_in.registrations, limit, address);
    if let Err(seconds) = site.door.registers(client::network(address), limit, alone).await {
        site.door.limited("registrations");
        return too_many(seconds);
    }
    let (parts, content) = request.into_parts();
    let content = match body(&parts.headers, content, "application/json").await {
        Ok(content) => content,
        Err(response) => return response,
    };
    let metadata = match serde_json::from_slice(&content) {
        Ok(metadata) => metadata,
        Err(_) => {
            return fault(&Fault::new(400, "invalid_client_metadata", "the body is not JSON"));
        }
    };
    let client = match auth::registered(&metadata, &sign_in.apps, sign_in.now()) {
        Ok(Ok(client)) => client,
        Ok(Err(error)) => return super::failed(&error),
        Err(unfit) => return fault(&Fault::new(400, unfit.code, unfit.why)),
    };
    let registration = auth::registration(&client, SCOPE);
    match super::beside(&site, move |sign_in| sign_in.clients.keep(&client)).await {
        Ok(()) => {
            let id = registration["client_id"].as_str().unwrap_or_default();
            site.door.note(Entry::of(Event::ClientRegistered).with(id), address);
            answer(StatusCode::CREATED, &registration)
        }
        Err(error) => super::failed(&error),
    }
}
