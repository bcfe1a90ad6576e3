//! What clients say of themselves at their own address (Client ID Metadata Documents): fetched when
//! somebody is about to sign in with one, kept for as long as it is fresh.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::Semaphore;
use url::Url;

use super::SignIn;
use crate::auth::{self, Client};
use crate::http::Site;
use crate::limits::{Limit, Windows};
use crate::outward::{self, Agent};

/// Largest document taken, in bytes; that of the draft.
const MAX_DOCUMENT: u64 = 5 * 1024;
/// How long one waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);
/// Seconds that a document is kept: never shorter, so that it is not fetched twice in one sign-in,
/// and never longer, whatever it says.
const FRESH: std::ops::RangeInclusive<u64> = 5 * 60..=24 * 60 * 60;
/// Documents that are fetched at a time, and from one host: nobody is to be flooded through here.
const AT_ONCE: usize = 4;
const PER_HOST: Limit = Limit { calls: 10, per: Duration::from_secs(60) };
/// Hosts that are counted at a time.
const HOSTS: usize = 10_000;

/// Fetches documents.
pub(super) struct Documents {
    agent: Agent,
    hosts: Windows<String>,
    turns: Semaphore,
}

impl Documents {
    pub(super) fn new(agent: Agent) -> Documents {
        Documents { agent, hosts: Windows::new(HOSTS), turns: Semaphore::new(AT_ONCE) }
    }
}

/// The client of this name; else why there is none, for the person who was sent here.
pub(super) async fn client(site: &Arc<Site>, id: &str) -> anyhow::Result<Result<Client, String>> {
    let sign_in = site.sign_in()?;
    let now = sign_in.now();
    let known = {
        let id = id.to_owned();
        super::beside(site, move |sign_in| sign_in.clients.known(&id)).await?
    };
    if !auth::is_document(id) {
        return Ok(known.ok_or_else(|| {
            "The app is not known here, or not any more. Take this server out of the app and add \
             it again."
                .to_owned()
        }));
    }
    if let Some(known) = known.filter(|client| client.fresh_until.is_some_and(|it| it > now)) {
        return Ok(Ok(known));
    }
    if let Err(why) = auth::check_document_address(id) {
        tracing::info!(%why, "a client's address is none for a document");
        return Ok(Err("The app calls itself by an address that cannot be used.".into()));
    }
    fetch(site, sign_in, id, now).await
}

async fn fetch(
    site: &Arc<Site>,
    sign_in: &SignIn,
    id: &str,
    now: u64,
) -> anyhow::Result<Result<Client, String>> {
    // Whatever the reason, the answer is the same: nobody finds out here what listens where.
    let unreachable = || Ok(Err("What the app says of itself could not be fetched.".to_owned()));
    let url = Url::parse(id).context("the address of a document was checked")?;
    let host = url.host_str().unwrap_or_default().to_owned();
    if url.origin().ascii_serialization() == sign_in.origin {
        return unreachable();
    }
    let ticks = (sign_in.clock)().ticks;
    if !sign_in.documents.hosts.admit(host, PER_HOST, ticks).admitted {
        return unreachable();
    }
    let Ok(turn) = tokio::time::timeout(PATIENCE, sign_in.documents.turns.acquire()).await else {
        return unreachable();
    };
    let id = id.to_owned();
    let client = super::beside(site, move |sign_in| {
        let fetched = match outward::get_json(&sign_in.documents.agent, &id, MAX_DOCUMENT) {
            Ok(fetched) => fetched,
            Err(error) => {
                tracing::info!(error = format!("{error:#}"), "a client's document was not fetched");
                return Ok(Err("What the app says of itself could not be fetched.".to_owned()));
            }
        };
        let fresh = fetched.fresh_for.unwrap_or(0).clamp(*FRESH.start(), *FRESH.end());
        match auth::documented(&id, &fetched.body, &sign_in.apps, now, now + fresh) {
            Ok(client) if sign_in.clients.keep(&client)? => Ok(Ok(client)),
            Ok(_) => Ok(Err("Too many apps are in use here just now.".to_owned())),
            Err(unfit) => {
                Ok(Err(format!("What the app says of itself cannot be used: {}.", unfit.why)))
            }
        }
    })
    .await;
    drop(turn);
    client
}
