//! The log: on standard error always, because on stdio standard output is the protocol.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// What is said unless `RUST_LOG` says otherwise. The SDK warns of each mistake of a caller, and
/// repeats what was sent: that is between the two of them.
const DEFAULT: &str = "warn,docent=info,rmcp=error,tantivy=error";

/// The HTTP client dumps the bytes that it receives, and in them are the tokens that the identity
/// provider gives out. No setting turns that on.
const WIRE: &str = "ureq_proto";

/// Starts the log; `RUST_LOG` says how much, `info` of docent itself otherwise.
pub(super) fn start(format: LogFormat) {
    let terminal = std::io::stderr().is_terminal();
    let asked = std::env::var(EnvFilter::DEFAULT_ENV).ok().filter(|asked| !asked.is_empty());
    let filter = asked.and_then(|asked| filter(&asked)).unwrap_or_else(|| EnvFilter::new(DEFAULT));
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

/// What is asked for, without what is never said; none if it cannot be read.
fn filter(asked: &str) -> Option<EnvFilter> {
    let kept: Vec<&str> = asked.split(',').filter(|part| !part.contains(WIRE)).collect();
    EnvFilter::try_new(format!("{},{WIRE}=debug", kept.join(","))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_setting_shows_the_bytes_of_the_wire() {
        for asked in ["trace", "ureq_proto=trace", "trace,ureq_proto::util=trace,docent=info"] {
            let filter = filter(asked).unwrap().to_string();
            let of_wire: Vec<_> = filter.split(',').filter(|part| part.contains(WIRE)).collect();
            assert_eq!(of_wire, ["ureq_proto=debug"], "{filter}");
        }
        assert!(filter("docent=loud").is_none());
    }
}
