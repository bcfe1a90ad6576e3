//! `docent stdio`: the same server for a client that starts docent itself.

use std::sync::Arc;

use super::{following, live, log, observe, state};
use crate::config::Settings;
use crate::mcp;

/// Runs until the client closes its side.
pub(super) fn run(settings: &Settings) -> anyhow::Result<()> {
    let _log = log::start(settings)?;
    // Nobody's session should fail because of where its usage would be kept.
    let state = state::open(settings).unwrap_or_else(|error| {
        tracing::warn!("what is asked is kept in the data folder: {error:#}");
        None
    });
    let observed = observe::start(settings, state.as_ref(), Arc::default())?;
    let docs = if following::check(settings)? {
        following::start(settings, "stdio", None, &observed)?
    } else {
        live::start(settings, "stdio", None, live::Second::Share, &observed)?
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let served = runtime.block_on(mcp::serve_stdio(&docs));
    // Standard input may still be blocked in a read: do not wait for that thread.
    runtime.shutdown_background();
    observed.close();
    served
}
