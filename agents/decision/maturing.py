"""Labels that the stream itself brings: what became of decisions, once their horizon has passed.

Per symbol at most `PENDING` decisions wait; one is taken if it comes at least a sixteenth of the horizon after the last
one that waits. It matures with the first record of its symbol whose time is past decision time + horizon: the future
price is the one that stood before that record. Times are running maxima per symbol, prices are the mid where the symbol
had a quote (and the model's label is of the mid), else the last price: as streams/export/labels.py defines it, so that
a label in the stream is that of a training row.
"""

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.decision.compiled import compiled
from streams.columns import F64

I64 = NDArray[np.int64]

PENDING: Final = 32
SPACING: Final = 16
"""Decisions of one symbol that are taken within a horizon."""
BPS: Final = 10_000.0
OLD: Final = -1
FIRST_CAPACITY: Final = 8


class Kept(NamedTuple):
    """What is kept of one symbol, to go on elsewhere: a row of a table."""

    now_ns: int
    """Latest event time."""
    price: float
    mid: float
    ts_ns: I64
    """[p], of the pending decisions, oldest first."""
    base: F64
    """[p], prices then."""
    quoted: NDArray[np.bool_]
    """[p], whether that is a mid."""
    payload: F64
    """[p, width]."""


class Matured(NamedTuple):
    """k decisions that matured while n records came."""

    at: I64
    """[k], ascending: the record that matured each."""
    source: I64
    """[k], the record of this batch that the decision was made on; -1: of an earlier one."""
    ts_ns: I64
    payload: F64
    """[k, width]."""
    return_bps: F64


class Maturing:
    """The pending decisions of one model in one partition; what is remembered of each is `width` numbers."""

    def __init__(self, horizon_ms: int, width: int, *, mid: bool = True) -> None:
        """`mid`: whether the model's label is of the mid; else it is of the last price."""
        self._horizon_ns = horizon_ms * 1_000_000
        self._mid = mid
        self._symbols: dict[str, int] = {}
        self._free: list[int] = []
        self._now = np.full(FIRST_CAPACITY, np.iinfo(np.int64).min, np.int64)
        self._last = np.full((FIRST_CAPACITY, 2), math.nan)
        """Price and mid of each symbol."""
        self._ring = np.zeros((FIRST_CAPACITY, 2), np.int64)
        """First place in the ring, and how many wait."""
        self._ts = np.zeros((FIRST_CAPACITY, PENDING), np.int64)
        self._base = np.zeros((FIRST_CAPACITY, PENDING))
        self._quoted = np.zeros((FIRST_CAPACITY, PENDING), np.bool_)
        self._source = np.zeros((FIRST_CAPACITY, PENDING), np.int64)
        self._payload = np.zeros((FIRST_CAPACITY, PENDING, width))
        self._pushed: NDArray[np.int64] = np.empty((0, 2), np.int64)
        """Row and place of what the last batch took."""
        self._width = width

    def __contains__(self, symbol: str) -> bool:
        return symbol in self._symbols

    @property
    def waiting(self) -> int:
        """Decisions that wait, of all symbols."""
        return int(self._ring[:, 1].sum())

    def rows(self, symbols: Sequence[str]) -> I64:
        """[n]: a row for each record's symbol, made where there is none. Rows stay until `forget`."""
        known = self._symbols
        return np.fromiter((known[s] if s in known else self._add(s) for s in symbols), np.int64, len(symbols))

    @property
    def capacity(self) -> int:
        """Rows that there is room for."""
        return len(self._now)

    def pass_by(self, rows: I64, ts_ns: I64, price: F64, mid: F64, taken: NDArray[np.bool_], payload: F64) -> Matured:
        """n records come, in their order: mature what they are past, then take their own decisions.

        Args:
            rows: [n], see `rows`.
            ts_ns: [n], event times.
            price: [n], last trade price, NaN before the first.
            mid: [n], NaN where there is none.
            taken: [n], whether the record's decision is to be taken, if it is time for one.
            payload: [n, width], what is remembered of it.
        """
        n = len(rows)
        most = n + int(self._ring[np.unique(rows) if n > 1 else rows, 1].sum())
        at, source, ts = (np.empty(most, np.int64) for _ in range(3))
        out, returns = np.empty((most, self._width)), np.empty(most)
        self._forget_sources()
        pushed = np.full((n, 2), -1, np.int64)
        count = _pass_by(
            (rows, ts_ns, price, mid if self._mid else np.full(n, math.nan), taken, payload),
            (self._now, self._last, self._ring, self._ts, self._base, self._quoted, self._source, self._payload),
            (at, source, ts, out, returns, pushed),
            self._horizon_ns,
            self._horizon_ns // SPACING,
        )
        self._pushed = pushed[pushed[:, 0] >= 0]
        return Matured(at[:count], source[:count], ts[:count], out[:count], returns[:count])

    def complete(self, first: int, extras: F64) -> None:
        """Set the payload from column `first` on of what the last batch took and still waits: `extras` [n, ...] are
        those of its records."""
        rows, places = self._pushed.T
        self._payload[rows, places, first : first + extras.shape[1]] = extras[self._source[rows, places]]

    def keep(self, symbol: str) -> Kept:
        """What is known of a symbol that has a row."""
        row = self._symbols[symbol]
        first, count = self._ring[row]
        places = (first + np.arange(count)) % PENDING
        return Kept(
            int(self._now[row]),
            float(self._last[row, 0]),
            float(self._last[row, 1]),
            self._ts[row, places],
            self._base[row, places],
            self._quoted[row, places],
            self._payload[row, places],
        )

    def restore(self, symbol: str, kept: Kept) -> None:
        """Go on with what was kept of a symbol that has no row yet."""
        row = int(self.rows([symbol])[0])
        count = len(kept.ts_ns)
        self._now[row] = kept.now_ns
        self._last[row] = kept.price, kept.mid
        self._ring[row] = 0, count
        self._ts[row, :count] = kept.ts_ns
        self._base[row, :count] = kept.base
        self._quoted[row, :count] = kept.quoted
        self._source[row, :count] = OLD
        self._payload[row, :count] = kept.payload.reshape(count, self._width)

    def forget(self, symbol: str) -> int | None:
        """Let a symbol go; the row that it had."""
        row = self._symbols.pop(symbol, None)
        if row is not None:
            self._now[row] = np.iinfo(np.int64).min
            self._last[row] = math.nan
            self._ring[row] = 0
            self._free.append(row)
            self._pushed = self._pushed[self._pushed[:, 0] != row]
        return row

    def _add(self, symbol: str) -> int:
        if not self._free:
            used = len(self._symbols)
            if used == len(self._now):
                self._grow()
            row = used
        else:
            row = self._free.pop()
        self._symbols[symbol] = row
        return row

    def _grow(self) -> None:
        for name in ("_now", "_last", "_ring", "_ts", "_base", "_quoted", "_source", "_payload"):
            array = getattr(self, name)
            fill = {"_now": np.iinfo(np.int64).min, "_last": math.nan}.get(name, 0)
            setattr(self, name, np.concatenate([array, np.full(array.shape, fill, array.dtype)]))

    def _forget_sources(self) -> None:
        rows, places = self._pushed.T
        self._source[rows, places] = OLD


