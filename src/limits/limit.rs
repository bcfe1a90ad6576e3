//! So many calls in so much time.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::store::KeyLimit;

/// Most calls of a limit: each counted call is remembered until its window ends, 8 bytes each.
const MOST_CALLS: u32 = 100_000;
/// Units of time, by the names people write.
const UNITS: [(&str, u64); 4] =
    [("second", 1), ("minute", 60), ("hour", 60 * 60), ("day", 24 * 60 * 60)];

/// So many calls in any stretch of so much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Calls, 1 to 100,000.
    pub calls: u32,
    /// The window.
    pub per: Duration,
}

impl Limit {
    /// The unit of the window: `hour`.
    fn unit(&self) -> &'static str {
        let named = UNITS.iter().find(|(_, seconds)| self.per == Duration::from_secs(*seconds));
        named.map_or("window", |(name, _)| name)
    }
}

/// As it is kept with a key.
impl From<KeyLimit> for Limit {
    fn from(kept: KeyLimit) -> Limit {
        Limit { calls: kept.calls, per: Duration::from_secs(kept.seconds) }
    }
}

impl From<Limit> for KeyLimit {
    fn from(limit: Limit) -> KeyLimit {
        KeyLimit { calls: limit.calls, seconds: limit.per.as_secs() }
    }
}

/// As it is written in settings: `40/hour`.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.calls, self.unit())
    }
}

impl FromStr for Limit {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Limit> {
        let usage = || format!("{text:?} is not CALLS/UNIT, such as 40/hour or 60/minute");
        let (calls, unit) = text.split_once('/').with_context(usage)?;
        let calls: u32 = calls.trim().parse().ok().with_context(usage)?;
        let unit = unit.trim();
        let known = UNITS.iter().find(|(name, _)| *name == unit);
        let (_, seconds) = known.with_context(|| {
            format!("{text:?}: {unit:?} is not one of: second, minute, hour, day")
        })?;
        ensure!(
            (1..=MOST_CALLS).contains(&calls),
            "{text:?}: the number of calls is between 1 and {MOST_CALLS}"
        );
        Ok(Limit { calls, per: Duration::from_secs(*seconds) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_as_long_as_they_are() {
        for (unit, seconds) in [("second", 1), ("minute", 60), ("hour", 3600), ("day", 86_400)] {
            let limit: Limit = format!("40/{unit}").parse().unwrap();
            assert_eq!((limit.calls, limit.per.as_secs()), (40, seconds), "{unit}");
        }
    }

    #[test]
    fn a_limit_is_read_as_it_is_written() {
        for text in ["40/hour", "60/minute", "1/second", "100000/day"] {
            assert_eq!(text.parse::<Limit>().unwrap().to_string(), text);
        }
        for bad in ["40", "0/hour", "-1/hour", "1.5/hour", "100001/day", "40/week", "/hour", ""] {
            let error = bad.parse::<Limit>().unwrap_err().to_string();
            assert!(error.contains(&format!("{bad:?}")), "{error}");
        }
    }
}
