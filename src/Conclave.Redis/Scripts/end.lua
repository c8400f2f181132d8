-- Ends a session. ARGV: 3 the session, 4 the beat it must still have, '' for any. Answers {1}.
if call('HGET', META, 'life') ~= life then
  return {LIFE_CHANGED}
end

local beat = call('ZSCORE', BEATS, ARGV[3])
if beat and (ARGV[4] == '' or tonumber(beat) == tonumber(ARGV[4])) then
  bury(ARGV[3])
end
return {1}
