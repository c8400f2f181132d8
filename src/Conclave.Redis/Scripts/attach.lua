-- What every connection begins with: makes the namespace if there is none, and notices when the engine may have forgotten.
-- ARGV: 1 the life to begin if one begins, 2 channel, 3 the server's run_id, 4 the life the caller knew ('' for none), 5 the highest epoch it
-- has seen (-1 for none), 6 the longest time to live it allows or has heard of (ms), 7 '1' when a missing namespace may have been lost,
-- 8 the entry of the epoch, 9 '1' when the caller vouches that an empty server was new.
-- Answers {1, life, revision, epoch, longest, wait}.
--
-- Revisions of a new life begin at the server's clock: unix milliseconds * 32, below 2^48 until the year 2248. So they exceed those
-- of every earlier life that drew fewer than 32,000 a second, also when everything is forgotten. A clock that was set back
-- breaks this only where the data is lost, and then the epoch that surviving clients carry still makes tokens rise.
local denied = {}
for _, command in ipairs({
  {'hset', META, 'f', 'v'}, {'hget', META, 'f'}, {'hmget', META, 'f'}, {'hdel', META, 'f'}, {'hincrby', META, 'f', '1'},
  {'zadd', BEATS, '0', 'm'}, {'zrem', BEATS, 'm'}, {'zscore', BEATS, 'm'}, {'zrange', BEATS, '0', '-1'}, {'zrangebyscore', BEATS, '0', '1'},
  {'zadd', prefix .. 'late:', '0', 'm'}, {'zrem', prefix .. 'late:', 'm'}, {'zrangebyscore', prefix .. 'late:', '0', '1'},
  {'sadd', prefix .. 'of:', 'm'}, {'srem', prefix .. 'of:', 'm'}, {'smembers', prefix .. 'of:'}, {'del', prefix .. 'of:'}, {'exists', META},
  {'type', META}, {'time'}, {'publish', channel, ''}}) do
  if not redis.acl_check_cmd(unpack(command)) then
    denied[#denied + 1] = string.upper(command[1])
  end
end
if #denied > 0 then
  return {NO_PERMISSION, table.concat(denied, ', ')}
end

local kind = call('TYPE', META)['ok']
if kind ~= 'none' and kind ~= 'hash' then
  return {FOREIGN, META .. ' is a ' .. kind}
end
if kind == 'none' and call('EXISTS', ENTRIES, KEYSET, BEATS, SESSIONS) > 0 then
  return {FOREIGN, META .. ' is missing, though there are entries or sessions'}
end

local run, knownLife, knownEpoch, longest, epochKey = ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[8]
local state = call('HMGET', META, 'format', 'life', 'run', 'rev', 'beat', 'longest', 'wait', 'why')
if kind == 'hash' and not (tonumber(state[1]) and state[2] and tonumber(state[4]) and tonumber(state[5])) then
  return {FOREIGN, META .. ' is not ours, or damaged'}
end
if kind == 'hash' and tonumber(state[1]) > 1 then
  return {NEWER, state[1]}
end

local entry = call('HGET', ENTRIES, epochKey)
local epoch = entry and tonumber(string.match(sub(entry, 47), '^%d+$')) or 0
if entry and not string.match(sub(entry, 47), '^%d+$') then
  return {FOREIGN, 'the epoch under ' .. epochKey .. ' is no number'}
end

local begins = kind == 'none' or state[3] ~= run
local forgot = begins and (kind == 'hash' or knownEpoch >= 0)
-- a life that somebody began who did not know the one before
local raises = forgot or (not begins and knownLife ~= '' and knownLife ~= state[2] and epoch <= knownEpoch)
if raises and math.max(epoch, knownEpoch) >= 32767 then
  return {FOREIGN, 'the epoch under ' .. epochKey .. ' has reached its end'}
end

longest = math.max(longest, tonumber(state[6]) or 0)
local revision, wait = state[4], state[7] or ''
life = state[2]
if begins or raises then
  local time = call('TIME')
  local base = (time[1] * 1000 + math.floor(time[2] / 1000)) * 32
  if begins then
    for _, session in ipairs(call('ZRANGE', BEATS, 0, -1)) do
      finish(session)
    end
    call('DEL', BEATS, SESSIONS, prefix .. 'witness')
    life = ARGV[1]
    wait = (forgot or ARGV[7] == '1') and '0' or ''
    call('HSET', META, 'format', '1', 'life', life, 'run', run, 'wait', wait, 'why', forgot and 'forgot' or 'empty',
      'beat', string.format('%d', math.max(tonumber(state[5]) or 0, base) + 1))
  end
  revision = string.format('%015d', math.max(tonumber(revision) or 0, begins and base or 0) + 1)
  call('HSET', META, 'rev', revision)
  if raises then
    call('HSET', META, 'why', 'forgot')
    epoch = math.max(epoch, knownEpoch) + 1
    call('HSET', ENTRIES, epochKey, revision .. (entry and sub(entry, 16, 46) or revision .. '----------------') .. string.format('%d', epoch))
    call('ZADD', KEYSET, 0, epochKey)
  end
  call('PUBLISH', channel, revision)
end
if not begins and not raises and wait ~= '' and state[8] == 'empty' and ARGV[9] == '1' then
  wait = ''
  call('HSET', META, 'wait', wait)
end
call('HSET', META, 'longest', string.format('%d', longest))
return {1, life, revision, string.format('%d', epoch), string.format('%d', longest), wait}
