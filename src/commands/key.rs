//! `docent key`: bearer keys for agents. A running server knows of each change at its next call.

use std::io::Write;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use serde_json::json;

use super::collections::collections;
use super::state;
use super::times::{date, now, time};
use crate::auth::audit::{self, Entry, Event};
use crate::auth::listed::hex;
use crate::auth::{Keys, Listed, Origin, Rotated, Secret};
use crate::config::{KeyAction, Lifetime, Setting, Settings};
use crate::limits::Limit;
use crate::mcp::TOOLS;
use crate::store::{Key, KeyLimit, KeyScope, Store};

/// Longest name of a key, in characters.
const LONGEST_NAME: usize = 64;
/// How long before its end a key is said to end soon.
const SOON: u64 = 14 * 24 * 60 * 60;

/// Runs one of the actions on the keys in the data folder.
pub(super) fn run(settings: &Settings, action: &KeyAction) -> anyhow::Result<()> {
    let keeps = !matches!(action, KeyAction::Create { for_file: true, .. });
    if keeps && !settings.names_data_dir() {
        bail!("whose key? Name the docs folder with --docs, or the data folder with --data-dir");
    }
    let now = now()?;
    let store = || state::of_command(settings);
    let note =
        |store: &dyn Store, event, id: &str| audit::write(store, Entry::of(event).by(id), now);
    match action {
        KeyAction::Create { name, for_file, limit, collections, tools, lifetime, .. } => {
            let name = named(name)?;
            let scope = KeyScope {
                collections: collections.as_deref().map(|it| served(settings, it)).transpose()?,
                tools: tools.as_deref().map(|it| known("tools", it, &TOOLS)).transpose()?,
            };
            let limit = limit.as_deref().map(str::parse::<Limit>).transpose().context("--limit")?;
            let ends = ends(lifetime, now)?;
            if *for_file {
                return give_for_file(name, limit, &scope, ends);
            }
            let store = store()?;
            let (secret, key) = Keys::open(store.clone())?.create_within(
                scope,
                name,
                limit.map(Into::into),
                ends,
                now,
            )?;
            give(&secret, &key)?;
            note(&*store, Event::KeyCreated, &key.id)
        }
        KeyAction::List { json, .. } => {
            list(&Keys::open(store()?)?.with(listed(settings)?).list_all()?, *json, now)
        }
        KeyAction::Rotate { id, overlap, lifetime, .. } => {
            let overlap = time("--overlap", overlap)?;
            let ends = ends(lifetime, now)?;
            let store = store()?;
            let Rotated { secret, new, old } =
                keys(settings, &store)?.rotate(id, overlap.as_secs(), ends, now)?;
            give(&secret, &new)?;
            let ends = old.expires.map(date).unwrap_or_default();
            eprintln!("the key {id} ends at {ends}");
            note(&*store, Event::KeyRotated, id)?;
            note(&*store, Event::KeyCreated, &new.id)
        }
        KeyAction::Revoke { id, .. } => {
            let store = store()?;
            let key = keys(settings, &store)?.revoke(id, now)?;
            eprintln!("the key {id} ({}) lets nobody in any more", key.name);
            note(&*store, Event::KeyRevoked, id)
        }
    }
}

/// The keys of the settings, which only their owner changes.
pub(super) fn listed(settings: &Settings) -> anyhow::Result<Listed> {
    let mut listed = Listed::default();
    if let Setting { value: Some(text), source } = &settings.key_hash {
        listed = listed.with_single(text).with_context(|| format!("{source}: key_hash"))?;
    }
    if let Some(path) = &settings.keys_file.value {
        listed = listed.with_file(path)?;
    }
    Ok(listed)
}

/// All keys. A file that cannot be read must not keep anybody from taking back another key.
fn keys(settings: &Settings, store: &Arc<dyn Store>) -> anyhow::Result<Keys> {
    let listed = listed(settings).unwrap_or_else(|error| {
        eprintln!("{error:#}");
        Listed::default()
    });
    Ok(Keys::open(store.clone())?.with(listed))
}

/// The key alone on standard output, and on standard error what to keep of it.
fn give_for_file(
    name: &str,
    limit: Option<Limit>,
    scope: &KeyScope,
    ends: Option<u64>,
) -> anyhow::Result<()> {
    let secret = Secret::new()?;
    let (id, hash) = (secret.id(), hex(&secret.hash()));
    let mut entry =
        format!("[[keys]]\nid = \"{id}\"\nname = {}\nhash = \"{hash}\"\n", toml::Value::from(name));
    if let Some(limit) = limit {
        entry.push_str(&format!("limit = \"{limit}\"\n"));
    }
    for (member, names) in [("collections", &scope.collections), ("tools", &scope.tools)] {
        if let Some(names) = names {
            entry.push_str(&format!("{member} = {}\n", toml::Value::from(names.clone())));
        }
    }
    if let Some(ends) = ends {
        entry.push_str(&format!("expires = {}\n", date(ends)));
    }
    writeln!(std::io::stdout().lock(), "{}", secret.reveal())?;
    eprintln!(
        "made the key {id} ({name}), which is not kept here and not shown again; put this into the \
         file that keys_file names:\n\n{entry}"
    );
    // The variable says nothing of what a key may see: with it, this one would see everything.
    if *scope == KeyScope::default() {
        eprintln!(
            "or set DOCENT_KEY_HASH to this; then it has no name, limit or end of its own:\n\n\
             {id}:{hash}"
        );
    }
    Ok(())
}

/// The key alone on standard output, so that it can be put into a file or a secret store.
fn give(secret: &Secret, key: &Key) -> anyhow::Result<()> {
    writeln!(std::io::stdout().lock(), "{}", secret.reveal())?;
    let ends = key.expires.map_or("never ends".to_owned(), |at| format!("ends at {}", date(at)));
    eprintln!("made the key {} ({}), which {ends}; it is not shown again", key.id, key.name);
    Ok(())
}

fn list(keys: &[(Key, Origin)], as_json: bool, now: u64) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if as_json {
        let keys: Vec<_> = keys.iter().map(|key| machine(key, now)).collect();
        return Ok(writeln!(out, "{}", serde_json::to_string(&keys)?)?);
    }
    if keys.is_empty() {
        eprintln!("there are no keys: docent key create --name NAME makes one");
        return Ok(());
    }
    let names = keys.iter().map(|(key, _)| key.name.chars().count());
    let width = names.max().unwrap_or_default().max("name".len());
    writeln!(
        out,
        "id        {:width$}  {:20}  {:20}  {:14}  {:9}  state",
        "name", "made", "used", "limit", "kept in"
    )?;
    for (key, origin) in keys {
        // Of keys that are only brought along nobody writes down when they are made and used.
        let unknown = |time: String| if *origin == Origin::Store { time } else { "-".into() };
        let used = unknown(key.used.map_or("never".to_owned(), date));
        let made = unknown(date(key.created));
        let limit = key.limit.map_or("default".to_owned(), shown);
        let (Key { id, name, .. }, place) = (key, origin.name());
        writeln!(
            out,
            "{id}  {name:width$}  {made:20}  {used:20}  {limit:14}  {place:9}  {}{}",
            state(key, now),
            narrowed(&key.scope)
        )?;
    }
    Ok(())
}

fn machine((key, origin): &(Key, Origin), now: u64) -> serde_json::Value {
    json!({
        "id": key.id,
        "name": key.name,
        "family": key.family,
        "limit": key.limit.map(shown),
        "collections": key.scope.collections,
        "tools": key.scope.tools,
        "kept_in": origin.name(),
        "created": (*origin == Origin::Store).then(|| date(key.created)),
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
