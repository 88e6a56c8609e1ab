"""The demonstration's market: the recorded E-mini trades beside simulated symbols, into `ticks`, with their clocks."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count, islice
from typing import Final

import msgspec

from streams.feeds.files import TickFile
from streams.feeds.producer import TickProducer
from streams.feeds.report import Report
from streams.feeds.rfc3339 import event_time_ns
from streams.feeds.run import replay, run_simulation
from streams.feeds.sample import PATH
from streams.kafka.access import KafkaAccess
from streams.kafka.topics import TICKS
from streams.records import Tick
from streams.settings import Settings

SEAM_NS: Final = 1_000_000_000


@dataclass(frozen=True)
class Offer:
    """What the market offers."""

    speed: float
    """Recorded seconds of the E-mini per second."""
    symbols: int
    """Simulated symbols, 0 for none."""
    rate: float
    """Ticks per second over all simulated symbols."""
    seed: int
    skipped: int = 0
    """Ticks at the beginning of the recording that are not sent."""


class Market:
    """Both feeds. `run` ends when `stop` is set, with every tick acknowledged; `acknowledged` counts meanwhile."""

    def __init__(self, settings: Settings, offer: Offer) -> None:
        self._settings = settings
        self._offer = offer
        self._producers: list[TickProducer] = []

    @property
    def acknowledged(self) -> int:
        """Ticks that Kafka confirmed so far."""
        return sum(producer.acknowledged for producer in self._producers)

    async def run(self, stop: asyncio.Event) -> list[Report]:
        """Send until told to stop; returns the account of each feed.

        Raises:
            HayateError: a feed failed; the other one is stopped first.
        """
        feeds = [self._real] + [self._simulated] * (self._offer.symbols > 0)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(feed(stop)) for feed in feeds]
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return [task.result() for task in tasks]

    async def _real(self, stop: asyncio.Event) -> Report:
        async with self._producer() as producer:
            recording = without_end(Rest(TickFile(PATH), self._offer.skipped))
            return await replay([recording], producer, speed=self._offer.speed, clock_marks=True, stop=stop)

    async def _simulated(self, stop: asyncio.Event) -> Report:
        offer = self._offer
        async with self._producer() as producer:
            return await run_simulation(
                producer, symbols=offer.symbols, rate=offer.rate, seed=offer.seed, clock_marks=True, stop=stop
            )

    def _producer(self) -> TickProducer:
        # One each: a feed's report counts the acknowledgements of its producer.
        producer = TickProducer(KafkaAccess.of(self._settings), self._settings.topic(TICKS))
        self._producers.append(producer)
        return producer


@dataclass(frozen=True)
class Rest:
    """A recording without its first ticks, as often as it is asked for."""

    recording: Iterable[Tick]
    skipped: int

    def __iter__(self) -> Iterator[Tick]:
        """From the first tick behind those."""
        return islice(self.recording, self.skipped, None)


def without_end(recording: Iterable[Tick]) -> Iterator[Tick]:
    """The recording over and over, each time a second behind the end of the time before, so that no tick is late."""
    shift_ns = 0
    for _ in count():
        first_ns = last_ns = None
        for tick in recording:
            ts_ns = event_time_ns(tick)
            first_ns = ts_ns if first_ns is None else first_ns
            last_ns = ts_ns
            yield msgspec.structs.replace(tick, ts_ns=ts_ns + shift_ns, ts=None)
        if first_ns is None or last_ns is None:
            return
        shift_ns += last_ns - first_ns + SEAM_NS
