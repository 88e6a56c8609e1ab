"""The worker with a stopwatch: from the poll that brought a tick until its feature is handed to the producer.

STOPWATCH=FILE faust -A tests.benchmarks.peers.stopwatch worker

The file holds, once the worker has ended, a row per poll and partition: when (Unix s), how long (s), how many ticks.
"""

import atexit
import os
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any

import numpy as np
from aiokafka import ConsumerRecord
from faust.types import TP

import app as door
from agents.lane import Lane
from streams.kafka.batching import Batch
from streams.kafka.consumer_thread import ConsumerThread

polled: dict[TP, deque[tuple[int, int, float]]] = defaultdict(deque)
"""Last offset and count of the ticks of each poll that are under way, and when they came."""
found: list[tuple[float, float, int]] = []
fetch, process = ConsumerThread._fetch_records, Lane._process


async def timed_fetch(self: ConsumerThread, *arguments: Any, **named: Any) -> Any:
    """Note when each poll came."""
    records = await fetch(self, *arguments, **named)
    now = time.perf_counter()
    for tp, batch in records.items():
        if isinstance(batch, Batch) and tp.topic.endswith("ticks"):
            polled[tp].append((batch.records[-1].offset, len(batch.records), now))
    return records


def timed_process(self: Lane, records: Sequence[ConsumerRecord]) -> None:
    """Note which polls are done with."""
    process(self, records)
    now = time.perf_counter()
    line = polled[self.tp]
    while line and line[0][0] <= records[-1].offset:
        _, count, came = line.popleft()
        found.append((time.time(), now - came, count))


ConsumerThread._fetch_records = timed_fetch  # type: ignore[method-assign]
Lane._process = timed_process  # type: ignore[method-assign]
atexit.register(lambda: np.save(os.environ["STOPWATCH"], np.array(found)))
app = door.app
