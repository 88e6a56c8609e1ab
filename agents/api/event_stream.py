"""The response that sends the events of one mailbox until its reader goes, or does not read any more."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from agents.api.hub import Hub
from agents.api.mailbox import Mailbox
from agents.api.observed import ApiMetrics

HEARTBEAT_S: Final = 15.0
SLOW_S: Final = 30.0
"""A reader that has taken nothing for so long is gone: proxies and phones vanish without a word."""
_RETRY: Final = b"retry: 1000\n\n"
_HEARTBEAT: Final = b": heartbeat\n\n"


class EventStream(Response):
    """Server-sent events of `box`, for as long as `may_read` says yes.

    While a reader does not take what was sent, nothing more is sent: what comes meanwhile replaces what waits.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        hub: Hub,
        box: Mailbox,
        metrics: ApiMetrics,
        *,
        heartbeat_s: float = HEARTBEAT_S,
        slow_s: float = SLOW_S,
        longest_s: float | None = None,
        may_read: Callable[[], bool] = lambda: True,
    ) -> None:
        # Proxies must not gather it: nginx listens to this header.
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._hub = hub
        self._box = box
        self._metrics = metrics
        self._heartbeat_s = heartbeat_s
        self._slow_s = slow_s
        self._longest_s = longest_s
        self._may_read = may_read

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Send until the end."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        self._metrics.streams.inc()
        self._hub.subscribe(self._box)
        sending = asyncio.ensure_future(self._send(send))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait({sending, leaving}, timeout=self._longest_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, leaving):
                task.cancel()
            await asyncio.wait({sending, leaving})
            self._metrics.streams.dec()
            await self._hub.unsubscribe(self._box)
        if sending.cancelled() or sending.result():
            await self._within(send({"type": "http.response.body", "body": b"", "more_body": False}))

    async def _send(self, send: Send) -> bool:
        """Whether the reader still took what was sent when the stream was ended."""
        body = _RETRY
        while not self._box.closed and self._may_read():
            if not await self._within(send({"type": "http.response.body", "body": body, "more_body": True})):
                self._metrics.dropped.inc()
                return False
            events = await self._box.take(self._heartbeat_s)
            for text in events:
                kind = text.partition(b"event: ")[2].partition(b"\n")[0].decode()
                self._metrics.events.labels(kind).inc()
            body = b"".join(events) or _HEARTBEAT
        return True

    async def _within(self, sending: Awaitable[None]) -> bool:
        try:
            await asyncio.wait_for(sending, self._slow_s)
        except TimeoutError:
            return False
        return True


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
