-- Renews a session: draws it a new beat. ARGV: 3 the session. Answers {1}, or {0} when it is gone.
if call('HGET', META, 'life') ~= life then
  return {LIFE_CHANGED}
end

local record = call('HGET', SESSIONS, ARGV[3])
if not record then
  return {0}
end

local time, ttl = call('TIME'), string.match(record, '^%d+')
local beat = call('HINCRBY', META, 'beat', 1)
call('ZADD', BEATS, beat, ARGV[3])
call('ZADD', lateOf(ttl), beat, ARGV[3])
call('HSET', SESSIONS, ARGV[3], string.format('%d %d', ttl, time[1] * 1000 + math.floor(time[2] / 1000)))
return {1}
