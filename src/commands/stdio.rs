//! `docent stdio`: the same server for a client that starts docent itself.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::runtime::Runtime;

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
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let served = if following::check(settings)? {
        let waits = Arc::new(AtomicBool::new(false));
        let input = input(&runtime, waits.clone())?;
        let docs = following::start(settings, "stdio", None, &observed, &waits)?;
        runtime.block_on(mcp::serve_pipe(&docs, (input, tokio::io::stdout())))
    } else {
        let docs = live::start(settings, "stdio", None, live::Second::Share, &observed)?;
        runtime.block_on(mcp::serve_stdio(&docs))
    };
    // Standard input may still be blocked in a read: do not wait for that thread.
    runtime.shutdown_background();
    observed.close();
    served
}

/// The input, which is read from the beginning on: a client may go while nothing is published yet, and
/// then nobody waits for that.
fn input(runtime: &Runtime, waits: Arc<AtomicBool>) -> std::io::Result<DuplexStream> {
    let (mut there, here) = tokio::io::duplex(64 << 10);
    let handle = runtime.handle().clone();
    let read = move || {
        let (mut input, mut buffer) = (std::io::stdin().lock(), [0; 8 << 10]);
        while let Ok(read @ 1..) = input.read(&mut buffer) {
            if handle.block_on(there.write_all(&buffer[..read])).is_err() {
                return;
            }
        }
        drop(there);
        // What was asked before is answered as soon as there is something to serve.
        loop {
            if waits.load(Ordering::Relaxed) {
                std::process::exit(0);
            }
            std::thread::sleep(Duration::from_millis(250));
        }
    };
    std::thread::Builder::new().name("input".into()).spawn(read)?;
    Ok(here)
}
