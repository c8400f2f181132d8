-- Opens a session. ARGV: 3 its id, 4 its time to live, 5 what the caller was told was seen of the wait-out ('' at first), 6 for how long it
-- has waited since; in ms. Answers {1}, or {WAIT_OUT, seen so far, how long is long enough}.
-- Several processes that each live shorter than the wait-out wait it out together: a span counts only when nobody else's was counted
-- since it began, so the spans never overlap, and each was measured by a monotonic clock.
local state = call('HMGET', META, 'life', 'wait', 'longest')
if state[1] ~= life then
  return {LIFE_CHANGED}
end

local seen = state[2]
if seen ~= '' then
  local needed = math.ceil(state[3] * 1.001)
  if seen == ARGV[5] then
    seen = string.format('%d', seen + ARGV[6])
    if tonumber(seen) >= needed then
      seen = ''
    end
    call('HSET', META, 'wait', seen)
  end
  if seen ~= '' then
    return {WAIT_OUT, seen, needed}
  end
end

local time = call('TIME')
local beat = call('HINCRBY', META, 'beat', 1)
call('ZADD', BEATS, beat, ARGV[3])
call('ZADD', lateOf(ARGV[4]), beat, ARGV[3])
call('HSET', SESSIONS, ARGV[3], string.format('%d %d', ARGV[4], time[1] * 1000 + math.floor(time[2] / 1000)))
return {1}
