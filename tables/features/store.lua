#!lua name=hayate_features
-- Library of the feature store. The client replaces `hayate_features` by `hayate_features_<hash of this text>` when it
-- loads it, so workers of two versions run side by side against one server, each with the functions it was written for.
--
-- Numbers travel as text and are never turned into Lua numbers: Lua would cut a float to 14 digits and an offset or a
-- time above 2^53 to a multiple of two. Lives and ages, in whole seconds, are the exception.

-- What a store says of itself, unpacked once per distinct header: a memo of the argument, not state.
local headers = {}

-- Header: msgpack of {schema, latest TTL in s, {name, ...}, {name that keeps history, ...}, {its TTL in s, ...}}.
local function unpack_header(packed)
  local header = headers[packed]
  if header == nil then
    local schema, latest_ttl, names, kept, ttls = unpack(cmsgpack.unpack(packed))
    local longest = 0
    for _, ttl in ipairs(ttls) do
      longest = math.max(longest, ttl)
    end
    header = {schema = schema, latest_ttl = latest_ttl, names = names, kept = kept, ttls = ttls, longest = longest}
    headers[packed] = header
  end
  return header
end

-- Decimal texts of integers >= 0 without leading zeros: a > b.
local function greater(a, b)
  if #a ~= #b then
    return #a > #b
  end
  return a > b
end

-- The elements of a JSON array of numbers and nulls, as text. (A pattern with a set of characters takes twice as long.)
local function texts(array)
  local find, sub = string.find, string.sub
  local found, n, from, last = {}, 0, 2, #array
  while from < last do
    local comma = find(array, ',', from, true) or last
    n = n + 1
    found[n] = sub(array, from, comma - 1)
    from = comma + 1
  end
  return found
end

-- Whether a record becomes the symbol's newest, whether the symbol is known, and the schema of its latest values where
-- they are not sealed. `live`: it comes from the stream, else from the log.
local function is_newest(latest, partition, offset, ts_ns, live)
  local source = redis.call('HMGET', latest, '_partition', '_offset', 'ts_ns', 'schema', 'sealed')
  local known = source[2]
  if not known then
    return true, false
  end
  if source[1] == partition then
    -- One from the log is written again where it is the same: it mends what was evicted.
    return greater(offset, known) or (not live and offset == known), true, not source[5] and source[4]
  end
  -- Offsets of two partitions cannot be compared. The stream goes on where the symbol has moved to; the log may hold
  -- what it was before.
  return live or greater(ts_ns, source[3]), true, not source[5] and source[4]
end

-- Whether the second whose record key is `key` has no newer record than (partition, offset).
local function is_newest_of_second(key, partition, offset)
  local found = redis.call('GET', key)
  if not found then
    return true
  end
  local known_partition, known_offset = string.match(found, '^{"_partition":(%d+),"_offset":(%d+),')
  return known_partition == partition and not greater(known_offset, offset)
end

-- Writes the latest hash and renews the symbol's place in the list; `past`, in s, is gone of its life. What `absent`
-- names goes from the hash, and all of it if that is nil. A hash of the same schema is written over: to free one of some
-- 80 fields and to make it anew takes several times as long, where a server frees it in another thread most of all.
local function store_latest(latest, symbols, symbol, fields, absent, ttl, past)
  if absent == nil then
    redis.call('DEL', latest)
  elseif #absent > 0 then
    redis.call('HDEL', latest, unpack(absent))
  end
  redis.call('HSET', latest, unpack(fields))
  redis.call('EXPIRE', latest, ttl - past)
  redis.call('ZADD', symbols, redis.call('TIME')[1] + ttl - past, symbol)
  redis.call('EXPIRE', symbols, ttl)
end

