"""How fast processes fill a topic, seen from the broker: its records are counted, nobody reads them."""

import asyncio
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from tests.benchmarks.machine import cpu_seconds, resident_mib

LOOK_S = 0.05
FIRST_S = 180.0
"""For a start, with its rebalance and its kernel."""
WARM_SHARE, WARM_S = 0.1, 2.0
"""Left out at the beginning, whichever ends first: first fetches, a JIT, a first connection."""


class Look(NamedTuple):
    """One moment."""

    at: float
    """Seconds of the monotonic clock."""
    records: int
    cpu_s: float


class Pace(NamedTuple):
    """What a run gave."""

    records_s: float
    cpu_us: float
    """CPU time of the processes per record, in microseconds, which is CPU seconds per million."""
    memory_mib: float
    records: int
    """That the figures rest on."""


async def pace_of(
    processes: Sequence["subprocess.Popen[bytes]"],
    servers: str,
    target: str,
    *,
    partitions: int,
    records: int,
    limit_s: float,
    said: Callable[[], str],
) -> Pace:
    """Watch until `records` are in `target`, or for `limit_s` seconds after the first ones.

    Raises:
        RuntimeError: a process ended, or nothing came; with what `said` returns.
    """
    tps = [TopicPartition(target, partition) for partition in range(partitions)]
    looks: list[Look] = []
    begun = time.monotonic()
    async with AIOKafkaConsumer(bootstrap_servers=servers) as consumer:
        while True:
            done = sum((await consumer.end_offsets(tps)).values())
            now = time.monotonic()
            for process in processes:
                if process.poll() is not None:
                    raise RuntimeError(f"it ended with {process.returncode} after {done} records:\n{said()}")
            if done:
                looks.append(Look(now, done, sum(cpu_seconds(process.pid) for process in processes)))
                if done >= records or now - looks[0].at > limit_s:
                    return between(looks, records, sum(resident_mib(process.pid) for process in processes))
            elif now - begun > FIRST_S:
                raise RuntimeError(f"no record within {FIRST_S:g} s:\n{said()}")
            await asyncio.sleep(LOOK_S)


def between(looks: Sequence[Look], records: int, memory_mib: float) -> Pace:
    """From the end of the warm-up to the last look.

    Raises:
        RuntimeError: all was over before the warm-up was.
    """
    last = looks[-1]
    enough, late = WARM_SHARE * records, looks[0].at + WARM_S
    warm = next(look for look in looks if look.records >= enough or look.at >= late or look is last)
    done = last.records - warm.records
    if done <= 0 or last.at <= warm.at:
        raise RuntimeError(f"{last.records} of {records} records and nothing to measure: give more ticks")
    return Pace(done / (last.at - warm.at), (last.cpu_s - warm.cpu_s) / done * 1e6, memory_mib, done)
