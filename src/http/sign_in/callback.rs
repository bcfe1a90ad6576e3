//! Where the identity provider sends people back to.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;

use super::{cookie, page, see_other};
use crate::auth::audit::{Entry, Event, Outcome};
use crate::auth::{Consented, Lost, Parameters};
use crate::http::Site;

/// Longest query that is looked at, in bytes.
const MAX_QUERY: usize = 16 * 1024;

/// `GET /auth/google/callback`.
pub(super) async fn back(State(site): State<Arc<Site>>, request: Request) -> Response {
    let address = site.door.address(&request);
    let (parts, _) = request.into_parts();
    match come(&site, parts.uri.query().unwrap_or_default(), &parts.headers, address).await {
        Ok(response) => response,
        Err(error) => page::failed(&site, &error),
    }
}

async fn come(
    site: &Arc<Site>,
    query: &str,
    headers: &HeaderMap,
    address: IpAddr,
) -> anyhow::Result<Response> {
    let sign_in = site.sign_in()?;
    if query.len() > MAX_QUERY {
        return Ok(page::refused(site, "The request is too long."));
    }
    let parameters = Parameters::parse(query.as_bytes());
    let one = |name| parameters.one(name);
    let Some(state) = one("state") else {
        return Ok(page::refused(
            site,
            "This address is for people who come back from signing in.",
        ));
    };
    let name = cookie::name(&sign_in.origin, state);
    let browser = cookie::value(headers, &name).unwrap_or_default();
    let (known, browser, now) = (state.to_owned(), browser.to_owned(), sign_in.now());
    let back = super::beside(site, move |sign_in| {
        sign_in.pending.back(&sign_in.grants, &known, &browser, now)
    });
    let consented = match back.await? {
        Ok(consented) => consented,
        Err(Lost::Unknown) => return Ok(page::expired(site)),
        Err(Lost::Elsewhere) => return Ok(page::elsewhere(site)),
    };
    let client = consented.asked.client().to_owned();
    let note = |reason| {
        let refused = Entry::of(Event::SignedIn).outcome(Outcome::Refused(reason));
        site.door.note(refused.with(&client), address);
    };
    let mut response = if sign_in.provider.is_foreign(parameters.all("iss")) {
        note("another provider");
        refused(site, &consented)?
    } else {
        match (one("code"), one("error")) {
            (Some(code), None) => match who(site, code, &consented).await {
                Some(person) => {
                    let entry = Entry::of(Event::SignedIn).by(&person).with(&client);
                    site.door.note(entry, address);
                    see_other(&granted(site, person, consented).await?)
                }
                None => {
                    note("not believed");
                    refused(site, &consented)?
                }
            },
            // In words of ours: what stands in the address may come from anybody.
            (_, Some("access_denied")) => {
                note("by the person");
                let why = "you did not sign in";
                see_other(&sign_in.grants.refuse(&consented.asked, "access_denied", why))
            }
            _ => {
                note("by the provider");
                refused(site, &consented)?
            }
        }
    };
    let clear = cookie::clear(&sign_in.origin, &name);
    response.headers_mut().append(header::SET_COOKIE, clear);
    Ok(response)
}

/// Who came back; none if the provider is not believed.
async fn who(site: &Arc<Site>, code: &str, consented: &Consented) -> Option<String> {
    let sign_in = site.sign_in().ok()?;
    match sign_in.provider.who(code, consented, sign_in.now()).await {
        Ok(subject) => Some(sign_in.people.hash(&subject.issuer, &subject.name)),
        Err(error) => {
            tracing::warn!(error = format!("{error:#}"), "a sign-in failed");
            None
        }
    }
}

/// The address that takes a code to the client.
async fn granted(site: &Arc<Site>, person: String, consented: Consented) -> anyhow::Result<String> {
    let now = site.sign_in()?.now();
    super::beside(site, move |sign_in| {
        sign_in.clients.used(consented.asked.client(), now)?;
        sign_in.grants.approve(&consented.asked, &person)
    })
    .await
}

fn refused(site: &Site, consented: &Consented) -> anyhow::Result<Response> {
    let why = "signing in failed; try again";
    let sign_in = site.sign_in()?;
    Ok(see_other(&sign_in.grants.refuse(&consented.asked, "server_error", why)))
}
