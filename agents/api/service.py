"""The HTTP interface in a process of ours: beside a worker, or alone."""

import asyncio
import logging
from typing import Any, Final

import uvicorn
from fastapi import FastAPI
from faust.contrib.asgi import AsgiService

from agents.api.context import Context

log = logging.getLogger(__name__)

LEAVE_S: Final = 3
"""Longest wait for answers under way at the end."""
OPTIONS: Final[dict[str, Any]] = {
    # Ours has no headers, and so no keys (agents/api/observed.py).
    "access_log": False,
    "server_header": False,
    "timeout_graceful_shutdown": LEAVE_S,
    "log_config": None,
    "ws": "none",
}


class ApiService(AsgiService):
    """Serves an interface on a worker's loop, beside the worker's own pages.

    Not faust.contrib.asgi.serve_asgi: that puts the interface in the place of Faust's web server, and `/metrics` and
    `/healthz` of the worker would be gone.
    """

    driver_version = "HTTP interface"
    opentelemetry = False

    def __init__(self, api: FastAPI, host: str, port: int, **kwargs: Any) -> None:
        self._api = api
        super().__init__(api, host=host, port=port, uvicorn_options=OPTIONS, **kwargs)
        self.server_shutdown_timeout = LEAVE_S + 1.0

    async def on_stop(self) -> None:
        """End the streams, which would not end by themselves, then the server."""
        await end_streams(self._api)
        await super().on_stop()


async def serve(api: FastAPI, host: str, port: int, stop: asyncio.Event) -> None:
    """Serve until `stop` is set."""
    # Whoever started us has taken the signals already.
    server = _Server(uvicorn.Config(api, host=host, port=port, loop="none", lifespan="on", **OPTIONS))
    serving = asyncio.ensure_future(server.serve())
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    await end_streams(api)
    server.should_exit = True
    await serving


async def end_streams(api: FastAPI) -> None:
    """End every open stream of `api`; their readers come back by themselves."""
    context: Context = api.state.context
    await context.hub.close()


class _Server(uvicorn.Server):
    """Leaves signals alone."""

    def capture_signals(self) -> Any:
        """Install nothing."""
        return _Nothing()


class _Nothing:
    def __enter__(self) -> None:
        """Nothing."""

    def __exit__(self, *_: object) -> None:
        """Nothing."""
