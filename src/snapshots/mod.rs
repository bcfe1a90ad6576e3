//! Snapshots of an index in an object store: one publishes them, any number of others follow.
//!
//! ```text
//! PREFIX/current.json            the pointer: which snapshot is the current one
//! PREFIX/snapshots/ID.json       a manifest: the collections, and the files by their hashes
//! PREFIX/files/BLAKE3            what stands in the files, in pieces; never written twice
//! PREFIX/publishing.json         who publishes just now (buckets; a folder has a lock file)
//! ```
//!
//! Everything is there before the pointer moves, and what the pointer leads to is checked against
//! hashes before it is served: half a snapshot can be seen by nobody.

mod clean;
mod fetch;
mod follow;
mod kept;
mod lease;
mod manifest;
mod place;
mod publish;
mod trouble;

pub use follow::{Follower, News, Taken, newest_here};
pub use manifest::{Described, Manifest, Pointer};
pub use place::{check, check_apart};
pub use publish::{Done, publish};
pub use trouble::{Cause, Trouble};

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A number that others do not choose at the same moment; no secret.
fn number() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// That time or somewhat less, so that many who wait do not come together: from three fifths on.
fn about(time: Duration) -> Duration {
    let share = (number() % 1000) as f64 / 1000.0;
    time.mul_f64(0.6 + 0.4 * share)
}
