//! A server of Redis or Valkey, where several docents keep what they share.

mod address;
mod audit;
mod begun;
mod clients;
mod counts;
mod grants;
mod keys;
mod line;
mod look;
mod names;
mod state;
mod usage;
mod wire;

pub use address::Address;
pub use counts::{Counted, Counts};
pub use line::{Line, Script, Trouble};
pub use names::Names;
pub use state::RedisStore;
pub use usage::RedisUsage;
