"""One partition of `ticks` worked through by a FeaturesJob that may be killed at any point, with what survives it.

Outputs, checkpoints and tails are the real ones; Kafka is in memory and answers at once, until a crash takes back what
nobody had waited for. The order of a checkpoint is that of agents/lane.py: outputs acknowledged, rows to the changelog,
commit, rows to the local store, symbols let go.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from unittest.mock import patch

from aiokafka import ConsumerRecord

from agents.outputs import Outputs
from streams.engine import RealTimeFeatureEngine
from streams.kafka.outlet import Line, Record
from streams.kafka.tail import TailReader
from tables.indicator_state import source_offset
from tests.agents.fake_kafka import FakeKafka, FakeLog
from tests.agents.features_bench import Bench, Clock, FakeRows


class InstantOutlet:
    """As streams.kafka.outlet.Outlet; what is put is in the log."""

    def __init__(
        self,
        producer: Callable[[], FakeKafka],
        topic: str,
        partition: int,
        on_acknowledged: Callable[[Sequence[Any]], None],
        on_failed: Callable[[], None],  # noqa: ARG002 - nothing fails here
        on_written: Callable[[Any], None] | None = None,  # noqa: ARG002 - nobody is told
    ) -> None:
        self._kafka = producer()
        self._to = (topic, partition)
        self._on_acknowledged = on_acknowledged
        self._begin = len(self._kafka.log(*self._to))
        self.put_count = self.unacknowledged = 0
        self.failed = None

    async def open(self) -> None:
        """Nothing to wait for."""

    def put(self, lines: Sequence[Line]) -> None:
        """Append and acknowledge."""
        for key, value, headers, note in lines:
            assert key is None or isinstance(key, bytes)
            self._kafka.append(*self._to, (key, value, headers))
            self.put_count += 1
            self._on_acknowledged([note])

    async def wait_acknowledged(self, ticket: int) -> None:
        """It is."""
        assert ticket <= self.put_count

    def end_at(self, ticket: int) -> int | None:
        """Offset behind the record of a ticket."""
        return self._begin + ticket if ticket else None

    async def close(self) -> None:
        """Nothing is on its way."""


class Table(FakeRows):
    """The local store, which is written only when a checkpoint is complete."""

    def write(self, rows: dict[str, bytes]) -> dict[str, bytes]:
        """One checkpoint's rows, in their order."""
        return rows


class Pending(NamedTuple):
    """A checkpoint that has its snapshot, and whose outputs are acknowledged."""

    offset: int
    rows: dict[str, bytes]
    ends: dict[str, int]
    written: dict[str, int]
    """Stream -> records that were there."""


