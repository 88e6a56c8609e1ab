"""The feature store's twin in memory: the contract of `tables.feature_contract` without a server."""

import math
import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import takewhile
from typing import TypeVar

import msgspec

from tables.feature_contract import FeatureWrite, LatestFeatures
from tables.feature_keys import NS, check_history, check_kept, check_known, check_names, seconds_between

Key = TypeVar("Key", bound=Hashable)


class MemoryFeatureStore:
    """For tests and notebooks: stores at once, so nothing is ever pending; `clock` (Unix seconds) drives the TTLs."""

    def __init__(
        self,
        *,
        names: Sequence[str],
        schema: str,
        history: Sequence[str] | None = None,
        ttl_s: int = 300,
        latest_ttl_s: int = 86_400,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.names = check_names(names)
        self.schema = schema
        self._kept = check_history(history, self.names)
        self.pending, self.dropped, self.errors, self.up = 0, 0, 0, True
        self.written, self.ignored = 0, 0
        self._ttl_s, self._latest_ttl_s, self._clock = ttl_s, latest_ttl_s, clock
        self._columns = {name: column for column, name in enumerate(self.names)}
        # Both in the order in which they expire, which is that of the writes.
        self._latest: dict[str, tuple[float, FeatureWrite]] = {}
        self._history: dict[tuple[str, int], tuple[float, FeatureWrite]] = {}

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
            second = (write.symbol, write.ts_ns // NS)
            self._latest.pop(write.symbol, None)
            self._history.pop(second, None)
            self._latest[write.symbol] = (now + self._latest_ttl_s, write)
            self._history[second] = (now + self._ttl_s, write)
            self.written += 1
        if on_stored is not None:
            on_stored()

    async def latest(self, symbol: str, names: Sequence[str] | None = None) -> LatestFeatures | None:
        """As FeatureStore.latest."""
        names = self.names if names is None else names
        check_known(names, self.names, self.schema)
        self._expire()
        if symbol not in self._latest:
            return None
        write = self._latest[symbol][1]
        return LatestFeatures(
            symbol=symbol,
            ts_ns=write.ts_ns,
            schema=self.schema,
            status=write.status,
            id=write.id,
            price=None if write.price is None else _null(write.price),
            values={name: _null(write.values[self._columns[name]]) for name in names},
            flags=msgspec.json.decode(write.flags or b"{}", type=dict[str, str]),
        )

    async def history(self, symbol: str, name: str, start_ns: int, end_ns: int) -> list[tuple[int, float]]:
        """As FeatureStore.history."""
        check_known([name], self.names, self.schema)
        check_kept(name, self._kept, self.names, self.schema)
        self._expire()
        found = []
        for second in seconds_between(start_ns, end_ns):
            if (symbol, second) in self._history:
                value = self._history[symbol, second][1].values[self._columns[name]]
                if math.isfinite(value):
                    found.append((second, value))
        return found

    async def symbols(self) -> list[str]:
        """As FeatureStore.symbols."""
        self._expire()
        return sorted(self._latest)

    def _expire(self) -> float:
        now = self._clock()
        _drop_expired(self._latest, now)
        _drop_expired(self._history, now)
        return now


def _drop_expired(entries: dict[Key, tuple[float, FeatureWrite]], now: float) -> None:
    expired = list(takewhile(lambda key: entries[key][0] <= now, entries))
    for key in expired:
        del entries[key]


def _null(value: float) -> float | None:
    return value if math.isfinite(value) else None
