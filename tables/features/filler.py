"""Fills the feature store in Redis from the log: the way around what is put, for what was lost or never stored."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import Connection
from redis.exceptions import ResponseError

from tables.features.active import FeatureActive
from tables.features.commands import Command, FeatureCommands
from tables.features.contract import PastWrite
from tables.features.keys import BASE, VERSION
from tables.features.library import NOT_NEWER, WRITTEN_FIRST
from tables.features.stride import Stride
from tables.features.writer import FUNCTION_MISSING
from tables.redis_connection import FAILURES, address_of, call_many, explain

logger = logging.getLogger(__name__)

CHUNK: Final = 32
"""Records of one write to the server: what is put live waits for no more than these."""
CHUNK_MOST: Final = 64
"""The same where every call waits long."""


class RedisFiller:
    """A connection of its own, so that neither waits for the other; every call of it may fail and be made again.

    `register` writes the description of the feature set, for a server that had lost everything; `trusted` returns once
    this process may write.
    """

    def __init__(
        self,
        pool: ConnectionPool,
        commands: FeatureCommands,
        *,
        register: Callable[[], Awaitable[None]],
        trusted: Callable[[], Awaitable[None]],
    ) -> None:
        self.address = address_of(pool)
        self._pool = pool
        self._client = Redis(connection_pool=pool)
        self._commands = commands
        self._register = register
        self._trusted = trusted
        self._connection: Connection | None = None
        self._stride = Stride(CHUNK, CHUNK_MOST)
        self._turn = asyncio.Lock()
        """Of the connection: partitions are filled side by side, and their checkpoints move watermarks."""
        self._active = ""
        """The promoted version as last seen: a server that lost its data is told."""

    async def fill(self, writes: Sequence[PastWrite]) -> int:
        """Store records of the log, in chunks; how many changed anything.

        Raises:
            RetryError: Redis does not answer, or refuses for now.
            ConfigError: it refuses the login or a command.
        """
        changed = 0
        start = 0
        while start < len(writes):
            chunk = writes[start : start + self._stride.size]
            begun = time.monotonic()
            replies = await self._call([self._commands.put(write, age_s) for write, age_s in chunk])
            self._stride.took(time.monotonic() - begun, len(chunk))
            start += len(chunk)
            changed += sum(reply != NOT_NEWER for reply in replies)
            if WRITTEN_FIRST in replies:
                await self._explained(self._register())
        return changed

    async def watermark(self, partition: int) -> int | None:
        """As FeatureFiller.watermark."""
        text = await self._explained(self._client.get(self._commands.keys.watermark(partition)))
        if text is None or text.isdigit():
            return None if text is None else int(text)
        key = self._commands.keys.watermark(partition)
        logger.warning("%s holds %r, which is no offset: it is taken for lost", key, text[:40])
        await self._explained(self._client.delete(key))
        return None

    async def advance(self, partition: int, expected: int | None, offset: int) -> bool:
        """As FeatureFiller.advance."""
        ((found, active),) = await self._call([self._commands.mark(partition, expected, offset)])
        moved = bool(found == (b"" if expected is None else b"%d" % expected))
        said = active.decode(errors="replace")
        if said == BASE or VERSION.fullmatch(said):
            self._active = said
        elif moved:
            self._active = ""
        elif self._active:
            # The data are gone, and with them which set is the active one.
            await self._explained(FeatureActive(self._client).restore(self._active))
        return moved

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.disconnect(nowait=True)
            self._connection = None

    async def _call(self, commands: Sequence[Command]) -> list[Any]:
        await self._trusted()
        replies = await self._explained(self._send(commands))
        if any(isinstance(reply, ResponseError) and str(reply) == FUNCTION_MISSING for reply in replies):
            await self._explained(self._client.function_load(self._commands.library, replace=True))
            replies = await self._explained(self._send(commands))
        for reply in replies:
            if isinstance(reply, Exception):
                raise explain(reply, self.address) from reply
        return list(replies)

    async def _send(self, commands: Sequence[Command]) -> list[Any]:
        async with self._turn:
            if self._connection is None:
                self._connection = self._pool.make_connection()  # type: ignore[no-untyped-call] # redis-py: no types
            return await call_many(self._connection, commands)

    async def _explained(self, call: Awaitable[Any]) -> Any:
        try:
            return await call
        except FAILURES as error:
            raise explain(error, self.address) from error
