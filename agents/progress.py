"""The progress check: whether the work gets on, by the broker's word and not by our own.

Every few seconds the coordinator is asked for the committed offset of each input partition, and the leaders for their
ends. A partition whose lag has grown while its committed offset stood still is stuck: the worker is unhealthy, and a
supervisor's restart may mend it. Kafka being away is said, but is no reason for a restart.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from aiokafka.errors import KafkaError
from faust.types import TP

log = logging.getLogger(__name__)

INTERVAL_S: Final = 5.0
STUCK_S: Final = 20.0
"""A committed offset that stands still for so long under a growing lag is stuck: with the interval and the deadline of
a question, that is said within 30 s."""
ASK_S: Final = 4.0
"""Deadline of the two questions of one look."""


class Place(NamedTuple):
    """How far one input partition is."""

    committed: int
    end: int

    @property
    def lag(self) -> int:
        """Records that are not committed."""
        return max(0, self.end - self.committed)


@dataclass(slots=True)
class _Stand:
    """Since when a partition's commit stands where it is, and where the log ended then."""

    committed: int
    end: int
    since: float


class Verdict(NamedTuple):
    """The answer of `/healthz`."""

    healthy: bool
    text: str


class ProgressCheck:
    """Judges what it is told; `look` asks."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._stands: dict[TP, _Stand] = {}
        self._places: dict[TP, Place] = {}
        self._away_since: float | None = None
        self._why = ""

    @property
    def places(self) -> dict[TP, Place]:
        """What the broker said last; only of partitions that are ours."""
        return self._places

    def saw(self, places: dict[TP, Place]) -> None:
        """The broker answered for the partitions that are ours now."""
        now = self._clock()
        if self._away_since is not None:
            # Nothing could be committed while it was away: every partition has its time again.
            self._stands.clear()
            self._away_since = None
        for tp, (committed, end) in places.items():
            stand = self._stands.get(tp)
            if stand is None or stand.committed != committed or end <= committed:
                self._stands[tp] = _Stand(committed, end, now)
        for gone in self._stands.keys() - places.keys():
            del self._stands[gone]
        self._places = places

    def no_answer(self, why: str) -> None:
        """Kafka did not answer."""
        if self._away_since is None:
            self._away_since = self._clock()
        self._why = why

    def verdict(self) -> Verdict:
        """Healthy or not, and why."""
        now = self._clock()
        if self._away_since is not None:
            text = f"ok, but Kafka has not answered for {now - self._away_since:.0f} s: {self._why}"
            return Verdict(True, f"{text}; work resumes by itself when it does\n")
        stuck = [
            f"{tp.topic}[{tp.partition}]: the committed offset {stand.committed:,} stands still for "
            f"{now - stand.since:.0f} s, and the lag has grown from {stand.end - stand.committed:,} to "
            f"{self._places[tp].lag:,}\n"
            for tp, stand in sorted(self._stands.items())
            if now - stand.since >= STUCK_S and self._places[tp].end > stand.end
        ]
        return Verdict(not stuck, "".join(stuck) or "ok\n")

    async def watch(
        self,
        ours: Callable[[], Iterable[TP]],
        ask: Callable[[list[TP]], Awaitable[dict[TP, Place]]],
        *,
        interval_s: float = INTERVAL_S,
    ) -> None:
        """Look again and again until cancelled. `ours`: the input partitions that lanes work on now."""
        was_healthy = True
        while True:
            await self.look(sorted(ours()), ask)
            healthy, text = self.verdict()
            if healthy != was_healthy:
                was_healthy = healthy
                (log.warning if healthy else log.error)("health: %s", text.rstrip())
            await asyncio.sleep(interval_s)

    async def look(self, tps: list[TP], ask: Callable[[list[TP]], Awaitable[dict[TP, Place]]]) -> None:
        """Ask once."""
        try:
            async with asyncio.timeout(ASK_S):
                self.saw(await ask(tps) if tps else {})
        except TimeoutError:
            self.no_answer(f"no answer within {ASK_S:g} s")
        except KafkaError as error:
            self.no_answer(repr(error))
