"""`RealTimeFeatureEngine`: folds micro-batches of ticks into rows of state, and gives the features after each tick.

Standalone, without Kafka:

    from streams.engine import RealTimeFeatureEngine
    from streams.feature_set import FeatureSet

    engine = RealTimeFeatureEngine(FeatureSet.load("default"))
    features = engine.run([100.0, 100.5, 99.5, 101.0])
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from streams.bars import FIELDS
from streams.codegen.module import BAD_ROW, MISMATCH
from streams.columns import I32, NO_BARS, Folded, TickColumns
from streams.errors import ConfigError, StateError
from streams.feature_set import FeatureSet
from streams.history import history_of
from streams.kernel import Kernel, load
from streams.quality.rules import NO_FILTERS, QualityFilters
from streams.sessions import Sessions
from streams.state_block import StateBlock, Symbol

AT_ONCE: Final = 65_536
"""Ticks of a history that are folded at once: room is made for as many bars as they could close."""


class RealTimeFeatureEngine:
    """The fold of one feature set: a pure function of rows and ticks, compiled at its first use.

    Ticks of a symbol are folded in the order given. Each one is

    - `SKIPPED` if its offset is not above its row's `last_offset`: nothing changes;
    - `LATE` if it is older than `last_ts_ns` by more than `lateness_ns` (and `fold_late` is off): only `last_offset`
      advances;
    - what a filter found (`streams.columns`), if it breaks a rule of `filters`: only `last_offset` and what the filters
      remember advance;
    - else `APPLIED`: `last_offset` advances, `last_ts_ns` becomes the later of the two, and the indicators step on what
      the tick is. Values and flags are the row's after it. A tick of the warm-up does the same, and is `MARKED`.

    Marks are `MARKED` where they change a row, and `UNTOUCHED` where a clock mark has nothing to close.

    The bits of the result depend on the ticks and the rows alone, not on how the ticks are cut into batches.
    """

    def __init__(
        self,
        feature_set: FeatureSet,
        *,
        lateness_ns: int = 5_000_000_000,
        fold_late: bool = False,
        filters: QualityFilters = NO_FILTERS,
        cache_dir: Path | None = None,
    ) -> None:
        """Prepare the fold; nothing is compiled before `warm_up()` or the first tick.

        `lateness_ns`: nanoseconds, >= 0. `filters`: which ticks are believed. `cache_dir`: where compiled kernels are
        kept, see streams/kernel.py.

        Raises:
            ConfigError: for a calendar of the feature set or the filters that does not exist.
        """
        if lateness_ns < 0:
            raise ConfigError(f"lateness_ns={lateness_ns} is negative; use 0 or more nanoseconds")
        self.feature_set = feature_set
        self.sessions = Sessions.load(feature_set.options.calendar, dict(feature_set.options.calendars))
        self.filters = filters
        self._limits, self._hours = filters.limits, filters.hours
        self._lateness_ns = lateness_ns
        self._fold_late = fold_late
        self._cache_dir = cache_dir
        self._kernel: Kernel | None = None
        self._k = len(feature_set.outputs)
        self._layout_hash = feature_set.layout_hash
        self._bars_per_tick = len(feature_set.intervals) if feature_set.options.publish_bars else 0

    def new_block(self) -> StateBlock:
        """An empty block of rows for this feature set."""
        return StateBlock(self.feature_set, self.sessions, self.filters)

    def warm_up(self) -> None:
        """Load or compile the kernel (some 0.3 s, or seconds at the very first start) and run it once."""
        self.run([1.0])

    def fold(self, block: StateBlock, rows: I32, columns: TickColumns) -> Folded:
        """Fold tick i of `columns` into row `rows[i]` of `block`, in order.

        The arrays are C-contiguous; they may be read-only. Prices, bids and asks are finite and above 0, or NaN; sizes
        are finite and >= 0, those of quotes may be NaN.

        Raises:
            StateError: when the block was made for another feature set or other filters.
            ValueError: when the arrays differ in length; IndexError: when a row does not exist. Nothing is folded then.
        """
        if block.layout_hash != self._layout_hash or block.filters is not self.filters:
            raise StateError(
                f"the block was not made for feature set {self.feature_set.name} ({self.feature_set.version}) and "
                "these filters; use new_block() of the same engine"
            )
        kernel = self._kernel
        if kernel is None:
            kernel = self._kernel = load(self.feature_set, self._cache_dir)
        n = len(rows)
        values = np.empty((n, self._k))
        flags = np.empty((n, self._k), dtype=np.uint8)
        price = np.empty(n)
        verdict = np.empty(n, dtype=np.uint8)
        bars = np.empty((n * self._bars_per_tick, FIELDS)) if self._bars_per_tick else NO_BARS
        closed = kernel(
            block.state,
            block.places,
            len(block.symbols),
            rows,
            columns.offset,
            columns.ts_ns,
            columns.price,
            columns.size,
            columns.bid,
            columns.ask,
            columns.bid_size,
            columns.ask_size,
            columns.side,
            columns.seq,
            columns.clock,
            columns.kind,
            columns.reference,
            columns.arrival_ns,
            columns.barred,
            self.sessions.segments,
            self._limits,
            self._hours,
            self._lateness_ns,
            self._fold_late,
            values,
            flags,
            price,
            verdict,
            bars,
        )
        if closed < 0:
            self._refuse(closed, block, rows, columns)
        return Folded(values, flags, price, verdict, bars[:closed] if self._bars_per_tick else NO_BARS)

    def _refuse(self, result: int, block: StateBlock, rows: I32, columns: TickColumns) -> None:
        """Say why the kernel folded nothing."""
        if result != MISMATCH:
            i = BAD_ROW - result
            raise IndexError(f"rows[{i}]={rows[i]} is none of the block's {len(block)}; add() the symbol first")
        references = len(self.feature_set.references)
        if columns.reference.shape[1] != references:
            raise ValueError(
                f"columns of {columns.reference.shape[1]} references for a feature set of {references}; "
                "give one column per [references] of the feature set"
            )
        raise ValueError(f"{len(rows)} rows for columns of {len(columns)} ticks; all must have one length")

    def run(self, ticks: Any, *, symbols: Sequence[Symbol] | None = None, ts_ns: ArrayLike | None = None) -> Folded:
        """Fold a history from fresh rows: what one would have been served, tick by tick.

        `ticks`: prices of trades (NaN where a tick is none); or columns by name, such as a DataFrame, with some of
        `price`, `size`, `bid`, `ask`, `bid_size`, `ask_size`, `side`, `ts_ns`, `symbol`, `seq`; or an iterable of
        `streams.records.Tick`. `symbols`: of each tick (None: all of one symbol). `ts_ns`: event times (None: no tick
        is late). The ticks of a reference symbol are found by its name.

        Raises:
            ValueError: for a value that cannot be, such as a price that is not above 0, or columns of other lengths.
            ConfigError: for times that a calendar of the feature set does not know.
        """
        history = history_of(ticks, symbols, ts_ns, self.feature_set.references)
        if len(history.columns) and history.timed:
            self.sessions.require((int(history.columns.ts_ns.min()), int(history.columns.ts_ns.max())))
        block = self.new_block()
        rows = np.array([_row(block, symbol) for symbol in history.symbols], dtype=np.int32)
        cuts = [slice(start, start + AT_ONCE) for start in range(0, max(len(rows), 1), AT_ONCE)]
        parts = [self.fold(block, rows[cut], history.columns.take(cut)) for cut in cuts]
        if len(parts) == 1:
            return parts[0]
        for cut, part in zip(cuts, parts, strict=True):
            part.bars[:, :1] += cut.start  # their tick
        return Folded(*(np.concatenate([getattr(part, name) for part in parts]) for name in Folded.__slots__))


def _row(block: StateBlock, symbol: Symbol) -> int:
    """The row of `symbol`, made where there is none."""
    row = block.find(symbol)
    return row if row >= 0 else block.add(symbol)
