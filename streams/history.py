"""Histories as columns: what `RealTimeFeatureEngine.run` takes, from arrays, tables of columns, or ticks one by one."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streams.columns import F64, I8, I64, TICK, TickColumns
from streams.feeds.rfc3339 import event_time_ns
from streams.records import Tick

KEYS: Final = ("price", "size", "bid", "ask", "bid_size", "ask_size", "side", "ts_ns", "symbol", "seq")
"""Columns that a table may have."""

_SIDES: Final[dict[Any, int]] = {"buy": 1, "sell": -1, 1: 1, -1: -1, 0: 0, "": 0, None: 0}


class History(NamedTuple):
    """Ticks of a past, and of each its symbol."""

    columns: TickColumns
    symbols: list[str] | list[bytes]
    timed: bool
    """Whether event times were given."""


def history_of(
    ticks: Any, symbols: Sequence[str | bytes] | None, ts_ns: ArrayLike | None, references: Sequence[str]
) -> History:
    """Columns of `ticks`: prices of trades; or a table with some of KEYS; or `streams.records.Tick` one by one.

    Absent are NaN for prices and quotes, 0 for sizes of trades, times and sides, -1 or NaN for `seq`. What is missing
    for all ticks is left out.

    Raises:
        ValueError: for a value that cannot be, a column that is none, or lengths that differ.
    """
    table = _table(ticks)
    for name, given in (("symbol", symbols), ("ts_ns", ts_ns)):
        if given is not None:
            table[name] = given
    if unknown := [key for key in table if key not in KEYS]:
        raise ValueError(f"column {unknown[0]!r} is none of {', '.join(KEYS)}")
    lengths = {key: len(column) for key, column in table.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"columns of {lengths}; all must have one length")
    return _columns(table, next(iter(lengths.values()), 0), references)


def _table(ticks: Any) -> dict[str, Any]:
    """Columns by name: given so, of prices alone, or of ticks that come one by one."""
    if hasattr(ticks, "keys"):
        return {key: ticks[key] for key in ticks.keys()}  # noqa: SIM118 - what a DataFrame iterates over, it has by keys()
    if isinstance(ticks, np.ndarray):
        return {"price": ticks}
    listed = iter(ticks)
    first = next(listed, None)
    if not isinstance(first, Tick):
        return {"price": ticks if isinstance(ticks, Sequence) else [*([] if first is None else [first]), *listed]}
    rows = list(_rows(chain([first], listed)))
    return dict(zip(KEYS, zip(*rows, strict=True), strict=True))


def _rows(ticks: Iterable[Tick]) -> Iterable[tuple[Any, ...]]:
    for tick in ticks:
        seq = tick.seq if isinstance(tick.seq, int) else -1
        yield (
            tick.price, tick.size, tick.bid, tick.ask, tick.bid_size, tick.ask_size, tick.side, event_time_ns(tick),
            tick.symbol, seq,
        )  # fmt: skip


def _columns(table: dict[str, Any], n: int, references: Sequence[str]) -> History:
    symbols = [""] * n if table.get("symbol") is None else list(table["symbol"])
    price = _numbers(table, "price", n, above=True)
    columns = TickColumns(
        offset=np.arange(n, dtype=np.int64),
        ts_ns=_times(table.get("ts_ns"), n),
        price=price,
        size=np.nan_to_num(_numbers(table, "size", n), copy=False),
        bid=_numbers(table, "bid", n, above=True),
        ask=_numbers(table, "ask", n, above=True),
        bid_size=_numbers(table, "bid_size", n),
        ask_size=_numbers(table, "ask_size", n),
        side=_sides(table.get("side"), n),
        seq=_sequence(table.get("seq"), n),
        clock=np.zeros(n),
        kind=np.full(n, TICK, dtype=np.int8),
        reference=_references(price, symbols, references),
        arrival_ns=np.full(n, -1, dtype=np.int64),
        barred=np.zeros(n, dtype=np.int8),
    )
    return History(columns, symbols, timed=table.get("ts_ns") is not None)


def _numbers(table: dict[str, Any], name: str, n: int, *, above: bool = False) -> F64:
    """A column of finite numbers, >= 0 or `above` it, NaN for none."""
    if table.get(name) is None:
        return np.full(n, np.nan)
    numbers = np.array(table[name], dtype=np.float64)  # None becomes NaN
    if numbers.ndim != 1:
        raise ValueError(f"{name} has {numbers.ndim} dimensions; use one number per tick")
    fine = np.isnan(numbers) | (((numbers > 0.0) if above else (numbers >= 0.0)) & np.isfinite(numbers))
    if not fine.all():
        at = int(np.flatnonzero(~fine)[0])
        least = "above 0" if above else "not below 0"
        raise ValueError(f"{name}[{at}]={numbers[at]} is not a {name}; use finite numbers {least}, or NaN for none")
    return numbers


def _times(times: Any, n: int) -> I64:
    """Nanoseconds since the epoch, from those or from datetime64."""
    if times is None:
        return np.zeros(n, dtype=np.int64)
    array = np.asarray(times)
    if array.dtype.kind == "M":
        array = array.astype("datetime64[ns]")
    return np.ascontiguousarray(array.astype(np.int64))


def _sides(sides: Any, n: int) -> I8:
    if sides is None:
        return np.zeros(n, dtype=np.int8)
    try:
        return np.array([0 if side != side else _SIDES[side] for side in sides], dtype=np.int8)  # noqa: PLR0124 - NaN
    except KeyError as error:
        raise ValueError(f"side {error.args[0]!r} is none; use 'buy', 'sell', 1, -1, or None for unknown") from None


def _sequence(seq: Any, n: int) -> I64:
    if seq is None:
        return np.full(n, -1, dtype=np.int64)
    return np.array([-1 if number is None or number != number else int(number) for number in seq], dtype=np.int64)  # noqa: PLR0124 - NaN


def _references(price: F64, symbols: Sequence[str | bytes], references: Sequence[str]) -> F64:
    """Of each reference symbol the last price up to and including each tick."""
    n = len(price)
    columns = np.full((n, len(references)), np.nan)
    named: NDArray[np.str_] = np.array(
        [s if isinstance(s, str) else s.decode() for s in symbols] or [""], dtype=np.str_
    )[:n]
    for place, reference in enumerate(references):
        at = np.where((named == reference) & ~np.isnan(price), np.arange(n), -1)
        newest = np.maximum.accumulate(at) if n else at
        columns[:, place] = np.where(newest >= 0, price[newest], np.nan)
    return columns
