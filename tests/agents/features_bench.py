"""A FeaturesJob with everything around it in memory, and the records that a log of ticks may hold."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from aiokafka import ConsumerRecord
from prometheus_client import CollectorRegistry

from agents.features import FeaturesJob, FeatureTopics
from agents.metrics import Metrics
from streams.engine import RealTimeFeatureEngine
from streams.kafka.outlet import Record
from streams.ticks import TickDecoder
from tables.features.store_memory import MemoryFeatureStore
from tests.agents.fake_kafka import Headers, record

TOPICS: Final = FeatureTopics("ticks", "features", "ticks-rejected", "bars")
SECOND: Final = 1_000_000_000
START: Final = 1_700_000_000 * SECOND
"""20 s after a full minute."""


class FakeLane:
    """Takes what is emitted; `existing` outputs are not written again, and others not twice."""

    def __init__(self) -> None:
        self.existing: set[tuple[str, int, str | None]] = set()
        self.emitted: list[tuple[str, int, Record, Any]] = []
        self.parts: list[tuple[str, int, str | None]] = []
        """Stream, source offset and part of each of those."""

    @property
    def there(self) -> set[tuple[str, int, str | None]]:
        """All outputs that exist now."""
        return self.existing | set(self.parts)

    def emit(self, stream: str, source: int, output: Record, note: Any = None, part: str | None = None) -> bool:
        """As Lane.emit."""
        key = (stream, source, part)
        if key in self.existing:
            return False
        assert key not in self.parts, f"{key} is emitted twice"
        self.parts.append(key)
        self.emitted.append((stream, source, output, note))
        return True

    def of(self, stream: str) -> list[tuple[int, Record]]:
        """Source offset and record of each output of a stream."""
        return [(source, output) for name, source, output, _ in self.emitted if name == stream]


class FakeRows:
    """The partition's rows: those of the table, and what was written."""

    def __init__(self, saved: dict[str, bytes]) -> None:
        self.saved = saved
        self.asked: list[str] = []
        self.closed = False

    def items(self) -> Iterator[tuple[str, bytes]]:
        """Every saved row."""
        return iter(self.saved.items())

    def get(self, symbol: str) -> bytes | None:
        """Saved row of a symbol."""
        self.asked.append(symbol)
        return self.saved.get(symbol)

    def write(self, rows: dict[str, bytes]) -> dict[str, bytes]:
        """What a checkpoint would write."""
        self.saved.update(rows)
        return rows

    async def close(self) -> None:
        """Nothing more."""
        self.closed = True


class Clock:
    """Seconds, as the test says."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """A job with everything around it."""

    def __init__(
        self,
        engine: RealTimeFeatureEngine,
        saved: dict[str, bytes] | None = None,
        *,
        rows: FakeRows | None = None,
        evict_after_s: float = 0.0,
        clock: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.rows = rows or FakeRows({} if saved is None else saved)
        self.metrics = Metrics(CollectorRegistry())
        outputs = engine.feature_set.outputs
        self.store = MemoryFeatureStore(names=outputs, schema=engine.feature_set.version, clock=lambda: 0.0)
        self.lane = FakeLane()
        self.job = FeaturesJob(
            TOPICS,
            engine,
            TickDecoder(1, filters=engine.filters),
            self,  # type: ignore[arg-type]  # `partition_rows` is all that it uses of the table
            self.store,
            self.metrics,
            lambda: None,
            lateness_ms=5_000,
            evict_after_s=evict_after_s,
            clock=clock,
            settled=self._hear,
        )
        self.job.open(0, None)
        self.heard: list[tuple[int, int | None]] = []
        """Partition and end of the features of each checkpoint that the store has."""

    async def _hear(self, partition: int, end: int | None) -> None:
        self.heard.append((partition, end))

    def partition_rows(self, partition: int, producer: Callable[[], Any]) -> FakeRows:
        """As IndicatorStateTable.partition_rows."""
        assert partition == 0
        assert producer() is None
        return self.rows

    def process(self, records: Sequence[ConsumerRecord]) -> None:
        """One batch."""
        self.job.process(self.lane, records)  # type: ignore[arg-type]  # `emit` is all that it uses of the lane

    def bars(self) -> list[tuple[int, dict[str, Any]]]:
        """Source offset and content of each bar that was emitted."""
        return [(source, json.loads(output.value or b"")) for source, output in self.lane.of("bars")]

    def count(self, name: str, **labels: str) -> float | None:
        """A counter."""
        return self.metrics.registry.get_sample_value(f"{name}_total", labels)

    @property
    def in_memory(self) -> list[str | bytes]:
        """Symbols that have a row in memory."""
        return list(self.job._working.symbols)


def tick(offset: int, symbol: str, price: float, ts_ns: int | None = None, headers: Headers = ()) -> ConsumerRecord:
    """A trade, one second after the offset before it."""
    at = START + offset * SECOND if ts_ns is None else ts_ns
    return message(offset, symbol, {"symbol": symbol, "ts_ns": at, "price": price}, headers)


def message(offset: int, key: str | None, body: dict[str, Any], headers: Headers = ()) -> ConsumerRecord:
    """Any record of `ticks`."""
    return record("ticks", 0, offset, (None if key is None else key.encode(), json.dumps(body).encode(), headers))


def clock_mark(offset: int, ts_ns: int, clock: str = "main") -> ConsumerRecord:
    """Nothing older than `ts_ns` is to be expected of `clock`."""
    return message(offset, None, {"clock": clock, "ts_ns": ts_ns}, [("kind", b"clock")])


def gap_mark(offset: int, symbol: str, ts_ns: int) -> ConsumerRecord:
    """Ticks of `symbol` are missing."""
    return message(offset, symbol, {"symbol": symbol, "ts_ns": ts_ns}, [("kind", b"gap")])


def reference(offset: int, symbol: str, price: float | None, ts_ns: int = START) -> ConsumerRecord:
    """A copy of a reference symbol's trade; without `price` of a quote."""
    body = {"bid": 1.0, "ask": 2.0} if price is None else {"price": price}
    return message(offset, symbol, {"symbol": symbol, "ts_ns": ts_ns, **body}, [("kind", b"reference")])


def warm(offset: int, symbol: str, price: float, ts_ns: int | None = None, **body: Any) -> ConsumerRecord:
    """A trade of the history."""
    at = START + offset * SECOND if ts_ns is None else ts_ns
    return message(offset, symbol, {"symbol": symbol, "ts_ns": at, "price": price, **body}, [("kind", b"warm")])
