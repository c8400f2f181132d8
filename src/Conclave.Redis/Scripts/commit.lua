-- One transaction. ARGV: 1 life, 2 channel, 3 4 5 the numbers of conditions, writes and reads, 6 whether to look for suspects;
-- then the keys of the conditions, the keys of the writes, the revisions of the conditions ('' for absent); for each write the
-- session ('' for none, 'd' for a delete) and the value; for each read 'g', key or 's', min, max, limit.
-- Answers {1 accepted | 0 refused, revision, reads...}; a get is an entry or nil, a scan the keys and then the entries.
local conditions, writes, reads = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local state = call('HMGET', META, 'life', 'rev')
if state[1] ~= life then
  return {LIFE_CHANGED}
end

local found = conditions + writes > 0 and call('HMGET', ENTRIES, unpack(ARGV, 7, 6 + conditions + writes)) or {}
local firstRevision = 7 + conditions + writes
local firstWrite = firstRevision + conditions
local firstRead = firstWrite + 2 * writes

local joining
for i = firstWrite, firstRead - 1, 2 do
  local session = ARGV[i]
  if #session == 16 and session ~= joining then
    if not call('ZSCORE', BEATS, session) then
      return {SESSION_GONE, session}
    end
    joining = session
  end
end

local accepted = 1
for i = 1, conditions do
  local entry, expected = found[i], ARGV[firstRevision + i - 1]
  if (entry and sub(entry, 1, 15) or '') ~= expected then
    accepted = 0
    break
  end
end

local function entriesOf(names)
  local all = {}
  -- unpack goes through Lua's stack, which has an end
  for i = 1, #names, 2000 do
    local some = call('HMGET', ENTRIES, unpack(names, i, math.min(i + 1999, #names)))
    if #names <= 2000 then
      return some
    end
    for j = 1, #some do
      all[i + j - 1] = some[j]
    end
  end
  return all
end

-- Who puts an entry of its session beside others wants to know who they are: those that the server's clock takes for overdue are decided first.
-- The clock is only a hint; after a step it makes callers wait, and buries nobody.
if accepted == 1 and joining and ARGV[6] == '1' then
  local others, seen = {}, {}
  local at = firstRead
  for i = 1, reads do
    if ARGV[at] == 's' then
      local names = call('ZRANGE', KEYSET, ARGV[at + 1], ARGV[at + 2], 'BYLEX', 'LIMIT', 0, ARGV[at + 3])
      for _, entry in ipairs(entriesOf(names)) do
        local session = sub(entry, 31, 46)
        if session ~= joining and sub(session, 1, 1) ~= '-' and not seen[session] then
          seen[session] = true
          others[#others + 1] = session
        end
      end
      at = at + 4
    else
      at = at + 2
    end
  end
  if #others > 0 and #others <= 2000 then
    local time = call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    local suspects = {SUSPECTS}
    for i, record in ipairs(call('HMGET', SESSIONS, unpack(others))) do
      if record then
        local ttl, last = string.match(record, '^(%d+) (%d+)$')
        if now - last > ttl + 250 or now < last - 250 then
          suspects[#suspects + 1] = others[i]
          suspects[#suspects + 1] = call('ZSCORE', BEATS, others[i])
          suspects[#suspects + 1] = ttl
        end
      end
    end
    if #suspects > 1 then
      return suspects
    end
  end
end

-- everything is checked: the first write is below
local revision = state[2]
if accepted == 1 and writes > 0 then
  local next = string.format('%015d', revision + 1)
  local puts, created, gone, changed = {}, {}, {}, {}
  for i = 1, writes do
    local key, entry = ARGV[6 + conditions + i], found[conditions + i]
    local session, value = ARGV[firstWrite + 2 * i - 2], ARGV[firstWrite + 2 * i - 1]
    if session ~= 'd' then
      if entry then
        puts[#puts + 1] = key
        puts[#puts + 1] = next .. sub(entry, 16, 46) .. value
      else
        puts[#puts + 1] = key
        puts[#puts + 1] = next .. next .. (session == '' and '----------------' or session) .. value
        created[#created + 1] = 0
        created[#created + 1] = key
        if session ~= '' then
          call('SADD', prefix .. 'of:' .. session, key)
        end
      end
      changed[#changed + 1] = key
    elseif entry then
      gone[#gone + 1] = key
      changed[#changed + 1] = key
      if sub(entry, 31, 31) ~= '-' then
        call('SREM', prefix .. 'of:' .. sub(entry, 31, 46), key)
      end
    end
  end
  if #puts > 0 then
    call('HSET', ENTRIES, unpack(puts))
  end
  if #created > 0 then
    call('ZADD', KEYSET, unpack(created))
  end
  if #gone > 0 then
    call('HDEL', ENTRIES, unpack(gone))
    call('ZREM', KEYSET, unpack(gone))
  end
  if #changed > 0 then
    revision = next
    call('HSET', META, 'rev', next)
    call('PUBLISH', channel, next .. '\n' .. table.concat(changed, '\n'))
  end
end

local answer = {accepted, revision}
local at = firstRead
for i = 1, reads do
  if ARGV[at] == 's' then
    local names = call('ZRANGE', KEYSET, ARGV[at + 1], ARGV[at + 2], 'BYLEX', 'LIMIT', 0, ARGV[at + 3])
    answer[#answer + 1] = names
    answer[#answer + 1] = #names > 0 and entriesOf(names) or names
    at = at + 4
  else
    answer[#answer + 1] = call('HGET', ENTRIES, ARGV[at + 1])
    at = at + 2
  end
end
return answer
