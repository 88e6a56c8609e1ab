"""A topic `features` in memory, as tables.features.healing reads it, and records in it."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
from aiokafka import ConsumerRecord
from aiokafka.structs import TopicPartition

from streams.feature_records import FeatureEncoder
from streams.records import SOURCE

TOPIC: Final = "features"
NAMES: Final = ("sma_5", "rsi_14")
SCHEMA: Final = "0123456789ab"
T0: Final = 1_790_000_000
"""A Unix second: 2026-09-21T14:13:20Z."""
NS: Final = 1_000_000_000


class MemoryLog:
    """Partitions as lists; `step` records come with each fetch, `fetched` says from where each was."""

    def __init__(self, step: int = 7) -> None:
        self.partitions: dict[int, list[ConsumerRecord]] = {}
        self.begin = 0
        self.step = step
        self.fetched: list[int] = []
        self.error: Exception | None = None

    def add(
        self, symbol: str, source: int, second: float, value: float, *, at_s: float, partition: int = 0, **other: Any
    ) -> ConsumerRecord:
        """Append a record of `symbol`, written to the topic `at_s` Unix seconds; `second` is after T0."""
        records = self.partitions.setdefault(partition, [])
        body = encoded(symbol, source, second, value, partition, other.get("schema", SCHEMA))
        value_ = other.get("raw", body)
        headers = other.get("headers", ((SOURCE, b"%d" % source),))
        made = ConsumerRecord(
            TOPIC, partition, self.end(partition), int(at_s * 1000), 0, symbol.encode(), value_, None, 0, 0, headers
        )
        records.append(made)
        return made

    def end(self, partition: int = 0) -> int:
        """Behind the last record."""
        return self.begin + len(self.partitions.get(partition, []))

    async def bounds(self, tp: TopicPartition) -> tuple[int, int]:
        """As Log.bounds."""
        if self.error is not None:
            raise self.error
        return self.begin, self.end(tp.partition)

    async def fetch(self, tp: TopicPartition, offset: int) -> tuple[list[ConsumerRecord], int]:
        """As Log.fetch."""
        self.fetched.append(offset)
        first = offset - self.begin
        found = self.partitions.get(tp.partition, [])[first : first + self.step]
        return found, offset + len(found)

    async def offset_at(self, tp: TopicPartition, time_ms: int) -> int | None:
        """As Log.offset_at."""
        return next((r.offset for r in self.partitions.get(tp.partition, []) if r.timestamp >= time_ms), None)


def encoded(symbol: str, source: int, second: float, value: float, partition: int, schema: str) -> bytes:
    """The value of a feature record, as the features agent writes it."""
    flags = np.array([[3 if np.isnan(value) else 0, 0]], np.uint8)
    ((body, _, _),) = FeatureEncoder(NAMES, schema).encode(
        [f"ticks-{partition}-{source}"],
        [symbol],
        [T0 * NS + int(second * NS)],
        [100.5],
        [[value, float(source)]],
        flags,
    )
    return body


def ids(records: Sequence[ConsumerRecord]) -> list[str]:
    """Ids of the records."""
    return [msgspec.json.decode(record.value)["id"] for record in records]
