-- Reads the counter of beats, and the sessions of a class of times to live whose beat is at most the given one: ARGV[4], ARGV[5] and so on in
-- pairs; with what every client must carry over to a server that forgot it: the longest time to live and the epoch, whose key is ARGV[3]. Answers {1, counter, longest, entry of the epoch, session, beat, ttl, ...}.
local state = call('HMGET', META, 'life', 'beat', 'longest')
if state[1] ~= life then
  return {LIFE_CHANGED}
end

local answer = {1, state[2], state[3], call('HGET', ENTRIES, ARGV[3]) or ''}
for class = 4, #ARGV, 2 do
  local stale = call('ZRANGEBYSCORE', prefix .. 'late:' .. ARGV[class], '-inf', ARGV[class + 1], 'WITHSCORES')
  for i = 1, #stale, 2 do
    local record = call('HGET', SESSIONS, stale[i])
    if record then
      answer[#answer + 1] = stale[i]
      answer[#answer + 1] = stale[i + 1]
      answer[#answer + 1] = string.match(record, '^%d+')
    end
  end
end
return answer
