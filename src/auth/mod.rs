//! Who is calling. No HTTP and no clock inside: whoever asks says what time it is.

pub mod audit;
mod keys;
mod secret;

pub use audit::Audit;
pub use keys::{Caller, Denied, Keys, Rotated};
pub use secret::Secret;
