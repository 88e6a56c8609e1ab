"""Independent definitions of the indicators, in 60-digit decimals over the whole history, and markets to try."""

from collections.abc import Callable, Sequence
from decimal import Decimal, localcontext
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import strategies as st

from streams.columns import F64, TickColumns

Row = tuple[float, ...]
"""One value per output, NaN before the warm-up and where undefined."""

NAN = float("nan")


def exact(prices: Sequence[float]) -> list[Decimal]:
    return [Decimal(float(price)) for price in prices]


def sma(prices: Sequence[float], period: int) -> list[Row]:
    p = exact(prices)
    return [(float(sum(p[i + 1 - period : i + 1]) / period),) if i + 1 >= period else (NAN,) for i in range(len(p))]


def decimal_ema(values: list[Decimal], period: int) -> list[Decimal | None]:
    """Seeded with the mean of the first `period` values."""
    averages: list[Decimal | None] = [None] * min(period - 1, len(values))
    if len(values) < period:
        return averages
    average = sum(values[:period], Decimal(0)) / period
    averages.append(average)
    for value in values[period:]:
        average = (value * 2 + average * (period - 1)) / (period + 1)
        averages.append(average)
    return averages


def ema(prices: Sequence[float], period: int) -> list[Row]:
    return [(NAN if e is None else float(e),) for e in decimal_ema(exact(prices), period)]


def rsi(prices: Sequence[float], period: int) -> list[Row]:
    p = exact(prices)
    changes = [b - a for a, b in pairwise(p)]
    rows: list[Row] = [(NAN,)] * min(period, len(p))
    if len(changes) < period:
        return rows
    gain = sum((max(c, Decimal(0)) for c in changes[:period]), Decimal(0)) / period
    loss = sum((max(-c, Decimal(0)) for c in changes[:period]), Decimal(0)) / period
    for i in range(period, len(p)):
        if i > period:
            change = changes[i - 1]
            gain = (gain * (period - 1) + max(change, Decimal(0))) / period
            loss = (loss * (period - 1) + max(-change, Decimal(0))) / period
        flat = gain + loss < Decimal("1e-14") * min(p[i], Decimal(1))
        rows.append((50.0 if flat else float(100 * gain / (gain + loss)),))
    return rows


def macd(prices: Sequence[float], fast: int, slow: int, signal: int) -> list[Row]:
    p = exact(prices)
    slow_averages = decimal_ema(p, slow)
    fast_averages = [None] * (slow - fast) + decimal_ema(p[slow - fast :], fast)
    line = [f - s for f, s in zip(fast_averages, slow_averages, strict=False) if f is not None and s is not None]
    signals = decimal_ema(line, signal)
    rows: list[Row] = [(NAN, NAN, NAN)] * min(slow - 1, len(p))
    rows += [
        (NAN,) * 3 if s is None else (float(m), float(s), float(m - s)) for m, s in zip(line, signals, strict=True)
    ]
    return rows


def bbands(prices: Sequence[float], period: int, width: float) -> list[Row]:
    p = exact(prices)
    k = Decimal(width)
    rows: list[Row] = [(NAN,) * 5] * min(period - 1, len(p))
    for i in range(period - 1, len(p)):
        window = p[i + 1 - period : i + 1]
        mean = sum(window, Decimal(0)) / period
        half = k * (sum(((x - mean) ** 2 for x in window), Decimal(0)) / period).sqrt()
        if len(set(window)) == 1:
            rows.append((float(mean), float(mean), float(mean), NAN, 0.0))
            continue
        percent = (p[i] - (mean - half)) / (2 * half)
        rows.append((float(mean + half), float(mean), float(mean - half), float(percent), float(2 * half / mean)))
    return rows


DEFINITIONS: dict[str, Callable[..., list[Row]]] = {"bbands": bbands, "ema": ema, "macd": macd, "rsi": rsi, "sma": sma}
"""By name of the family: every one of the catalogue must be here."""


