"""Where a feed puts its ticks: the protocol, and its twin in memory."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol, TypeAlias

from streams.feeds.partitions import partition_of
from streams.marks import ClockMark, GapMark
from streams.records import Tick

Written: TypeAlias = Tick | GapMark | ClockMark


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

    async def send_received(self, ticks: Sequence[Tick], received_ns: Sequence[int]) -> None:
        """Do as `send_many` for ticks of which is known when each was received (nanoseconds of the wall clock)."""
        ...

    async def send_gap(self, mark: GapMark) -> None:
        """Take a gap mark: behind the ticks of its symbol taken so far, before those that follow."""
        ...

    async def send_clock(self, mark: ClockMark) -> None:
        """Take a clock mark: into every partition, behind everything taken so far."""
        ...

    async def flush(self) -> None:
        """Return once everything taken is acknowledged, or raise."""
        ...


class MemorySink:
    """Keeps ticks per partition, as a topic would: for tests of feeds without Kafka."""

    def __init__(self, partitions: int = 8) -> None:
        """Make an empty topic of `partitions` partitions."""
        self._count = partitions
        self.partitions: dict[int, list[Tick]] = defaultdict(list)
        """Partition -> its ticks in order."""
        self.log: dict[int, list[Written]] = defaultdict(list)
        """Partition -> its ticks and marks in order."""
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
            place = partition_of(tick.symbol.encode(), self._count)
            self.partitions[place].append(tick)
            self.log[place].append(tick)
        self._sent += len(ticks)

    async def send_received(self, ticks: Sequence[Tick], received_ns: Sequence[int]) -> None:
        """Append as `send_many` does."""
        assert len(ticks) == len(received_ns)
        await self.send_many(ticks)

    async def send_gap(self, mark: GapMark) -> None:
        """Append the mark to its symbol's partition."""
        self.log[partition_of(mark.symbol.encode(), self._count)].append(mark)

    async def send_clock(self, mark: ClockMark) -> None:
        """Append the mark to every partition."""
        for place in range(self._count):
            self.log[place].append(mark)

    async def flush(self) -> None:
        """Return: nothing is ever underway."""
