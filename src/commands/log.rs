//! The log: on standard error always, because on stdio standard output is the protocol.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// What is said unless `RUST_LOG` says otherwise. The SDK warns of each mistake of a caller, and
/// repeats what was sent: that is between the two of them.
const DEFAULT: &str = "warn,docent=info,rmcp=error,tantivy=error";

/// Starts the log; `RUST_LOG` says how much, `info` of docent itself otherwise.
pub(super) fn start(format: LogFormat) {
    let terminal = std::io::stderr().is_terminal();
    let asked = std::env::var(EnvFilter::DEFAULT_ENV).ok().filter(|asked| !asked.is_empty());
    let filter = asked
        .and_then(|asked| EnvFilter::try_new(asked).ok())
        .unwrap_or_else(|| EnvFilter::new(DEFAULT));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let json = match format {
        LogFormat::Auto => !terminal,
        LogFormat::Human => false,
        LogFormat::Json => true,
    };
    // A second start in one process (tests) keeps the first.
    let _ = if json {
        builder.json().flatten_event(true).with_target(false).try_init()
    } else {
        builder.with_ansi(terminal).with_target(false).try_init()
    };
}
