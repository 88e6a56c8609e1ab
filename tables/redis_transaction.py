"""Several reads of Redis in one atomic step and one round trip, packed by hand.

redis-py packs each argument in Python: for 60 names of 100 symbols that alone takes longer than the rest of the read.
Here a command is bytes, so that what many commands have in common (the names) is packed once.
"""

import asyncio
import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

from redis.asyncio import ConnectionPool
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError


def arguments(texts: Iterable[str | bytes]) -> tuple[int, bytes]:
    """How many there are, and all of them as they go over the wire (RESP bulk strings)."""
    packed = [text.encode() if isinstance(text, str) else text for text in texts]
    return len(packed), b"".join(b"$%d\r\n%b\r\n" % (len(text), text) for text in packed)


def command(*texts: str | bytes, tail: tuple[int, bytes] = (0, b"")) -> bytes:
    """A command of `texts`, followed by arguments that are packed already."""
    count, packed = arguments(texts)
    return b"*%d\r\n%b%b" % (count + tail[0], packed, tail[1])


_MULTI: Final = command("MULTI")
_EXEC: Final = command("EXEC")


class RedisTransactions:
    """Runs commands as MULTI ... EXEC, on at most `connections` connections of `pool` at a time.

    A connection that turns out to be broken is replaced once; reads may be repeated.
    """

    def __init__(self, pool: ConnectionPool, connections: int) -> None:
        self._pool = pool
        self._free = asyncio.Semaphore(connections)

    async def run(self, commands: Sequence[bytes]) -> list[Any]:
        """Replies in order, as bytes, numbers, lists and None.

        Raises:
            redis.exceptions.RedisError, OSError: no answer in time, or an error in place of a reply.
        """
        data = b"".join((_MULTI, *commands, _EXEC))
        async with self._free:
            try:
                replies = await self._once(data, len(commands))
            except (RedisConnectionError, ConnectionError):
                replies = await self._once(data, len(commands))
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return replies

    async def _once(self, data: bytes, count: int) -> list[Any]:
        connection = await self._pool.get_connection()  # type: ignore[no-untyped-call] # redis-py gives no types
        try:
            await connection.send_packed_command([data])
            # One deadline for all of them: one for each "QUEUED" takes longer than its reply.
            async with asyncio.timeout(connection.socket_timeout):
                return await self._replies(connection, count)
        except ResponseError:
            raise
        except TimeoutError as error:
            await connection.disconnect(nowait=True)
            raise RedisTimeoutError(f"no reply within {connection.socket_timeout:g} s") from error
        except BaseException:
            # A reply left unread would be taken for the next one's.
            await connection.disconnect(nowait=True)
            raise
        finally:
            await self._pool.release(connection)

    @staticmethod
    async def _replies(connection: Any, count: int) -> list[Any]:
        """EXEC's reply, after those to MULTI and to the commands that it runs."""
        refused: ResponseError | None = None
        replies: list[Any] = []
        for _ in range(count + 2):
            try:
                replies = await connection.read_response(timeout=math.inf)
            except ResponseError as error:
                # Of MULTI or of a command that was not queued; EXEC's own, which follows, says less.
                refused = refused or error
        if refused is not None:
            raise refused
        return replies
