"""Puts rejected ticks back into `ticks`, each once: a copy says in a header which record of `ticks` it is of.

A tick may be in the rejects twice, for a crash may leave a copy; that is why the original is named and not the reject.

Before anything is sent, the partitions that it goes to are read for such headers, from behind the originals on: what
is there already is left out, however the run before this one ended. A copy is a new record with an offset and a time of
its own, and is judged anew. Records of one partition keep their order.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from streams.errors import RetryError
from streams.feeds.partitions import partition_of
from streams.headers import header
from streams.kafka.rejects import Log, Rejected, records_of

REQUEUED: Final = "requeued"
"""Header of a copy: topic, partition and offset of the original."""
IN_FLIGHT: Final = 1_000
"""Records that wait for their acknowledgement."""
CLOCKS_APART_MS: Final = 3_600_000
"""How far a worker's clock may be ahead of the broker's."""


@dataclass(frozen=True)
class Copy:
    """One record to put back."""

    of: Rejected
    partition: int
    """Where to: that of its key, or without one where it was."""
    name: bytes
    """Value of its header."""


@dataclass(frozen=True)
class RequeuePlan:
    """What is going to be done."""

    topic: str
    copies: tuple[Copy, ...]
    done: int
    """Selected, and put back before."""
    foreign: int
    """Selected, and not of `topic`."""
    twice: int = 0
    """Selected, and of an original of which another one was selected."""
    nowhere: int = 0
    """Selected, and their headers do not say where the original was."""

    @property
    def steps(self) -> list[str]:
        """In words."""
        reasons = Counter(copy.of.reason for copy in self.copies)
        said = [f"put {len(self.copies)} records back into {self.topic}"]
        said += [f"  {reason} {count}" for reason, count in reasons.most_common()]
        if self.done:
            said.append(f"leave out {self.done} that were put back before")
        if self.foreign:
            said.append(f"leave out {self.foreign} that are of another topic")
        if self.twice:
            said.append(f"leave out {self.twice} that are copies of others")
        if self.nowhere:
            said.append(f"leave out {self.nowhere} whose headers do not say where the original was")
        return said


async def plan_requeue(
    log: Log, records: Sequence[Rejected], *, ticks: str, partitions: int, again: bool
) -> RequeuePlan:
    """Look what is to be done; `ticks`: name of the topic. `again`: also what was put back before."""
    placed = [one for one in records if 0 <= one.source_partition < partitions and one.source_offset >= 0]
    ours = [one for one in placed if one.topic == ticks]
    # By its bytes too: a topic that was made anew has the same places with other ticks.
    once = {(one.source_partition, one.source_offset, one.key, one.value): one for one in ours}
    copies = [
        Copy(one, _target(one, partitions), f"{ticks}-{one.source_partition}-{one.source_offset}".encode())
        for one in sorted(once.values(), key=lambda one: (one.source_partition, one.source_offset))
    ]
    there = set() if again else await _there(log, ticks, copies)
    left = tuple(copy for copy in copies if (copy.name, copy.of.value) not in there)
    return RequeuePlan(
        ticks,
        left,
        done=len(copies) - len(left),
        foreign=len(placed) - len(ours),
        twice=len(ours) - len(copies),
        nowhere=len(records) - len(placed),
    )


def _target(one: Rejected, partitions: int) -> int:
    return one.source_partition if one.key is None else partition_of(one.key, partitions)


async def _there(log: Log, ticks: str, copies: Sequence[Copy]) -> set[tuple[bytes, bytes | None]]:
    """Names and values of the copies that the log has."""
    by_target: defaultdict[int, list[Copy]] = defaultdict(list)
    for copy in copies:
        by_target[copy.partition].append(copy)
    found = set()
    for partition, group in by_target.items():
        tp = TopicPartition(ticks, partition)
        _, end = await log.bounds(tp)
        begin, since_ms = 0, None
        if all(copy.of.source_partition == partition and copy.of.source_offset < end for copy in group):
            begin = min(copy.of.source_offset for copy in group) + 1
        else:
            since_ms = min(copy.of.ts_ms for copy in group) - CLOCKS_APART_MS
        async for record in records_of(log, tp, since_ms=since_ms, begin=begin):
            if record.headers and (name := header(record.headers, REQUEUED)) is not None:
                found.add((name, record.value))
    return found


async def put_back(plan: RequeuePlan, producer: Any, on_progress: Callable[[int, int], object]) -> int:
    """Carry it out; returns how many records the broker has. `on_progress`: gets (records done, of how many).

    Raises:
        RetryError: the broker refused one, or did not answer; what it has is not sent again by another run.
    """
    done = 0
    waiting: list[asyncio.Future[object]] = []
    try:
        for copy in plan.copies:
            one = copy.of
            headers = [*((name, value) for name, value in one.headers if name != REQUEUED), (REQUEUED, copy.name)]
            waiting.append(
                await producer.send(plan.topic, one.value, key=one.key, partition=copy.partition, headers=headers)
            )
            if len(waiting) == IN_FLIGHT:
                done += len(await asyncio.gather(*waiting))
                waiting.clear()
                on_progress(done, len(plan.copies))
        done += len(await asyncio.gather(*waiting))
    except KafkaError as error:
        raise RetryError(
            f"{plan.topic}: Kafka refuses or is away ({error!r}) after {done} of {len(plan.copies)} records; run this "
            "again, what is there is left out"
        ) from error
    return done