-- FCALL hayate_features_put 2 feature:{symbol}:latest features:symbols <header> <record>
--
-- The history keys begin as the latest key does, which names the version of a set that runs beside the active one.
--
-- Record: msgpack of {symbol, partition, offset, second as YYYYMMDDHHMMSS, ts_ns, id, status, price or '', flags or '',
-- flags of the names that keep history or '', values as a JSON array of numbers and nulls in the order of the header's
-- names, the same of those that keep history, age in s: for a record of the log how long ago it was written there; -1
-- for one of the stream; -2 for one of the stream that is followed by a newer one of its symbol}.
--
-- A record of the stream that is not newer than what the symbol has changes nothing. One of the log is also written
-- where only its second has nothing newer, with what is left of its life: so the log may be read in any order. Of one
-- that is followed by a newer one only the second is written, and its values, flags and price need not be given.
--
-- Returns 0: nothing changed; 1: written; 2: written, and the symbol was unknown; 3: only its second was written.
local function put(keys, args)
  local latest, symbols = keys[1], keys[2]
  local header = unpack_header(args[1])
  local symbol, partition, offset, second, ts_ns, id, status, price, flags, kept_flags, values, kept_values, age =
    unpack(cmsgpack.unpack(args[2]))
  local live, overtaken = age < 0, age == -2
  local past = live and 0 or age

  local newest, known, there = is_newest(latest, partition, offset, ts_ns, live)
  if live and not newest then
    return 0
  end
  local base = string.sub(latest, 1, -7)
  local suffix = ':' .. second
  local record = base .. '_record' .. suffix
  local whole = newest and not overtaken and header.latest_ttl > past
  local kept = header.longest > past and (live or is_newest_of_second(record, partition, offset))
  if not (whole or kept) then
    return 0
  end

  local call = redis.call
  if kept then
    local names, ttls, gone = header.kept, header.ttls, {}
    local life, life_text
    for i, text in ipairs(texts(kept_values)) do
      local ttl = ttls[i]
      if ttl > past then
        local key = base .. names[i] .. suffix
        if text == 'null' then
          gone[#gone + 1] = key
        else
          -- Most lives are the same, and a number is turned into text at every call.
          if ttl ~= life then
            life, life_text = ttl, tostring(ttl - past)
          end
          call('SET', key, text, 'EX', life_text)
        end
      end
    end
    -- An earlier record of this second may have had a value where the last one has none.
    if #gone > 0 then
      call('DEL', unpack(gone))
    end
    local note = '{"_partition":' .. partition .. ',"_offset":' .. offset .. ',"ts_ns":' .. ts_ns .. ',"schema":"'
      .. header.schema .. '","status":"' .. status .. '","id":"' .. id .. '"'
    if price ~= '' then
      note = note .. ',"price":' .. price
    end
    if kept_flags ~= '' then
      note = note .. ',"flags":' .. kept_flags
    end
    redis.call('SET', record, note .. '}', 'EX', header.longest - past)
  end
  if not whole then
    return 3
  end

  local fields = {
    'ts_ns', ts_ns, 'schema', header.schema, 'status', status, 'id', id, '_partition', partition, '_offset', offset,
  }
  local absent, n = {}, #fields
  if price ~= '' then
    fields[n + 1], fields[n + 2] = 'price', price
    n = n + 2
  else
    absent[1] = 'price'
  end
  if flags ~= '' then
    fields[n + 1], fields[n + 2] = 'flags', flags
    n = n + 2
  else
    absent[#absent + 1] = 'flags'
  end
  local names = header.names
  for i, text in ipairs(texts(values)) do
    if text ~= 'null' then
      fields[n + 1], fields[n + 2] = names[i], text
      n = n + 2
    else
      absent[#absent + 1] = names[i]
    end
  end
  store_latest(latest, symbols, symbol, fields, there == header.schema and absent or nil, header.latest_ttl, past)
  return known and 1 or 2
end

-- FCALL hayate_features_put_sealed 2 feature:{symbol}:latest features:symbols <header> <record>
--
-- As `put`, for records that the client has sealed: nothing is expanded here. Record: msgpack of {symbol, partition,
-- offset, second as YYYYMMDDHHMMSS, ts_ns, sealed latest features, sealed record of the second or '', age in s}.
local function put_sealed(keys, args)
  local latest, symbols = keys[1], keys[2]
  local header = unpack_header(args[1])
  local symbol, partition, offset, second, ts_ns, sealed, of_second, age = unpack(cmsgpack.unpack(args[2]))
  local live, overtaken = age < 0, age == -2
  local past = live and 0 or age

  local newest, known = is_newest(latest, partition, offset, ts_ns, live)
  if live and not newest then
    return 0
  end
  local record = string.sub(latest, 1, -7) .. '_record:' .. second
  local whole = newest and not overtaken and header.latest_ttl > past
  local kept = header.longest > past and (live or is_newest_of_second(record, partition, offset))
  if not (whole or kept) then
    return 0
  end
  if kept then
    redis.call('SET', record, of_second, 'EX', header.longest - past)
  end
  if not whole then
    return 3
  end
  local fields = {
    'ts_ns', ts_ns, 'schema', header.schema, '_partition', partition, '_offset', offset, 'sealed', sealed,
  }
  store_latest(latest, symbols, symbol, fields, nil, header.latest_ttl, past)
  return known and 1 or 2
end

-- FCALL hayate_features_mark 3 features:watermark:{partition} features:active features:symbols <expected or ''> <offset>
--
-- Moves a watermark if it is as expected ('' for none), and forgets symbols that have expired. Returns {what it was or
-- '', the version that is active or ''}: a server that lost its data, or another one in its place, tells on itself.
local function mark(keys, args)
  local found = redis.call('GET', keys[1]) or ''
  if found == args[1] then
    redis.call('SET', keys[1], args[2])
  end
  redis.call('ZREMRANGEBYSCORE', keys[3], '-inf', redis.call('TIME')[1])
  return {found, redis.call('GET', keys[2]) or ''}
end

redis.register_function('hayate_features_put', put)
redis.register_function('hayate_features_put_sealed', put_sealed)
redis.register_function('hayate_features_mark', mark)
