//! Times as people write and read them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;

/// Seconds since 1970.
pub(super) fn now() -> anyhow::Result<u64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Ok(since.context("the clock of this machine stands before 1970")?.as_secs())
}

/// Time as people write it, below a thousand years: sums of dates stay dates.
pub(super) fn time(flag: &str, text: &str) -> anyhow::Result<Duration> {
    let most = Duration::from_secs(1000 * 366 * 24 * 60 * 60);
    let time = humantime::parse_duration(text).ok().filter(|time| *time <= most);
    time.with_context(|| format!("{flag}: {text:?} is no time such as 90d, 12h or 30m"))
}

/// As RFC 3339 has it, in UTC.
pub(super) fn date(seconds: u64) -> String {
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
}
