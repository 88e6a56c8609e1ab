"""The auditor: chosen symbols recomputed from `ticks`, beside the workers, and compared with what was served.

It only reads: ticks, features, rejects and rows from the broker, the newest values from Redis. What it finds goes to
whoever gave it `tell`.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, Protocol

import msgspec
from aiokafka.structs import TopicPartition

from agents.audit.feed import Log, PartitionFeed, first_source
from agents.audit.metrics import AuditMetrics
from agents.audit.share import CpuShare
from agents.audit.start import Start, find_starts
from streams.audit.finding import Finding
from streams.audit.partition_audit import PartitionAudit
from streams.audit.saved import resume
from streams.audit.served import decode
from streams.audit.store import Shown, store_differences
from streams.audit.symbol import Recomputed
from streams.audit.symbol_audit import Counts
from streams.definitions.exchange_hours import Market, market
from streams.errors import RetryError
from streams.feature_set import FeatureSet
from streams.feeds.partitions import partition_of
from streams.kafka.topics import FEATURES, REJECTED, TICKS, changelog_name
from streams.quality.file import load_filters
from streams.settings import Settings
from streams.ticks import TickDecoder

log = logging.getLogger(__name__)

SETTLE_S: Final = 10.0
"""How long `once` waits for records of ticks that are in the log."""
IDLE_S: Final = 0.2
LOOK_S: Final = 1.0
"""Interval of a look at Redis, and of findings."""


class Store(Protocol):
    """What is asked of the feature store."""

    async def latest(self, symbol: str, *, now_ns: int) -> Shown | None:
        """Newest features of a symbol, their ages by `now_ns`."""


Tell = Callable[[Sequence[Finding]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be audited."""

    symbols: tuple[str, ...]
    every: int = 1
    """Of so many records of a symbol one is looked at whole."""
    since: Mapping[int, int] | None = None
    """Partition -> offset of `ticks` to begin behind; None: as early as there is anything."""
    share: float = 1.0
    """Of one core."""


