"""How long features were away, read off the log: ticks and features carry the broker's own time of appending. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from tests.faults.checker import source_of
from tests.faults.evidence import Entry

END_MS: Final = 2**62
FRESH_MS: Final = 1_000
"""A feature is in time if it is in the log within a second of its tick."""


class Fault(NamedTuple):
    """One thing that was done to the system."""

    kind: str
    at_ms: int
    """When; for a server that was away: when it answered again."""
    own: frozenset[int] = frozenset()
    """Partitions of the worker that was hurt, as far as known."""
    answered: bool = False
    """Whether `at_ms` is the end of an outage in which no tick was taken: then any feature counts, not only that of a
    tick that came after it."""


class Silence(NamedTuple):
    """Longest wait for features in any partition of a group, after a fault and before the next one.

    Not the time to the first feature: partitions of those who were not hurt go on at first, and stand still later, when
    the group notices and rebalances.
    """

    kind: str
    own_ms: int | None
    others_ms: int | None


@dataclass(frozen=True)
class Service:
    """What a consumer of features got."""

    cells: int
    """Seconds times partitions in which ticks came."""
    late_cells: int
    """Those in which a tick had its feature more than a second after it."""
    windows: int
    """Seconds in which ticks came."""
    late_windows: int
    """Those in which a tick of any partition had its feature more than a second after it."""

    @property
    def availability(self) -> float:
        """Share of (second, partition) cells in which every tick had its feature within a second."""
        return 1.0 - self.late_cells / self.cells if self.cells else 1.0

    @property
    def undisturbed(self) -> float:
        """Share of seconds in which this holds for all partitions at once."""
        return 1.0 - self.late_windows / self.windows if self.windows else 1.0


class Flow:
    """Appending times of the ticks that have a feature, and of the features."""

    def __init__(self, ticks: Sequence[Entry], features: Sequence[Entry]) -> None:
        came: dict[tuple[int, int], int] = {}
        for entry in features:
            # The first of copies.
            came.setdefault((entry.partition, source_of(entry)), entry.ts_ms)
        self.pairs: list[tuple[int, int, int]] = [
            (tick.partition, tick.ts_ms, came[tick.partition, tick.offset])
            for tick in ticks
            if (tick.partition, tick.offset) in came
        ]
        """(partition, tick appended, feature appended), in ms."""

    def service(self) -> Service:
        """Cells and windows of the whole run."""
        late: dict[tuple[int, int], bool] = {}
        for partition, tick_ms, feature_ms in self.pairs:
            cell = (tick_ms // 1000, partition)
            late[cell] = late.get(cell, False) or feature_ms - tick_ms > FRESH_MS
        windows = {second: False for second, _ in late}
        for (second, _), is_late in late.items():
            windows[second] |= is_late
        return Service(len(late), sum(late.values()), len(windows), sum(windows.values()))

    def silences(self, faults: Sequence[Fault]) -> list[Silence]:
        """Of each fault, which are in the order of their times."""
        ends = [fault.at_ms for fault in faults[1:]] + [END_MS]
        # Not strict: of no faults there is no end either.
        return [self._silence(fault, end) for fault, end in zip(faults, ends, strict=False)]

    def _silence(self, fault: Fault, end_ms: int) -> Silence:
        waits: dict[int, int] = {}
        for partition, tick_ms, feature_ms in self.pairs:
            if fault.answered:
                # Backlog is not silence: the first feature counts.
                if feature_ms >= fault.at_ms:
                    waits[partition] = min(feature_ms - fault.at_ms, waits.get(partition, END_MS))
            elif fault.at_ms <= tick_ms < end_ms:
                # What the next fault holds up is the next one's.
                waits[partition] = max(min(feature_ms, end_ms) - tick_ms, waits.get(partition, 0))
        own = [wait for partition, wait in waits.items() if partition in fault.own]
        others = [wait for partition, wait in waits.items() if partition not in fault.own]
        return Silence(fault.kind, max(own, default=None), max(others, default=None))
