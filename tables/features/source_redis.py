"""Reads of the feature store in Redis, each in one round trip and one atomic step on the server.

- Newest records, and values by the second, are plain reads in one transaction. Those of the active set read
  `features:active` in the same transaction; where it names another set than the one whose keys were read, the answer is
  thrown away and asked again (tables/features/active.py).
- `at` looks for the newest second that has a record, and reads that second's values, which are one record's. That takes
  a script: without it the values would be a second round trip, at which the second may have gone, or all values of all
  seconds would have to be read, 60 names times 300 seconds. A script run by EVALSHA_RO travels with the client, so a
  reader needs nothing loaded on the server, no right to write, and may ask a replica; it cannot change anything.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from hashlib import sha1
from typing import Any, Final

from redis.asyncio import ConnectionPool
from redis.exceptions import NoScriptError

from streams.errors import RetryError
from tables.features.active import ATTEMPTS
from tables.features.keys import ACTIVE, RECORD, SCHEMAS, VERSION, FeatureKeys, schema_key, second_text
from tables.features.schema import FeatureSchema, decode_schema
from tables.features.sealed import FeatureOpener
from tables.features.source import StoredPoint, StoredRecord
from tables.features.stored import NOTE, named, of_second, picked, whole
from tables.redis_connection import FAILURES, address_of, explain
from tables.redis_transaction import RedisTransactions, arguments, command

MUCH: Final = 24
"""Names from which on HGETALL is quicker than HMGET, by a third with 60 of 75: each name that is sent costs both sides
more than one that comes."""
SECONDS_AT_ONCE: Final = 1_000
"""Seconds that one call looks at: some 100 us of the server's time for a MGET, 400 us for the script."""

_GET_ACTIVE: Final = command("GET", ACTIVE)

_SCRIPT: Final = """
local version = ARGV[1]
if version == '*' then
  version = redis.call('GET', ARGV[2]) or ''
  if not (#version == 12 and string.match(version, '^[0-9a-f]+$')) then
    version = ''
  end
end
local base = (version == '' and 'feature:' or 'feature:' .. version .. ':') .. ARGV[3] .. ':'
for at = 1, #ARGV[5], 14 do
  local suffix = ':' .. string.sub(ARGV[5], at, at + 13)
  local record = redis.call('GET', base .. ARGV[4] .. suffix)
  if record then
    local keys = {}
    for i = 6, #ARGV do
      keys[#keys + 1] = base .. ARGV[i] .. suffix
    end
    return {(at - 1) / 14, base, record, #keys > 0 and redis.call('MGET', unpack(keys)) or {}}
  end
end
return false
"""
"""ARGV: version ('' for the keys without one, '*' for those of the active set), key of the active version, symbol, what
a record key has in the place of a name, seconds as YYYYMMDDHHMMSS run together, names. Returns nil, or {place of the
second, what its keys begin with, its record, its values}."""
_SHA: Final = sha1(_SCRIPT.encode()).hexdigest()  # noqa: S324 - Redis' name for a script, guards nothing