def define(family: str, prices: Sequence[float], parameters: tuple[Any, ...]) -> F64:
    """The definition's values, [trades, outputs]."""
    with localcontext() as context:
        context.prec = 60
        return np.array(DEFINITIONS[family](prices, *parameters))


def walk(seed: int, n: int, start: float = 100.0, volatility: float = 1e-3) -> F64:
    """A geometric random walk."""
    moves = np.random.default_rng(seed).normal(0.0, volatility, n)
    prices: F64 = start * np.exp(np.cumsum(moves))
    return prices


def tick_like(seed: int, n: int) -> F64:
    """Trades on a grid of 0.01 that bounce between bid and ask and often repeat the last price."""
    rng = np.random.default_rng(seed)
    mid = 10_000 + np.cumsum(rng.choice([-1, 0, 0, 0, 0, 1], n))
    prices: F64 = np.round((mid + rng.integers(0, 2, n)) * 0.01, 2)
    return prices


def markets(n: int) -> dict[str, F64]:
    """Kinds of history, each of n trades."""
    return {
        "walk": walk(1, n),
        "wild walk": walk(2, n, volatility=0.2),
        "constant": np.full(n, 101.37),
        "rising": np.linspace(50.0, 80.0, n),
        "falling": np.linspace(80.0, 50.0, n),
        "ticks": tick_like(3, n),
        "flat stretches": np.repeat(walk(4, (n + 39) // 40), 40)[:n],
        "tiny moves on 1e5": 1e5 + np.random.default_rng(5).normal(0.0, 1e-6, n),
        "tiny prices": walk(6, n, start=3e-9),
        "tiny moves on 1": 1.0 + np.random.default_rng(8).normal(0.0, 1e-9, n),
        "a bad tick": np.where(np.arange(n) == n // 3, 1e9, walk(7, n)),
    }


PRICES = st.lists(
    st.one_of(st.floats(1e-6, 1e6), st.sampled_from([100.0, 100.01, 1e5, 1e5 + 1e-6])), min_size=1, max_size=120
)
"""Histories of trades, with repeats and jumps."""


def tolerance(family: str, prices: F64, expected: F64) -> F64:
    """How far a value may be from the definition: rounding at the level of the price where the value has that unit."""
    level = np.spacing(prices)[:, None]
    if family == "bbands":
        slack = np.concatenate((level, level, level, np.full_like(level, 1e-12), np.zeros_like(level)), axis=1) * 4
    elif family in {"ema", "macd"}:
        slack = 64 * np.spacing(np.maximum.accumulate(prices))[:, None]
    elif family == "sma":
        slack = level
    else:
        slack = np.zeros_like(level)
    allowed: F64 = 1e-12 * np.abs(expected) + slack
    return allowed


def ticks(
    price: Sequence[float], *, offset: Sequence[int] | None = None, ts_ns: Sequence[int] | None = None
) -> TickColumns:
    """Columns of ticks that have no quotes; offsets count from 0 and all have one time unless given."""
    n = len(price)
    absent = np.full(n, NAN)
    return TickColumns(
        offset=np.arange(n, dtype=np.int64) if offset is None else np.array(offset, dtype=np.int64),
        ts_ns=np.zeros(n, dtype=np.int64) if ts_ns is None else np.array(ts_ns, dtype=np.int64),
        price=np.array(price, dtype=np.float64),
        size=np.zeros(n),
        bid=absent,
        ask=absent,
        bid_size=absent,
        ask_size=absent,
        side=np.zeros(n, dtype=np.int8),
        seq=np.full(n, -1, dtype=np.int64),
        clock=np.zeros(n),
        kind=np.zeros(n, dtype=np.int8),
        reference=np.empty((n, 0)),
        arrival_ns=np.full(n, -1, dtype=np.int64),
        barred=np.zeros(n, dtype=np.int8),
    )


def same_bits(a: F64, b: F64) -> bool:
    """Whether two float64 arrays are equal bit for bit."""
    return a.shape == b.shape and bool(np.array_equal(a.view(np.uint64), b.view(np.uint64)))
