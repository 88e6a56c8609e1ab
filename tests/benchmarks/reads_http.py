"""The HTTP interface in this process, for the benchmark of reads."""

import asyncio
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from fastapi import FastAPI

from agents.api.server import make_api
from agents.api.service import serve
from streams.settings import Settings

KEY = "key-of-the-benchmark"


@asynccontextmanager
async def serving(redis_url: str) -> AsyncIterator[tuple[int, dict[str, str]]]:
    """Its port, and the headers that it wants."""
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder) / "keys"
        keys.write_text(f"bench {KEY}\n", encoding="utf-8")
        async with _served(make_api(Settings(redis_url=redis_url, api_keys_file=keys))) as port:
            yield port, {"X-API-Key": KEY}


@asynccontextmanager
async def _served(api: FastAPI) -> AsyncIterator[int]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    stop = asyncio.Event()
    task = asyncio.create_task(serve(api, "127.0.0.1", port, stop))
    async with httpx.AsyncClient() as client, asyncio.timeout(20):
        while True:
            try:
                await client.get(f"http://127.0.0.1:{port}/healthz")
                break
            except httpx.ConnectError:
                await asyncio.sleep(0.02)
    try:
        yield port
    finally:
        stop.set()
        await task
