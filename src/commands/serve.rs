//! `docent serve`: index the docs, then serve them over HTTP and follow their changes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::net::{TcpListener, TcpSocket};
use tokio_util::sync::CancellationToken;

use super::observe::Observed;
use super::{collections, connect, door, following, key, live, log, observe, reload, state};
use crate::auth::HookSecret;
use crate::config::{Access, OnLimit, Setting, Settings};
use crate::corpus::git::Repository;
use crate::http;
use crate::limits::Limit;
use crate::mcp::Docs;

/// How long a thread for blocking work is kept that has none. Work is handed to them in turn, so that a few pieces a second
/// keep all alive that a burst began, with a stack and memory of the allocators each; beginning one takes microseconds.
const IDLE_THREADS: Duration = Duration::from_millis(500);

/// Runs until it is told to stop.
pub(super) fn run(read: &reload::Read<'_>) -> anyhow::Result<()> {
    let settings = read()?;
    let _log = log::start(&settings)?;
    check(&settings)?;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.enable_all().thread_keep_alive(IDLE_THREADS).build()?;
    runtime.block_on(serve(&settings, read))
}

/// Finds every mistake in the settings that can be found before anything is begun.
pub(super) fn check(settings: &Settings) -> anyhow::Result<()> {
    settings.check_exposure()?;
    settings.check_access()?;
    door::check(settings)?;
    state::check(settings)?;
    limits(settings)?;
    tls(settings)?;
    observe::check(settings)?;
    key::listed(settings)?;
    ensure!(
        settings.access.value != Access::Open || !has_listed_keys(settings),
        "keys_file and key_hash keep nobody out while everybody may come in: say --access keys, or \
         take them away"
    );
    http::check_guard(
        settings.listen.value,
        settings.public_url.value.as_deref(),
        &settings.allowed_hosts.value,
        &settings.allowed_origins.value,
    )?;
    // Who follows snapshots reads no docs: the folders need not be there.
    if following::check(settings)? {
        return Ok(());
    }
    settings.git.secret()?;
    collections::collections(settings).map(drop)
}

async fn serve(settings: &Settings, read: &reload::Read<'_>) -> anyhow::Result<()> {
    // Before the index is made, which may take a while: a signal that nobody waits for ends docent.
    let requests = reload::Requests::new()?;
    // The port first: nobody should wait for an index to learn that it is taken.
    let listener = listen(settings.listen.value).await?;
    let address = listener.local_addr()?;
    let for_metrics = match settings.owner.metrics.value {
        Some(address) => Some(listen(address).await.context("metrics.listen")?),
        None => None,
    };
    let web = http::address(settings.public_url.value.as_deref(), address);
    let tls = tls(settings)?;
    for concern in tls.iter().flat_map(http::Tls::concerns).chain(proxy_missing(settings)) {
        tracing::warn!("{concern}");
    }
    let clock = http::system_clock();
    let state = tokio::task::block_in_place(|| state::open(settings))?;
    let state = state.as_ref();
    let shared = state.map(|state| state.limits(settings)).transpose()?;
    let rules =
        tokio::task::block_in_place(|| door::rules(settings, limits(settings)?, state, &clock))?;
    let sign_in = rules.sign_in.clone();
    let observed = observe::start(settings, state, rules.metrics.clone())?;
    let shown = door::shows_pages(settings).then(|| web.clone());
    let early = tokio::spawn(end_when_told(http::stopped()?));
    let docs = tokio::task::block_in_place(|| {
        if settings.follow.value.is_some() {
            following::start(settings, "serve", shown, &observed, &AtomicBool::default())
        } else {
            live::start(settings, "serve", shown, live::Second::Refuse, &observed)
        }
    })?;
    let names = docs.collections().iter().map(|shelf| shelf.name.as_str());
    let name = http::server_name(names).to_owned();
    let options = http::Options {
        docs: docs.clone(),
        public_url: settings.public_url.value.clone(),
        listen: address,
        allowed_hosts: settings.allowed_hosts.value.clone(),
        allowed_origins: settings.allowed_origins.value.clone(),
        patience: http::Patience::default(),
        door: Arc::new(http::Door::new(rules, clock).sharing(shared)),
        hooks: hooks(settings, &docs)?,
        // Strangers learn no name of a collection.
        front: connect::front(
            settings,
            if settings.access.value == Access::Open { name.clone() } else { "docs".to_owned() },
            format!("{web}/mcp"),
        ),
    };
    let streams = CancellationToken::new();
    let (router, server) = http::reloadable(&options, streams.clone())?;
    let reloading = reload::Reloading::new(read, server, settings)?;
    let claude = connect::claude_code_line(name, format!("{web}/mcp"), settings.access.value);
    welcome(settings, &options, &web, &[claude, connect::line(settings, address)?])?;
    if let Some(listener) = for_metrics {
        serve_metrics(listener, &observed, &docs, options.door.clone())?;
    }
    if let Some(sign_in) = sign_in {
        tokio::spawn(door::sweep(sign_in));
    }
    let stopped = http::stopped()?;
    early.abort();
    let shutdown = async move {
        stopped.await;
        // Subscriptions get their final result before their streams are cut.
        docs.close();
    };
    let listening = http::Listening::new(listener, tls).before(options.door);
    let served = tokio::select! {
        ended = http::serve(listening, router, options.patience, streams, shutdown) => ended,
        never = reloading.run(requests) => never,
    };
    tokio::task::block_in_place(|| observed.close());
    served
}

