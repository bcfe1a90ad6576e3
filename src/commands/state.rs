//! Where the state of these settings is kept.

use std::sync::Arc;

use crate::config::Settings;
use crate::store::{SqliteStore, SqliteUsage, Store, UsageStore};

/// Opens the state.
///
/// # Errors
///
/// It cannot be read or written.
pub(super) fn open(settings: &Settings) -> anyhow::Result<Arc<dyn Store>> {
    Ok(Arc::new(SqliteStore::open(&settings.data_dir.value)?))
}

/// Opens what was asked.
///
/// # Errors
///
/// As [`open`].
pub(super) fn usage(settings: &Settings) -> anyhow::Result<Box<dyn UsageStore>> {
    Ok(Box::new(SqliteUsage::open(&settings.data_dir.value)?))
}

/// The same, if anything was ever asked: looking makes no file where there is none.
///
/// # Errors
///
/// As [`open`].
pub(super) fn usage_if_any(settings: &Settings) -> anyhow::Result<Option<Box<dyn UsageStore>>> {
    if SqliteUsage::is_in(&settings.data_dir.value) { usage(settings).map(Some) } else { Ok(None) }
}
