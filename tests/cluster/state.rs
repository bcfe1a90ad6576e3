//! The state of several servers, in Redis: held to the same contract as that of one.

use std::sync::Arc;

use docent::store::redis::{Names, RedisStore, RedisUsage};
use docent::store::{Store, UsageStore};

use crate::contract::{self, Place, held_to_the_contract};
use crate::redis::{Cluster, Redis, open};

/// Servers, and where they are.
struct Shared<T> {
    _servers: T,
    url: String,
}

impl<T> Place for Shared<T> {
    fn open(&self) -> Arc<dyn Store> {
        // As processes do it: each with a connection of its own.
        let store = RedisStore::open(open(&self.url), Names::new("docs"), [7; 32]);
        Arc::new(store.expect("a store"))
    }

    fn usage(&self) -> Box<dyn UsageStore> {
        Box::new(RedisUsage::new(open(&self.url), Names::new("docs")))
    }
}

fn one() -> Shared<Redis> {
    let redis = Redis::start();
    Shared { url: redis.url(), _servers: redis }
}

held_to_the_contract!(one);

/// All keys of a state are on one node, and scripts find them there.
mod in_a_cluster {
    use super::{Cluster, Shared, contract, held_to_the_contract};

    fn three() -> Shared<Cluster> {
        let cluster = Cluster::start();
        Shared { url: cluster.url(), _servers: cluster }
    }

    held_to_the_contract!(three);
}
