"""The volatility indicators against TA-Lib, an implementation that is not ours, after every step.

Where they differ: TA-Lib's deviation comes from sums of squares, which cancel where the deviation is small beside the
price, and is 0 below some size.
"""

from collections.abc import Callable

import numpy as np
import pytest
import talib

from streams.columns import F64
from streams.indicators.atr import ATR
from streams.indicators.indicator import Indicator
from streams.indicators.natr import NATR
from streams.indicators.stddev import STDDEV
from tests.streams.indicators.assertions import assert_near
from tests.streams.indicators.histories import bars, markets, walk
from tests.streams.indicators.stepping import Steps, drive, served

EPSILON = 2.0**-52
Oracle = Callable[[Steps], F64]

CASES: list[tuple[Indicator, Oracle]] = [
    (ATR.indicator(14), lambda s: talib.ATR(s.high, s.low, s.close, 14)),
    (ATR.indicator(2), lambda s: talib.ATR(s.high, s.low, s.close, 2)),
    (NATR.indicator(14), lambda s: talib.NATR(s.high, s.low, s.close, 14)),
    (NATR.indicator(50), lambda s: talib.NATR(s.high, s.low, s.close, 50)),
    (STDDEV.indicator(20), lambda s: talib.STDDEV(s.close, 20, 1.0)),
    (STDDEV.indicator(2), lambda s: talib.STDDEV(s.close, 2, 1.0)),
    (STDDEV.indicator(250), lambda s: talib.STDDEV(s.close, 250, 1.0)),
]
MARKETS = markets(600)
each_case = pytest.mark.parametrize(("indicator", "oracle"), CASES, ids=[indicator.name for indicator, _ in CASES])


def cancelled(steps: Steps, indicator: Indicator, ours: F64) -> F64 | float:
    """What sums of squares lose of a deviation: the rounding of the largest sum so far over twice the deviation."""
    if indicator.family is not STDDEV:
        return 1e-300
    largest = np.maximum.accumulate(steps.close)[:, None] ** 2
    lost = 4 * float(indicator.parameters[0]) * EPSILON * largest
    # Below the root of what is lost there is nothing left of it.
    return np.where(ours**2 > lost, lost / np.maximum(ours, 1e-300), np.sqrt(lost) + ours)


@each_case
@pytest.mark.parametrize("market", MARKETS)
def test_every_value_after_every_step(indicator: Indicator, oracle: Oracle, market: str) -> None:
    steps = MARKETS[market]
    ours = served(indicator, drive(indicator, steps))
    theirs = oracle(steps)[:, None]
    assert_near(ours, theirs, 1e-9, cancelled(steps, indicator, ours), f"{indicator.name} in {market}")


@each_case
def test_every_prefix_on_its_own(indicator: Indicator, oracle: Oracle) -> None:
    steps = bars(walk(31, 4 * (max(indicator.warmup) + 60), volatility=0.02))
    ours = served(indicator, drive(indicator, steps))[:, 0]
    for n in range(max(indicator.warmup), len(steps) + 1):
        np.testing.assert_allclose(ours[n - 1], oracle(steps.first(n))[-1], rtol=1e-9)


@each_case
def test_the_warm_up_is_the_lookback(indicator: Indicator, oracle: Oracle) -> None:
    theirs = oracle(bars(walk(32, 4 * 300)))
    assert (int(np.isnan(theirs).sum()) + 1,) == indicator.warmup
