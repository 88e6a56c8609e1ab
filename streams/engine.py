"""`RealTimeFeatureEngine`: folds micro-batches of ticks into rows of state, and gives the features after each tick.

Standalone, without Kafka:

    from streams.engine import RealTimeFeatureEngine
    from streams.feature_set import FeatureSet

    engine = RealTimeFeatureEngine(FeatureSet.load("default"))
    features = engine.run([100.0, 100.5, 99.5, 101.0])
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from streams.columns import F64, I32, I64, Folded, TickColumns
from streams.errors import ConfigError, StateError
from streams.feature_set import FeatureSet
from streams.kernel import DONE, MISMATCH, NEVER, Kernel, load

Symbol = str | bytes


class StateBlock:
    """Rows of state, one per symbol, that grow as symbols are added: the working rows of one partition.

    `symbols[i]` has the row `state[i]` (what is saved: copy its float64 slots and nothing is missing),
    `last_offset[i]` (source offset of the last tick folded or found late, -1 for none) and `last_ts_ns[i]` (event time
    of the last tick folded, the least int64 for none). Rows beyond `len(block)` are spare. Adding a symbol may replace
    the arrays: take them from the block each time.

    A `str` and a `bytes` of the same letters would be two symbols; the first one added decides which kind a block has.
    """

    def __init__(self, feature_set: FeatureSet) -> None:
        self.layout_hash = feature_set.layout_hash
        self.symbols: list[Symbol] = []
        self._index: dict[Symbol, int] = {}
        capacity = 16
        self.state: F64 = np.zeros((capacity, feature_set.width))
        self.last_offset: I64 = np.zeros(capacity, dtype=np.int64)
        self.last_ts_ns: I64 = np.zeros(capacity, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.symbols)

    def find(self, symbol: Symbol) -> int:
        """The row of `symbol`, or -1."""
        return self._index.get(symbol, -1)

    def add(self, symbol: Symbol, offset: int = -1, ts_ns: int = NEVER, state: F64 | None = None) -> int:
        """Give `symbol` a row: a fresh one, or one that was saved (its slots are copied). Returns its index.

        Raises:
            StateError: when `state` has not the width of the feature set.
            ValueError: when `symbol` has a row already.
            TypeError: when the block's symbols are of the other kind.
        """
        if symbol in self._index:
            raise ValueError(f"symbol {symbol!r} has row {self._index[symbol]} already; use find() first")
        if self.symbols and type(symbol) is not type(self.symbols[0]):
            raise TypeError(
                f"symbol {symbol!r} is {type(symbol).__name__}, this block has others like {self.symbols[0]!r}"
            )
        width = self.state.shape[1]
        if state is not None and state.shape != (width,):
            raise StateError(
                f"state row of {symbol!r} has shape {state.shape}, the feature set has rows of {width}; "
                "it was written by another feature set: use that one, or start the state anew"
            )
        row = len(self.symbols)
        if row == len(self.last_offset):
            self._grow()
        if state is not None:
            self.state[row] = state
        self.last_offset[row] = offset
        self.last_ts_ns[row] = ts_ns
        self.symbols.append(symbol)
        self._index[symbol] = row
        return row

    def _grow(self) -> None:
        """Double the capacity."""
        self.state = np.concatenate((self.state, np.zeros_like(self.state)))
        self.last_offset = np.concatenate((self.last_offset, np.zeros_like(self.last_offset)))
        self.last_ts_ns = np.concatenate((self.last_ts_ns, np.zeros_like(self.last_ts_ns)))


class RealTimeFeatureEngine:
    """The fold of one feature set: a pure function of rows and ticks, compiled at its first use.

    Ticks of a symbol are folded in the order given. Each one is

    - `SKIPPED` if its offset is not above its row's `last_offset`: nothing changes;
    - `LATE` if it is older than `last_ts_ns` by more than `lateness_ns` (and `fold_late` is off): only `last_offset`
      advances;
    - else `APPLIED`: `last_offset` advances, `last_ts_ns` becomes the later of the two, and if the tick has a price the
      indicators step. Values and flags are the row's after the tick, on a pure quote too.

    The bits of the result depend on the ticks and the rows alone, not on how the ticks are cut into batches.
    """

    def __init__(
        self,
        feature_set: FeatureSet,
        *,
        lateness_ns: int = 5_000_000_000,
        fold_late: bool = False,
        cache_dir: Path | None = None,
    ) -> None:
        """Prepare the fold; nothing is compiled before `warm_up()` or the first tick.

        `lateness_ns`: nanoseconds, >= 0. `cache_dir`: where compiled kernels are kept, see streams/kernel.py.
        """
        if lateness_ns < 0:
            raise ConfigError(f"lateness_ns={lateness_ns} is negative; use 0 or more nanoseconds")
        self.feature_set = feature_set
        self._lateness_ns = lateness_ns
        self._fold_late = fold_late
        self._cache_dir = cache_dir
        self._kernel: Kernel | None = None

    def new_block(self) -> StateBlock:
        """An empty block of rows for this feature set."""
        return StateBlock(self.feature_set)

    def warm_up(self) -> None:
        """Load or compile the kernel (some 0.3 s, or seconds at the very first start) and run it once."""
        self.run([1.0])

    def fold(self, block: StateBlock, rows: I32, columns: TickColumns) -> Folded:
        """Fold tick i of `columns` into row `rows[i]` of `block`, in order.

        The arrays are one-dimensional and C-contiguous; they may be read-only. Prices are finite and above 0, or NaN.

        Raises:
            StateError: when the block was made for another feature set.
            ValueError: when the arrays differ in length; IndexError: when a row does not exist. Nothing is folded then.
        """
        if block.layout_hash != self.feature_set.layout_hash:
            raise StateError(
                f"the block was not made for feature set {self.feature_set.name} ({self.feature_set.version}); "
                "use new_block() of the same engine"
            )
        kernel = self._kernel
        if kernel is None:
            kernel = self._kernel = load(self.feature_set, self._cache_dir)
        n = len(rows)
        k = len(self.feature_set.outputs)
        folded = Folded(
            values=np.empty((n, k)),
            flags=np.empty((n, k), dtype=np.uint8),
            price=np.empty(n),
            verdict=np.empty(n, dtype=np.uint8),
        )
        result = kernel(
            block.state,
            block.last_offset,
            block.last_ts_ns,
            len(block),
            rows,
            columns.offset,
            columns.ts_ns,
            columns.price,
            self._lateness_ns,
            self._fold_late,
            folded.values,
            folded.flags,
            folded.price,
            folded.verdict,
        )
        if result == MISMATCH:
            raise ValueError(f"{n} rows for columns of {len(columns)} ticks; all must have one length")
        if result != DONE:
            raise IndexError(
                f"rows[{result}]={rows[result]} is none of the block's {len(block)}; add() the symbol first"
            )
        return folded

    def run(
        self, price: ArrayLike, *, symbols: Sequence[Symbol] | None = None, ts_ns: ArrayLike | None = None
    ) -> Folded:
        """Fold a history from fresh rows: what one would have been served, tick by tick.

        `price`: of each trade, > 0; NaN where a tick is none. `symbols`: of each tick (None: all of one symbol).
        `ts_ns`: event times (None: no tick is late).

        Raises:
            ValueError: for a price that is not finite and above 0, or arrays that differ in length.
        """
        prices = np.ascontiguousarray(price, dtype=np.float64)
        n = len(prices)
        bad = np.flatnonzero(~(np.isnan(prices) | ((prices > 0.0) & np.isfinite(prices))))
        if bad.size:
            raise ValueError(
                f"price[{bad[0]}]={prices[bad[0]]} is not a price; use finite numbers above 0, or NaN for none"
            )
        block = self.new_block()
        rows = np.zeros(n, dtype=np.int32)
        if symbols is None:
            block.add("")
        else:
            rows = np.array([_row(block, symbol) for symbol in symbols], dtype=np.int32)
        absent = np.full(n, np.nan)
        columns = TickColumns(
            offset=np.arange(n, dtype=np.int64),
            ts_ns=np.zeros(n, dtype=np.int64) if ts_ns is None else np.ascontiguousarray(ts_ns, dtype=np.int64),
            price=prices,
            size=np.zeros(n),
            bid=absent,
            ask=absent,
            bid_size=absent,
            ask_size=absent,
            side=np.zeros(n, dtype=np.int8),
        )
        return self.fold(block, rows, columns)


def _row(block: StateBlock, symbol: Symbol) -> int:
    """The row of `symbol`, made where there is none."""
    row = block.find(symbol)
    return row if row >= 0 else block.add(symbol)
