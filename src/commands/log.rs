//! The log: on standard error always, because on stdio standard output is the protocol.

use std::io::IsTerminal;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

use super::telemetry::Telemetry;
use crate::config::{LogFormat, Settings};

/// What is said unless `RUST_LOG` says otherwise. The SDK warns of each mistake of a caller, and
/// repeats what was sent: that is between the two of them. It also calls it an error when a client
/// that listened hangs up.
const DEFAULT: &str = "warn,docent=info,rmcp=off,tantivy=error";

/// The HTTP client dumps the bytes that it receives, and in them are the tokens that the identity
/// provider gives out. No setting turns that on.
const WIRE: &str = "ureq_proto";

/// A log that was started; what waits to be sent is sent when it is dropped.
#[must_use]
pub(super) struct Log(Option<Telemetry>);

impl Drop for Log {
    fn drop(&mut self) {
        if let Some(telemetry) = &self.0 {
            telemetry.close();
        }
    }
}

/// Starts the log; `RUST_LOG` says how much, `info` of docent itself otherwise. Where a collector is
/// named, traces and lines are sent there as well.
///
/// # Errors
///
/// The address of the collector is none.
pub(super) fn start(settings: &Settings) -> anyhow::Result<Log> {
    let terminal = std::io::stderr().is_terminal();
    let asked = std::env::var(EnvFilter::DEFAULT_ENV).ok().filter(|asked| !asked.is_empty());
    let filter = asked.and_then(|asked| filter(&asked)).unwrap_or_else(|| EnvFilter::new(DEFAULT));
    let is_json = match settings.log.value {
        LogFormat::Auto => !terminal,
        LogFormat::Human => false,
        LogFormat::Json => true,
    };
    let json = is_json.then(|| {
        fmt::layer().with_writer(std::io::stderr).with_target(false).json().flatten_event(true)
    });
    let human = (!is_json)
        .then(|| fmt::layer().with_writer(std::io::stderr).with_target(false).with_ansi(terminal));
    let telemetry = Telemetry::to(&settings.owner.telemetry)?;
    let sent = telemetry.as_ref().map(Telemetry::layer);
    // A second start in one process (tests) keeps the first.
    let _ =
        tracing_subscriber::registry().with(filter).with(json).with(human).with(sent).try_init();
    Ok(Log(telemetry))
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
