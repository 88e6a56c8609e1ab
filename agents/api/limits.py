"""What one request may ask for, and the middleware that ends a body that is too large."""

from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agents.api.problems import TOO_LARGE, problem

MAX_BODY: Final = 65_536
"""Bytes of a request's body."""
MAX_SYMBOLS: Final = 1_000
"""Symbols of one call."""
MAX_NAMES: Final = 1_000
"""Features of one call."""
MAX_SECONDS: Final = 3_600
"""Seconds of history in one answer; the next page begins where it ends."""
MAX_PAGE: Final = 10_000
"""Symbols in one page of the list."""
MAX_STREAM_SYMBOLS: Final = 500
"""Symbols that one stream follows: its queue holds an event of each at most."""


class BodyLimit:
    """ASGI middleware: a body beyond MAX_BODY is answered with 413, before or while it comes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is not too large."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "0")
        if length.isdecimal() and int(length) > MAX_BODY:
            await problem(413, "too-large", TOO_LARGE)(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > MAX_BODY:
                # Raised where the body is read, and answered as a problem there (agents/api/problems.py).
                raise HTTPException(413)
            return message

        await self._app(scope, counted, send)
