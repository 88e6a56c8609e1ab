"""Micro-batches through Faust's own hooks: one event is what one poll brought of one topic.

Faust 0.15.3 spends four tasks, a lock and a sleep on every record; on a whole poll that cost is paid once. The consumer
thread wraps what it polled of a batched topic (transport.py), `BatchScheduler` turns the batches of a topic into one
synthetic record, and `BatchSchema` hands its value to the agent as it is. That the record stands under one of its
partitions does not matter: the topics take no acks, lanes route by the batches themselves.
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


Poll = list[Batch]
"""What one poll brought of one topic, a batch for each partition that had something."""


@dataclass(frozen=True, slots=True, eq=False)
class _PollRecord:
    """What Faust sees instead of the records: the whole poll, under the last record of its first batch."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    timestamp_type: int
    value: Poll
    key: None = None
    headers: tuple[()] = ()
    checksum: None = None
    serialized_key_size: int = 0
    serialized_value_size: int = 0


class BatchScheduler(DefaultSchedulingStrategy):
    """Yields one synthetic record per batched topic; every other topic goes record by record, as Faust does it."""

    def iterate(self, records: Mapping[TP, Any]) -> Iterator[tuple[TP, Any]]:
        """Iterate over the batched topics first, then over the rest in round-robin order."""
        rest: dict[TP, list[Any]] = {}
        polls: dict[str, Poll] = {}
        for tp, polled in records.items():
            if isinstance(polled, Batch):
                polls.setdefault(tp.topic, []).append(polled)
            else:
                rest[tp] = polled
        for poll in polls.values():
            tp, last = poll[0].tp, poll[0].records[-1]
            yield tp, _PollRecord(tp.topic, tp.partition, last.offset, last.timestamp, last.timestamp_type, poll)
        if rest:
            yield from super().iterate(rest)


class BatchSchema(faust.Schema[None, Poll]):
    """Key and value as they come: the records are decoded in the agent, each for itself, so that one bad tick does not
    spoil its neighbours."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> None:
        """No key: the records of a poll have many."""

    def loads_value(self, app: Any, message: Any, **_: Any) -> Poll:  # noqa: ARG002 - Faust's signature
        """The poll itself."""
        poll: Poll = message.value
        return poll
