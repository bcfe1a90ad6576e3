//! Sign-ins that have begun, in Redis, so that each step may be made at another server.

use super::RedisStore;
use super::state::{arguments, script};
use crate::store::begun::{MOST, MOST_FROM_ONE, PATIENCE};
use crate::store::{Begun, BegunStore, Phase, Taken, hex};

/// What the scripts of this topic share: a queue by turn, one of each place, and what is kept of each.
macro_rules! queue {
    ($text:literal) => {
        concat!(
            r"
local queue, patience = P .. 'begun:' .. ARGV[1], tonumber(ARGV[2])
local function place_queue(place) return queue .. ':at:' .. place end
local function remove(id)
  local place = redis.call('HGET', queue .. ':' .. id, 'place')
  redis.call('DEL', queue .. ':' .. id)
  redis.call('ZREM', queue, id)
  if place then redis.call('ZREM', place_queue(place), id) end
end
-- Forgets those that are over. Not all at once where there are very many: nobody waits for it.
local function pass(now)
  for _, id in ipairs(redis.call('ZRANGE', queue, 0, 499)) do
    local since = redis.call('HGET', queue .. ':' .. id, 'since')
    if since and tonumber(since) + patience > tonumber(now) then return end
    remove(id)
  end
end
",
            $text
        )
    };
}

script!(
    PUT,
    queue!(
        r"
unless_full()
local now, id, proof, place, sealed, most, most_from_one = unpack(ARGV, 3)
pass(now)
local from_one = place_queue(place)
if redis.call('ZCARD', from_one) >= tonumber(most_from_one) then
  local oldest = redis.call('ZRANGE', from_one, 0, 0)[1]
  remove(oldest)
  redis.call('ZREM', from_one, oldest)
elseif redis.call('ZCARD', queue) >= tonumber(most) then
  remove(redis.call('ZRANGE', queue, 0, 0)[1])
end
local turn = redis.call('INCR', queue .. ':turns')
redis.call('HSET', queue .. ':' .. id, 'proof', proof, 'place', place, 'sealed', sealed, 'since', now)
redis.call('ZADD', queue, turn, id)
redis.call('ZADD', from_one, turn, id)
-- Should nobody ever sweep.
redis.call('EXPIRE', queue .. ':' .. id, 2 * patience)
redis.call('EXPIRE', from_one, 2 * patience)
return 0
"
    )
);

script!(
    TAKE,
    queue!(
        r"
local now, id, proof = unpack(ARGV, 3)
pass(now)
local it = redis.call('HMGET', queue .. ':' .. id, 'proof', 'place', 'sealed', 'since')
if not it[1] or tonumber(it[4]) + patience <= tonumber(now) then return { 0 } end
-- They are hashes of what nobody can choose: how long the comparison takes tells nothing.
if it[1] ~= proof then return { 2 } end
remove(id)
return { 1, it[2], it[3] }
"
    )
);

script!(
    SWEEP,
    queue!(
        "
pass(ARGV[3])
return 0
"
    )
);

impl BegunStore for RedisStore {
    fn put_begun(&self, phase: Phase, begun: &Begun, now: u64) -> anyhow::Result<()> {
        let Begun { id, proof, place, sealed } = begun;
        let (id, proof) = (hex(id), hex(proof));
        let queue = name(phase);
        let arguments =
            arguments![queue, PATIENCE, now, id, proof, *place, *sealed, MOST, MOST_FROM_ONE];
        self.run(&PUT, arguments)
    }

    fn take_begun(
        &self,
        phase: Phase,
        id: &[u8; 32],
        proof: &[u8; 32],
        now: u64,
    ) -> anyhow::Result<Taken> {
        let arguments = arguments![name(phase), PATIENCE, now, hex(id), hex(proof)];
        let answer: Vec<redis::Value> = self.run(&TAKE, arguments)?;
        let [found, rest @ ..] = answer.as_slice() else { return Ok(Taken::Unknown) };
        Ok(match (redis::from_redis_value_ref::<i64>(found)?, rest) {
            (1, [place, sealed]) => Taken::Begun {
                sealed: redis::from_redis_value_ref(sealed)?,
                place: redis::from_redis_value_ref(place)?,
            },
            (2, _) => Taken::Elsewhere,
            _ => Taken::Unknown,
        })
    }

    fn sweep_begun(&self, now: u64) -> anyhow::Result<()> {
        for phase in [Phase::Shown, Phase::Consented] {
            self.run::<()>(&SWEEP, arguments![name(phase), PATIENCE, now])?;
        }
        Ok(())
    }
}

fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Shown => "shown",
        Phase::Consented => "consented",
    }
}
