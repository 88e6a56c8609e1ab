"""The output streams of one lane: what exists already, what is handed over, and how far each had come."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from streams.kafka.outlet import Line, Outlet, Record, Written
from streams.kafka.tail import Tail, TailReader
from streams.records import PART, PREVIOUS, SOURCE

MAX_UNACKNOWLEDGED = 4_000
"""Records of one stream that may be on their way to the broker: twenty full batches of the default set. With five times
as many the broker is not kept busier, and a backlog takes twice the memory."""


class Outputs:
    """One outlet and one tail for each stream; output goes to the partition number of the input."""

    def __init__(
        self,
        producer: Callable[[], Any],
        partition: int,
        *,
        on_acknowledged: Callable[[str, Sequence[Any]], None],
        on_failed: Callable[[], None],
        on_written: Mapping[str, Callable[[Written], None]] | None = None,
    ) -> None:
        """`on_written`: stream -> who hears of what stands in it."""
        self._producer = producer
        self._partition = partition
        self._on_acknowledged = on_acknowledged
        self._on_failed = on_failed
        self._on_written = on_written or {}
        self._outlets: dict[str, Outlet] = {}
        self._tails: dict[str, Tail] = {}
        self._newest: dict[str, int] = {}
        """Newest source offset whose output existed at the start; -1 for none."""
        self._emitted: list[tuple[str, int, Record, Any, str | None]] = []
        self.ends: dict[str, int] = {}
        """Stream -> offset behind the last record that a commit made now would cover."""

    async def open(self, streams: Sequence[str], committed: int, ends: Mapping[str, int], tails: TailReader) -> None:
        """Read what exists for source offsets from `committed` on; `ends` is what the last commit says of it.

        Raises:
            StateError: a stream ends before the last commit says.
            RetryError: nobody answered in time.
        """
        found = await asyncio.gather(
            *(tails.read(stream, self._partition, committed, ends.get(stream)) for stream in streams)
        )
        for stream, tail in zip(streams, found, strict=True):
            self._tails[stream] = tail
            self._newest[stream] = max(tail.existing, default=tail.floor - 1)
            # Where others write too and none of ours is to come, what they wrote is not read at every start anew.
            if stream in ends and (tail.chained or tail.existing):
                self.ends[stream] = ends[stream]
            elif self._newest[stream] < committed:
                self.ends[stream] = tail.end
            self._outlets[stream] = Outlet(
                self._producer,
                stream,
                self._partition,
                on_acknowledged=lambda notes, stream=stream: self._on_acknowledged(stream, notes),  # type: ignore[misc]
                on_failed=self._on_failed,
                on_written=self._on_written.get(stream),
            )
            await self._outlets[stream].open()

    @property
    def poisoned(self) -> set[int]:
        """Source offsets that were rejected as poison."""
        return {source for tail in self._tails.values() for source in tail.poisoned}

    @property
    def existing(self) -> dict[str, int]:
        """Stream -> outputs that were there at the start, for the log."""
        return {stream: len(tail.existing) for stream, tail in self._tails.items()}

    @property
    def congested(self) -> bool:
        """Whether `room` has something to say."""
        return any(outlet.failed or outlet.unacknowledged > MAX_UNACKNOWLEDGED for outlet in self._outlets.values())

    async def room(self) -> None:
        """Wait while too much is on its way.

        Raises:
            RetryError: a produce failed.
        """
        for outlet in self._outlets.values():
            if outlet.failed is not None:
                await outlet.wait_acknowledged(outlet.put_count)  # raises
            elif outlet.unacknowledged > MAX_UNACKNOWLEDGED:
                await outlet.wait_acknowledged(outlet.put_count - MAX_UNACKNOWLEDGED // 2)

    def emit(self, stream: str, source: int, record: Record, note: Any, part: str | None = None) -> bool:
        """Keep one output of the record at offset `source` until `flush`, unless it exists; says whether it is new.

        `part` tells several outputs of one record in one stream apart.
        """
        if self._tails[stream].has(source, part):
            return False
        self._emitted.append((stream, source, record, note, part))
        return True

    def flush(self) -> None:
        """Hand over what was emitted since the last call."""
        lines: dict[str, list[Line]] = {}
        for stream, source, record, note, part in self._emitted:
            tail = self._tails[stream]
            headers = [(SOURCE, b"%d" % source)]
            if tail.chained:
                headers.append((PREVIOUS, b"%d" % tail.last))
            headers += record.headers
            if part is not None:
                headers.append((PART, part.encode()))
            lines.setdefault(stream, []).append((record.key, record.value, headers, note))
            tail.last = source
        self._emitted.clear()
        for stream, put in lines.items():
            self._outlets[stream].put(put)

    def discard(self) -> None:
        """Forget what was emitted since the last `flush`: its batch raised."""
        self._emitted.clear()

    def tickets(self) -> dict[str, int]:
        """Stream -> ticket of what was handed over last."""
        return {stream: outlet.put_count for stream, outlet in self._outlets.items()}

    async def wait_acknowledged(self, tickets: Mapping[str, int], offset: int) -> None:
        """Wait until everything up to `tickets`, the outputs of everything below source `offset`, is acknowledged.

        Raises:
            RetryError: a produce failed.
        """
        for stream, outlet in self._outlets.items():
            await outlet.wait_acknowledged(tickets[stream])
            end = outlet.end_at(tickets[stream])
            # While a replay has not caught up, outputs that it skipped stand before those it wrote.
            if end is not None and offset > self._newest[stream]:
                self.ends[stream] = end

    def abandon(self) -> None:
        """Hand nothing more to the broker, at once."""
        self.discard()
        for outlet in self._outlets.values():
            outlet.abandon()

    async def close(self) -> None:
        """Send nothing more, and wait until it is known of everything sent whether it was written."""
        self.discard()
        await asyncio.gather(*(outlet.close() for outlet in self._outlets.values()))
