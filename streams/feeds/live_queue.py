"""The bounded queue between a venue's socket and the producer, and what it does when Kafka is slow."""

import asyncio
from collections import deque
from typing import Final, Literal, TypeAlias

from streams.marks import ClockMark, GapMark
from streams.records import Tick

WhenSlow: TypeAlias = Literal["block", "conflate"]
Queued: TypeAlias = Tick | GapMark | ClockMark
DEFAULT_SIZE: Final = 10_000


class _Entry:
    """One place in the queue; empty once a newer quote took over."""

    __slots__ = ("item", "received_ns")

    def __init__(self, item: Queued, received_ns: int) -> None:
        self.item: Queued | None = item
        self.received_ns = received_ns


class LiveQueue:
    """Ticks and marks in order, taken out all at once; one reader, several writers, one event loop.

    Full means `size` items. `block`: whoever puts waits, so the socket is not read and the venue's data wait on the
    wire. `conflate`: of the quotes of each symbol only the newest is kept, from when the queue is full until it was
    emptied; trades (ticks with a price) and marks are never left out, and nothing changes places. Where that makes no
    room, conflating blocks too.
    """

    def __init__(self, size: int = DEFAULT_SIZE, when_slow: WhenSlow = "block") -> None:
        """Make an empty queue."""
        self._size = size
        self._conflate = when_slow == "conflate"
        self._entries: deque[_Entry] = deque()
        self._quotes: dict[str, _Entry] = {}
        """The newest queued quote of each symbol, while conflating."""
        self._slow = False
        self._length = 0
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._closed = False
        self.conflated = 0
        """Quotes left out for a newer one."""

    def __len__(self) -> int:
        return self._length

    @property
    def full(self) -> bool:
        """Whether there is no room."""
        return self._length >= self._size

    async def put(self, item: Queued, received_ns: int = 0) -> None:
        """Append a tick or mark, received at `received_ns` (0: unknown); waits while there is no room."""
        if self._conflate:
            if self.full and not self._slow:
                self._slow = True
                self._conflate_all()
            if self._slow and isinstance(item, Tick) and item.price is None:
                self._supersede(item.symbol)
        while self.full:
            self._emptied.clear()
            await self._emptied.wait()
        entry = _Entry(item, received_ns)
        self._entries.append(entry)
        self._length += 1
        if self._slow and isinstance(item, Tick) and item.price is None:
            self._quotes[item.symbol] = entry
        self._filled.set()

    def close(self) -> None:
        """Say that nothing more will be put."""
        self._closed = True
        self._filled.set()

    async def take(self) -> list[tuple[Queued, int]]:
        """Return everything queued with the times of receipt, at least one item; nothing once closed and empty."""
        while not self._length and not self._closed:
            self._filled.clear()
            await self._filled.wait()
        taken = [(entry.item, entry.received_ns) for entry in self._entries if entry.item is not None]
        self._entries.clear()
        self._quotes.clear()
        self._slow = False
        self._length = 0
        self._emptied.set()
        return taken

    def _supersede(self, symbol: str) -> None:
        """Leave out the queued quote of a symbol: a newer one is about to be appended."""
        older = self._quotes.pop(symbol, None)
        if older is None or older.item is None:
            return
        older.item = None
        self._length -= 1
        self.conflated += 1
        if len(self._entries) > 2 * self._size:
            self._entries = deque(entry for entry in self._entries if entry.item is not None)

    def _conflate_all(self) -> None:
        """Leave out every quote with a newer one of its symbol behind it."""
        for entry in self._entries:
            if isinstance(entry.item, Tick) and entry.item.price is None:
                symbol = entry.item.symbol
                self._supersede(symbol)
                self._quotes[symbol] = entry
