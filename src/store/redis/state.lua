-- What the scripts of the state share. KEYS[1] is what all its keys begin with, in one hash tag: they are on one
-- node, so that a script may change several of them, and all of it happens at once.
local P = KEYS[1]

-- A text that is not there is empty.
local function there(text)
  return text and text ~= ''
end

-- Something ended or a key was changed: whoever remembers must look again.
local function changed()
  return redis.call('INCR', P .. 'version')
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

-- Takes a grant out, named by kind and hash; whether it was there.
local function drop_grant(member)
  local key = grant_key(member)
  local it = redis.call('HMGET', key, 'client', 'family', 'person')
  redis.call('ZREM', P .. 'grants', member)
  if not it[1] then return false end
  redis.call('DEL', key)
  for _, set in ipairs(belongings(it[1], it[2], it[3])) do redis.call('SREM', set, member) end
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

-- Nobody is signed in with a client.
local function is_idle(client)
  return redis.call('EXISTS', P .. 'of-client:' .. client) == 0
end

local function drop_client(id)
  redis.call('ZREM', P .. 'clients:registered', id)
  redis.call('ZREM', P .. 'clients:documented', id)
  return redis.call('DEL', P .. 'client:' .. id)
end
