//! What clients say of themselves at their own address (Client ID Metadata Documents): fetched when
//! somebody is about to sign in with one, kept for as long as it is fresh.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use ipnet::IpNet;
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
/// Seconds for which an old document will do where a new one cannot be had: else whoever uses up
/// what one host is asked, or breaks it, would keep everybody out who uses that app.
const STALE: u64 = 24 * 60 * 60;
/// Documents that are fetched at a time, and from one host: nobody is to be flooded through here.
const AT_ONCE: usize = 4;
const FROM_HOST: Limit = Limit { calls: 120, per: Duration::from_secs(60) };
/// And from one host for one network, so that few do not use up what is there for all.
const FROM_HOST_FOR_ONE: Limit = Limit { calls: 10, per: Duration::from_secs(60) };
/// Hosts that are counted at a time.
const HOSTS: usize = 10_000;

/// Fetches documents.
pub(super) struct Documents {
    agent: Agent,
    hosts: Windows<String>,
    turns: Arc<Semaphore>,
}

impl Documents {
    pub(super) fn new(agent: Agent) -> Documents {
        Documents { agent, hosts: Windows::new(HOSTS), turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

/// The client of this name; else why there is none, for the person who was sent here.
pub(super) async fn client(
    site: &Arc<Site>,
    id: &str,
    network: IpNet,
) -> anyhow::Result<Result<Client, String>> {
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
    let is_good = |client: &Client, longer| client.fresh_until.is_some_and(|it| it + longer > now);
    if let Some(known) = known.as_ref().filter(|known| is_good(known, 0)) {
        return Ok(Ok(known.clone()));
    }
    if let Err(why) = auth::check_document_address(id) {
        tracing::info!(%why, "a client's address is none for a document");
        return Ok(Err("The app calls itself by an address that cannot be used.".into()));
    }
    match fetch(site, &sign_in, id, network, now).await? {
        Some(read) => Ok(read),
        // Whatever the reason, the answer is the same: nobody finds out here what listens where.
        None => Ok(known
            .filter(|known| is_good(known, STALE))
            .ok_or_else(|| "What the app says of itself could not be fetched.".to_owned())),
    }
}

/// The client at an address, or what is wrong with what it says of itself; none if nothing could be
/// fetched.
async fn fetch(
    site: &Arc<Site>,
    sign_in: &SignIn,
    id: &str,
    network: IpNet,
    now: u64,
) -> anyhow::Result<Option<Result<Client, String>>> {
    let url = Url::parse(id).context("the address of a document was checked")?;
    let host = url.host_str().unwrap_or_default().to_owned();
    if url.origin().ascii_serialization() == sign_in.origin {
        return Ok(None);
    }
    let Some(documents) = &sign_in.documents else { return Ok(None) };
    let ticks = (sign_in.clock)().ticks;
    let hosts = &documents.hosts;
    if !hosts.admit(format!("{network} {host}"), FROM_HOST_FOR_ONE, ticks).admitted
        || !hosts.admit(host, FROM_HOST, ticks).admitted
    {
        return Ok(None);
    }
    let (turns, agent) = (documents.turns.clone(), documents.agent.clone());
    let Ok(turn) = tokio::time::timeout(PATIENCE, turns.acquire_owned()).await else {
        return Ok(None);
    };
    let id = id.to_owned();
    super::beside(site, move |sign_in| {
        // For as long as it is fetched, also if nobody waits for it any more.
        let _turn = turn;
        let fetched = match outward::get_json(&agent, &id, MAX_DOCUMENT) {
            Ok(fetched) => fetched,
            Err(error) => {
                tracing::info!(error = format!("{error:#}"), "a client's document was not fetched");
                return Ok(None);
            }
        };
        let fresh = fetched.fresh_for.unwrap_or(0).clamp(*FRESH.start(), *FRESH.end());
        match auth::documented(&id, &fetched.body, &sign_in.apps, now, now + fresh) {
            Ok(client) => {
                sign_in.clients.keep(&client)?;
                Ok(Some(Ok(client)))
            }
            Err(unfit) => {
                let why = format!("What the app says of itself cannot be used: {}.", unfit.why);
                Ok(Some(Err(why)))
            }
        }
    })
    .await
}
