//! How much a caller may: so much in any stretch of time, and so many things at a time. Whoever asks
//! says what time it is; only what replicas share is asked elsewhere.
//!
//! A limit of 40 an hour admits 40 calls in any hour, wherever it begins. Buckets that fill up
//! again bit by bit (GCRA) admit nearly twice as many in the worst hour, and fixed hours admit
//! twice as many around their edges.

mod limit;
mod place;
mod refused;
mod shared;
mod window;

pub use limit::Limit;
pub use place::{Full, Place, Places};
pub use shared::{By, Fallback, Remote, Shared};
pub use window::{Verdict, Windows};
