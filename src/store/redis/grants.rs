//! What was granted, in Redis: each by its kind and hash, with lists by client, by sign-in, by person and by
//! when it ends. Nothing ends by the clock of Redis: what is over is swept, as everywhere.

use std::time::Duration;

use anyhow::{Context, ensure};

use super::RedisStore;
use super::state::{arguments, script};
use crate::store::{Decide, GrantKind, GrantRecord, GrantStore, Revocation, Standing, hex};

/// Milliseconds for which somebody who took a code may need until it is written down that it was used.
const REDEEMING: u64 = 2000;
/// How often it is looked whether that is done.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Records that one script takes out. More would hold up everybody else.
const BATCH: usize = 500;

script!(
    PUT,
    r"
unless_full()
local is_code = ARGV[1]
if not there(is_code) and is_revoked(ARGV[3], ARGV[4], ARGV[5], ARGV[6]) then return 0 end
put_grant(2)
return 1
"
);

// That a code was redeemed ends nothing that anybody remembers. Who comes while it is being redeemed is told to
// wait (-1): whoever took it writes down that it was used, and a second use must be known for what it is.
script!(
    TAKE,
    r"
local member = ARGV[1]
local it = redis.call('HMGET', grant_key(member), 'client', 'family', 'person', 'established', 'expires', 'successor', 'sealed')
local is_code, version = string.sub(member, 1, 2) == '0:', 0
if drop_grant(member) then
  if is_code then redis.call('SET', P .. 'taken:' .. member, 1, 'PX', ARGV[2]) else version = changed() end
elseif is_code and redis.call('EXISTS', P .. 'taken:' .. member) == 1 then
  version = -1
end
return { version, it }
"
);

// A record is as it was if what is sealed is the same: that differs each time it is written.
script!(
    REPLACE,
    r"
unless_full()
local member, is_code, sealed, successor, count = unpack(ARGV, 1, 5)
local it = redis.call('HMGET', grant_key(member), 'client', 'family', 'person', 'established', 'sealed', 'successor')
if not it[1] then return 0 end
if not there(is_code) and is_revoked(it[1], it[2], it[3], it[4]) then return 0 end
if it[5] ~= sealed or it[6] ~= successor then return 2 end
for n = 0, count - 1 do put_grant(6 + 8 * n) end
return 1
"
);

