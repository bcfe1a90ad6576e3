//! `/authorize` and `/consent`: a client asks for a person's leave, and the person is asked, each
//! time. One client of ours at the identity provider stands for all clients here, so that nobody
//! but this page tells people who is asking.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;

use super::{AUTHORIZATIONS, body, cookie, documents, page, see_other};
use crate::auth::audit::{self, Entry, Event};
use crate::auth::{Answered, Client, Lost, Parameters, Shown, Unfit};
use crate::http::{Site, client};

/// Longest query that is looked at, in bytes.
const MAX_QUERY: usize = 8 * 1024;

/// `GET /authorize`.
pub(super) async fn asked(State(site): State<Arc<Site>>, request: Request) -> Response {
    let address = site.door.address(&request);
    match ask(&site, request.uri().query().unwrap_or_default(), address).await {
        Ok(response) => response,
        Err(error) => page::failed(&site, &error),
    }
}

async fn ask(site: &Arc<Site>, query: &str, address: IpAddr) -> anyhow::Result<Response> {
    let sign_in = site.sign_in()?;
    if let Err(seconds) = sign_in.admit(&sign_in.authorizations, AUTHORIZATIONS, address) {
        site.door.limited("authorizations");
        return Ok(page::too_many(site, seconds));
    }
    if query.len() > MAX_QUERY {
        return Ok(page::refused(site, "The request is too long."));
    }
    let parameters = Parameters::parse(query.as_bytes());
    let Some(id) = parameters.one("client_id") else {
        return Ok(page::refused(site, "The request does not say which app it comes from."));
    };
    let client = match documents::client(site, id, client::network(address)).await? {
        Ok(client) => client,
        Err(why) => return Ok(page::refused(site, &why)),
    };
    let shown_client = client.clone();
    let asked =
        super::beside(site, move |sign_in| sign_in.grants.ask(&parameters, &client)).await?;
    match asked {
        Ok(asked) => {
            let back = asked.redirect_uri().to_owned();
            let place = audit::network(address);
            let now = sign_in.now();
            let begun =
                super::beside(site, move |sign_in| sign_in.pending.begin(&asked, place, now));
            let Shown { id, token, browser } = begun.await?;
            site.door.note(Entry::of(Event::SignInBegan).with(&shown_client.id), address);
            let mut response = page::consent(site, &shown_client, &back, &id, &token);
            let name = cookie::name(&sign_in.origin, &id);
            let set = cookie::set(&sign_in.origin, &name, &browser);
            response.headers_mut().append(header::SET_COOKIE, set);
            Ok(response)
        }
        Err(Unfit::Shown(why)) => Ok(page::refused(site, &why)),
        // Nobody has ever signed in with it, and so nobody knows whose it is: whoever sends people
        // here must not have this server send them on.
        Err(Unfit::SentBack(_)) if is_new(&shown_client) => Ok(page::refused(
            site,
            &format!("The app {} has asked for something that cannot be given.", shown_client.name),
        )),
        Err(Unfit::SentBack(address)) => Ok(see_other(&address)),
    }
}

/// `POST /consent`.
pub(super) async fn answered(State(site): State<Arc<Site>>, request: Request) -> Response {
    let address = site.door.address(&request);
    let (parts, content) = request.into_parts();
    match answer(&site, &parts.headers, content, address).await {
        Ok(response) => response,
        Err(error) => page::failed(&site, &error),
    }
}

async fn answer(
    site: &Arc<Site>,
    headers: &HeaderMap,
    content: Body,
    address: IpAddr,
) -> anyhow::Result<Response> {
    let sign_in = site.sign_in()?;
    if !is_from_here(headers, &sign_in.origin) {
        return Ok(page::elsewhere(site));
    }
    let form = match body(headers, content, "application/x-www-form-urlencoded").await {
        Ok(form) => Parameters::parse(&form),
        Err(response) => return Ok(response),
    };
    let field = |name| form.one(name).unwrap_or_default();
    let (id, now) = (field("sign_in"), sign_in.now());
    let name = cookie::name(&sign_in.origin, id);
    let browser = cookie::value(headers, &name).unwrap_or_default();
    let [known, token, browser] = [id, field("token"), browser].map(str::to_owned);
    let answered = super::beside(site, move |sign_in| {
        sign_in.pending.answered(&sign_in.grants, &known, [&token, &browser], now)
    });
    let answered = match answered.await? {
        Ok(answered) => answered,
        Err(Lost::Unknown) => return Ok(page::expired(site)),
        Err(Lost::Elsewhere) => return Ok(page::elsewhere(site)),
    };
    let note = |event| site.door.note(Entry::of(event).with(answered.asked.client()), address);
    let mut response = if field("answer") == "allow" {
        note(Event::Consented);
        send_on(site, answered).await?
    } else {
        // Whatever else is pressed allows nothing.
        note(Event::ConsentDenied);
        see_other(&sign_in.grants.refuse(&answered.asked, "access_denied", "you said no"))
    };
    let clear = cookie::clear(&sign_in.origin, &name);
    response.headers_mut().append(header::SET_COOKIE, clear);
    Ok(response)
}

/// Sends a person who agreed to the identity provider.
async fn send_on(site: &Arc<Site>, answered: Answered) -> anyhow::Result<Response> {
    let sign_in = site.sign_in()?;
    let refused = sign_in.grants.refuse(
        &answered.asked,
        "temporarily_unavailable",
        "the identity provider cannot be reached just now",
    );
    let now = sign_in.now();
    let sent =
        super::beside(site, move |sign_in| sign_in.pending.consented(&answered, now)).await?;
    match sign_in.provider.address(&sent).await {
        Ok(address) => {
            let mut response = see_other(&address);
            // Only now is there anything to come back to, and only for this browser.
            let name = cookie::name(&sign_in.origin, &sent.state);
            let set = cookie::set(&sign_in.origin, &name, &sent.browser);
            response.headers_mut().append(header::SET_COOKIE, set);
            Ok(response)
        }
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "nobody can sign in");
            Ok(see_other(&refused))
        }
    }
}

/// Whether a form was sent from a page of ours. Browsers say so in a header that no page can set;
/// of those that do not, the origin is looked at, where they say it.
fn is_from_here(headers: &HeaderMap, origin: &str) -> bool {
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let site = header("sec-fetch-site").is_none_or(|site| site == "same-origin");
    // A page that names no referrer names no origin either.
    let from = header("origin").is_none_or(|from| from == origin || from == "null");
    site && from
}

/// Whether a client has only just registered, and sends people to other hosts.
fn is_new(client: &Client) -> bool {
    let elsewhere = |uri: &String| !crate::auth::is_local(uri);
    client.used.is_none()
        && client.fresh_until.is_none()
        && client.redirect_uris.iter().any(elsewhere)
}

/// The host that stands behind a client, where it has proved one.
pub(super) fn proved_host(client: &Client) -> Option<String> {
    client.fresh_until?;
    Some(crate::auth::shown_host(&client.id))
}
