//! Bearer keys in Redis. What never changes of a key is one text; what does has fields of its own.

use anyhow::Context;

use super::RedisStore;
use super::state::{arguments, script};
use crate::store::{Key, KeyStore};

script!(
    ADD,
    r"
unless_full()
local id, text, created, expires, ends, at = unpack(ARGV)
redis.call('HSET', P .. 'key:' .. id, 'text', text, 'expires', expires, 'number', redis.call('INCR', P .. 'keys:count'))
redis.call('ZADD', P .. 'keys', created, id)
if there(ends) and redis.call('EXISTS', P .. 'key:' .. ends) == 1 then
  -- It may end sooner already.
  local before = redis.call('HGET', P .. 'key:' .. ends, 'expires')
  if not there(before) or tonumber(before) > tonumber(at) then
    redis.call('HSET', P .. 'key:' .. ends, 'expires', at)
  end
end
return changed()
"
);

script!(
    SET,
    r"
even_if_full()
local id, field, value, once = unpack(ARGV)
local key = P .. 'key:' .. id
if redis.call('EXISTS', key) == 0 then return 0 end
if there(once) and there(redis.call('HGET', key, field)) then return 0 end
redis.call('HSET', key, field, value)
-- That a key was used lets nobody in and keeps nobody out.
if field == 'used' then return 0 end
return changed()
"
);

script!(
    ALL,
    r"
local all = {}
for _, id in ipairs(redis.call('ZRANGE', P .. 'keys', 0, -1)) do
  all[#all + 1] = redis.call('HMGET', P .. 'key:' .. id, 'text', 'expires', 'revoked', 'used', 'number')
end
return all
"
);

/// The fields of a key, in the order in which they are asked for.
type Fields = [Option<String>; 5];

impl KeyStore for RedisStore {
    fn keys(&self) -> anyhow::Result<Vec<Key>> {
        let all: Vec<Vec<Option<String>>> = self.run(&ALL, vec![])?;
        let read = |fields: Vec<Option<String>>| {
            let fields: Fields = fields.try_into().ok()?;
            let number: u64 = fields[4].as_deref()?.parse().ok()?;
            Some((number, read(fields)?))
        };
        // One that cannot be read lets nobody in, and keeps nobody else out.
        let known = all.len();
        let mut keys: Vec<(u64, Key)> = all.into_iter().filter_map(read).collect();
        if keys.len() < known {
            tracing::error!("{} keys in the state cannot be read", known - keys.len());
        }
        keys.sort_by_key(|(number, key)| (key.created, *number));
        Ok(keys.into_iter().map(|(_, key)| key).collect())
    }

    fn key(&self, id: &str) -> anyhow::Result<Option<Key>> {
        let mut command = redis::cmd("HMGET");
        command.arg(self.names.state(format_args!("key:{id}")));
        command.arg(&["text", "expires", "revoked", "used", "number"]);
        let fields: Fields = self.ask(command)?;
        let [None, ..] = fields else {
            return read(fields).context("cannot read the key").map(Some);
        };
        Ok(None)
    }

    fn add_key(&self, key: &Key, ends: Option<(&str, u64)>) -> anyhow::Result<()> {
        let text = serde_json::to_string(key)?;
        let (ends, at) = ends.unzip();
        self.change(&ADD, arguments![key.id, text, key.created, key.expires, ends, at])
    }

    fn revoke_key(&self, id: &str, now: u64) -> anyhow::Result<()> {
        self.change(&SET, arguments![id, "revoked", now, true])
    }

    fn use_key(&self, id: &str, now: u64) -> anyhow::Result<()> {
        self.change(&SET, arguments![id, "used", now, false])
    }
}

fn read([text, expires, revoked, used, _]: Fields) -> Option<Key> {
    let key: Key = serde_json::from_str(&text?).ok()?;
    let time = |field: Option<String>| -> Option<Option<u64>> {
        let text = field.filter(|text| !text.is_empty());
        text.map(|text| text.parse().ok()).map_or(Some(None), |time| time.map(Some))
    };
    Some(Key { expires: time(expires)?, revoked: time(revoked)?, used: time(used)?, ..key })
}
