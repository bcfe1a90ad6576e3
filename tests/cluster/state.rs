//! The state of several servers, in Redis: held to the same contract as that of one, and what only several
//! can do.

use std::sync::Arc;

use docent::store::redis::{Names, RedisStore, RedisUsage};
use docent::store::{Store, UsageStore};

use crate::contract::{self, Place, held_to_the_contract};
use crate::redis::Redis;

/// A server, and how its keys are called.
struct Shared {
    redis: Redis,
    names: Names,
}

impl Place for Shared {
    fn open(&self) -> Arc<dyn Store> {
        // As processes do it: each with a connection of its own.
        Arc::new(RedisStore::open(self.redis.line(), self.names.clone(), [7; 32]).expect("a store"))
    }

    fn usage(&self) -> Box<dyn UsageStore> {
        Box::new(RedisUsage::new(self.redis.line(), self.names.clone()))
    }
}

fn shared() -> Shared {
    Shared { redis: Redis::start(), names: Names::new("docs") }
}

held_to_the_contract!(shared);
