//! Where the state of these settings is: in the data folder, or in a Redis that several servers share.

use std::sync::Arc;

use anyhow::{Context, ensure};

use crate::auth::People;
use crate::config::{Fallback, Setting, Settings};
use crate::limits;
use crate::store::redis::{Address, Line, Names, RedisStore, RedisUsage};
use crate::store::{SqliteStore, SqliteUsage, Store, UsageStore};

/// A Redis or Valkey in which replicas share their state.
pub(super) struct State {
    /// The connection.
    pub(super) line: Line,
    /// What its keys are called.
    pub(super) names: Names,
}

impl State {
    /// Limits of callers that hold over all replicas. It is called on a runtime.
    pub(super) fn limits(&self, settings: &Settings) -> anyhow::Result<limits::Shared> {
        let fallback = match settings.fallback.value {
            Fallback::Local => limits::Fallback::Local,
            Fallback::Deny => limits::Fallback::Deny,
        };
        limits::Shared::over(&self.line, self.names.clone(), fallback).context("state")
    }
}

/// Where the state is; none if it is a file in the data folder.
pub(super) fn address(settings: &Settings) -> anyhow::Result<Option<Address>> {
    let Some(Setting { value, source }) = settings.state.given()? else { return Ok(None) };
    value.parse().with_context(|| format!("{source}: state")).map(Some)
}

/// Finds mistakes without connecting.
pub(super) fn check(settings: &Settings) -> anyhow::Result<()> {
    let Setting { value, source } = &settings.state.prefix;
    ensure!(
        Names::is_prefix(value),
        "{source}: state_prefix: {value:?} is not of 1 to 64 letters, digits, dots, colons, - and _"
    );
    address(settings).map(drop)
}

/// Connects to where the state is; none if it is a file in the data folder.
pub(super) fn open(settings: &Settings) -> anyhow::Result<Option<State>> {
    check(settings)?;
    let Some(address) = address(settings)? else { return Ok(None) };
    let line = Line::open(&address).context("state")?;
    Ok(Some(State { line, names: Names::new(&settings.state.prefix.value) }))
}

/// The address as it is shown: without what lets in, and nothing of what is none.
pub(super) fn shown(settings: &Settings) -> (String, String) {
    let Setting { value, source } = &settings.state.address;
    let shown = match &*value.0 {
        "" => String::new(),
        text => text.parse::<Address>().map_or("…".to_owned(), |address| address.to_string()),
    };
    (shown, source.to_string())
}

/// The state of these settings: what servers share, or the file in the data folder.
///
/// # Errors
///
/// It cannot be read or written.
pub(super) fn store(settings: &Settings, state: Option<&State>) -> anyhow::Result<Arc<dyn Store>> {
    Ok(match state {
        Some(State { line, names }) => Arc::new(
            RedisStore::open(line.clone(), names.clone(), People::fresh()?).context("state")?,
        ),
        None => Arc::new(SqliteStore::open(&settings.data_dir.value)?),
    })
}

/// The same, for a command that has no connection yet.
///
/// # Errors
///
/// As [`store`]; nobody is there.
pub(super) fn of_command(settings: &Settings) -> anyhow::Result<Arc<dyn Store>> {
    store(settings, open(settings)?.as_ref())
}

/// What was asked of the servers that share it, or of that of the data folder.
///
/// # Errors
///
/// As [`store`].
pub(super) fn usage(
    settings: &Settings,
    state: Option<&State>,
) -> anyhow::Result<Box<dyn UsageStore>> {
    Ok(match state {
        Some(State { line, names }) => Box::new(RedisUsage::new(line.clone(), names.clone())),
        None => Box::new(SqliteUsage::open(&settings.data_dir.value)?),
    })
}

/// The same, for a command, if anything was ever asked: looking makes no file where there is none.
///
/// # Errors
///
/// As [`usage`]; nobody is there.
pub(super) fn usage_if_any(settings: &Settings) -> anyhow::Result<Option<Box<dyn UsageStore>>> {
    let state = open(settings)?;
    if state.is_none() && !SqliteUsage::is_in(&settings.data_dir.value) {
        return Ok(None);
    }
    usage(settings, state.as_ref()).map(Some)
}

/// Who people are, for the servers of these settings: a key in the data folder, or one that all who share a
/// state make of it and of what they know and the state does not.
///
/// # Errors
///
/// The key cannot be read or made.
pub(super) fn people(settings: &Settings, store: &dyn Store) -> anyhow::Result<People> {
    match store.salt() {
        None => People::open(&settings.data_dir.value),
        Some(salt) => People::shared(salt, &settings.sign_in.secret()?),
    }
}
