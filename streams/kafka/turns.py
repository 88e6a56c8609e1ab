"""When the consumer fetches, and which partitions each fetch asks for: all of them, but some seldom.

aiokafka 0.14 asks a broker for everything in one request, which is answered as soon as there is anything at all. What
this worker has written itself it knows (`Consumer.told`): asked for in every fetch, each such record would come back in
an answer of its own, and the next ticks wait for the request after it. And where every tick is fetched as it comes,
at some hundred a second and more, most of the work is done for each poll and not for each tick: a rest between two
fetches gathers a few.
"""

import asyncio
import math
from collections.abc import Iterable
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

EVERY_S: Final = 0.1
"""How often at least what is asked for seldom is asked for: somebody else may write there, too."""


class Turns:
    """Of one consumer."""

    def __init__(self, every_s: float = EVERY_S, *, rest_s: float = 0.0) -> None:
        """`rest_s`: least time between two fetches."""
        self.seldom: set[TopicPartition] = set()
        """Partitions to ask for once in `every_s`."""
        self._every_s = every_s
        self._rest_s = rest_s
        self._rested_at = 0.0
        """When the next fetch may go out."""
        self._asked_s: dict[TopicPartition, float] = {}

    def attach(self, consumer: AIOKafkaConsumer) -> None:
        """Have a started consumer keep to it."""
        fetcher = consumer._fetcher
        plan, longest_ms = fetcher._get_actions_per_node, fetcher._fetch_max_wait_ms
        now_s = asyncio.get_running_loop().time

        def in_turns(assignment: Any) -> Any:
            now = now_s()
            if now < self._rested_at:
                nothing, resets, timeout_s, *rest = plan(_Some(assignment, []))
                return nothing, resets, min(timeout_s, self._rested_at - now), *rest
            wait_s = {tp: self._asked_s.get(tp, -math.inf) + self._every_s - now for tp in self.seldom}
            later = {tp for tp, left_s in wait_s.items() if left_s > 0 and tp in assignment.tps}
            # No longer than until the first of them is due, for a node gets no second request before its answer.
            least_s = min((wait_s[tp] for tp in later), default=math.inf)
            fetcher._fetch_max_wait_ms = min(longest_ms, max(1, math.ceil(1000 * min(least_s, 1.0))))
            try:
                requests, resets, timeout_s, *rest = plan(
                    _Some(assignment, [tp for tp in assignment.tps if tp not in later])
                )
            finally:
                fetcher._fetch_max_wait_ms = longest_ms
            if requests:
                self._rested_at = now + self._rest_s
            for _, request in requests:
                for topic, partitions in request.topics:
                    self._asked_s |= {TopicPartition(topic, partition): now for partition, *_ in partitions}
            return requests, resets, min(timeout_s, max(least_s, 0.0)), *rest

        fetcher._get_actions_per_node = in_turns


class _Some:
    """An assignment of which some partitions are seen."""

    def __init__(self, assignment: Any, tps: Iterable[TopicPartition]) -> None:
        self.tps = tps
        self.state_value = assignment.state_value
