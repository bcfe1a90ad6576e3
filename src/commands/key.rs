//! `docent key`: bearer keys for agents. A running server knows of each change at its next call.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail, ensure};
use serde_json::json;

use super::collections::collections;
use crate::auth::{Keys, Rotated, Secret};
use crate::config::{KeyAction, Lifetime, Settings, Source};
use crate::limits::Limit;
use crate::mcp::TOOLS;
use crate::store::{Key, KeyLimit, KeyScope, Store};

/// Longest name of a key, in characters.
const LONGEST_NAME: usize = 64;
/// How long before its end a key is said to end soon.
const SOON: u64 = 14 * 24 * 60 * 60;

/// Runs one of the actions on the keys in the data folder.
pub(super) fn run(settings: &Settings, action: &KeyAction) -> anyhow::Result<()> {
    if settings.collections.is_empty() && settings.data_dir.source == Source::Default {
        bail!("whose key? Name the docs folder with --docs, or the data folder with --data-dir");
    }
    let keys =
        || -> anyhow::Result<Keys> { Keys::open(Arc::new(Store::open(&settings.data_dir.value)?)) };
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    match action {
        KeyAction::Create { name, limit, collections, tools, lifetime, .. } => {
            let name = named(name)?;
            let scope = KeyScope {
                collections: collections.as_deref().map(|it| served(settings, it)).transpose()?,
                tools: tools.as_deref().map(|it| known("tools", it, &TOOLS)).transpose()?,
            };
            let limit = limit.as_deref().map(str::parse::<Limit>).transpose().context("--limit")?;
            let ends = ends(lifetime, now)?;
            give(keys()?.create_within(scope, name, limit.map(Into::into), ends, now)?)
        }
        KeyAction::List { json, .. } => list(&keys()?.list()?, *json, now),
        KeyAction::Rotate { id, overlap, lifetime, .. } => {
            let overlap = time("--overlap", overlap)?;
            let ends = ends(lifetime, now)?;
            let Rotated { secret, new, old } = keys()?.rotate(id, overlap.as_secs(), ends, now)?;
            give((secret, new))?;
            let ends = old.expires.map(date).unwrap_or_default();
            eprintln!("the key {id} ends at {ends}");
            Ok(())
        }
        KeyAction::Revoke { id, .. } => {
            let key = keys()?.revoke(id, now)?;
            eprintln!("the key {id} ({}) lets nobody in any more", key.name);
            Ok(())
        }
    }
}

/// The key alone on standard output, so that it can be put into a file or a secret store.
fn give((secret, key): (Secret, Key)) -> anyhow::Result<()> {
    writeln!(std::io::stdout().lock(), "{}", secret.reveal())?;
    let ends = key.expires.map_or("never ends".to_owned(), |at| format!("ends at {}", date(at)));
    eprintln!("made the key {} ({}), which {ends}; it is not shown again", key.id, key.name);
    Ok(())
}

fn list(keys: &[Key], as_json: bool, now: u64) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if as_json {
        let keys: Vec<_> = keys.iter().map(|key| machine(key, now)).collect();
        return Ok(writeln!(out, "{}", serde_json::to_string(&keys)?)?);
    }
    if keys.is_empty() {
        eprintln!("there are no keys: docent key create --name NAME makes one");
        return Ok(());
    }
    let names = keys.iter().map(|key| key.name.chars().count());
    let width = names.max().unwrap_or_default().max("name".len());
    writeln!(
        out,
        "id        {:width$}  {:20}  {:20}  {:14}  state",
        "name", "made", "used", "limit"
    )?;
    for key in keys {
        let used = key.used.map_or("never".to_owned(), date);
        let limit = key.limit.map_or("default".to_owned(), shown);
        let Key { id, name, created, .. } = key;
        let made = date(*created);
        writeln!(
            out,
            "{id}  {name:width$}  {made:20}  {used:20}  {limit:14}  {}{}",
            state(key, now),
            narrowed(&key.scope)
        )?;
    }
    Ok(())
}

fn machine(key: &Key, now: u64) -> serde_json::Value {
    json!({
        "id": key.id,
        "name": key.name,
        "family": key.family,
        "limit": key.limit.map(shown),
        "collections": key.scope.collections,
        "tools": key.scope.tools,
        "created": date(key.created),
        "expires": key.expires.map(date),
        "revoked": key.revoked.map(date),
        "used": key.used.map(date),
        "valid": key.revoked.is_none() && key.expires.is_none_or(|at| at > now),
    })
}

fn state(key: &Key, now: u64) -> String {
    match (key.revoked, key.expires) {
        (Some(at), _) => format!("revoked at {}", date(at)),
        (None, None) => "valid, never ends".into(),
        (None, Some(at)) if at <= now => format!("ended at {}", date(at)),
        (None, Some(at)) if at <= now + SOON => format!("valid, ends soon: {}", date(at)),
        (None, Some(at)) => format!("valid until {}", date(at)),
    }
}

fn named(name: &str) -> anyhow::Result<&str> {
    let name = name.trim();
    let fits = (1..=LONGEST_NAME).contains(&name.chars().count());
    ensure!(
        fits && !name.chars().any(char::is_control),
        "--name: a name has 1 to {LONGEST_NAME} characters, on one line"
    );
    Ok(name)
}

/// Collections that there are to see.
fn served(settings: &Settings, wanted: &[String]) -> anyhow::Result<Vec<String>> {
    let served = collections(settings).context(
        "--collections: what is served is not known: name the docs with --docs or --config",
    )?;
    let names: Vec<&str> = served.iter().map(|collection| collection.name.as_str()).collect();
    known("collections", wanted, &names)
}

/// Names that there are, in order, each once.
fn known(what: &str, wanted: &[String], names: &[&str]) -> anyhow::Result<Vec<String>> {
    for name in wanted {
        ensure!(
            names.contains(&name.as_str()),
            "--{what}: there is no {name:?}; there is: {}",
            names.join(", ")
        );
    }
    let mut wanted = wanted.to_vec();
    wanted.sort_unstable();
    wanted.dedup();
    Ok(wanted)
}

/// What a key is narrowed down to; nothing where it is everything.
fn narrowed(scope: &KeyScope) -> String {
    let only = |what: &str, names: &Option<Vec<String>>| {
        names.as_ref().map_or(String::new(), |names| format!("; {what}: {}", names.join(", ")))
    };
    only("collections", &scope.collections) + &only("tools", &scope.tools)
}

fn shown(limit: KeyLimit) -> String {
    Limit::from(limit).to_string()
}

fn ends(lifetime: &Lifetime, now: u64) -> anyhow::Result<Option<u64>> {
    if lifetime.never {
        return Ok(None);
    }
    let time = time("--expires", &lifetime.expires)?;
    ensure!(!time.is_zero(), "--expires: such a key would never let anybody in");
    Ok(Some(now + time.as_secs()))
}

/// Time as people write it, below a thousand years: sums of dates stay dates.
fn time(flag: &str, text: &str) -> anyhow::Result<Duration> {
    let most = Duration::from_secs(1000 * 366 * 24 * 60 * 60);
    let time = humantime::parse_duration(text).ok().filter(|time| *time <= most);
    time.with_context(|| format!("{flag}: {text:?} is no time such as 90d, 12h or 30m"))
}

/// As RFC 3339 has it, in UTC.
fn date(seconds: u64) -> String {
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
}