class Auditor:
    """One audit: of some symbols, from a start on."""

    def __init__(
        self,
        settings: Settings,
        feature_set: FeatureSet,
        broker: Log,
        plan: Plan,
        tell: Tell,
        metrics: AuditMetrics,
        *,
        store: Store | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._set, self._log, self._plan = settings, feature_set, broker, plan
        self._tell, self._metrics, self._store, self._clock = tell, metrics, store, clock
        self._share = CpuShare(plan.share)
        self._filters = load_filters(settings.filters)
        self._market: Callable[[str], Market] = cache(market)
        self.feeds: dict[int, PartitionFeed] = {}
        self.starts: dict[str, Start] = {}
        self.findings: list[Finding] = []
        self.redis_compared = 0
        self._redis_away = False

    async def open(self) -> None:
        """Find where each symbol begins."""
        partitions: dict[int, list[str]] = {}
        for symbol in self._plan.symbols:
            partitions.setdefault(partition_of(symbol.encode(), self._settings.partitions), []).append(symbol)
        for partition, symbols in sorted(partitions.items()):
            await self._open(partition, symbols)
        self._metrics.begin(len(self.starts))

    async def once(self, stop: asyncio.Event | None = None) -> None:
        """Everything up to the ends that the partitions have now."""
        ends = {p: (await self._log.bounds(self._tp(TICKS, p)))[1] for p in self.feeds}
        quiet_since = self._clock()
        while stop is None or not stop.is_set():
            moved = False
            for partition, feed in self.feeds.items():
                moved |= await feed.step(ends[partition], self._clock)
                await self._share.rest()
            if all(feed.done(ends[p]) for p, feed in self.feeds.items()):
                break
            if moved:
                quiet_since = self._clock()
            elif self._clock() - quiet_since > SETTLE_S:
                break
            else:
                await asyncio.sleep(IDLE_S)
            await self._look(final=False)
        await self._look(final=True)

    async def follow(self, stop: asyncio.Event, until_s: float | None = None) -> None:
        """What comes, until told to stop or, if given, for so many seconds."""
        begun = looked = self._clock()
        while not stop.is_set() and (until_s is None or self._clock() - begun < until_s):
            moved = False
            for feed in self.feeds.values():
                moved |= await feed.step(None, self._clock)
                await self._share.rest()
            if self._clock() - looked >= LOOK_S:
                looked = self._clock()
                await self._look(final=False)
                await self._measure_lag()
            if not moved:
                await asyncio.sleep(IDLE_S)
        await self._look(final=True)

    @property
    def feature_set(self) -> FeatureSet:
        """What is audited."""
        return self._set

    @property
    def counts(self) -> dict[str, Counts]:
        """What was done, by symbol."""
        return {s: audit.counts for feed in self.feeds.values() for s, audit in feed.audit.audits.items()}

    @property
    def unserved(self) -> int:
        """Ticks of the audited symbols whose records have not come."""
        return sum(feed.audit.waiting for feed in self.feeds.values())

    async def _open(self, partition: int, symbols: list[str]) -> None:
        ticks = self._tp(TICKS, partition)
        first, _ = await self._log.bounds(ticks)
        # Of a tick behind which neither log goes back it is not known whether it was rejected.
        outputs = (self._tp(FEATURES, partition), self._tp(REJECTED, partition))
        first = max(first, min([await first_source(self._log, tp) for tp in outputs]))
        since = None if self._plan.since is None else self._plan.since.get(partition, 0)
        changelog = TopicPartition(changelog_name(self._settings), partition)
        starts = await find_starts(self._log, changelog, self._set, symbols, first_tick=first, since=since)
        if not starts:
            return
        decoder = TickDecoder(self._settings.partitions, any_partition=self._settings.any_partition)
        audit = PartitionAudit(
            self._settings.topic(TICKS),
            partition,
            decoder,
            self._recomputed,
            every=self._plan.every,
            filters=self._filters,
        )
        for symbol, start in starts.items():
            recomputed = self._recomputed(symbol)
            if start.row is not None:
                resume(recomputed, start.row.offset, start.row.ts_ns, start.row.state)
            audit.add(symbol, recomputed)
        feed = PartitionFeed(self._log, audit, ticks, self._tp(FEATURES, partition), self._tp(REJECTED, partition))
        await feed.open(min(start.source for start in starts.values()))
        self.feeds[partition] = feed
        self.starts |= starts

    def _recomputed(self, symbol: str) -> Recomputed:
        options, settings = self._set.options, self._settings
        hours = self._market(dict(options.calendars).get(symbol, options.calendar))
        return Recomputed(
            self._set, hours, lateness_ns=settings.lateness_ms * 1_000_000, fold_late=settings.late == "fold"
        )

    def _tp(self, topic: str, partition: int) -> TopicPartition:
        return TopicPartition(self._settings.topic(topic), partition)

    async def _look(self, *, final: bool) -> None:
        for feed in self.feeds.values():
            for symbol in feed.audit.audits:
                await self._look_at_redis(feed.audit, symbol)
        found = [finding for feed in self.feeds.values() for finding in feed.audit.findings(final=final)]
        self._metrics.count(self.counts.values())
        if found:
            self._metrics.found(found)
            self.findings += found
            await self._tell(found)

    async def _look_at_redis(self, audit: PartitionAudit, symbol: str) -> None:
        if self._store is None:
            return
        try:
            shown = await self._store.latest(symbol, now_ns=0)  # flags as recorded: nothing is old then
        except RetryError as error:
            if not self._redis_away:
                log.warning("audit: Redis is left out while it does not answer: %s", error)
            self._redis_away = True
            return
        self._redis_away = False
        value = None if shown is None else audit.recent(symbol, shown.id)
        if shown is None or value is None:
            return
        self.redis_compared += 1
        self._metrics.redis.inc()
        try:
            differences = store_differences(shown, decode(value))
        except msgspec.DecodeError:
            return  # reported as a record that is none
        if differences:
            first = differences[0]
            message = (
                f"{symbol}: Redis has {first.output} = {first.served!r} for {shown.id}, the topic {first.expected!r}"
            )
            audit.audits[symbol].report("store", shown.id, shown.ts_ns, message, differences)

    async def _measure_lag(self) -> None:
        for partition, feed in self.feeds.items():
            _, end = await self._log.bounds(self._tp(TICKS, partition))
            self._metrics.lag.labels(str(partition)).set(max(0, end - feed.position))
