"""Symbols in paths: `BTC/USDT` is one segment, `/v1/features/BTC%2FUSDT`.

Servers decode a path before it is matched, and %2F becomes a / like any other; then `.../BTC/USDT/history` could be the
history of `BTC/USDT`, or a symbol `USDT/history`. So what was written as %2F is put back before matching, and a symbol
takes exactly one segment. A proxy that decodes %2F itself must be told not to (nginx: `proxy_pass` without a path); the
ways around it are POST /v1/features and the parameter `symbols` of /v1/stream, which hold symbols as they are.
"""

import re
from typing import Annotated, Final
from urllib.parse import unquote_to_bytes

from fastapi import Path
from starlette.types import ASGIApp, Receive, Scope, Send

from agents.api.problems import ApiError
from streams.records import SYMBOL_PATTERN

_SLASH: Final = re.compile(rb"%2[fF]")
_SYMBOL: Final = re.compile(SYMBOL_PATTERN)


class EncodedSlashes:
    """ASGI middleware: `scope["path"]` decoded but for %2F."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on."""
        raw = scope.get("raw_path")
        if scope["type"] == "http" and raw and _SLASH.search(raw):
            path = raw.partition(b"?")[0]
            scope["path"] = "%2F".join(unquote_to_bytes(part).decode("utf-8", "replace") for part in _SLASH.split(path))
        await self._app(scope, receive, send)


SymbolInPath = Annotated[
    str,
    Path(
        description="Symbol; a client that makes the path itself writes its / as %2F",
        examples=["ES"],
        # What the document says is of the symbol; what comes here has %2F in it.
        json_schema_extra={"pattern": SYMBOL_PATTERN},
    ),
]


def symbol_of(symbol: SymbolInPath) -> str:
    """The symbol of a path, as it is in records.

    Raises:
        ApiError: it is none.
    """
    found = symbol.replace("%2F", "/")
    if not _SYMBOL.fullmatch(found):
        raise ApiError(404, "no-such-symbol", "no symbol reads like that: 1 to 32 of A-Z a-z 0-9 . _ / -")
    return found
