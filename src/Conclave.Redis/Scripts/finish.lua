-- For the scripts that end sessions: removes one with its entries, and returns their keys.
local function finish(session)
  local set = prefix .. 'of:' .. session
  local mine = call('SMEMBERS', set)
  for i = 1, #mine, 2000 do
    local last = math.min(i + 1999, #mine)
    call('HDEL', ENTRIES, unpack(mine, i, last))
    call('ZREM', KEYSET, unpack(mine, i, last))
  end
  call('DEL', set)
  call('ZREM', BEATS, session)
  local record = call('HGET', SESSIONS, session)
  if record then
    call('ZREM', lateOf(string.match(record, '^%d+')), session)
  end
  call('HDEL', SESSIONS, session)
  call('HDEL', prefix .. 'witness', session)
  return mine
end

-- Ends one session at a revision of its own, and says so. Without entries nothing changed.
local function bury(session)
  local mine = finish(session)
  if #mine > 0 then
    local revision = string.format('%015d', call('HGET', META, 'rev') + 1)
    call('HSET', META, 'rev', revision)
    -- a message with very many keys says only that much has changed
    call('PUBLISH', channel, #mine > 500 and revision or revision .. '\n' .. table.concat(mine, '\n'))
  end
end
