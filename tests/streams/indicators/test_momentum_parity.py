"""The momentum indicators against TA-Lib, an implementation that is not ours, after every step.

Where they differ, and why:

- no range (`stoch`, `stochf`, `stochrsi`, `willr`), no true range (`ultosc`), no flow (`mfi`): TA-Lib gives 0, which is
  as oversold (`willr`: overbought) as can be; ours are neutral, and `mfi` without any volume is undefined;
- `stochrsi` where the index moved by its rounding only: TA-Lib says where it stands in that, ours is neutral;
- `cmo` where its averages have vanished: ours is 0 below 1e-14 as TA-Lib was before 0.8, TA-Lib goes on to exactly 0;
- `cci`: TA-Lib takes means of prices, whose rounding counts where moves are as small;
- `mfi`, `ultosc`: TA-Lib's sums keep the rounding of the largest volume or range that they ever held.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import talib
from numpy.typing import NDArray
from talib import MA_Type  # type: ignore[attr-defined] # documented, but not re-exported by its stub

from streams.columns import F64
from streams.indicators.cci import CCI
from streams.indicators.cmo import CMO
from streams.indicators.indicator import Indicator
from streams.indicators.mfi import MFI
from streams.indicators.mom import MOM
from streams.indicators.ppo import PPO
from streams.indicators.roc import ROC
from streams.indicators.rsi import RSI
from streams.indicators.stoch import STOCH
from streams.indicators.stochf import STOCHF
from streams.indicators.stochrsi import STOCHRSI
from streams.indicators.trix import TRIX
from streams.indicators.ultosc import ULTOSC
from streams.indicators.willr import WILLR
from tests.streams.indicators.assertions import assert_near
from tests.streams.indicators.histories import bars, markets, walk
from tests.streams.indicators.stepping import Steps, drive, served

EPSILON = 2.0**-52
Mask = NDArray[np.bool_]
Oracle = Callable[[Steps], Sequence[F64]]
Slack = Callable[[Steps], F64 | float]
"""How far TA-Lib may be off, beyond 1e-9 of its value."""
Differs = Callable[[Steps], Mask]
"""Where TA-Lib is no oracle for a reason of the list above: true per step."""


def window(values: F64, n: int, function: Callable[..., Any]) -> F64:
    """`function` of the last n values, or of as many as there are, at every step."""
    return np.array([function(values[max(i + 1 - n, 0) : i + 1]) for i in range(len(values))])


def within(bound: float) -> Slack:
    return lambda _steps: bound


def no_range(steps: Steps, n: int) -> Mask:
    """Whether the last n steps have one price only, but for rounding."""
    highest = window(steps.high, n, np.max)
    flat: Mask = highest - window(steps.low, n, np.min) <= 2e-14 * highest
    return flat


def nowhere(steps: Steps) -> Mask:
    return np.zeros(len(steps), dtype=bool)


def no_true_range(steps: Steps) -> Mask:
    """Whether one of the three windows of the ultimate oscillator has none."""
    jumps = np.nan_to_num(np.abs(steps.close - steps.previous))
    moved = (steps.high - steps.low) + jumps
    none: Mask = window(moved, 7, np.sum) == 0.0
    return none


def no_flow(steps: Steps) -> Mask:
    """Whether none of the last 14 changes of the typical price had volume."""
    typical = (steps.high + steps.low + steps.close) / 3
    flow = np.concatenate(([0.0], np.diff(typical))) * steps.volume
    none: Mask = window(np.abs(flow), 14, np.sum) == 0.0
    return none


def still_index(steps: Steps, n: int, k: int) -> Mask:
    """Whether the index's last k values are one but for rounding; what follows it goes into the means."""
    index = np.nan_to_num(drive(RSI.indicator(n), steps)[:, 0])
    return window(index, k, np.ptp) <= 1e-4


