"""The feature store's twin in memory: the contract of `tables.features.contract` without a server."""

import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

from tables.features.contract import FeatureWrite, PastWrite
from tables.features.keys import NS, check_names, history_ttls
from tables.features.reads import FeatureReads
from tables.features.schema import FeatureSchema, Meaning
from tables.features.source_memory import MemoryFeatureSource

Key = TypeVar("Key", bound=Hashable)


class MemoryFeatureStore(FeatureReads):
    """For tests and notebooks: stores at once, so nothing is ever pending.

    `clock` (Unix seconds) drives the TTLs, `now_ns` the ages.
    """

    def __init__(
        self,
        *,
        names: Sequence[str],
        schema: str,
        history: Sequence[str] | None = None,
        ttl_s: int = 300,
        ttls: Mapping[str, int] | None = None,
        latest_ttl_s: int = 86_400,
        clock: Callable[[], float] = time.time,
        meaning: Meaning | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.names = check_names(names)
        self.schema = schema
        self._kept = history_ttls(history, self.names, ttl_s, ttls)
        self.pending, self.dropped, self.errors, self.up = 0, 0, 0, True
        self.written, self.ignored = 0, 0
        self._longest_s = max(self._kept.values(), default=0)
        self._latest_ttl_s, self._clock = latest_ttl_s, clock
        # With the time at which each was written.
        self._latest: dict[str, tuple[float, FeatureWrite]] = {}
        self._history: dict[tuple[str, int], tuple[float, FeatureWrite]] = {}
        self._watermarks: dict[int, int] = {}
        known = FeatureSchema.of(schema, self.names, self._kept, latest_ttl_s, meaning)
        super().__init__(MemoryFeatureSource(known, self._latest, self._history, self._expire), known, now_ns)

    @property
    def filler(self) -> "MemoryFeatureStore":
        """Itself."""
        return self

    async def start(self) -> None:
        """Nothing to connect."""

    async def flush(self, timeout_s: float = 10.0) -> None:
        """Nothing waits."""

    async def stop(self, timeout_s: float = 5.0) -> None:
        """Nothing to close."""

    def put_many(self, writes: Iterable[FeatureWrite], on_stored: Callable[[], None] | None = None) -> None:
        """Store `writes` and call `on_stored`."""
        now = self._expire()
        for write in writes:
            if len(write.values) != len(self.names):
                raise ValueError(f"{write.id}: {len(write.values)} values for the {len(self.names)} names of the store")
            last = self._latest.get(write.symbol)
            if last is not None and last[1].partition == write.partition and write.offset <= last[1].offset:
                self.ignored += 1
                continue
            self._store(self._latest, write.symbol, write, now)
            self._store(self._history, (write.symbol, write.ts_ns // NS), write, now)
            self.written += 1
        if on_stored is not None:
            on_stored()

    async def fill(self, writes: Sequence[PastWrite]) -> int:
        """As FeatureFiller.fill."""
        now = self._expire()
        changed = 0
        for write, age_s in writes:
            second = (write.symbol, write.ts_ns // NS)
            last, held = self._latest.get(write.symbol), self._history.get(second)
            whole = age_s < self._latest_ttl_s and (last is None or _not_older(write, last[1]))
            kept = age_s < self._longest_s and (held is None or _same_or_newer(write, held[1]))
            if whole:
                self._store(self._latest, write.symbol, write, now - age_s)
            if kept:
                self._store(self._history, second, write, now - age_s)
            changed += whole or kept
        return changed

    async def watermark(self, partition: int) -> int | None:
        """As FeatureFiller.watermark."""
        return self._watermarks.get(partition)

    async def advance(self, partition: int, expected: int | None, offset: int) -> bool:
        """As FeatureFiller.advance."""
        if self._watermarks.get(partition) != expected:
            return False
        self._watermarks[partition] = offset
        return True

    def lose(self) -> None:
        """Be as a server that was emptied."""
        self._latest.clear()
        self._history.clear()
        self._watermarks.clear()

    def _store(self, entries: dict[Key, tuple[float, FeatureWrite]], key: Key, write: FeatureWrite, at: float) -> None:
        entries.pop(key, None)
        entries[key] = (at, write)

    def _expire(self) -> float:
        now = self._clock()
        _drop_expired(self._latest, now - self._latest_ttl_s)
        _drop_expired(self._history, now - self._longest_s)
        return now


def _drop_expired(entries: dict[Key, tuple[float, FeatureWrite]], before: float) -> None:
    for key in [key for key, (written, _) in entries.items() if written <= before]:
        del entries[key]


def _same_or_newer(write: FeatureWrite, held: FeatureWrite) -> bool:
    return write.partition == held.partition and write.offset >= held.offset


def _not_older(write: FeatureWrite, held: FeatureWrite) -> bool:
    """Of two partitions the event time decides."""
    return write.offset >= held.offset if write.partition == held.partition else write.ts_ns > held.ts_ns
