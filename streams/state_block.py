"""Rows of state, one per symbol: the working rows of one partition."""

from collections.abc import Iterable
from typing import Final

import numpy as np

from streams import layout
from streams.columns import F64, I64
from streams.errors import StateError
from streams.feature_set import FeatureSet
from streams.layout import LAST_OFFSET, LAST_TS, NEVER, PLACES, RULES, SEGMENTS
from streams.quality.rules import NO_FILTERS, QualityFilters
from streams.sessions import Sessions

Symbol = str | bytes

FIRST_CAPACITY: Final = 16


class StateBlock:
    """Rows of state that grow as symbols are added and are let go as symbols fall quiet.

    `symbols[i]` has the row `state[i]` (what is saved: copy its float64 slots and nothing is missing),
    `last_offset[i]` (source offset of the last record judged, -1 for none) and `last_ts_ns[i]` (event time of the last
    tick folded, the least int64 for none). Rows beyond `len(block)` are spare. Adding or removing a symbol may replace
    the arrays: take them from the block each time.

    A `str` and a `bytes` of the same letters would be two symbols; the first one added decides which kind a block has.
    """

    def __init__(
        self, feature_set: FeatureSet, sessions: Sessions | None = None, filters: QualityFilters = NO_FILTERS
    ) -> None:
        """An empty block; `sessions` None: every symbol trades round the clock."""
        self.filters = filters
        self.layout_hash = feature_set.layout_hash
        self.symbols: list[Symbol] = []
        self._sessions = sessions if sessions is not None else Sessions.load()
        self._index: dict[Symbol, int] = {}
        timed = [
            (at, round(interval.size))
            for interval, at in zip(feature_set.intervals, feature_set.layout.bars, strict=True)
            if interval.kind == "time"
        ]
        self._timed = tuple(timed)
        self._grace_ns = feature_set.options.mark_grace_ms * 1_000_000
        self.state: F64 = np.zeros((FIRST_CAPACITY, feature_set.width))
        self.places: I64 = np.zeros((FIRST_CAPACITY, PLACES), dtype=np.int64)
        """Per row what the kernel needs beside it: last offset, last event time, segments of its calendar, which limits
        are its own."""

    def __len__(self) -> int:
        return len(self.symbols)

    @property
    def last_offset(self) -> I64:
        """Per row, the source offset of the last record that was judged, -1 for none."""
        return self.places[:, LAST_OFFSET]

    @property
    def last_ts_ns(self) -> I64:
        """Per row, the event time of the last tick that was folded, the least int64 for none."""
        return self.places[:, LAST_TS]

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
        if row == len(self.places):
            self.state = np.concatenate((self.state, np.zeros_like(self.state)))
            self.places = np.concatenate((self.places, np.zeros_like(self.places)))
        if state is not None:
            self.state[row] = state
        self.places[row, LAST_OFFSET] = offset
        self.places[row, LAST_TS] = ts_ns
        name = symbol if isinstance(symbol, str) else symbol.decode()
        self.places[row, SEGMENTS : SEGMENTS + 2] = self._sessions.of(name)
        self.places[row, RULES] = self.filters.index(name)
        self.symbols.append(symbol)
        self._index[symbol] = row
        return row

    def remove(self, rows: Iterable[int]) -> None:
        """Let the symbols of these rows go; each place is taken by the block's last row, so other indices change.

        Raises:
            IndexError: when a row does not exist; nothing is removed then.
        """
        going = sorted({int(row) for row in rows}, reverse=True)
        if going and not 0 <= going[-1] <= going[0] < len(self.symbols):
            raise IndexError(f"rows {going}: the block has {len(self.symbols)}")
        for row in going:
            last = len(self.symbols) - 1
            del self._index[self.symbols[row]]
            moved = self.symbols.pop()
            if row != last:
                self.symbols[row] = moved
                self._index[moved] = row
                self.state[row] = self.state[last]
                self.places[row] = self.places[last]
            self.state[last] = 0.0

    def opened(self, state: F64) -> "tuple[float, int] | None":
        """Clock of a row, and the time in ns at which a mark of it first closes one of its bars; None without any."""
        ends = [int(state[at + layout.START_S]) + s for at, s in self._timed if state[at + layout.BAR_TRADES] > 0.0]
        return (float(state[layout.CLOCK]), min(ends) * 1_000_000_000 + self._grace_ns) if ends else None

    def due(self, ts_ns: int, clock: float) -> I64:
        """Rows of a clock that have a time bar which a mark at `ts_ns` closes, in the order of the rows."""
        n = len(self.symbols)
        by_s = (ts_ns - self._grace_ns) // 1_000_000_000
        state = self.state[:n]
        found = np.zeros(n, dtype=np.bool_)
        for at, seconds in self._timed:
            found |= (state[:, at + layout.BAR_TRADES] > 0.0) & (state[:, at + layout.START_S] + seconds <= by_s)
        return np.flatnonzero(found & (state[:, layout.CLOCK] == clock))
