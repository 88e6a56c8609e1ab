"""From decoded ticks to rows of features: the worker's own fold, and of each symbol the path of its price."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple, cast

import msgspec
import numpy as np
from prometheus_client import CollectorRegistry

from agents.metrics import Metrics
from agents.working_rows import Part, WorkingRows
from streams.columns import APPLIED, F64, GAP, I32, I64, U8
from streams.engine import RealTimeFeatureEngine
from streams.records import Tick
from streams.ticks import Decoded
from tables.indicator_state import PartitionRows

FIRST_TICKS: Final = 5_000
_TICK: Final = msgspec.json.Decoder(Tick)


class Sampling(NamedTuple):
    """Which records become rows."""

    every: int = 1
    """Every so many-th record of a symbol."""
    on_change: bool = False
    """Only records whose mid (last price where there is no quote) differs from that of the symbol's record before."""
    max_rows: int = 300_000
    """Where there are more, every second one is left out, again and again."""

    def __str__(self) -> str:
        which = "every record" if self.every == 1 else f"every {self.every}th record of a symbol"
        return f"{which}{' that changed the price' if self.on_change else ''}"


class Rows(NamedTuple):
    """Sampled feature records, in the order in which they were folded."""

    symbol: I32
    """[n], place in `Fold.symbols`."""
    source: I64
    """[n], place of the record on all paths."""
    values: F64
    """[n, outputs]; NaN where null."""
    flags: U8
    price: F64
    spread_bps: F64
    """[n], of the newest quote; NaN where there is none."""


class Path(NamedTuple):
    """Every applied tick, as labels need it."""

    symbol: I32
    source: I64
    ts_ns: I64
    price: F64
    mid: F64
    gap: U8
    """1 where a gap mark stands: no tick, nothing but a time."""


