//! What time it is, for the door; tests bring their own clock.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Seconds since 1970, for what ends on a date.
    pub date: u64,
    /// Time since some moment; never goes back, for what is counted.
    pub ticks: Duration,
}

/// Where the time comes from.
pub type Clock = Arc<dyn Fn() -> Now + Send + Sync>;

/// The clock of the system.
pub fn system_clock() -> Clock {
    let begun = Instant::now();
    Arc::new(move || Now {
        // A clock before 1970 is a broken clock: then everything that ends has not ended yet.
        date: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        ticks: begun.elapsed(),
    })
}
