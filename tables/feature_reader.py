"""Reading the feature store's keys."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
from redis.asyncio import Redis

from tables.feature_contract import LatestFeatures
from tables.feature_keys import RESERVED, FeatureKeys, seconds_between
from tables.redis_connection import FAILURES, explain

_KEYS_AT_ONCE: Final = 1_000
"""Keys of one MGET: some 100 us of the server's time."""

_FLAGS: Final = msgspec.json.Decoder(dict[str, str])


class FeatureReader:
    """Reads `keys` through `client`; `names` are what a read of all gives, and `schema` the set they belong to."""

    def __init__(self, client: Redis, address: str, keys: FeatureKeys, names: Sequence[str], schema: str) -> None:
        self._client = client
        self._address = address
        self._keys = keys
        self._names = tuple(names)
        self._schema = schema

    async def latest(self, symbol: str, names: Sequence[str] | None) -> LatestFeatures | None:
        """Values of one record, for the hash is written in one step and read in one."""
        key = self._keys.latest(symbol)
        async with self._explained():
            # Bytes, for the client decodes nothing; redis-py's types do not tell.
            if names is None:
                found: Any = await self._client.hgetall(key)
                fields = {name.decode(): text for name, text in found.items()}
            else:
                wanted = (*RESERVED, *names)
                texts: Any = await self._client.hmget(key, list(wanted))
                fields = {name: text for name, text in zip(wanted, texts, strict=True) if text is not None}
        if "id" not in fields:
            return None
        schema = fields["schema"].decode()
        if names is None:
            # Absent fields are the nulls of our own set; of another set we know only what is there.
            names = self._names if schema == self._schema else [name for name in fields if name not in RESERVED]
        return LatestFeatures(
            symbol=symbol,
            ts_ns=int(fields["ts_ns"]),
            schema=schema,
            status=fields["status"].decode(),
            id=fields["id"].decode(),
            price=_number(fields.get("price")),
            values={name: _number(fields.get(name)) for name in names},
            flags=_FLAGS.decode(fields.get("flags", b"{}")),
        )

    async def history(self, symbol: str, name: str, start_ns: int, end_ns: int) -> list[tuple[int, float]]:
        """One MGET for every thousand seconds of the range."""
        seconds = seconds_between(start_ns, end_ns)
        found: list[tuple[int, float]] = []
        async with self._explained():
            for first in range(0, len(seconds), _KEYS_AT_ONCE):
                part = seconds[first : first + _KEYS_AT_ONCE]
                texts = await self._client.mget([self._keys.history(symbol, name, second) for second in part])
                found += [(second, float(text)) for second, text in zip(part, texts, strict=True) if text is not None]
        return found

    async def symbols(self) -> list[str]:
        """Those whose latest hash has not expired by the server's clock, in one round trip."""
        async with self._explained():
            pipe = self._client.pipeline(transaction=False)
            pipe.time()
            pipe.zrange(self._keys.symbols, 0, -1, withscores=True)
            replies: list[Any] = await pipe.execute()
        (now, _), scored = replies
        return sorted(symbol.decode() for symbol, expires in scored if expires > now)

    @asynccontextmanager
    async def _explained(self) -> AsyncIterator[None]:
        try:
            yield
        except FAILURES as error:
            raise explain(error, self._address) from error


def _number(text: bytes | None) -> float | None:
    return None if text is None else float(text)
