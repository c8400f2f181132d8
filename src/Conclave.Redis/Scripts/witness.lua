-- Several who each see a beat stand still for a while bury it together. ARGV: 3 the session, 4 its beat, 5 what the caller was told was
-- seen so far ('' at first), 6 for how long it has watched since, 7 how long is long enough; in ms. Answers {1} when the beat moved or the
-- session is gone, else {0, seen so far}.
-- A span counts only when nobody else's was counted since it began, so the spans never overlap.
if call('HGET', META, 'life') ~= life then
  return {LIFE_CHANGED}
end

local session = ARGV[3]
local beat = call('ZSCORE', BEATS, session)
if not beat or tonumber(beat) ~= tonumber(ARGV[4]) then
  return {1}
end

local record = call('HGET', prefix .. 'witness', session)
local of, seen = string.match(record or '', '^(%d+) (%d+)$')
if of ~= ARGV[4] then
  seen = '0'
end
if seen == ARGV[5] then
  local total = tonumber(seen) + tonumber(ARGV[6])
  if total >= tonumber(ARGV[7]) then
    bury(session)
    return {1}
  end
  seen = string.format('%d', total)
  call('HSET', prefix .. 'witness', session, ARGV[4] .. ' ' .. seen)
end
return {0, seen}
