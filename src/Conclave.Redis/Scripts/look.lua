-- Reads the counter of beats, and the sessions whose beat is at most ARGV[3]; with what every client must carry over to a server that
-- forgot it: the longest time to live and the epoch, whose key is ARGV[4]. Answers {1, counter, longest, entry of the epoch, session, beat, ttl, ...}.
local state = call('HMGET', META, 'life', 'beat', 'longest')
if state[1] ~= life then
  return {LIFE_CHANGED}
end

local answer = {1, state[2], state[3], call('HGET', ENTRIES, ARGV[4]) or ''}
local stale = call('ZRANGEBYSCORE', BEATS, '-inf', ARGV[3], 'WITHSCORES')
for i = 1, #stale, 2 do
  local record = call('HGET', SESSIONS, stale[i])
  if record then
    answer[#answer + 1] = stale[i]
    answer[#answer + 1] = stale[i + 1]
    answer[#answer + 1] = string.match(record, '^%d+')
  end
end
return answer
