"""The writing half of the feature store in Redis: a task that flushes what waits, through outages."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import Connection
from redis.exceptions import ResponseError

from streams.errors import ConfigError, HayateError
from tables.features.budget import Budget
from tables.features.commands import FeatureCommands
from tables.features.contract import FeatureWrite
from tables.features.keys import SCHEMAS, schema_key
from tables.features.library import LIVE, NOT_NEWER, OVERTAKEN, WRITTEN_FIRST
from tables.features.pace import Pace
from tables.features.pending import Batch, Pending
from tables.features.stride import Stride
from tables.redis_connection import FAILURES, address_of, call_many, check_server, delays, explain

logger = logging.getLogger(__name__)

CHUNK: Final = 64
"""Records of one write to the server. Each is a call of its own (45 us of the server's time with 14 values, 150 us
with 60, on an idle machine), so other clients are served in between."""
CHUNK_MOST: Final = 1_024
"""The same where every call waits long."""

FUNCTION_MISSING: Final = "Function not found"
_TRANSIENT: Final = ("MISCONF", "NOREPLICAS", "BUSY", "UNKILLABLE", FUNCTION_MISSING)
"""Beginnings of error replies that say nothing about the record; redis-py has no classes for these."""


class FeatureWriter:
    """Flushes `pending` over one connection of its own, chunk after chunk, each record one atomic function call.

    `trusted` returns once this process may write; `on_back` is called at the end of every outage.

    A call whose fate is unknown is repeated, which changes nothing if it was done. Where Redis refuses one record of a
    chunk for a moment (no memory, say) and stores a newer one of the same symbol, the repetition comes too late for its
    history second; the latest values are right in any case.
    """

    def __init__(
        self,
        pool: ConnectionPool,
        *,
        commands: FeatureCommands,
        names: Sequence[str],
        schema: str,
        max_pending: int,
        rng: random.Random,
        trusted: Callable[[], Awaitable[None]],
        budget: Budget | None = None,
        description: str,
    ) -> None:
        self.pending = Pending(max_pending, len(names))
        self.address = address_of(pool)
        self.written = 0
        self.ignored = 0
        """Calls that changed nothing, for the symbol had newer."""
        self.refused = 0
        """Records that Redis, or the packing, refused for good."""
        self.errors = 0
        self.outage: HayateError | None = None
        """What the current outage began with; None while there is none."""
        self._pool = pool
        self._client = Redis(connection_pool=pool)
        self._connection: Connection | None = None
        self._rng = rng
        self._commands = commands
        self._schema = schema
        self._trusted = trusted
        self._budget = budget
        self.on_back: Callable[[], object] | None = None
        """Whoever hears of the end of an outage fills the store from the topic."""
        self._description = description
        self._batch: Batch | None = None
        self._wake = asyncio.Event()
        self._prepared = False
        self._last_refusal = ""
        self._stride = Stride(CHUNK, CHUNK_MOST)
        self._pace = Pace()

    @property
    def waiting(self) -> int:
        """Records gathered or under way."""
        under_way = 0 if self._batch is None else len(self._batch.writes) - self._batch.sent
        return len(self.pending) + under_way

    @property
    def up(self) -> bool:
        """Whether server and functions were in order when last asked."""
        return self._prepared and self.outage is None

    def wake(self) -> None:
        """Say that something waits."""
        self._wake.set()

    async def connect(self) -> None:
        """Try once to reach the server and to load functions and schema; away is an outage, no error.

        Raises:
            ConfigError: the server will not do, refuses the login, or has too little memory.
        """
        try:
            await self._prepare()
            if self._budget is not None:
                await self._budget.check(self._client, self.address)
        except (*FAILURES, HayateError) as error:
            explained = explain(error, self.address)
            if isinstance(explained, ConfigError):
                raise explained from error
            self._failed(explained)

    async def run(self) -> None:
        """Flush for ever: at once when something waits, else with what gathered during the flush before (and a rest,
        while there is a backlog)."""
        waits = delays(self._rng)
        while True:
            if self._prepared:
                await self._wake.wait()
            self._wake.clear()
            self._batch = batch = self.pending.take()
            try:
                # After an outage the newest values are what readers wait for; what history misses is in the topic.
                if not self._commands.keeps_history or (self.outage is not None and self.on_back is not None):
                    batch.shed_history()
                if not self._prepared:
                    await self._prepare()
                await self._send(batch)
            except (*FAILURES, HayateError) as error:
                self.pending.restore(batch)
                self._stride.failed()
                self._batch = None
                self._failed(explain(error, self.address))
                await asyncio.sleep(next(waits))
                self._wake.set()
                continue
            self._batch = None
            if self.outage is not None:
                self._recovered()
                waits = delays(self._rng)
            batch.finish()
            if batch.writes and (rest_s := self._pace.rest_s(batch.writes[-1].ts_ns, time.monotonic())):
                await asyncio.sleep(rest_s)

    async def close(self) -> None:
        """Close the writer's connection; `run` must have ended."""
        if self._connection is not None:
            await self._connection.disconnect(nowait=True)
            self._connection = None

    async def _prepare(self) -> None:
        self._prepared = False
        await check_server(self._client, self.address)
        await self._client.function_load(self._commands.library, replace=True)
        await self.register_schema()
        self._prepared = True

    async def register_schema(self) -> None:
        """Write the description of the feature set, and that there is one."""
        async with self._client.pipeline(transaction=True) as both:
            both.set(schema_key(self._schema), self._description)
            both.sadd(SCHEMAS, self._schema)
            await both.execute()

    async def _send(self, batch: Batch) -> None:
        while batch.sent < len(batch.writes):
            chunk = batch.writes[batch.sent : batch.sent + self._stride.size]
            await self._trusted()
            begun = time.monotonic()
            replies = await self._call(batch, chunk)
            if any(isinstance(reply, ResponseError) and str(reply) == FUNCTION_MISSING for reply in replies):
                # FUNCTION FLUSH, or an empty server took the place of the one before.
                await self._prepare()
                replies = await self._call(batch, chunk)
            self._stride.took(time.monotonic() - begun, len(chunk))
            self._account(chunk, replies)
            batch.sent += len(chunk)
            if WRITTEN_FIRST in replies:
                # A new symbol, or all of them after FLUSHALL, which takes the schema and leaves the functions.
                await self.register_schema()

    async def _call(self, batch: Batch, chunk: Sequence[FeatureWrite]) -> list[Any]:
        """A reply, or the error that takes its place, for each record of `chunk`."""
        if self._connection is None:
            self._connection = self._pool.make_connection()  # type: ignore[no-untyped-call] # redis-py gives no types
        packed: list[Any] = []
        for write in chunk:
            try:
                packed.append(self._commands.put(write, OVERTAKEN if batch.overtaken(write) else LIVE))
            except (TypeError, ValueError) as error:
                packed.append(error)
        replies = iter(await call_many(self._connection, [one for one in packed if not isinstance(one, Exception)]))
        return [one if isinstance(one, Exception) else next(replies) for one in packed]

    def _account(self, chunk: Sequence[FeatureWrite], replies: Sequence[Any]) -> None:
        """Count what became of `chunk`; raises the first error that another attempt may cure."""
        transient: ResponseError | None = None
        for write, reply in zip(chunk, replies, strict=True):
            if not isinstance(reply, Exception):
                if reply == NOT_NEWER:
                    self.ignored += 1
                else:
                    self.written += 1
            elif isinstance(reply, ResponseError) and (
                type(reply) is not ResponseError or str(reply).startswith(_TRANSIENT)
            ):
                transient = transient or reply
            else:
                self._refuse(write, reply)
        if transient is not None:
            raise transient

    def _refuse(self, write: FeatureWrite, error: Exception) -> None:
        self.refused += 1
        self.errors += 1
        text = str(error)
        if text != self._last_refusal:
            # The same for thousands of records is said once; `errors` and `dropped` count them.
            self._last_refusal = text
            logger.error("feature record %s of %s cannot be stored and is dropped: %s", write.id, write.symbol, text)

    def _failed(self, error: HayateError) -> None:
        self.errors += 1
        if type(error) is not type(self.outage):
            self.outage = error
            level = logging.ERROR if isinstance(error, ConfigError) else logging.WARNING
            logger.log(level, "features wait for the store, up to %d: %s", self.pending.bound, error)

    def _recovered(self) -> None:
        self.outage = None
        logger.warning(
            "the feature store at %s takes features again; %d records were dropped so far",
            self.address,
            self.pending.dropped + self.refused,
        )
        if self.on_back is not None:
            self.on_back()
