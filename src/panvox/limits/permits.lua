-- Permits that several processes share. One operation a call; each is atomic, since a server runs one script
-- at a time.
--
-- KEYS[1] begins every key, and is their hash tag. ARGV[1] is the operation, ARGV[2] its arguments as an array
-- in MessagePack. Times are microseconds of the server's clock: whole numbers that a double holds exactly.
--
-- A window is {key, length, counted, amount, limit}. Its log, a sorted set, holds each call with the time at
-- which it leaves the window. Windows of tokens have a hash besides, with the amount of each call and, under
-- the empty name, their sum; a window of requests needs none, since its log can be counted.
--
-- A call counts as new until its reply begins. Its entry is written as if the reply had come a little after
-- its start; should it be about to leave and still have no reply, it stays longer. Once the reply is here the
-- call counts from when it was sent, if its process knows.
--
-- Slots come free at times that nobody can foresee. Who was refused one hears of it: the name of the scope is
-- published on the channel :freed.

local root = KEYS[1]
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local pending = root .. ':pending'
local processes = root .. ':processes'

local LONGEST_SLACK = 250000
local UNANSWERED = 10000000 -- a call without a reply counts so much longer than its window
local FORGOTTEN = 60000 -- milliseconds after which a key without a use is gone
local DAY = 86400000000
local NEVER, UNKNOWN = -2, -1

local function slack(length)
  return math.min(LONGEST_SLACK, math.floor(length / 100))
end

local function margin(length)
  return math.min(LONGEST_SLACK, math.floor(length / 500))
end

local function milliseconds(time)
  return math.ceil(time / 1000)
end

local function log_of(window)
  return root .. ':log:' .. window[1]
end

local function sums_of(window)
  return root .. ':sums:' .. window[1]
end

local function slots_of(scope)
  return root .. ':slots:' .. scope
end

local function wanted(scope)
  return root .. ':wanted:' .. scope
end

-- Books `amount` for a call in place of what was booked for it.
local function count(window, call, amount)
  local sums = sums_of(window)
  local before = redis.call('HGET', sums, call) or 0
  redis.call('HSET', sums, call, amount)
  redis.call('HINCRBY', sums, '', amount - before)
end

local function forget(window, call)
  if redis.call('ZREM', log_of(window), call) == 1 and window[3] then
    count(window, call, 0)
    redis.call('HDEL', sums_of(window), call)
  end
end

local function prune(window)
  local log = log_of(window)
  for _, call in ipairs(redis.call('ZRANGEBYSCORE', log, '-inf', now)) do
    local begun = redis.call('ZSCORE', pending, call)
    local latest = begun and begun + window[2] + UNANSWERED
    if latest and latest > now then
      redis.call('ZADD', log, latest, call)
    else
      forget(window, call)
    end
  end
end

local function used(window)
  prune(window)
  if window[3] then
    return tonumber(redis.call('HGET', sums_of(window), '') or 0)
  end
  return redis.call('ZCARD', log_of(window))
end

-- The call with which enough leaves the window, and when that is.
local function relief(window, surplus)
  local log = log_of(window)
  if not window[3] then
    local entry = redis.call('ZRANGE', log, surplus - 1, surplus - 1, 'WITHSCORES')
    return entry[1], entry[2]
  end
  local first, entries = 0, nil
  repeat
    entries = redis.call('ZRANGE', log, first, first + 99, 'WITHSCORES')
    for place = 1, #entries, 2 do
      surplus = surplus - (redis.call('HGET', sums_of(window), entries[place]) or 0)
      if surplus <= 0 then
        return entries[place], entries[place + 1]
      end
    end
    first = first + 100
  until #entries == 0
  return false, now
end

local function book(window, call, leaves)
  redis.call('ZADD', log_of(window), leaves, call)
  local kept = milliseconds(window[2] + UNANSWERED) + FORGOTTEN
  redis.call('PEXPIRE', log_of(window), kept)
  if window[3] then
    count(window, call, window[4])
    redis.call('PEXPIRE', sums_of(window), kept)
  end
end

-- A call is not new any more; gives its start, or false where it was not new.
local function settle(call)
  local begun = redis.call('ZSCORE', pending, call)
  if begun then
    redis.call('ZREM', pending, call)
  end
  return begun
end

local function count_from(window, call, time)
  redis.call('ZADD', log_of(window), 'XX', time + window[2], call)