def no_averages(steps: Steps, n: int) -> Mask:
    """Whether the average sizes of the changes are about 1e-14 or less."""
    sizes = np.nan_to_num(np.abs(steps.close - steps.previous))
    average = 0.0
    averages = []
    for size in sizes:
        average += (size - average) / n
        averages.append(average)
    vanished: Mask = np.array(averages) < 1e-12 * np.minimum(steps.close, 1.0)
    return vanished


def price_rounding(steps: Steps, n: int) -> F64:
    """Of `cci`: that of the prices, relative to their mean distance from the mean."""
    typical = (steps.high + steps.low + steps.close) / 3
    spread = window(typical, n, lambda values: np.mean(np.abs(values - values.mean())))
    level = np.maximum.accumulate(typical) * EPSILON
    return np.minimum(16 * n * level / (0.015 * np.maximum(spread, level)), 140.0)


def flow_rounding(steps: Steps) -> F64:
    """Of `mfi`: that of the largest flows so far, relative to the present ones."""
    typical = (steps.high + steps.low + steps.close) / 3
    moved = np.concatenate(([0.0], np.diff(typical))) != 0.0
    flows = window(typical * steps.volume * moved, 14, np.sum)
    return 6400 * EPSILON * np.maximum.accumulate(flows) / np.maximum(flows, 1e-300)


def range_rounding(steps: Steps) -> F64:
    """Of `ultosc`: that of the largest ranges so far, relative to the present ones."""
    high, low = np.fmax(steps.high, steps.previous), np.fmin(steps.low, steps.previous)
    ranges = window(high - low, 7, np.sum)
    return 6400 * EPSILON * np.maximum.accumulate(ranges) / np.maximum(ranges, 1e-300)


def lasting(differs: Mask, n: int) -> Mask:
    """True also for the n - 1 steps after."""
    return window(differs.astype(np.float64), n, np.max) > 0.0


CASES: list[tuple[Indicator, Oracle, Differs, Slack]] = [
    (CCI.indicator(14), lambda s: (talib.CCI(s.high, s.low, s.close, 14),), nowhere, lambda s: price_rounding(s, 14)),
    (CCI.indicator(2), lambda s: (talib.CCI(s.high, s.low, s.close, 2),), nowhere, lambda s: price_rounding(s, 2)),
    (CMO.indicator(14), lambda s: (talib.CMO(s.close, 14),), lambda s: no_averages(s, 14), within(1e-9)),
    (CMO.indicator(2), lambda s: (talib.CMO(s.close, 2),), lambda s: no_averages(s, 2), within(1e-9)),
    (MFI.indicator(14), lambda s: (talib.MFI(s.high, s.low, s.close, s.volume, 14),), no_flow, flow_rounding),
    (MOM.indicator(10), lambda s: (talib.MOM(s.close, 10),), nowhere, within(0.0)),
    (MOM.indicator(1), lambda s: (talib.MOM(s.close, 1),), nowhere, within(0.0)),
    (PPO.indicator(12, 26), lambda s: (talib.PPO(s.close, 12, 26, MA_Type.EMA),), nowhere, within(1e-12)),
    (PPO.indicator(2, 3), lambda s: (talib.PPO(s.close, 2, 3, MA_Type.EMA),), nowhere, within(1e-12)),
    (ROC.indicator(10), lambda s: (talib.ROC(s.close, 10),), nowhere, within(100 * EPSILON)),
    (ROC.indicator(1), lambda s: (talib.ROC(s.close, 1),), nowhere, within(100 * EPSILON)),
    (
        STOCH.indicator(5, 3, 3),
        lambda s: talib.STOCH(s.high, s.low, s.close, 5, 3, MA_Type.SMA, 3, MA_Type.SMA),
        lambda s: lasting(no_range(s, 5), 5),
        within(1e-11),
    ),
    (
        STOCH.indicator(14, 1, 4),
        lambda s: talib.STOCH(s.high, s.low, s.close, 14, 1, MA_Type.SMA, 4, MA_Type.SMA),
        lambda s: lasting(no_range(s, 14), 4),
        within(1e-11),
    ),
    (
        STOCHF.indicator(5, 3),
        lambda s: talib.STOCHF(s.high, s.low, s.close, 5, 3, MA_Type.SMA),
        lambda s: lasting(no_range(s, 5), 3),
        within(1e-11),
    ),
    (
        STOCHRSI.indicator(14, 5, 1, 3),
        lambda s: talib.STOCHRSI(s.close, 14, 5, 3, MA_Type.SMA),
        lambda s: lasting(still_index(s, 14, 5), 3),
        within(1e-5),
    ),
    (TRIX.indicator(15), lambda s: (talib.TRIX(s.close, 15),), nowhere, within(1e-12)),
    (TRIX.indicator(2), lambda s: (talib.TRIX(s.close, 2),), nowhere, within(1e-12)),
    (
        ULTOSC.indicator(7, 14, 28),
        lambda s: (talib.ULTOSC(s.high, s.low, s.close, 7, 14, 28),),
        no_true_range,
        range_rounding,
    ),
    (
        WILLR.indicator(14),
        lambda s: (talib.WILLR(s.high, s.low, s.close, 14),),
        lambda s: no_range(s, 14),
        within(1e-11),
    ),
    (WILLR.indicator(2), lambda s: (talib.WILLR(s.high, s.low, s.close, 2),), lambda s: no_range(s, 2), within(1e-11)),
]
# Volumes of one order: TA-Lib's sums lose the small ones beside others.
MARKETS = {
    name: Steps(
        open=made.open, high=made.high, low=made.low, close=made.close, volume=np.fmin(made.volume, 50.0) // 0.5 * 0.5
    )
    for name, made in markets(600).items()
}
each_case = pytest.mark.parametrize(
    ("indicator", "oracle", "differs", "slack"), CASES, ids=[indicator.name for indicator, *_ in CASES]
)


