//! What several docents share, over real servers of Redis: `cargo test --test cluster`. Each test starts
//! its own; Debian has them as `redis-server`.

// A Redis that is started, stopped, frozen: alone, behind a sentinel, as a cluster, over TLS.
mod redis;

// What every store is held to, and the state that several servers share.
#[path = "../it/store/contract.rs"]
mod contract;
mod grants;
mod harm;
mod state;

// The connection: how it is made, lost and made again.
mod line;
// Limits over several replicas.
mod limits;
// What callers are told of them.
mod doors;
// The program itself.
mod programs;