end

local function free_slot(scope, member)
  redis.call('ZREM', slots_of(scope), member)
  if redis.call('DEL', wanted(scope)) == 1 then
    redis.call('PUBLISH', root .. ':freed', scope)
  end
end

local function await_reply(call, begun)
  redis.call('ZADD', pending, begun, call)
  redis.call('PEXPIRE', pending, milliseconds(DAY))
end

local function hold_slots(scope, lease, members)
  local entries = {}
  for _, member in ipairs(members) do
    entries[#entries + 1] = now + lease
    entries[#entries + 1] = member
  end
  redis.call('ZADD', slots_of(scope), unpack(entries))
  redis.call('PEXPIRE', slots_of(scope), milliseconds(lease) + FORGOTTEN)
end

local function in_flight(scope)
  redis.call('ZREMRANGEBYSCORE', slots_of(scope), '-inf', now)
  return redis.call('ZCARD', slots_of(scope))
end

-- Whether the models in flight leave room for `model` as one of at most `most`.
local function can_load(scope, model, most)
  in_flight(scope)
  local seen, different = {}, 0
  for _, member in ipairs(redis.call('ZRANGE', slots_of(scope), 0, -1)) do
    local other = string.match(member, '^[^:]*:[^:]*:(.*)$')
    if other == model then
      return true
    end
    if not seen[other] then
      seen[other] = true
      different = different + 1
    end
  end
  return different < most
end

local function is_known(process)
  local expires = redis.call('ZSCORE', processes, process)
  return expires and tonumber(expires) > now
end

local function register(process, lease)
  redis.call('ZREMRANGEBYSCORE', processes, '-inf', now)
  redis.call('ZADD', processes, now + lease, process)
  redis.call('PEXPIRE', processes, milliseconds(lease) + FORGOTTEN)
  return redis.call('ZCARD', processes)
end

-- What a scope, {name, slots, spacing, loaded, windows}, has none left of: what, for how long, and whether
-- that is certain. What passes last is told; what nobody can foresee only where nothing else is lacking.
local function lack(scope, model)
  local name, slots, spacing, loaded, windows = unpack(scope)
  local what, wait, certain = nil, 0, false
  local paused = redis.call('PTTL', root .. ':pause:' .. name)
  if paused > 0 then
    what, wait, certain = 'pause', paused * 1000, true
  end
  if spacing > 0 then
    local free = (redis.call('GET', root .. ':last:' .. name) or -spacing) + spacing
    if free - now > wait then
      what, wait, certain = 'spacing', free - now, true
    end
  end
  for _, window in ipairs(windows) do
    local surplus = used(window) + window[4] - window[5]
    if surplus > 0 then
      local call, leaves = relief(window, surplus)
      if leaves - now > wait then
        what, wait = window[3] and 'tokens' or 'requests', leaves - now
        certain = not window[3] and not redis.call('ZSCORE', pending, call)
      end
    end
  end
  if not what and slots >= 0 and in_flight(name) >= slots then
    what, wait = 'slots', UNKNOWN
  elseif not what and loaded >= 0 and not can_load(name, model, loaded) then
    what, wait = 'loading', UNKNOWN
  end
  if wait == UNKNOWN then
    redis.call('SET', wanted(name), 1, 'PX', FORGOTTEN)
  end
  return what, wait, certain
end

local function never_fits(scope)
  for _, window in ipairs(scope[5]) do
    if window[4] > window[5] then
      return window[3] and 'tokens' or 'requests'
    end
  end
end

local function admit(scope, lease, call, member)
  local name, slots, spacing, loaded, windows = unpack(scope)
  if slots >= 0 or loaded >= 0 then
    hold_slots(name, lease, { member })
  end
  if spacing > 0 then
    redis.call('SET', root .. ':last:' .. name, now, 'PX', milliseconds(spacing) + FORGOTTEN)
  end
  for _, window in ipairs(windows) do
    book(window, call, now + slack(window[2]) + window[2])
  end
  if #windows > 0 then
    await_reply(call, now)
  end
end

local operations = {}

-- Everything at once or nothing. Where it was taken, how many processes there are; else {place of the scope,
-- what, how long, certain}.
function operations.take(process, lease, call, member, model, scopes)
  if not is_known(process) then
    return { 'unknown' }
  end
  for place, scope in ipairs(scopes) do
    local what = never_fits(scope)
    if what then
      return { place, what, NEVER, 1 }
    end
  end
  for place, scope in ipairs(scopes) do
    local what, wait, certain = lack(scope, model)
    if what then
      return { place, what, wait, certain and 1 or 0 }
    end
  end
  for _, scope in ipairs(scopes) do
    admit(scope, lease, call, member)
  end
  return redis.call('ZCARD', processes)
end

-- It was sent `ago`; below 0 where nobody knows.
function operations.replied(call, windows, ago)
  local begun = settle(call)
  if not begun then
    return
  end
  for _, window in ipairs(windows) do
    local latest = ago >= 0 and now - ago + margin(window[2]) or begun + slack(window[2])
    count_from(window, call, math.min(now, latest))
  end
end

function operations.used(call, windows)
  for _, window in ipairs(windows) do
    if window[3] and redis.call('ZSCORE', log_of(window), call) then
      count(window, call, window[4])
    end
  end
end

-- `grace` is how much longer its slots stay taken, since the provider may notice late that it is over.
function operations.close(call, member, sent, grace, windows, held)
  local is_new = settle(call)
  for _, window in ipairs(windows) do
    if not sent then
      forget(window, call)
    elseif is_new then
      count_from(window, call, now + grace)
    end
  end
  for _, scope in ipairs(held) do
    if grace > 0 then
      redis.call('ZADD', slots_of(scope), 'XX', now + grace, member)
    else
      free_slot(scope, member)
    end
  end
end

-- A process says that it is there: {processes, milliseconds in which those that were away still come back}.
function operations.join(process, lease, settling)
  if settling > 0 then
    redis.call('SET', root .. ':settling', 1, 'NX', 'PX', settling)
  end
  return { register(process, lease), math.max(0, redis.call('PTTL', root .. ':settling')) }
end

-- What was booked before, or elsewhere; it is true whatever the limits say. A call is
-- {call, member, age, pending, time from its start to its reply, and until it was sent, below 0 where nobody
-- knows, windows, scopes with a slot of it, open}.
function operations.restore(lease, calls)
  for _, entry in ipairs(calls) do
    local call, member, age, awaits, replied, sent, windows, held, open = unpack(entry)
    local begun = now - age
    redis.call('ZREM', pending, call)
    for _, window in ipairs(windows) do
      local latest = sent >= 0 and sent + margin(window[2]) or slack(window[2])
      book(window, call, begun + math.min(replied, latest) + window[2])
    end
    if awaits and #windows > 0 then
      await_reply(call, begun)
    end
    for _, scope in ipairs(held) do
      if open then
        hold_slots(scope, lease, { member })
      else
        free_slot(scope, member)
      end
    end
  end
end

-- The heartbeat of a process, for the slots of all its calls: how many processes there are.
function operations.renew(process, lease, held)
  if not is_known(process) then
    return { 'unknown' }
  end
  for _, entry in ipairs(held) do
    hold_slots(entry[1], lease, entry[2])
  end
  redis.call('ZREMRANGEBYSCORE', pending, '-inf', now - DAY)
  return register(process, lease)
end

function operations.leave(process)
  redis.call('ZREM', processes, process)
end

-- Only ever lengthens.
function operations.pause(scope, time)
  local key = root .. ':pause:' .. scope
  if milliseconds(time) > redis.call('PTTL', key) then
    redis.call('SET', key, 1, 'PX', milliseconds(time))
  end
end

-- For each scope, {name, windows}: {slots in use, milliseconds of its pause, used of each window …}.
function operations.standing(scopes)
  local standings = {}
  for place, scope in ipairs(scopes) do
    local standing = { in_flight(scope[1]), math.max(0, redis.call('PTTL', root .. ':pause:' .. scope[1])) }
    for _, window in ipairs(scope[2]) do
      standing[#standing + 1] = used(window)
    end
    standings[place] = standing
  end
  return standings
end

function operations.mark(name, time)
  if time > 0 then
    redis.call('SET', root .. ':mark:' .. name, 1, 'PX', milliseconds(time))
  else
    redis.call('DEL', root .. ':mark:' .. name)
  end
end

function operations.marked(name)
  return math.max(0, redis.call('PTTL', root .. ':mark:' .. name))
end

return operations[ARGV[1]](unpack(cmsgpack.unpack(ARGV[2])))
