//! Clients in Redis: each by its id, and two lists by when they were used, of those with a document and of those
//! that registered.

use anyhow::Context;

use super::RedisStore;
use super::state::{arguments, script};
use crate::store::{Client, ClientStore};

/// Clients that registered and are kept at most, whatever is asked for: anybody can register one of several
/// kilobytes, and unlike a disk, memory is dear.
const MOST_REGISTERED: u64 = 20_000;
/// Clients that are looked at in one go when old ones are forgotten.
const BATCH: usize = 500;

script!(
    PUT,
    r"
unless_full()
local id, text, created, used, kind, other, most = unpack(ARGV)
local key, list = P .. 'client:' .. id, P .. 'clients:' .. kind
if redis.call('EXISTS', key) == 1 then
  redis.call('HSET', key, 'text', text)
  if redis.call('ZREM', P .. 'clients:' .. other, id) == 1 then
    local it = redis.call('HMGET', key, 'created', 'used')
    redis.call('ZADD', list, there(it[2]) and it[2] or it[1], id)
    settle_client(id)
  end
  return 0
end
if redis.call('ZCARD', list) >= tonumber(most) then
  drop_client(redis.call('ZRANGE', list .. ':idle', 0, 0)[1] or redis.call('ZRANGE', list, 0, 0)[1])
end
redis.call('HSET', key, 'text', text, 'created', created, 'used', used)
redis.call('ZADD', list, there(used) and used or created, id)
settle_client(id)
return 0
"
);

script!(
    USE,
    r"
local id, now = unpack(ARGV)
local key = P .. 'client:' .. id
if redis.call('EXISTS', key) == 0 then return 0 end
redis.call('HSET', key, 'used', now)
for _, kind in ipairs({ 'registered', 'documented' }) do
  redis.call('ZADD', P .. 'clients:' .. kind, 'XX', now, id)
end
settle_client(id)
return 0
"
);

script!(
    FORGET,
    r"
local kind, since, count = unpack(ARGV)
local old = redis.call('ZRANGEBYSCORE', P .. 'clients:' .. kind .. ':idle', '-inf', '(' .. since, 'LIMIT', 0, count)
for _, id in ipairs(old) do drop_client(id) end
return #old
"
);

impl ClientStore for RedisStore {
    fn client(&self, id: &str) -> anyhow::Result<Option<Client>> {
        let mut command = redis::cmd("HMGET");
        command.arg(self.names.state(format_args!("client:{id}")));
        command.arg(&["text", "created", "used"]);
        let fields: [Option<String>; 3] = self.ask(command)?;
        let [Some(text), Some(created), used] = fields else { return Ok(None) };
        let unreadable = "what is kept of a client cannot be read";
        let client: Client = serde_json::from_str(&text).context(unreadable)?;
        let used = used.filter(|used| !used.is_empty()).map(|used| used.parse()).transpose();
        let (created, used) = (created.parse().context(unreadable)?, used.context(unreadable)?);
        Ok(Some(Client { created, used, ..client }))
    }

    fn put_client(&self, client: &Client, most: u64) -> anyhow::Result<()> {
        let text = serde_json::to_string(client)?;
        let mut kinds = ["registered", "documented"];
        if client.fresh_until.is_some() {
            kinds.reverse();
        }
        let [kind, other] = kinds;
        let most = if kind == "registered" { most.min(MOST_REGISTERED) } else { most };
        let Client { id, created, used, .. } = client;
        self.run(&PUT, arguments![*id, text, *created, *used, kind, other, most])
    }

    fn use_client(&self, id: &str, now: u64) -> anyhow::Result<()> {
        self.run(&USE, arguments![id, now])
    }

    fn forget_clients(&self, since: u64) -> anyhow::Result<usize> {
        let mut forgotten = 0;
        for kind in ["registered", "documented"] {
            loop {
                let gone: usize = self.run(&FORGET, arguments![kind, since, BATCH])?;
                forgotten += gone;
                if gone < BATCH {
                    break;
                }
            }
        }
        Ok(forgotten)
    }
}