def values(indicator: Indicator, steps: Steps) -> F64:
    return served(indicator, drive(indicator, steps))


@each_case
@pytest.mark.parametrize("market", MARKETS)
def test_every_value_after_every_step(
    indicator: Indicator, oracle: Oracle, differs: Differs, slack: Slack, market: str
) -> None:
    steps = MARKETS[market]
    ours, theirs = values(indicator, steps), np.transpose(oracle(steps))
    elsewhere = differs(steps)
    if market == "constant":
        assert elsewhere.all() == (differs is not nowhere)
    ours[elsewhere] = theirs[elsewhere] = 0.0
    assert_near(ours, theirs, 1e-9, slack(steps), f"{indicator.name} in {market}")


@each_case
def test_every_prefix_on_its_own(indicator: Indicator, oracle: Oracle, differs: Differs, slack: Slack) -> None:
    del slack
    steps = bars(walk(31, 4 * 90))
    ours = values(indicator, steps)
    assert not differs(steps)[30:].any()
    for n in range(max(indicator.warmup), len(steps) + 1):
        last = np.array([output[-1] for output in oracle(steps.first(n))])
        assert_near(ours[n - 1 : n], last[None, :], 1e-9, 1e-9, f"{indicator.name} after {n}")


@each_case
def test_the_warm_up_is_the_lookback(indicator: Indicator, oracle: Oracle, differs: Differs, slack: Slack) -> None:
    del differs, slack
    theirs = np.transpose(oracle(bars(walk(32, 400))))
    assert [int(np.isnan(output).sum()) + 1 for output in theirs.T] == list(indicator.warmup)


def test_without_a_range_talib_says_oversold_or_overbought_and_ours_neither() -> None:
    steps = Steps(close=np.full(60, 101.37))
    expected = {
        "cmo": 0.0,
        "mfi": 50.0,
        "stoch": 50.0,
        "stochf": 50.0,
        "stochrsi": 50.0,
        "ultosc": 50.0,
        "willr": -50.0,
    }
    for indicator, oracle, differs, _ in CASES:
        if differs is not nowhere:
            assert np.all(np.transpose(oracle(steps))[59] == 0.0)
            assert np.all(values(indicator, steps)[59] == expected[indicator.family.name])
