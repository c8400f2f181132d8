-- Begins every script. KEYS[1] is the prefix of all keys of the namespace, ARGV[1] the life that the caller believes in, ARGV[2] its channel.
--
--   meta      hash  format, life, run (the run_id it was made under), rev, beat, longest (ms), wait (ms seen of the wait-out, '' when over)
--   entries   hash  key -> revision (15 digits) .. create revision (15) .. session (16, or dashes) .. value
--   keys      zset  the keys of all entries with score 0: ordered by their bytes
--   beats     zset  session -> the beat of its last renewal
--   late:<ms> zset  the same, of the sessions of one class of times to live only: see ObservedExpiry.Floors
--   sessions  hash  session -> 'ttl last', in ms; last is the server's wall clock at that renewal, a hint only
--   witness   hash  session -> 'beat seen', how long witnesses in turn have seen this beat stand still, in ms
--   of:<id>   set   the keys of one session's entries
--
-- A script that fails half-way keeps what it has written, so every script checks everything before its first write.
-- Numbers are doubles here: revisions and beats stay below 2^48, texts of 15 digits are compared as texts.
local call, sub = redis.call, string.sub
local prefix, life, channel = KEYS[1], ARGV[1], ARGV[2]
local META, ENTRIES, KEYSET, BEATS, SESSIONS = prefix .. 'meta', prefix .. 'entries', prefix .. 'keys', prefix .. 'beats', prefix .. 'sessions'
local LIFE_CHANGED, SESSION_GONE, SUSPECTS, WAIT_OUT, NO_PERMISSION, FOREIGN, NEWER = -1, -2, -3, -4, -5, -6, -7

-- Where the beats of one class of times to live are.
local function lateOf(ttl)
  ttl = tonumber(ttl)
  local even, odd = 2000, 2828
  while ttl >= 2 * even do
    even, odd = 2 * even, 2 * odd
  end
  return prefix .. 'late:' .. string.format('%d', ttl >= odd and odd or even)
end
