//! A look at a server before it is trusted with what must not be lost.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{bail, ensure};
use redis::{Value, from_redis_value};

use super::line::{Line, Trouble};

/// The oldest server that does everything that is asked here.
const OLDEST: (u32, u32) = (6, 2);

/// How far clocks may be apart without a word.
const SKEW: Duration = Duration::from_secs(5);

/// Looks once.
///
/// # Errors
///
/// It is too old, or runs no scripts.
pub(super) async fn at(line: &Line) -> anyhow::Result<()> {
    let address = line.address();
    let script = redis::cmd("EVAL").arg("return 1").arg(0).to_owned();
    match line.ask_any(script).await {
        Err(Trouble::Refused { why, .. }) if !why.starts_with("LOADING") => {
            bail!("{address} runs no scripts in Lua for docent, which it needs: {why}")
        }
        answer => drop(answer?),
    }
    // Who may not ask for this is not told that something is wrong.
    let Ok(info) = line.ask_any(redis::cmd("INFO")).await else { return Ok(()) };
    let info = text(info).unwrap_or_default();
    if let Some(version) = field(&info, "redis_version") {
        ensure!(
            is_new_enough(version),
            "{address} is Redis {version}, which is too old: docent needs {}.{} or newer, or Valkey",
            OLDEST.0,
            OLDEST.1
        );
    }
    if let Ok(time) = line.ask_any(redis::cmd("TIME")).await
        && let Some(apart) = apart(time)
        && apart > SKEW
    {
        tracing::warn!(
            "the clock of this machine and that of {address} are {} s apart: sign-ins end by the clocks of \
             all servers that share the state, so keep them in step",
            apart.as_secs()
        );
    }
    // The times of saving do not stand in what it tells of itself.
    let saves = redis::cmd("CONFIG").arg("GET").arg("save").to_owned();
    let saves = line.ask_any(saves).await.ok().and_then(saves_of);
    for concern in concerns(&info, saves.as_deref()) {
        tracing::warn!("{address}: {concern}");
    }
    Ok(())
}

/// How far the clock of this machine is from a time.
fn apart(time: Value) -> Option<Duration> {
    let (seconds, _): (u64, u64) = from_redis_value(time).ok()?;
    let ours = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Some(ours.abs_diff(Duration::from_secs(seconds)))
}

fn text(value: Value) -> Option<String> {
    from_redis_value(value).ok()
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.trim_end().strip_prefix(name)?.strip_prefix(':'))
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= OLDEST
}

/// When it writes snapshots, if that is told.
fn saves_of(value: Value) -> Option<String> {
    from_redis_value::<HashMap<String, String>>(value).ok()?.remove("save")
}

/// What may lose keys and sign-ins. What is not known is no concern.
fn concerns(info: &str, saves: Option<&str>) -> Vec<String> {
    let mut concerns = Vec::new();
    let has_bound = field(info, "maxmemory").is_some_and(|most| most != "0");
    if let Some(policy) = field(info, "maxmemory_policy")
        && has_bound
        && policy != "noeviction"
    {
        concerns.push(format!(
            "when its memory is full it throws away what it likes (maxmemory-policy {policy}), keys \
             and sign-ins too: set noeviction"
        ));
    }
    if field(info, "aof_enabled") == Some("0") && saves == Some("") {
        concerns.push(
            "it writes nothing to its disk, so a restart of it loses keys and sign-ins: set \
             appendonly yes, or save"
                .to_owned(),
        );
    }
    concerns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_lose_keys_is_a_concern() {
        let info = |bound: &str, policy: &str, appends: &str| {
            format!(
                "# Memory\r\nmaxmemory:{bound}\r\nmaxmemory_policy:{policy}\r\naof_enabled:{appends}\r\n"
            )
        };
        let none: Vec<String> = Vec::new();
        assert_eq!(concerns(&info("0", "allkeys-lru", "0"), Some("3600 1")), none);
        assert_eq!(concerns(&info("100", "noeviction", "1"), Some("")), none);
        assert_eq!(
            concerns(&info("0", "noeviction", "0"), None),
            none,
            "nobody told when it saves"
        );
        let [evicts] = &concerns(&info("100", "allkeys-lru", "1"), Some(""))[..] else { panic!() };
        assert!(evicts.contains("(maxmemory-policy allkeys-lru)"), "{evicts}");
        let [forgets] = &concerns(&info("0", "noeviction", "0"), Some(""))[..] else { panic!() };
        assert!(forgets.contains("set appendonly yes"), "{forgets}");
    }

    #[test]
    fn old_servers_are_known_by_their_version() {
        for (version, is_fine) in
            [("6.2.0", true), ("7.0.15", true), ("10.0.0", true), ("6.0.16", false), ("5.0", false)]
        {
            assert_eq!(is_new_enough(version), is_fine, "{version}");
        }
    }
}