@compiled
def _pass_by(records: tuple[Any, ...], block: tuple[Any, ...], out: tuple[Any, ...], horizon: int, spacing: int) -> int:
    """See `Maturing.pass_by`; returns the number of decisions that matured."""
    rows, ts_ns, price, mid, taken, payload = records
    now, last, ring, ts, base, quoted, source, kept = block
    out_at, out_source, out_ts, out_payload, out_return, pushed = out
    size = ts.shape[1]
    k = 0
    for i in range(len(rows)):
        s = rows[i]
        t = max(ts_ns[i], now[s])
        while ring[s, 1] > 0:
            p = ring[s, 0]
            if t - ts[s, p] <= horizon:
                break
            future = last[s, 1] if quoted[s, p] else last[s, 0]
            out_at[k] = i
            out_source[k] = source[s, p]
            out_ts[k] = ts[s, p]
            out_payload[k] = kept[s, p]
            out_return[k] = (future / base[s, p] - 1.0) * BPS
            k += 1
            ring[s, 0] = (p + 1) % size
            ring[s, 1] -= 1
        now[s] = t
        if price[i] > 0.0:
            last[s, 0] = price[i]
        if mid[i] > 0.0:
            last[s, 1] = mid[i]
        with_mid = not math.isnan(last[s, 1])
        here = last[s, 1] if with_mid else last[s, 0]
        if not taken[i] or math.isnan(here) or ring[s, 1] == size:
            continue
        if ring[s, 1] > 0 and t - ts[s, (ring[s, 0] + ring[s, 1] - 1) % size] < spacing:
            continue
        p = (ring[s, 0] + ring[s, 1]) % size
        ts[s, p] = t
        base[s, p] = here
        quoted[s, p] = with_mid
        source[s, p] = i
        kept[s, p] = payload[i]
        pushed[i, 0], pushed[i, 1] = s, p
        ring[s, 1] += 1
    return k
