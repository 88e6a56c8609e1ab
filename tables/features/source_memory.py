"""Reads of the feature store's twin in memory."""

import math
from collections.abc import Callable, Mapping, Sequence

import msgspec

from tables.features.contract import FeatureWrite
from tables.features.schema import FeatureSchema
from tables.features.source import StoredNote, StoredPoint, StoredRecord


class MemoryFeatureSource:
    """Reads what a twin holds: `latest` by symbol, `history` by symbol and second, each with when it was written.

    `expire` drops what is over and gives the time (Unix seconds).
    """

    def __init__(
        self,
        known: FeatureSchema,
        latest: Mapping[str, tuple[float, FeatureWrite]],
        history: Mapping[tuple[str, int], tuple[float, FeatureWrite]],
        expire: Callable[[], float],
    ) -> None:
        self._known = known
        self._latest = latest
        self._history = history
        self._expire = expire
        self._columns = {name: column for column, name in enumerate(known.outputs)}

    async def newest(self, symbols: Sequence[str], names: Sequence[str] | None) -> list[StoredRecord | None]:
        """As FeatureSource.newest."""
        self._expire()
        held = [self._latest.get(symbol) for symbol in symbols]
        return [
            None if one is None else self._record(one[1], self._known.outputs if names is None else names)
            for one in held
        ]

    async def at(self, symbol: str, names: Sequence[str], seconds: range) -> tuple[int, StoredRecord] | None:
        """As FeatureSource.at."""
        now = self._expire()
        for second in seconds:
            if (held := self._history.get((symbol, second))) is not None:
                note, _, values = self._record(held[1], names)
                kept = [
                    value if self._lives(name, held[0], now) else None
                    for name, value in zip(names, values, strict=True)
                ]
                return second, StoredRecord(note, names, kept)
        return None

    async def points(self, symbol: str, name: str, seconds: range) -> list[StoredPoint]:
        """As FeatureSource.points."""
        now = self._expire()
        found = []
        for second in seconds:
            held = self._history.get((symbol, second))
            if held is not None and self._lives(name, held[0], now):
                note, _, (value,) = self._record(held[1], [name])
                if value is not None:
                    found.append(StoredPoint(second, value, note))
        return found

    async def symbols(self) -> list[str]:
        """As FeatureSource.symbols."""
        self._expire()
        return sorted(self._latest)

    async def describe(self, version: str) -> FeatureSchema | None:
        """As FeatureSource.describe."""
        return self._known if version == self._known.schema else None

    async def schemas(self) -> list[FeatureSchema]:
        """As FeatureSource.schemas."""
        return [self._known]

    def _lives(self, name: str, written: float, now: float) -> bool:
        return written + self._known.history_ttl_s.get(name, 0) > now

    def _record(self, write: FeatureWrite, names: Sequence[str]) -> StoredRecord:
        flags = msgspec.json.decode(write.flags or b"{}", type=dict[str, str])
        price = None if write.price is None else _or_none(write.price)
        note = StoredNote(write.ts_ns, self._known.schema, write.status, write.id, price, flags)
        return StoredRecord(note, names, [_or_none(write.values[self._columns[name]]) for name in names])


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