class RedisFeatureSource:
    """Reads the keys of the set `version`: `""` is the one without a version in its keys, None the active one,
    whichever that is at each read."""

    def __init__(
        self, pool: ConnectionPool, version: str | None, opener: FeatureOpener, *, connections: int = 16
    ) -> None:
        self._transactions = RedisTransactions(pool, connections)
        self._address = address_of(pool)
        self._opener = opener
        self._pinned = version
        self._version = version or ""
        self._keys = FeatureKeys(self._version, beside=bool(version))

    async def newest(self, symbols: Sequence[str], names: Sequence[str] | None) -> list[StoredRecord | None]:
        """As FeatureSource.newest: HMGET of each latest hash, or HGETALL where much of it is wanted."""
        places: list[str] = []
        much = names is None or len(names) >= MUCH

        def commands(keys: FeatureKeys) -> list[bytes]:
            places[:] = [keys.latest(symbol) for symbol in symbols]
            if much:
                return [command("HGETALL", place) for place in places]
            return [command("HMGET", place, tail=fields) for place in places]

        fields = arguments((*NOTE, *(names or ())))
        replies = await self._read(commands)
        if names is None:
            return [whole(self._opener, place, reply) for place, reply in zip(places, replies, strict=True)]
        if much:
            replies = picked(names, replies)
        return [named(self._opener, place, names, reply) for place, reply in zip(places, replies, strict=True)]

    async def at(self, symbol: str, names: Sequence[str], seconds: range) -> tuple[int, StoredRecord] | None:
        """As FeatureSource.at."""
        version = "*" if self._pinned is None else self._version
        for first in range(0, len(seconds), SECONDS_AT_ONCE):
            part = seconds[first : first + SECONDS_AT_ONCE]
            texts = "".join(map(second_text, part))
            found = await self._script("0", version, ACTIVE, symbol, RECORD, texts, *names)
            if found is not None:
                place, base, text, values = found
                key = f"{base.decode()}{RECORD}:{second_text(part[place])}"
                record = of_second(self._opener, key, text, names, values)
                return None if record is None else (part[place], record)
        return None

    async def points(self, symbol: str, name: str, seconds: range) -> list[StoredPoint]:
        """As FeatureSource.points: values and records of a thousand seconds in each transaction."""
        for _ in range(ATTEMPTS):
            version, found = self._version, list[StoredPoint]()
            for first in range(0, len(seconds), SECONDS_AT_ONCE):
                found += await self._some_points(symbol, name, seconds[first : first + SECONDS_AT_ONCE])
            if self._version == version or len(seconds) <= SECONDS_AT_ONCE:
                return found
        raise self._restless()

    async def symbols(self) -> list[str]:
        """As FeatureSource.symbols, by the server's clock."""
        (now, _), scored = await self._read(
            lambda keys: [command("TIME"), command("ZRANGE", keys.symbols, "0", "-1", "WITHSCORES")]
        )
        pairs = zip(scored[::2], scored[1::2], strict=True)
        return sorted(symbol.decode() for symbol, expires in pairs if float(expires) > float(now))

    async def describe(self, version: str) -> FeatureSchema | None:
        """As FeatureSource.describe."""
        async with self._explained():
            (text,) = await self._transactions.run([command("GET", schema_key(version))])
        return None if text is None else decode_schema(text)

    async def schemas(self) -> list[FeatureSchema]:
        """As FeatureSource.schemas."""
        async with self._explained():
            (versions,) = await self._transactions.run([command("SMEMBERS", SCHEMAS)])
            wanted = sorted(schema_key(version.decode(errors="replace")) for version in versions)
            texts = (await self._transactions.run([command("MGET", *wanted)]))[0] if wanted else []
        described = [decode_schema(text) for text in texts if text is not None]
        return [schema for schema in described if schema is not None]

    async def _some_points(self, symbol: str, name: str, seconds: range) -> list[StoredPoint]:
        places: list[str] = []

        def commands(keys: FeatureKeys) -> list[bytes]:
            places[:] = [keys.history(symbol, RECORD, second) for second in seconds]
            return [
                command("MGET", *(keys.history(symbol, name, second) for second in seconds)),
                command("MGET", *places),
            ]

        values, texts = await self._read(commands)
        found = []
        for second, place, value, text in zip(seconds, places, values, texts, strict=True):
            # A value whose record was evicted cannot be judged.
            if text is not None:
                record = of_second(self._opener, place, text, [name], [value])
                if record is not None and record.values[0] is not None:
                    found.append(StoredPoint(second, record.values[0], record.note))
        return found

    async def read_versioned(self, commands: Callable[[str], Sequence[bytes]]) -> list[Any]:
        """Replies to commands for the keys of the version that they are given, '' for keys without one: for what else
        stands beside the features of a set. RetryError where the store does not answer."""
        return await self._read(lambda keys: commands(keys.version))

    async def _read(self, commands: Callable[[FeatureKeys], Sequence[bytes]]) -> list[Any]:
        """Replies to commands for the keys of one set, in one transaction."""
        async with self._explained():
            if self._pinned is not None:
                return await self._transactions.run(commands(self._keys))
            for _ in range(ATTEMPTS):
                version = self._version
                active, *replies = await self._transactions.run([_GET_ACTIVE, *commands(self._keys)])
                text = "" if active is None else active.decode(errors="replace")
                now = text if VERSION.fullmatch(text) else ""
                if now == version:
                    return replies
                self._version, self._keys = now, FeatureKeys(now, beside=bool(now))
        raise self._restless()

    async def _script(self, *texts: str) -> Any:
        async with self._explained():
            try:
                return (await self._transactions.run([command("EVALSHA_RO", _SHA, *texts)]))[0]
            except NoScriptError:
                return (await self._transactions.run([command("EVAL_RO", _SCRIPT, *texts)]))[0]

    @asynccontextmanager
    async def _explained(self) -> AsyncIterator[None]:
        try:
            yield
        except FAILURES as error:
            raise explain(error, self._address) from error

    def _restless(self) -> RetryError:
        return RetryError(f"{ACTIVE} changed {ATTEMPTS} times during one read; see who promotes feature sets")
