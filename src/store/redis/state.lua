-- What the scripts of the state share. KEYS[1] is what all its keys begin with, in one hash tag: they are on one
-- node, so that a script may change several of them, and all of it happens at once.
local P = KEYS[1]

-- A text that is not there is empty.
local function there(text)
  return text and text ~= ''
end

-- Something ended or a key was changed: whoever remembers must look again.
--
-- The number is a time, and never smaller than before: what is counted up begins anew when data are lost, and would come
-- to a number that somebody remembers with other content.
local function changed()
  local time = redis.call('TIME')
  local now = time[1] * 1000000 + time[2]
  local before = tonumber(redis.call('GET', P .. 'version') or '0')
  local version = string.format('%.0f', math.max(now, before + 1))
  redis.call('SET', P .. 'version', version)
  return tonumber(version)
end

-- Scripts that take something back begin with this. Redis looks at the first write of a script alone when its memory is
-- used up: with this one, which needs none, the others are made as well.
local function even_if_full()
  redis.call('DEL', P .. 'nothing')
end

-- And those that give something begin with this one, which is refused then.
local function unless_full()
  redis.call('SETNX', P .. 'format', 1)
end

local function grant_key(member)
  return P .. 'grant:' .. member
end

-- The sets that a grant is a member of: by client, by sign-in, by person.
local function belongings(client, family, person)
  local sets = { P .. 'of-client:' .. client }
  if there(family) then sets[#sets + 1] = P .. 'of-family:' .. family end
  if there(person) then sets[#sets + 1] = P .. 'of-person:' .. person end
  return sets
end

-- Nobody is signed in with a client.
local function is_idle(client)
  return redis.call('EXISTS', P .. 'of-client:' .. client) == 0
end

-- Keeps the lists of idle clients: of too many the one goes that nobody uses.
local function settle_client(client)
  for _, kind in ipairs({ 'registered', 'documented' }) do
    local used = redis.call('ZSCORE', P .. 'clients:' .. kind, client)
    if used and is_idle(client) then
      redis.call('ZADD', P .. 'clients:' .. kind .. ':idle', used, client)
    else
      redis.call('ZREM', P .. 'clients:' .. kind .. ':idle', client)
    end
  end
end

-- Takes a grant out, named by kind and hash; whether it was there.
local function drop_grant(member)
  local key = grant_key(member)
  local it = redis.call('HMGET', key, 'client', 'family', 'person')
  redis.call('ZREM', P .. 'grants', member)
  if not it[1] then return false end
  redis.call('DEL', key)
  for _, set in ipairs(belongings(it[1], it[2], it[3])) do redis.call('SREM', set, member) end
  if is_idle(it[1]) then settle_client(it[1]) end
  return true
end

-- Puts a grant in place of one of the same name. `at` is where it stands in ARGV.
local function put_grant(at)
  local member, client, family, person = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  drop_grant(member)
  redis.call('HSET', grant_key(member), 'client', client, 'family', family, 'person', person,
    'established', ARGV[at + 4], 'expires', ARGV[at + 5], 'successor', ARGV[at + 6], 'sealed', ARGV[at + 7])
  local ends = there(ARGV[at + 5]) and ARGV[at + 5] or '+inf'
  redis.call('ZADD', P .. 'grants', ends, member)
  for _, set in ipairs(belongings(client, family, person)) do redis.call('SADD', set, member) end
  if redis.call('SCARD', P .. 'of-client:' .. client) == 1 then settle_client(client) end
end

-- Whether something that a grant belongs to was revoked after it was established. A sign-in that was revoked comes
-- never back, whenever its next token is written.
local function is_revoked(client, family, person, established)
  local function since(scope)
    return tonumber(redis.call('HGET', P .. 'revoked', scope) or '-1')
  end
  if there(family) and since('family ' .. family) >= 0 then return true end
  established = tonumber(established)
  return since('client ' .. client) >= established
    or (there(person) and since('person ' .. person) >= established)
    or since('all') >= established
end

local function drop_client(id)
  for _, kind in ipairs({ 'registered', 'documented' }) do
    redis.call('ZREM', P .. 'clients:' .. kind, id)
    redis.call('ZREM', P .. 'clients:' .. kind .. ':idle', id)
  end
  return redis.call('DEL', P .. 'client:' .. id)
end
