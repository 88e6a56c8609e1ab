"""Pauses of one aiokafka client between its attempts to reach a broker that is away, or to hear of a leader.

aiokafka 0.14 pauses 100 ms in most of its loops and not at all in two: while a partition has no leader, producer and
fetcher ask for new metadata, and again as soon as that has failed. A broker that stops in good order leaves every
partition without one, so this went on for as long as it was away: over 1,000 attempts a second and a third of a core.
"""

import asyncio
from collections import defaultdict
from random import Random
from typing import Any, Final

from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata

FIRST_S: Final = 0.05
LONGEST_S: Final = 0.5
"""Pauses double from the first to the longest; each is then drawn from its upper half."""


class Pace:
    """When the next attempt may be made."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._failures = 0
        self._due = 0.0
        """Time of the loop."""

    def note(self, succeeded: bool) -> None:
        """Say what became of an attempt."""
        if succeeded:
            self._failures, self._due = 0, 0.0
            return
        longest = min(FIRST_S * 2**self._failures, LONGEST_S)
        # No further than the longest pause needs: the power above stays small however long this lasts.
        self._failures = min(self._failures + 1, 8)
        self._due = asyncio.get_running_loop().time() + self._rng.uniform(longest / 2, longest)

    async def pause(self) -> bool:
        """Wait until the next attempt is due; False where another one was made meanwhile and failed as well."""
        due = self._due
        if (left_s := due - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(left_s)
        return self._due in (due, 0.0)


def pace_client(client: AIOKafkaClient, rng: Random | None = None) -> None:
    """Pace a client's connections, each broker's on their own, and its looks at the metadata."""
    rng = rng or Random()  # noqa: S311 - jitter
    connections: dict[Any, Pace] = defaultdict(lambda: Pace(rng))
    metadata = Pace(rng)
    connect, update = client._get_conn, client._metadata_update

    async def paced_connect(node_id: Any, **more: Any) -> Any:
        pace = connections[node_id]
        if not await pace.pause():
            return None  # as after an attempt of one's own
        found = await connect(node_id, **more)
        pace.note(found is not None)
        return found

    async def paced_update(cluster: ClusterMetadata, topics: Any) -> bool:
        await metadata.pause()
        updated: bool = await update(cluster, topics)
        metadata.note(updated and not _leaderless(cluster))
        return updated

    client._get_conn, client._metadata_update = paced_connect, paced_update


def _leaderless(cluster: ClusterMetadata) -> bool:
    return any(
        cluster.partitions_for_topic(topic) != cluster.available_partitions_for_topic(topic)
        for topic in cluster.topics(exclude_internal_topics=False)
    )
