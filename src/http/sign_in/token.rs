//! `/token` and `/revoke`: what clients ask without a person.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::{REFRESHES, REFUSED_TOKENS, SignIn, answer, body, fault, too_many};
use crate::auth::audit::{Entry, Event, Outcome};
use crate::auth::{Answer, Fault, Parameters};
use crate::http::{Site, client};

/// `POST /token` (OAuth 2.1 section 3.2).
pub(super) async fn token(State(site): State<Arc<Site>>, request: Request) -> Response {
    let address = site.door.address(&request);
    let form = match form(&site, request, address).await {
        Ok(form) => form,
        Err(response) => return response,
    };
    let client = form.one("client_id").unwrap_or_default().to_owned();
    match super::beside(&site, move |sign_in| tokens(sign_in, &form)).await {
        Ok(Ok(tokens)) => answer(StatusCode::OK, &tokens),
        Ok(Err(refused)) => {
            if refused.reused {
                let reused = Entry::of(Event::TokenReused).outcome(Outcome::Refused("revoked"));
                site.door.note(reused.with(&client), address);
            }
            refuse(&site, &refused, address)
        }
        Err(error) => super::failed(&error),
    }
}

fn tokens(sign_in: &SignIn, form: &Parameters) -> anyhow::Result<Answer> {
    if let Some(family) = sign_in.grants.family(form)? {
        let ticks = (sign_in.clock)().ticks;
        if !sign_in.refreshes.admit(family, REFRESHES, ticks).admitted {
            let why = format!("a sign-in may be refreshed {REFRESHES} times");
            return Ok(Err(Fault::new(429, "temporarily_unavailable", why)));
        }
    }
    sign_in.grants.token(form)
}

/// A refusal, which counts.
fn refuse(site: &Site, refused: &Fault, address: IpAddr) -> Response {
    if refused.status == 429 {
        site.door.limited("refreshes");
    }
    if let Ok(sign_in) = site.sign_in() {
        // Whether there are too many is looked at before the next.
        let _ = sign_in.admit(&sign_in.refused_tokens, REFUSED_TOKENS, address);
    }
    fault(refused)
}

/// `POST /revoke` (RFC 7009): 200 also for what is not known.
pub(super) async fn revoke(State(site): State<Arc<Site>>, request: Request) -> Response {
    let address = site.door.address(&request);
    let form = match form(&site, request, address).await {
        Ok(form) => form,
        Err(response) => return response,
    };
    let client = form.one("client_id").unwrap_or_default().to_owned();
    match super::beside(&site, move |sign_in| sign_in.grants.revoke(&form)).await {
        Ok(Ok(revoked)) => {
            if revoked {
                site.door.note(Entry::of(Event::SignedOut).with(&client), address);
            }
            answer(StatusCode::OK, &json!({}))
        }
        Ok(Err(refused)) => refuse(&site, &refused, address),
        Err(error) => super::failed(&error),
    }
}

async fn form(site: &Arc<Site>, request: Request, address: IpAddr) -> Result<Parameters, Response> {
    let sign_in = site.sign_in().map_err(|error| super::failed(&error))?;
    let (network, ticks) = (client::network(address), (sign_in.clock)().ticks);
    if let Some(wait) = sign_in.refused_tokens.used_up(&network, REFUSED_TOKENS, ticks) {
        site.door.limited("refused_tokens");
        return Err(too_many(wait.as_secs() + 1));
    }
    let (parts, content) = request.into_parts();
    let form = body(&parts.headers, content, "application/x-www-form-urlencoded").await?;
    Ok(Parameters::parse(&form))
}
