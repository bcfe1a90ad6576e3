//! `docent stdio`: the same server for a client that starts docent itself.

use super::{live, log};
use crate::config::Settings;
use crate::mcp;

/// Runs until the client closes its side.
pub(super) fn run(settings: &Settings) -> anyhow::Result<()> {
    log::start(settings.log.value);
    let docs = live::start(settings, "stdio", None, live::Second::Share)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let served = runtime.block_on(mcp::serve_stdio(&docs));
    // Standard input may still be blocked in a read: do not wait for that thread.
    runtime.shutdown_background();
    served
}
