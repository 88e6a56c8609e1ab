"""What changes in Redis, told by Redis itself: for whoever follows symbols instead of asking for them again and again.

Redis remembers which keys a connection has read (CLIENT TRACKING) and says once when one of them changes, to a second
connection that listens. What was told is read again, and so watched again. So:

- nobody has to publish anything: the writers do not know that somebody listens, and nothing is sent where nobody does;
- it is bounded by itself: however often a key changes, it is told once between two reads, and a follower that reads
  slowly skips what it missed;
- nothing is lost unseen: where either connection fails, both are made anew and everything is read again. An emptied
  server and a promoted feature set are told like any change.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import Connection
from redis.exceptions import ConnectionError as RedisConnectionError

from tables.features.answers import LatestFeatures
from tables.features.keys import ACTIVE
from tables.features.reads import FeatureReads
from tables.features.sealed import FeatureOpener
from tables.features.source_redis import RedisFeatureSource
from tables.redis_connection import FAILURES, address_of, explain
from tables.sealing import Sealer
from tables.signals.reads import LatestSignal, RedisSignalReads

PING_S: Final = 5.0
"""Silence after which the listening connection is asked whether it lives."""
_CHANNEL: Final = "__redis__:invalidate"


class FeatureChanges:
    """Reads features and signals, and tells which of what was read has changed since. For one follower.

    Args:
        make_pool: makes the pool whose connections are used.
        version: as RedisFeatureSource has it.
        opener, sealer: the keys of sealed records.
        timeout_s: longest wait for a reply, seconds.
    """

    def __init__(
        self,
        make_pool: Callable[[], ConnectionPool],
        version: str | None,
        opener: FeatureOpener,
        sealer: Sealer | None = None,
        *,
        timeout_s: float = 2.0,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._pool = make_pool()
        self._address = address_of(self._pool)
        self._timeout_s = timeout_s
        self._tracked = _Tracked(self._pool)
        # One connection, so one read at a time: that is the one whose reads are watched.
        source = RedisFeatureSource(self._tracked, version, opener, connections=1)  # type: ignore[arg-type] # what is used of a pool
        self._features = FeatureReads(source, now_ns=now_ns)
        self._signals = RedisSignalReads(source, sealer, now_ns)
        self._listener: Connection | None = None

    async def open(self) -> None:
        """Connect anew; nothing is watched yet.

        Raises:
            RetryError, ConfigError: Redis does not answer, or does not let us.
        """
        await self.close()
        async with self._explained():
            self._listener = await self._connected()
            number = await self._ask(self._listener, "CLIENT", "ID")
            await self._ask(self._listener, "SUBSCRIBE", _CHANNEL)
            tracked = await self._connected()
            self._tracked.connection = tracked
            await self._ask(tracked, "CLIENT", "TRACKING", "ON", "REDIRECT", number)

    async def read(
        self, symbols: Sequence[str], *, signals: bool
    ) -> tuple[list[LatestFeatures | None], list[LatestSignal | None]]:
        """Newest features of `symbols` and, if asked, their newest signals; from now on both are watched.

        Raises:
            RetryError, ConfigError: as `open`.
        """
        features = await self._features.latest_records(symbols)
        return features, await self._signals.latest(symbols) if signals else []

    def judged_again(self, features: LatestFeatures) -> LatestFeatures:
        """What was read before, as it is to be judged now."""
        return self._features.judged_again(features)

    async def changed(self) -> set[str] | None:
        """Wait for changes: symbols of which something has changed since it was read, None where all may have.

        Raises:
            RetryError, ConfigError: the listening connection is lost; so may be changes.
        """
        assert self._listener is not None, "open() first"
        asked = False
        async with self._explained():
            while True:
                if not self._tracked.alive:
                    raise RedisConnectionError("the connection whose reads are watched is gone")
                reply: Any = await self._listener.read_response(timeout=PING_S, disconnect_on_error=False)
                if reply is None:
                    if asked:
                        raise RedisConnectionError(f"no answer to a ping for {PING_S:g} s")
                    asked = True
                    await self._listener.send_command("PING")
                elif reply[0] == b"message":
                    return _symbols(reply[2])
                else:
                    asked = False

    async def close(self) -> None:
        """Close both connections."""
        for connection in (self._listener, self._tracked.connection):
            if connection is not None:
                await connection.disconnect(nowait=True)
        self._listener = self._tracked.connection = None

    async def _connected(self) -> Connection:
        connection: Connection = self._pool.make_connection()  # type: ignore[no-untyped-call] # redis-py gives no types
        await connection.connect()  # type: ignore[no-untyped-call]
        return connection

    async def _ask(self, connection: Connection, *words: Any) -> Any:
        await connection.send_command(*words)
        return await connection.read_response(timeout=None)

    @asynccontextmanager
    async def _explained(self) -> AsyncIterator[None]:
        try:
            yield
        except (*FAILURES, asyncio.IncompleteReadError) as error:
            raise explain(error, self._address) from error


class _Tracked:
    """A pool of the one connection whose reads are watched. Lost is lost: another one would watch nothing."""

    def __init__(self, pool: ConnectionPool) -> None:
        self.connection_kwargs = pool.connection_kwargs
        self.connection: Connection | None = None

    @property
    def alive(self) -> bool:
        """Whether it is connected."""
        return self.connection is not None and self.connection.is_connected

    async def get_connection(self) -> Connection:
        """The connection; as ConnectionPool.get_connection."""
        if self.connection is None or not self.alive:
            raise RedisConnectionError("the connection whose reads are watched is gone")
        return self.connection

    async def release(self, connection: Connection) -> None:
        """As ConnectionPool.release."""


def _symbols(keys: Sequence[bytes] | None) -> set[str] | None:
    """Symbols of the keys that changed; None for all, where the server was emptied or another set is active."""
    if keys is None or ACTIVE.encode() in keys:
        return None
    # feature:[version:]symbol:latest and signal:[version:]symbol:latest
    return {key.split(b":")[-2].decode() for key in keys if key.endswith(b":latest")}
