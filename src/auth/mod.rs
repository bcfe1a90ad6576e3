//! Who is calling. No HTTP and no clock inside: whoever asks says what time it is.

pub mod audit;
mod keys;
pub mod listed;
mod secret;
pub mod watched;

pub use audit::Audit;
pub use keys::{Caller, Denied, Keys, Rotated};
pub use listed::{Listed, Origin};
pub use secret::Secret;