script!(
    REVOKE,
    r"
even_if_full()
local scope, at, untill, kind, name, most = unpack(ARGV)
local marked = redis.call('HGET', P .. 'revoked', scope)
if not marked or tonumber(marked) < tonumber(at) then redis.call('HSET', P .. 'revoked', scope, at) end
marked = redis.call('ZSCORE', P .. 'revoked:until', scope)
if not marked or tonumber(marked) < tonumber(untill) then redis.call('ZADD', P .. 'revoked:until', untill, scope) end
local members
local set = P .. 'of-' .. kind .. ':' .. name
if kind == 'all' then
  members = redis.call('ZRANGE', P .. 'grants', 0, most - 1)
elseif kind == 'family' then
  -- A code of a sign-in stays, so that its second use is known for what it is.
  members = {}
  for _, member in ipairs(redis.call('SMEMBERS', set)) do
    if string.sub(member, 1, 2) ~= '0:' and #members < tonumber(most) then members[#members + 1] = member end
  end
else
  members = redis.call('SRANDMEMBER', set, most)
end
local gone, known = 0, 0
for _, member in ipairs(members) do
  if drop_grant(member) then gone = gone + 1 end
  -- Also where what it names is gone: else it would be found again and again.
  if kind ~= 'all' then redis.call('SREM', set, member) end
end
if kind == 'client' then known = drop_client(name) end
return { gone, #members, known, changed() }
"
);

script!(
    STANDING,
    r"
local now, from, count = unpack(ARGV)
local members = redis.call('ZRANGEBYSCORE', P .. 'grants', '(' .. now, '+inf', 'LIMIT', from, count)
local found = {}
for _, member in ipairs(members) do
  if string.sub(member, 1, 2) == '2:' then
    local it = redis.call('HMGET', grant_key(member), 'person', 'client', 'established', 'expires', 'successor')
    if there(it[1]) and there(it[4]) and not there(it[5]) then found[#found + 1] = it end
  end
end
return { #members, found }
"
);

script!(
    SWEEP,
    r"
local now, most = unpack(ARGV)
local over = redis.call('ZRANGEBYSCORE', P .. 'grants', '-inf', now, 'LIMIT', 0, most)
local gone = 0
for _, member in ipairs(over) do
  if drop_grant(member) then gone = gone + 1 end
end
local marks = redis.call('ZRANGEBYSCORE', P .. 'revoked:until', '-inf', now, 'LIMIT', 0, most)
for _, scope in ipairs(marks) do
  redis.call('ZREM', P .. 'revoked:until', scope)
  gone = gone + redis.call('HDEL', P .. 'revoked', scope)
end
return { gone, #over + #marks }
"
);

/// The fields of a record, in the order in which they are asked for.
type Fields = [Option<Vec<u8>>; 7];
const FIELDS: [&str; 7] =
    ["client", "family", "person", "established", "expires", "successor", "sealed"];

impl GrantStore for RedisStore {
    fn grant(&self, kind: GrantKind, hash: &[u8; 32]) -> anyhow::Result<Option<GrantRecord>> {
        let mut command = redis::cmd("HMGET");
        command.arg(self.names.state(format_args!("grant:{}", member(kind, hash)))).arg(&FIELDS);
        read(kind, hash, self.ask(command)?)
    }

    fn put_grant(&self, record: &GrantRecord) -> anyhow::Result<bool> {
        let mut arguments = arguments![record.kind == GrantKind::Code];
        write(record, &mut arguments);
        self.run(&PUT, arguments)
    }

    fn take_grant(&self, kind: GrantKind, hash: &[u8; 32]) -> anyhow::Result<Option<GrantRecord>> {
        loop {
            let arguments = arguments![member(kind, hash), REDEEMING];
            let (version, fields): (i64, Fields) = self.run(&TAKE, arguments)?;
            if version < 0 {
                // No longer than the mark that somebody has it lasts.
                std::thread::sleep(LOOK_AGAIN);
                continue;
            }
            self.know(version);
            return read(kind, hash, fields);
        }
    }

    fn replace_grant(
        &self,
        kind: GrantKind,
        hash: &[u8; 32],
        decide: &mut Decide<'_>,
    ) -> anyhow::Result<bool> {
        loop {
            let Some(now) = self.grant(kind, hash)? else { return Ok(false) };
            let Some(records) = decide(&now)? else { return Ok(false) };
            let mut arguments = arguments![
                member(kind, hash),
                kind == GrantKind::Code,
                now.sealed,
                now.successor.as_ref().map(|hash| hash.to_vec()),
                records.len(),
            ];
            records.iter().for_each(|record| write(record, &mut arguments));
            match self.run(&REPLACE, arguments)? {
                0 => return Ok(false),
                1 => return Ok(true),
                // Somebody else was faster.
                _ => {}
            }
        }
    }

    fn revoke(&self, what: Revocation<'_>, at: u64, until: u64) -> anyhow::Result<(u64, bool)> {
        let (kind, name) = match what {
            Revocation::Family(family) => ("family", family),
            Revocation::Client(client) => ("client", client),
            Revocation::Person(person) => ("person", person),
            Revocation::All => ("all", "all"),
        };
        ensure!(!name.is_empty(), "an empty name names nothing that could be revoked");
        let mut revoked = (0, false);
        loop {
            let arguments = arguments![what.scope(), at, until, kind, name, BATCH];
            let (gone, seen, known, version): (u64, usize, bool, i64) =
                self.run(&REVOKE, arguments)?;
            self.know(version);
            revoked = (revoked.0 + gone, revoked.1 || known);
            if seen < BATCH {
                return Ok(revoked);
            }
        }
    }

    fn standing(&self, now: u64) -> anyhow::Result<Vec<Standing>> {
        let mut standing = Vec::new();
        let mut from = 0;
        loop {
            let (seen, found): (usize, Vec<[String; 4]>) = {
                let (seen, found): (usize, Vec<Vec<Option<String>>>) =
                    self.run(&STANDING, arguments![now, from, BATCH])?;
                let four = |it: Vec<Option<String>>| -> Option<[String; 4]> {
                    it.into_iter().take(4).collect::<Option<Vec<_>>>()?.try_into().ok()
                };
                (seen, found.into_iter().filter_map(four).collect())
            };
            for [person, client, since, until] in found {
                let (since, until) = (number(since.as_bytes())?, number(until.as_bytes())?);
                standing.push(Standing { person, client, since, until });
            }
            from += seen;
            if seen < BATCH {
                standing.sort_by_key(|it| it.since);
                return Ok(standing);
            }
        }
    }

    fn sweep_grants(&self, now: u64) -> anyhow::Result<u64> {
        let mut swept = 0;
        loop {
            let (gone, seen): (u64, usize) = self.run(&SWEEP, arguments![now, BATCH])?;
            swept += gone;
            if seen < BATCH {
                return Ok(swept);
            }
        }
    }
}

/// A record as it is named: kind and hash.
fn member(kind: GrantKind, hash: &[u8; 32]) -> String {
    format!("{}:{}", kind as u8, hex(hash))
}

/// A record, as the scripts take it: eight arguments.
fn write(record: &GrantRecord, arguments: &mut Vec<Vec<u8>>) {
    let GrantRecord { kind, hash, client, family, person, .. } = record;
    let GrantRecord { established, expires, successor, sealed, .. } = record;
    arguments.extend(arguments![
        member(*kind, hash),
        *client,
        *family,
        *person,
        *established,
        *expires,
        successor.as_ref().map(|hash| hash.to_vec()),
        *sealed,
    ]);
}

fn read(kind: GrantKind, hash: &[u8; 32], fields: Fields) -> anyhow::Result<Option<GrantRecord>> {
    let [Some(client), family, person, Some(established), expires, successor, Some(sealed)] =
        fields
    else {
        return Ok(None);
    };
    let there = |field: Option<Vec<u8>>| field.filter(|field| !field.is_empty());
    let text = |field: Vec<u8>| String::from_utf8(field).context(UNREADABLE);
    let successor = there(successor).map(|hash| hash.try_into().ok().context(UNREADABLE));
    Ok(Some(GrantRecord {
        kind,
        hash: *hash,
        client: text(client)?,
        family: there(family).map(text).transpose()?,
        person: there(person).map(text).transpose()?,
        established: number(&established)?,
        expires: there(expires).map(|expires| number(&expires)).transpose()?,
        successor: successor.transpose()?,
        sealed,
    }))
}

const UNREADABLE: &str = "what is kept of a token cannot be read";

fn number(text: &[u8]) -> anyhow::Result<u64> {
    std::str::from_utf8(text).context(UNREADABLE)?.parse().context(UNREADABLE)
}