/// Ends the process when it is told to, while the docs are cloned and indexed: nothing is served yet,
/// and what is on the disk is whole. The first process of a container would not end by itself.
async fn end_when_told(stopped: impl Future<Output = ()>) {
    stopped.await;
    std::process::exit(0);
}

/// Serves the numbers beside the docs, until the process ends.
fn serve_metrics(
    listener: TcpListener,
    observed: &Arc<Observed>,
    docs: &Docs,
    door: Arc<http::Door>,
) -> anyhow::Result<()> {
    eprintln!("  metrics: http://{}/metrics", listener.local_addr()?);
    let (docs, gauges) = (docs.clone(), observed.clone());
    let router =
        http::metrics_router(observed.metrics().clone(), move || gauges.gauges(&docs, &door));
    let patience = http::Patience { connections: 64, ..http::Patience::default() };
    tokio::spawn(async move {
        let never = std::future::pending();
        let streams = CancellationToken::new();
        if let Err(error) = http::serve(listener, router, patience, streams, never).await {
            tracing::error!("metrics are not served any more: {error:#}");
        }
    });
    Ok(())
}

/// The repositories that webhooks may tell of.
fn hooks(settings: &Settings, docs: &Docs) -> anyhow::Result<http::Hooks> {
    // Who follows snapshots pulls nothing, and need not have the secret of whoever publishes.
    let secret = match settings.follow.value {
        Some(_) => None,
        None => settings.git.secret()?.map(|secret| HookSecret::new(&secret)),
    };
    let bell = |repository: &Arc<Repository>| -> (String, http::Ring) {
        let name = repository.name().to_owned();
        let repository = repository.clone();
        (name, Arc::new(move || repository.ring()))
    };
    Ok(http::Hooks::new(secret, docs.repositories().iter().map(bell).collect()))
}

pub(super) fn has_listed_keys(settings: &Settings) -> bool {
    settings.keys_file.value.is_some() || settings.key_hash.value.is_some()
}

/// The certificate of the settings, if there is one.
fn tls(settings: &Settings) -> anyhow::Result<Option<http::Tls>> {
    let (certificate, key) = match (&settings.tls_certificate.value, &settings.tls_key.value) {
        (Some(certificate), Some(key)) => (certificate, key),
        (None, None) => return Ok(None),
        (Some(_), None) => bail!("tls.certificate is set without tls.key, its private key"),
        (None, Some(_)) => bail!("tls.key is set without tls.certificate"),
    };
    let host = tls_host(settings)?;
    http::Tls::open(certificate, key, host).map(Some)
}

