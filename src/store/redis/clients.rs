//! Clients in Redis: each by its id, and two lists by when they were used, of those with a document and of those
//! that registered.

use anyhow::Context;

use super::RedisStore;
use super::state::{arguments, script};
use crate::store::{Client, ClientStore};

/// Of so many that were not used for longest one is looked for that nobody is signed in with. A look at all
/// would hold up everybody else.
const LOOKED_AT: usize = 2000;
/// Clients that are looked at in one go when old ones are forgotten.
const BATCH: usize = 500;

script!(
    PUT,
    r"
local id, text, created, used, kind, other, most, looked_at = unpack(ARGV)
local key, list = P .. 'client:' .. id, P .. 'clients:' .. kind
if redis.call('EXISTS', key) == 1 then
  redis.call('HSET', key, 'text', text)
  if redis.call('ZREM', P .. 'clients:' .. other, id) == 1 then
    local it = redis.call('HMGET', key, 'created', 'used')
    redis.call('ZADD', list, there(it[2]) and it[2] or it[1], id)
  end
  return 0
end
if redis.call('ZCARD', list) >= tonumber(most) then
  local oldest = redis.call('ZRANGE', list, 0, looked_at - 1)
  local goes = oldest[1]
  for _, one in ipairs(oldest) do
    if is_idle(one) then goes = one break end
  end
  drop_client(goes)
end
redis.call('HSET', key, 'text', text, 'created', created, 'used', used)
redis.call('ZADD', list, there(used) and used or created, id)
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
return 0
"
);

script!(
    FORGET,
    r"
local kind, since, from, count = unpack(ARGV)
local list = P .. 'clients:' .. kind
local old = redis.call('ZRANGEBYSCORE', list, '-inf', '(' .. since, 'LIMIT', from, count)
local gone = 0
for _, id in ipairs(old) do
  if is_idle(id) then gone = gone + drop_client(id) end
end
return { gone, #old }
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
        let Client { id, created, used, .. } = client;
        self.run(&PUT, arguments![*id, text, *created, *used, kind, other, most, LOOKED_AT])
    }

    fn use_client(&self, id: &str, now: u64) -> anyhow::Result<()> {
        self.run(&USE, arguments![id, now])
    }

    fn forget_clients(&self, since: u64) -> anyhow::Result<usize> {
        let mut forgotten = 0;
        for kind in ["registered", "documented"] {
            let mut from = 0;
            loop {
                let (gone, seen): (usize, usize) =
                    self.run(&FORGET, arguments![kind, since, from, BATCH])?;
                forgotten += gone;
                from += seen - gone;
                if seen < BATCH {
                    break;
                }
            }
        }
        Ok(forgotten)
    }
}
