"""Micro-batches through Faust's own hooks: one event is one partition poll.

Faust 0.15.3 spends four tasks, a lock and a sleep on every record; on a list of records that cost is paid once. The
consumer thread wraps what it polled from a batched topic (transport.py), `BatchScheduler` turns each wrapped poll into
one synthetic record, and `BatchSchema` hands its value to the agent as it is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import faust
from aiokafka import ConsumerRecord
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """The records of one poll of one partition, in offset order, never empty."""

    tp: TP
    records: list[ConsumerRecord]
    epoch: int
    """How often the partition had been sought back when this was polled (transport.ConsumerThread.reread)."""


@dataclass(frozen=True, slots=True, eq=False)
class _BatchRecord:
    """What Faust sees instead of the records: their batch, under the last one's offset."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    timestamp_type: int
    value: Batch
    key: None = None
    headers: tuple[()] = ()
    checksum: None = None
    serialized_key_size: int = 0
    serialized_value_size: int = 0


class BatchScheduler(DefaultSchedulingStrategy):
    """Yields one synthetic record per wrapped poll; every other topic goes record by record, as Faust does it."""

    def iterate(self, records: Mapping[TP, Any]) -> Iterator[tuple[TP, Any]]:
        """Iterate over the polls of batched topics first, then over the rest in round-robin order."""
        rest: dict[TP, list[Any]] = {}
        for tp, polled in records.items():
            if isinstance(polled, Batch):
                last = polled.records[-1]
                yield tp, _BatchRecord(tp.topic, tp.partition, last.offset, last.timestamp, last.timestamp_type, polled)
            else:
                rest[tp] = polled
        if rest:
            yield from super().iterate(rest)


class BatchSchema(faust.Schema[None, Batch]):
    """Key and value as they come: the batch decodes itself in the agent, record by record, so that one bad tick does
    not spoil its neighbours."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> None:
        """No key: the records of a batch have many."""

    def loads_value(self, app: Any, message: Any, **_: Any) -> Batch:  # noqa: ARG002 - Faust's signature
        """The batch itself."""
        batch: Batch = message.value
        return batch
