"""The bounded queue between a source and the producer."""

import asyncio
from collections import deque
from collections.abc import Sequence

from streams.feeds.clock_marks import Marked


class TickQueue:
    """Ticks and the clock marks between them in order, at most `size`, taken out all at once.

    One reader, one writer, one event loop.

    A tick costs an append instead of a task switch, and batches form by themselves: the reader gets what gathered
    while it was busy, one tick when the feed is slow.
    """

    def __init__(self, size: int) -> None:
        """Make an empty queue for `size` ticks."""
        self._ticks: deque[Marked] = deque()
        self._size = size
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._closed = False

    async def put(self, tick: Marked) -> None:
        """Append a tick or mark; waits while the queue is full."""
        while len(self._ticks) >= self._size:
            self._emptied.clear()
            await self._emptied.wait()
        self._ticks.append(tick)
        self._filled.set()

    def close(self) -> None:
        """Say that nothing more will be put."""
        self._closed = True
        self._filled.set()

    async def take(self) -> Sequence[Marked]:
        """Return everything queued, at least one tick; nothing once the queue is closed and empty."""
        while not self._ticks and not self._closed:
            self._filled.clear()
            await self._filled.wait()
        taken = list(self._ticks)
        self._ticks.clear()
        self._emptied.set()
        return taken
