//! `/token` and `/revoke`: what clients ask without a person.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::{TOKENS, answer, body, fault, pairs, too_many};
use crate::auth::Form;
use crate::auth::audit::{Entry, Event, Outcome};
use crate::http::Site;

/// `POST /token` (OAuth 2.1 section 3.2).
pub(super) async fn token(State(site): State<Arc<Site>>, request: Request) -> Response {
    let address = site.door.address(&request);
    let form = match form(&site, request, address).await {
        Ok(form) => form,
        Err(response) => return response,
    };
    let client = form.client().to_owned();
    match super::beside(&site, move |sign_in| sign_in.grants.token(&form)).await {
        Ok(Ok(tokens)) => answer(StatusCode::OK, &tokens),
        Ok(Err(refused)) => {
            if refused.reused {
                let reused = Entry::of(Event::TokenReused).outcome(Outcome::Refused("revoked"));
                site.door.note(reused.with(&client), address);
            }
            fault(&refused)
        }
        Err(error) => super::failed(&error),
    }
}

/// `POST /revoke` (RFC 7009): 200 also for what is not known.
pub(super) async fn revoke(State(site): State<Arc<Site>>, request: Request) -> Response {
    let address = site.door.address(&request);
    let form = match form(&site, request, address).await {
        Ok(form) => form,
        Err(response) => return response,
    };
    let client = form.client().to_owned();
    match super::beside(&site, move |sign_in| sign_in.grants.revoke(&form)).await {
        Ok(Ok(())) => {
            site.door.note(Entry::of(Event::SignedOut).with(&client), address);
            answer(StatusCode::OK, &json!({}))
        }
        Ok(Err(refused)) => fault(&refused),
        Err(error) => super::failed(&error),
    }
}

async fn form(site: &Arc<Site>, request: Request, address: IpAddr) -> Result<Form, Response> {
    let sign_in = site.sign_in().map_err(|error| super::failed(&error))?;
    sign_in.admit(&sign_in.tokens, TOKENS, address).map_err(too_many)?;
    let (parts, content) = request.into_parts();
    let form = body(&parts.headers, content, "application/x-www-form-urlencoded").await?;
    Ok(Form { pairs: pairs(&form) })
}
