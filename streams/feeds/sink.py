"""Where a feed puts its ticks: the protocol, and its twin in memory."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol

from streams.feeds.partitions import partition_of
from streams.records import Tick


class TickSink(Protocol):
    """Takes ticks in order; what it counts as acknowledged is safe."""

    @property
    def sent(self) -> int:
        """Ticks taken so far."""
        ...

    @property
    def acknowledged(self) -> int:
        """Ticks known to be safe, never more than `sent`."""
        ...

    async def send_many(self, ticks: Sequence[Tick]) -> None:
        """Take ticks, keeping the order within a symbol; waits while too many are unacknowledged."""
        ...

    async def flush(self) -> None:
        """Return once every tick taken is acknowledged, or raise."""
        ...


class MemorySink:
    """Keeps ticks per partition, as a topic would: for tests of feeds without Kafka."""

    def __init__(self, partitions: int = 8) -> None:
        """Make an empty topic of `partitions` partitions."""
        self._count = partitions
        self.partitions: dict[int, list[Tick]] = defaultdict(list)
        """Partition -> its ticks in order."""
        self._sent = 0

    @property
    def sent(self) -> int:
        """Ticks taken so far."""
        return self._sent

    @property
    def acknowledged(self) -> int:
        """The same: memory confirms at once."""
        return self._sent

    async def send_many(self, ticks: Sequence[Tick]) -> None:
        """Append each tick to its symbol's partition."""
        for tick in ticks:
            self.partitions[partition_of(tick.symbol.encode(), self._count)].append(tick)
        self._sent += len(ticks)

    async def flush(self) -> None:
        """Return: nothing is ever underway."""