class Fold:
    """Folds micro-batches of one partition after the other, and gathers rows and paths.

    A symbol is in one partition only; `partition` forgets the rows of state of the one before.
    """

    def __init__(
        self, engine: RealTimeFeatureEngine, sampling: Sampling, *, symbols: frozenset[str] | None = None
    ) -> None:
        """`symbols`: only their records become rows; None: all."""
        self._engine = engine
        self._sampling = sampling
        self._only = symbols
        self._metrics = Metrics(CollectorRegistry())
        self.symbols: list[str] = []
        self.ticks = 0
        """Ticks that were applied."""
        self.rejected = 0
        """Ticks that a worker would have sent to `ticks-rejected`."""
        self._places: dict[str, int] = {}
        self._counts: list[int] = []
        self._last: list[tuple[float, float, float]] = []
        """Of each symbol mid, what it is sampled by, and spread."""
        self._source = 0
        self._stride = 1
        self._kept: list[tuple[Any, ...]] = []
        self._rows = 0
        self._paths: list[Path] = []
        self._first: list[bytes] = []
        self.partition()

    def partition(self) -> None:
        """Begin a partition: with no row of state."""
        self._working = WorkingRows(self._engine, self._metrics)
        self._working.open(cast("PartitionRows", _NONE_SAVED))

    def take(self, decoded: Decoded, on_ticks: Callable[[int], None] = lambda _n: None) -> None:
        """Fold a micro-batch; `on_ticks` hears of how many ticks it had."""
        self.rejected += len(decoded.rejected)
        for part in self._working.fold(decoded):
            if part.records:
                self._gather(part)
        on_ticks(len(decoded.symbols))

    def _gather(self, part: Part) -> None:
        columns, folded = part.columns, part.folded
        gap = columns.kind == GAP
        applied = folded.verdict == APPLIED
        self.ticks += int(applied.sum())
        self.rejected += int((~applied & ~gap & (columns.kind == 0)).sum())
        at = np.flatnonzero(applied | gap)
        if not len(at):
            return
        if len(self._first) < FIRST_TICKS:
            self._first += [part.records[i].value for i in np.flatnonzero(applied).tolist()]
        with np.errstate(invalid="ignore"):
            mid = columns.bid + (columns.ask - columns.bid) / 2.0
            spread = (columns.ask - columns.bid) / mid * 10_000.0
        symbol = np.array([self._place(part.symbols[i]) for i in at.tolist()], np.int32)
        source = self._source + np.arange(len(at))
        self._source += len(at)
        self._paths.append(Path(symbol, source, columns.ts_ns[at], folded.price[at], mid[at], gap[at].astype(np.uint8)))
        kept, counts, spreads = [], [], []
        for i, place in enumerate(symbol.tolist()):
            j = int(at[i])
            if gap[j]:
                continue
            if (number := self._sampled(place, float(mid[j]), float(spread[j]), float(folded.price[j]))) is not None:
                kept.append(i)
                counts.append(number)
                spreads.append(self._last[place][2])
        if kept:
            rows = at[kept]
            self._kept.append(
                (
                    symbol[kept], source[kept], folded.values[rows], folded.flags[rows], folded.price[rows],
                    np.array(spreads), np.array(counts),
                )
            )  # fmt: skip
            self._rows += len(kept)
            self._thin()

    def _place(self, symbol: str) -> int:
        place = self._places.get(symbol)
        if place is None:
            place = self._places[symbol] = len(self.symbols)
            self.symbols.append(symbol)
            self._counts.append(-1)
            self._last.append((np.nan, np.nan, np.nan))
        return place

    def _sampled(self, place: int, mid: float, spread: float, price: float) -> int | None:
        """Which number of those that are sampled this record of a symbol has; None where it is none."""
        last_mid, last, last_spread = self._last[place]
        if mid == mid:  # noqa: PLR0124 - NaN: a tick without quote
            last_mid, last_spread = mid, spread
        now = last_mid if last_mid == last_mid else price  # noqa: PLR0124
        self._last[place] = (last_mid, now, last_spread)
        if self._only is not None and self.symbols[place] not in self._only:
            return None
        if self._sampling.on_change and now == last:
            return None
        self._counts[place] += 1
        number, left = divmod(self._counts[place], self._sampling.every)
        return None if left or number % self._stride else number

    def _thin(self) -> None:
        """Leave every second row of each symbol out while there are too many to hold."""
        self._halve(2 * self._sampling.max_rows)

    def _halve(self, most: int) -> None:
        # A symbol's first record always stays: behind the longest history nothing is left to leave out.
        while self._rows > most and self._stride <= max(self._counts):
            self._stride *= 2
            self._leave_out()

    def _leave_out(self) -> None:
        kept = []
        for chunk in self._kept:
            stays = chunk[-1] % self._stride == 0
            if stays.any():
                kept.append(tuple(column[stays] for column in chunk))
        self._kept = kept
        self._rows = sum(len(chunk[0]) for chunk in kept)

    def rows(self) -> Rows:
        """What was sampled, at most `max_rows`."""
        self._halve(self._sampling.max_rows)
        k = len(self._engine.feature_set.outputs)
        if not self._kept:
            none = np.zeros(0)
            return Rows(
                np.zeros(0, np.int32), np.zeros(0, np.int64), np.empty((0, k)), np.empty((0, k), np.uint8), none, none
            )
        found = [np.concatenate(columns) for columns in zip(*(chunk[:-1] for chunk in self._kept), strict=True)]
        self._kept = []
        return Rows(*found)

    def first_ticks(self) -> list[Tick]:
        """The first ticks that were applied, for the check that no feature looks ahead."""
        return [_TICK.decode(value) for value in self._first[:FIRST_TICKS]]

    @property
    def stride(self) -> int:
        """Every so many-th of the sampled records was kept, for there were more than `max_rows`."""
        return self._stride

    def path(self) -> Path:
        """The price paths of all symbols, in the order of folding."""
        if not self._paths:
            return Path(*(np.zeros(0, kind) for kind in (np.int32, np.int64, np.int64, float, float, np.uint8)))
        return Path(*(np.concatenate(columns) for columns in zip(*self._paths, strict=True)))


class _NoneSaved:
    """A table that has no row of any symbol (`PartitionRows`, as far as the fold asks)."""

    def get(self, symbol: str) -> None:
        """Nothing is saved."""

    def items(self) -> tuple[()]:
        """Nothing is saved."""
        return ()


_NONE_SAVED: Final = _NoneSaved()
