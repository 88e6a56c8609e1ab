"""A server that answers, but slowly: a proxy that holds back what comes from it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

CHUNK_BYTES: Final = 65_536


@asynccontextmanager
async def slow(host: str, port: int, delay_s: Callable[[], float]) -> AsyncIterator[int]:
    """A port of this machine behind which `host:port` answers as many seconds later as `delay_s` says then."""
    pipes: set[asyncio.Task[None]] = set()

    async def pipe(source: asyncio.StreamReader, target: asyncio.StreamWriter, pause_s: Callable[[], float]) -> None:
        try:
            while chunk := await source.read(CHUNK_BYTES):
                await asyncio.sleep(pause_s())
                target.write(chunk)
                await target.drain()
        except OSError:
            pass  # one end is gone: the other one hears of it here
        finally:
            target.close()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection(host, port)
        for way in (pipe(reader, forth, lambda: 0.0), pipe(back, writer, delay_s)):
            task = asyncio.create_task(way)
            pipes.add(task)
            task.add_done_callback(pipes.discard)

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in pipes:
            task.cancel()
