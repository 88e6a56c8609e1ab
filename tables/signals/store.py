"""The newest signal of each symbol in Redis: a view of the topic `signals`, as the feature store is one of `features`.

    signal:{symbol}:latest              hash: `record` (the signal's JSON, byte for byte that of the topic; sealed where
                                        features are), `_partition` and `_offset` of the feature record it was made of
    signal:{version}:{symbol}:latest    the same of a feature set that runs beside the active one

Newest wins by that offset, in one atomic step on the server, so a replay changes nothing. Whose keys a reader gets is
decided as for features (tables/features/active.py).
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from hashlib import sha1
from itertools import islice
from typing import Any, Final, NamedTuple, Protocol

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import Connection
from redis.exceptions import NoScriptError

from streams.errors import HayateError
from tables.redis_connection import FAILURES, address_of, call_many, delays, explain
from tables.sealing import Sealer

logger = logging.getLogger(__name__)

CHUNK: Final = 64
"""Signals of one call of the script, some 150 us of the server's time."""

_SCRIPT: Final = """
local function newer(a, b)
  if #a ~= #b then
    return #a > #b
  end
  return a > b
end
local written = 0
for i, key in ipairs(KEYS) do
  local partition, offset, record = ARGV[3 * i - 1], ARGV[3 * i], ARGV[3 * i + 1]
  local known = redis.call('HMGET', key, '_partition', '_offset')
  if not known[2] or known[1] ~= partition or newer(offset, known[2]) then
    redis.call('HSET', key, '_partition', partition, '_offset', offset, 'record', record)
    redis.call('EXPIRE', key, ARGV[1])
    written = written + 1
  end
end
return written
"""
"""KEYS: one per signal. ARGV: life in s, then partition, offset and record of each. Offsets are compared as text: Lua's
numbers end at 2^53."""
_SHA: Final = sha1(_SCRIPT.encode()).hexdigest()  # noqa: S324 - Redis' name for a script, guards nothing


class SignalWrite(NamedTuple):
    """One signal, and the coordinates of the feature record it was made of."""

    symbol: str
    partition: int
    offset: int
    record: bytes
    """The JSON of the topic."""


class SignalStore(Protocol):
    """What the ensemble writes into; NoSignals, RedisSignals and MemorySignals (tables/signals/reads.py) keep it."""

    def put_many(self, writes: Iterable[SignalWrite]) -> None:
        """Take signals, in offset order per symbol; never waits, never fails for a store away."""

    async def start(self) -> None:
        """Begin to write. A store that is away is no error."""

    async def settle(self, timeout_s: float) -> None:
        """Wait until what was put so far is stored, unless the store is away, for at most `timeout_s` seconds."""

    async def stop(self, timeout_s: float = 1.0) -> None:
        """Write what is left within `timeout_s` seconds and close."""


class RedisSignals:
    """Writes the newest signals; what waits is bounded by the number of symbols, for only the newest of each is kept.

    Args:
        pool: connections to Redis; closed by `stop`.
        version: of a feature set that runs beside the active one, else empty.
        ttl_s: life of a signal after its last write, seconds.
        sealer: keys with which signals are sealed; None stores them in clear.
        trusted: returns once this process may write; until then signals wait.
    """

    def __init__(
        self,
        pool: ConnectionPool,
        *,
        version: str = "",
        ttl_s: int = 86_400,
        sealer: Sealer | None = None,
        trusted: Callable[[], Awaitable[None]] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.address = address_of(pool)
        self.written = 0
        self.errors = 0
        """Attempts that failed."""
        self.outage: HayateError | None = None
        self._pool = pool
        self._version = version
        self._ttl_s = ttl_s
        self._sealer = sealer
        self._trusted = trusted
        self._rng = rng or random.Random()  # noqa: S311 - spreads attempts, guards no secret
        self._waiting: dict[str, SignalWrite] = {}
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._connection: Connection | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def pending(self) -> int:
        """Symbols whose newest signal is not stored yet."""
        return len(self._waiting)

    def put_many(self, writes: Iterable[SignalWrite]) -> None:
        """As SignalStore.put_many."""
        for write in writes:
            self._waiting[write.symbol] = write
        if self._waiting:
            self._idle.clear()
            self._wake.set()

    async def start(self) -> None:
        """As SignalStore.start."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="signal-store")

    async def settle(self, timeout_s: float) -> None:
        """As SignalStore.settle."""
        if self._task is not None and self.outage is None:
            try:
                await asyncio.wait_for(self._idle.wait(), timeout_s)
            except TimeoutError:
                logger.warning("%d signals are not stored at %s after %g s", self.pending, self.address, timeout_s)

    async def stop(self, timeout_s: float = 1.0) -> None:
        """As SignalStore.stop."""
        await self.settle(timeout_s)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        if self._connection is not None:
            await self._connection.disconnect(nowait=True)
            self._connection = None
        await self._pool.disconnect()

    async def _run(self) -> None:
        waits = delays(self._rng)
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                while self._waiting:
                    if self._trusted is not None:
                        await self._trusted()
                    await self._send(list(islice(self._waiting.values(), CHUNK)))
            except (*FAILURES, HayateError) as error:
                self._failed(explain(error, self.address))
                await asyncio.sleep(next(waits))
                self._wake.set()
                continue
            if self.outage is not None:
                logger.warning("the store at %s takes signals again", self.address)
                self.outage = None
                waits = delays(self._rng)
            self._idle.set()

    async def _send(self, writes: Sequence[SignalWrite]) -> None:
        if self._connection is None:
            self._connection = self._pool.make_connection()  # type: ignore[no-untyped-call] # redis-py gives no types
        places = [signal_key(write.symbol, self._version) for write in writes]
        values: list[Any] = [self._ttl_s]
        for place, write in zip(places, writes, strict=True):
            values += [write.partition, write.offset, self._stored(place, write)]
        for name, body in (("EVALSHA", _SHA), ("EVAL", _SCRIPT)):
            (reply,) = await call_many(self._connection, [(name, body, len(places), *places, *values)])
            if not isinstance(reply, NoScriptError):
                break
        if isinstance(reply, Exception):
            raise reply
        self.written += reply
        for write in writes:
            # A newer one may have come meanwhile.
            if self._waiting.get(write.symbol) is write:
                del self._waiting[write.symbol]

    def _stored(self, place: str, write: SignalWrite) -> bytes | str:
        if self._sealer is None:
            return write.record
        return self._sealer.seal(place, write.partition, write.offset, write.record)

    def _failed(self, error: HayateError) -> None:
        self.errors += 1
        # Who waits for the last signals does not wait for a server that is away.
        self._idle.set()
        if self.outage is None:
            logger.warning("signals wait for the store, the newest of each symbol: %s", error)
        self.outage = error


def signal_key(symbol: str, version: str = "") -> str:
    """Key of the newest signal of `symbol`."""
    return f"signal:{version}:{symbol}:latest" if version else f"signal:{symbol}:latest"
