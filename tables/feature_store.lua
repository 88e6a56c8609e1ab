#!lua name=hayate_features
-- Library of the feature store. The client replaces `hayate_features` by `hayate_features_<hash of this text>` when it
-- loads it, so workers of two versions run side by side against one server, each with the functions it was written for.
--
-- Numbers travel as text and are never turned into Lua numbers: Lua would cut a float to 14 digits and an offset or a
-- time above 2^53 to a multiple of two.

-- What a store says of itself, unpacked once per distinct header: a memo of the argument, not state.
local headers = {}

-- Header: msgpack of {schema, history TTL in s, latest TTL in s, {name, ...}, {whether the name keeps history, ...}}.
local function unpack_header(packed)
  local header = headers[packed]
  if header == nil then
    local schema, ttl, latest_ttl, names, kept = unpack(cmsgpack.unpack(packed))
    header = {schema = schema, ttl = ttl, latest_ttl = latest_ttl, names = names, kept = kept}
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

-- FCALL hayate_features_put 2 feature:{symbol}:latest features:symbols <header> <record>
--
-- The history keys begin as the latest key does, which names the version of a set that runs beside the active one.
--
-- Record: msgpack of {symbol, partition, offset, second as YYYYMMDDHHMMSS, ts_ns, id, status, price or '', flags or '',
-- values as a JSON array of numbers and nulls in the order of the header's names}.
--
-- Returns 0: not newer than what the symbol has, nothing changed; 1: written; 2: written, and the symbol was unknown.
local function put(keys, args)
  local latest, symbols = keys[1], keys[2]
  local header = unpack_header(args[1])
  local symbol, partition, offset, second, ts_ns, id, status, price, flags, values = unpack(cmsgpack.unpack(args[2]))

  local source = redis.call('HMGET', latest, '_partition', '_offset')
  local known = source[2]
  -- Offsets of two partitions cannot be compared: a record from another partition is taken as newer.
  if known and source[1] == partition and not greater(offset, known) then
    return 0
  end

  local fields = {
    'ts_ns', ts_ns, 'schema', header.schema, 'status', status, 'id', id, '_partition', partition, '_offset', offset,
  }
  local n = #fields
  if price ~= '' then
    fields[n + 1], fields[n + 2] = 'price', price
    n = n + 2
  end
  if flags ~= '' then
    fields[n + 1], fields[n + 2] = 'flags', flags
    n = n + 2
  end

  local base = string.sub(latest, 1, -7)
  local names, kept, ttl = header.names, header.kept, header.ttl
  local suffix = ':' .. second
  local gone = {}
  local i = 0
  for text in string.gmatch(values, '[^,%[%]]+') do
    i = i + 1
    local name = names[i]
    if text ~= 'null' then
      fields[n + 1], fields[n + 2] = name, text
      n = n + 2
    end
    if kept[i] then
      local key = base .. name .. suffix
      if text == 'null' then
        gone[#gone + 1] = key
      else
        redis.call('SET', key, text, 'EX', ttl)
      end
    end
  end
  -- An earlier record of this second may have had a value where the last one has none.
  if #gone > 0 then
    redis.call('DEL', unpack(gone))
  end

  redis.call('DEL', latest)
  redis.call('HSET', latest, unpack(fields))
  redis.call('EXPIRE', latest, header.latest_ttl)
  redis.call('ZADD', symbols, redis.call('TIME')[1] + header.latest_ttl, symbol)
  return known and 1 or 2
end

redis.register_function('hayate_features_put', put)
