"""The fold alone, beside what a user might take instead, in one run:

    python -m tests.benchmarks.engine [--ticks 200000] [--rounds 5]

One symbol's ticks, one process, no Kafka. The eight classics: SMA 5, 20 and 50, EMA 12 and 26, RSI 14, MACD (12, 26,
9), Bollinger (20, 2). Contestants take turns, round by round; medians and the ratio to ours in the same round.

- `hayate`: micro-batches of 1,000 ticks from columns, values and flags of every tick out.
- `hayate, one tick a batch`: the same, called once per tick.
- `talipp`: its incremental indicators, `add` per price.
- `TA-Lib`: its streaming handles (0.8), `update` per price; the handles cannot be saved.
- `plain Python`: the same formulas with deques and floats, as one writes them oneself.
"""

import sys
import time
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
from talib import stream
from talipp.indicators import BB, EMA, MACD, RSI, SMA

from streams.columns import F64, I32, TickColumns
from streams.engine import RealTimeFeatureEngine
from streams.feature_set import FeatureSet
from streams.feeds.simulator import simulate
from streams.history import history_of
from tables.indicator_state import HEADER
from tests.benchmarks import figures
from tests.benchmarks.arena import parser
from tests.benchmarks.figures import Case
from tests.benchmarks.machine import machine

CLASSICS = ("sma_5", "sma_20", "sma_50", "ema_12", "ema_26", "rsi_14", "macd", "bbands")
HISTORY = 100
"""Prices that TA-Lib's handles are opened with."""


class PlainEngine:
    """The eight classics with deques and floats."""

    def __init__(self) -> None:
        self._count = 0
        self._previous = 0.0
        self._windows = {period: deque[float](maxlen=period) for period in (5, 20, 50)}
        self._sums = dict.fromkeys(self._windows, 0.0)
        self._averages = dict.fromkeys((12, 26), 0.0)
        self._rises = self._falls = self._signal = 0.0

    def add(self, price: float) -> list[float]:
        """Every value after this price."""
        self._count += 1
        values = []
        for period, window in self._windows.items():
            if len(window) == period:
                self._sums[period] -= window[0]
            window.append(price)
            self._sums[period] += price
            values.append(self._sums[period] / len(window))
        for period, average in self._averages.items():
            weight = 1 / self._count if self._count <= period else 2 / (period + 1)
            self._averages[period] = average + weight * (price - average)
            values.append(self._averages[period])
        change = price - self._previous if self._count > 1 else 0.0
        self._previous = price
        weight = 1 / min(self._count, 14)
        self._rises += weight * (max(change, 0.0) - self._rises)
        self._falls += weight * (max(-change, 0.0) - self._falls)
        moves = self._rises + self._falls
        values.append(100 * self._rises / moves if moves else 50.0)
        line = self._averages[12] - self._averages[26]
        self._signal += 0.2 * (line - self._signal)
        values += [line, self._signal, line - self._signal]
        window = self._windows[20]
        mean = self._sums[20] / len(window)
        deviation = (sum((x - mean) ** 2 for x in window) / len(window)) ** 0.5
        values += [mean + 2 * deviation, mean, mean - 2 * deviation]
        return values


def with_talipp(prices: list[float]) -> None:
    """As its users write it."""
    indicators = [SMA(5), SMA(20), SMA(50), EMA(12), EMA(26), RSI(14), MACD(12, 26, 9), BB(20, 2)]
    for price in prices:
        for indicator in indicators:
            indicator.add(price)
            indicator[-1]


def with_talib(prices: list[float]) -> None:
    """Its streaming handles."""
    history = np.array(prices[:HISTORY])
    handles: list[Any] = [
        *(stream.SMA(history, timeperiod=period) for period in (5, 20, 50)),
        *(stream.EMA(history, timeperiod=period) for period in (12, 26)),
        stream.RSI(history, timeperiod=14),
        stream.MACD(history),
        stream.BBANDS(history, timeperiod=20),
    ]
    for price in prices[HISTORY:]:
        for handle in handles:
            handle.update(price)


def with_plain_python(prices: list[float]) -> None:
    """The engine above."""
    engine = PlainEngine()
    for price in prices:
        engine.add(price)


def with_hayate(engine: RealTimeFeatureEngine, columns: TickColumns, size: int) -> None:
    """Micro-batches of `size` ticks of one symbol."""
    block = engine.new_block()
    block.add("X")
    rows: I32 = np.zeros(size, np.int32)
    for start in range(0, len(columns), size):
        cut = columns.take(slice(start, start + size))
        engine.fold(block, rows[: len(cut)], cut)


def ticks_of(n: int) -> TickColumns:
    """A simulated market's trades and quotes of one symbol."""
    return history_of(islice(simulate(symbols=1, rate=1_000.0, seed=1), n), None, None, ()).columns


def timed(work: Callable[[], None], ticks: int) -> float:
    """Microseconds per tick."""
    began = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - began) / ticks / 1_000


def main() -> int:
    """Measure and print the table."""
    given = parser(__doc__)
    given.add_argument("--ticks", type=int, default=200_000)
    given.add_argument("--rounds", type=int, default=5)
    options = given.parse_args()
    columns = ticks_of(options.ticks)
    prices: F64 = columns.price[~np.isnan(columns.price)]
    listed = prices.tolist()[:20_000]
    trades = history_of(prices, None, None, ()).columns
    classics = RealTimeFeatureEngine(FeatureSet.of("classics", *CLASSICS))
    full = RealTimeFeatureEngine(FeatureSet.load("default"))
    one = trades.take(slice(20_000))
    contestants: dict[str, Callable[[], float]] = {
        "hayate": lambda: timed(lambda: with_hayate(classics, trades, 1_000), len(trades)),
        "hayate, one tick a batch": lambda: timed(lambda: with_hayate(classics, one, 1), len(one)),
        "talipp": lambda: timed(lambda: with_talipp(listed), len(listed)),
        "TA-Lib": lambda: timed(lambda: with_talib(listed), len(listed) - HISTORY),
        "plain Python": lambda: timed(lambda: with_plain_python(listed), len(listed)),
        "hayate, default set": lambda: timed(lambda: with_hayate(full, columns, 1_000), len(columns)),
    }
    for engine in (classics, full):
        engine.warm_up()
    case = Case(
        "engine",
        "The fold alone",
        "One symbol's ticks in one process, no Kafka: the eight classics (SMA 5, 20, 50, EMA 12, 26, RSI 14, MACD, "
        "Bollinger), and our default set.",
        {"us": "µs a tick"},
        base="hayate",
        settings={"ticks": options.ticks, "rounds": options.rounds},
        machine=machine(),
    )
    for _ in range(options.rounds):
        for name, measure in contestants.items():
            case.add(name, us=measure())
    print(f"{'':26} {'us/tick':>9} {'x hayate':>9}   {options.rounds} rounds")
    for name in contestants:
        figure, times = case.spread(name, "us"), case.advantage(name, "us")
        assert figure is not None
        assert times is not None
        print(f"{name:26} {figure.median:9.3f} {times.median:9.1f}")
    for name, engine in (("eight classics", classics), ("default set", full)):
        print(
            f"{name}: {len(engine.feature_set.outputs)} outputs, "
            f"{HEADER.size + 8 * engine.feature_set.width:,} bytes of state per symbol"
        )
    figures.keep(options.json, case)
    return 0


if __name__ == "__main__":
    sys.exit(main())