/// The name that the certificate of the settings is for.
pub(super) fn tls_host(settings: &Settings) -> anyhow::Result<&str> {
    let host = settings.public_url.value.as_deref().and_then(https_host);
    host.context(
        "tls: public_url has to be the https address that the certificate is for, such as \
         https://docs.example.com",
    )
}

/// Says that something in front has to speak https, if nothing here does and nothing is known to.
fn proxy_missing(settings: &Settings) -> Option<String> {
    let url = settings.public_url.value.as_deref().filter(|url| https_host(url).is_some())?;
    let alone =
        settings.tls_certificate.value.is_none() && settings.trusted_proxies.value.is_empty();
    alone.then(|| {
        format!(
            "docent speaks plain HTTP here: a proxy has to be in front that speaks https for {url}; \
             name it in trusted_proxies, or give docent a certificate with [tls]"
        )
    })
}

/// The host of an https address.
fn https_host(url: &str) -> Option<&str> {
    let authority = url.strip_prefix("https://")?.split('/').next()?;
    let bracketed = authority.strip_prefix('[').and_then(|rest| rest.split(']').next());
    bracketed.or_else(|| authority.split(':').next())
}

/// The limits of the settings.
pub(super) fn limits(settings: &Settings) -> anyhow::Result<http::Rules> {
    let limit = |name: &str, setting: &Setting<String>| -> anyhow::Result<Limit> {
        setting.value.parse().with_context(|| format!("{}: limits.{name}", setting.source))
    };
    let on_limit = match settings.on_limit.value {
        OnLimit::Http => http::OnLimit::Http,
        OnLimit::ToolResult => http::OnLimit::ToolResult,
    };
    let proxies = &settings.trusted_proxies;
    let network = |text: &String| {
        http::network(text).with_context(|| {
            format!(
                "{}: trusted_proxies: {text:?} is no address or network such as 10.0.0.0/8",
                proxies.source
            )
        })
    };
    Ok(http::Rules {
        key: limit("key", &settings.key_limit)?,
        user: limit("user", &settings.user_limit)?,
        address: limit("address", &settings.address_limit)?,
        on_limit,
        trusted_proxies: proxies.value.iter().map(network).collect::<anyhow::Result<_>>()?,
        ..http::Rules::default()
    })
}

/// Connections that the system takes before docent does: a balancer may open hundreds at once, and one that
/// is not taken costs its caller a second.
const BACKLOG: u32 = 4096;

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let bound = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // A port whose last connections are not forgotten yet is free.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    bound().map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => anyhow::anyhow!(
            "{address} is taken by another program: choose a port with --listen 127.0.0.1:{}",
            address.port().wrapping_add(1).max(1024)
        ),
        _ => anyhow::Error::from(error).context(format!("cannot listen on {address}")),
    })
}

/// What the operator sees: what is served, to whom, and the lines that connect clients.
fn welcome(
    settings: &Settings,
    options: &http::Options,
    web: &str,
    [claude, others]: &[String; 2],
) -> anyhow::Result<()> {
    let stamp = options.docs.snapshot().stamp().clone();
    let people = if settings.access.value == Access::Open {
        format!("; for people: {web}/")
    } else {
        String::new()
    };
    eprintln!("serving {} pages, {} sections{people}", stamp.pages(), stamp.sections);
    for line in http::describe(options)? {
        eprintln!("  {line}");
    }
    eprintln!("connect Claude Code:  {claude}");
    eprintln!("other clients:        {others}");
    if settings.owner.usage.value {
        eprintln!("what was asked:       {}", connect::usage_line(settings)?);
    }
    Ok(())
}
