//! Who may come in: the door of `serve`, made of what the settings say and the state holds.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Context;

use super::serve::has_listed_keys;
use super::state::State;
use super::{key, state};
use crate::auth::watched::others_write;
use crate::auth::{APPS, Audit, Clients, Grants, Keys, Pending, algorithm};
use crate::config::{Access, Setting, Settings};
use crate::http::{self, Clock, External, ExternalOptions, ProviderOptions, SignIn, SignInOptions};
use crate::limits::Limit;
use crate::outward::{self, Permit};
use crate::store::{SqliteStore, Store};

/// How long the document of a client may take.
const DOCUMENT: Duration = Duration::from_secs(5);
/// How often what has ended is forgotten.
const SWEEP: Duration = Duration::from_secs(10 * 60);

/// Whether the server shows pages to people. Behind a closed door it does not, and hits name the
/// resource instead.
pub(super) fn shows_pages(settings: &Settings) -> bool {
    settings.access.value == Access::Open
}

/// Who may call, with these limits.
pub(super) fn rules(
    settings: &Settings,
    limits: http::Rules,
    state: Option<&State>,
    clock: &Clock,
) -> anyhow::Result<http::Rules> {
    let access = settings.access.value;
    if access == Access::Open {
        return Ok(limits);
    }
    let store = store(settings, state)?;
    let keys = Keys::open(store.clone())?.with(key::listed(settings)?);
    if access == Access::Keys && keys.list_all()?.is_empty() {
        eprintln!("there is no key yet: docent key create --name NAME makes one");
    }
    if let Some(file) = settings.keys_file.value.as_deref().filter(|file| others_write(file)) {
        tracing::warn!("who may write {} lets himself in: chmod go-w", file.display());
    }
    let audit = {
        let clock = clock.clone();
        Arc::new(Audit::start(store.clone(), move || clock().date)?)
    };
    let mut rules = http::Rules { keys: Some(Arc::new(keys)), audit: Some(audit), ..limits };
    // It is there: the settings were checked.
    let origin = settings.public_url.value.clone().unwrap_or_default();
    match access {
        Access::Open | Access::Keys => {}
        Access::Google => {
            rules.sign_in = Some(Arc::new(sign_in(settings, store, origin, clock)?));
        }
        Access::External => {
            rules.external = Some(Arc::new(external(settings, origin)?));
        }
    }
    Ok(rules)
}

/// Finds what is wrong with the settings of sign-ins, before anything is begun.
pub(super) fn check(settings: &Settings) -> anyhow::Result<()> {
    let algorithms = match settings.access.value {
        Access::Open | Access::Keys => return Ok(()),
        Access::Google => &settings.sign_in.algorithms,
        Access::External => &settings.external.algorithms,
    };
    for name in &algorithms.value {
        algorithm(name).with_context(|| format!("{}: algorithms", algorithms.source))?;
    }
    registrations(settings)?;
    permit(settings).map(drop)
}

/// What fetches documents of clients, if that is wanted.
fn documents(settings: &Settings) -> anyhow::Result<Option<outward::Agent>> {
    let permit = permit(settings)?;
    let wanted = settings.sign_in.client_documents.value;
    Ok(wanted.then(|| outward::guarded_agent(DOCUMENT, permit, &[])))
}

/// Clients that may register from one address.
fn registrations(settings: &Settings) -> anyhow::Result<Limit> {
    let Setting { value, source } = &settings.registration_limit;
    value.parse().with_context(|| format!("{source}: limits.registration"))
}

/// Where keys and sign-ins are kept. A server whose keys come with its settings does without.
fn store(settings: &Settings, state: Option<&State>) -> anyhow::Result<Arc<dyn Store>> {
    match state::store(settings, state) {
        // What was revoked in a file that is there must not be forgotten, and who signed in either.
        Err(error)
            if state.is_none()
                && has_listed_keys(settings)
                && settings.access.value != Access::Google
                && !SqliteStore::is_in(&settings.data_dir.value) =>
        {
            tracing::warn!("{error:#}; the audit log ends with this process");
            Ok(Arc::new(SqliteStore::in_memory()?))
        }
        opened => opened,
    }
}

fn sign_in(
    settings: &Settings,
    store: Arc<dyn Store>,
    origin: String,
    clock: &Clock,
) -> anyhow::Result<SignIn> {
    let set = &settings.sign_in;
    let apps = set.apps.value.clone().unwrap_or_else(|| APPS.map(str::to_owned).to_vec());
    let time = {
        let clock = clock.clone();
        Arc::new(move || UNIX_EPOCH + Duration::from_secs(clock().date))
    };
    SignIn::new(SignInOptions {
        grants: Grants::new(store.clone(), &origin, &format!("{origin}/mcp"), &apps, time),
        pending: Pending::new(store.clone()),
        people: state::people(settings, &*store)?,
        clients: Clients::new(store),
        provider: ProviderOptions {
            issuer: set.issuer.value.clone(),
            client_id: set.client_id.value.clone(),
            client_secret: set.secret()?,
            algorithms: set.algorithms.value.clone(),
        },
        apps,
        documents: documents(settings)?,
        origin,
        registrations: registrations(settings)?,
        clock: clock.clone(),
    })
}

fn external(settings: &Settings, origin: String) -> anyhow::Result<External> {
    let set = &settings.external;
    let audience = Some(set.audience.value.clone()).filter(|audience| !audience.is_empty());
    External::new(ExternalOptions {
        issuer: set.issuer.value.clone(),
        jwks_url: set.jwks_url.value.clone(),
        audience: audience.unwrap_or_else(|| format!("{origin}/mcp")),
        algorithms: set.algorithms.value.clone(),
        kinds: set.token_types.value.clone(),
        scope: Some(set.scope.value.clone()).filter(|scope| !scope.is_empty()),
        origin,
    })
}

/// The networks, besides the public internet, from which documents of clients are fetched.
fn permit(settings: &Settings) -> anyhow::Result<Permit> {
    let networks = &settings.sign_in.client_networks;
    let read = |text: &String| {
        http::network(text).with_context(|| {
            format!(
                "{}: sign_in.client_networks: {text:?} is no address or network such as 10.0.0.0/8",
                networks.source
            )
        })
    };
    let networks = networks.value.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(Arc::new(move |address: IpAddr| networks.iter().any(|network| network.contains(&address))))
}

/// Forgets from time to time what has ended.
pub(super) async fn sweep(sign_in: Arc<SignIn>) {
    let mut ticks = tokio::time::interval(SWEEP);
    loop {
        ticks.tick().await;
        let sign_in = sign_in.clone();
        let swept = tokio::task::spawn_blocking(move || sign_in.sweep()).await;
        if let Ok(Err(error)) = swept {
            tracing::warn!(error = format!("{error:#}"), "what has ended is not forgotten");
        }
    }
}
