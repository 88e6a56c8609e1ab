"""Which symbols a sampling audit looks at."""

import random
from collections.abc import Iterable

from aiokafka.structs import TopicPartition

from agents.audit.feed import Log

BACK = 2_000
"""Records of each partition of `features` whose symbols are known to be active."""


async def active_symbols(log: Log, topic: str, partitions: int) -> list[str]:
    """Symbols of the newest feature records, sorted."""
    found: set[str] = set()
    for partition in range(partitions):
        tp = TopicPartition(topic, partition)
        begin, end = await log.bounds(tp)
        at = max(begin, end - BACK)
        while at < end:
            records, following = await log.fetch(tp, at)
            found |= {record.key.decode() for record in records if record.key is not None}
            if following <= at:
                break
            at = following
    return sorted(found)


def sample(symbols: Iterable[str], n: int, rng: random.Random) -> tuple[str, ...]:
    """`n` of them, or all where there are fewer."""
    known = sorted(set(symbols))
    return tuple(sorted(rng.sample(known, min(n, len(known)))))