class Partition:
    """See the module's docstring."""

    def __init__(self, engine: RealTimeFeatureEngine, log: Sequence[ConsumerRecord], *, evict_after_s: float) -> None:
        self.kafka = FakeKafka()
        self.clock = Clock()
        self.log = log
        self.at = 0
        """How many records are processed."""
        self._evicted = 0.0
        self._engine = engine
        self._evict_after_s = evict_after_s
        self._local: dict[str, bytes] = {}
        self._changelog: list[tuple[str, bytes]] = []
        self._committed = 0
        self._ends: dict[str, int] = {}
        self._written: dict[str, int] = {}
        """Stream -> records that a crash cannot take back."""
        self._pending: Pending | None = None
        self._runner = asyncio.Runner()
        self._start()

    def batch(self, count: int) -> None:
        """Process the next records."""
        records = self.log[self.at : self.at + count]
        if records:
            self.bench.process(records)
            self._outputs.flush()
            self.at += len(records)

    def begin(self) -> None:
        """Take the snapshot of a checkpoint, unless one is on its way."""
        if self._pending is None:
            rows: Any = self.bench.job.rows()
            self._runner.run(self._outputs.wait_acknowledged(self._outputs.tickets(), self.at))
            written = {stream: len(self.kafka.log(stream)) for stream in self.bench.job.streams}
            self._pending = Pending(self.at, rows or {}, dict(self._outputs.ends), written)

    def finish(self) -> None:
        """Complete the checkpoint that is on its way."""
        if self._pending is not None:
            self._write(len(self._pending.rows))
            self._commit()
            self._local.update(self._pending.rows)
            self._pending = None
            self.bench.job.stored()

    def crash(self, rows: float, outputs: Sequence[float], *, commits: bool) -> None:
        """The process dies. Of a checkpoint on its way the first of its rows are in the changelog, this share of them;
        with all of them it may be committed. Of each stream's outputs since the last acknowledgement that share is
        there. The next process recovers the table from its changelog."""
        self._interrupt(rows, commits=commits)
        for share, stream in zip(outputs, self.bench.job.streams, strict=False):
            log, written = self.kafka.log(stream), self._written.get(stream, 0)
            del log[written + round(share * (len(log) - written)) :]
        self._local = {}
        for symbol, value in self._changelog:
            if symbol not in self._local or source_offset(None, value) >= source_offset(None, self._local[symbol]):
                self._local[symbol] = value
        self._start()

    def restart(self, rows: float, *, commits: bool) -> None:
        """A lane fails and is made anew in the same process, which recovers nothing; a checkpoint that did commit is
        completed."""
        pending = self._pending
        if self._interrupt(rows, commits=commits) and pending is not None:
            self._local.update(pending.rows)
        self._start()

    def complete(self) -> None:
        """Process what is left, with a last checkpoint."""
        self.batch(len(self.log))
        self.finish()
        self.begin()
        self.finish()

    def outputs(self) -> dict[str, list[tuple[Any, ...]]]:
        """Stream -> key, value and headers of every record."""
        return {
            stream: [(record.key, record.value, *record.headers) for record in self.kafka.log(stream)]
            for stream in self.bench.job.streams
        }

    def rows(self) -> dict[str, bytes]:
        """The table."""
        return dict(self._local)

    def emit(self, stream: str, source: int, record: Record, note: Any = None, part: str | None = None) -> bool:
        """As Lane.emit."""
        return self._outputs.emit(stream, source, record, note, part)

    @property
    def evicted(self) -> float:
        """How often a symbol was let go."""
        return self._evicted + (self.bench.count("hayate_symbols_evicted") or 0)

    def close(self) -> None:
        """End the event loop."""
        self._runner.close()

    def _interrupt(self, rows: float, *, commits: bool) -> bool:
        """Leave the checkpoint that is on its way where it is; says whether it was committed."""
        committed = False
        if self._pending is not None:
            count = round(rows * len(self._pending.rows))
            self._write(count)
            committed = commits and count == len(self._pending.rows)
            if committed:
                self._commit()
            self._pending = None
        return committed

    def _write(self, rows: int) -> None:
        assert self._pending is not None, "there is one"
        self._changelog += list(self._pending.rows.items())[:rows]
        if rows:
            self._written = self._pending.written

    def _commit(self) -> None:
        assert self._pending is not None, "there is one"
        self._committed, self._ends, self._written = self._pending.offset, self._pending.ends, self._pending.written

    def _start(self) -> None:
        if hasattr(self, "bench"):
            self._evicted = self.evicted
        self._written = {topic.topic: len(log) for topic, log in self.kafka.logs.items()}
        self.bench = Bench(self._engine, rows=Table(self._local), evict_after_s=self._evict_after_s, clock=self.clock)
        self.bench.lane = self  # type: ignore[assignment]  # it emits into a log
        with patch("agents.outputs.Outlet", InstantOutlet):
            self._outputs = Outputs(
                lambda: self.kafka, 0, on_acknowledged=self.bench.job.acknowledged, on_failed=lambda: None
            )
            tails = TailReader(FakeLog(self.kafka))
            self._runner.run(self._outputs.open(self.bench.job.streams, self._committed, self._ends, tails))
        self.at = self._committed
