"""The trend indicators against their definitions, in every kind of market."""

from collections.abc import Callable
from math import isqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.columns import F64
from streams.indicators.adx import ADX
from streams.indicators.aroon import AROON
from streams.indicators.dema import DEMA
from streams.indicators.donchian import DONCHIAN
from streams.indicators.hma import HMA
from streams.indicators.ichimoku import ICHIMOKU
from streams.indicators.indicator import Indicator
from streams.indicators.kama import KAMA
from streams.indicators.keltner import KELTNER
from streams.indicators.linreg import LINREG
from streams.indicators.sar import SAR
from streams.indicators.supertrend import SUPERTREND
from streams.indicators.t3 import T3
from streams.indicators.tema import TEMA
from streams.indicators.vwma import VWMA
from streams.indicators.wma import WMA
from tests.streams.indicators.assertions import (
    assert_defined,
    assert_goes_on_from_a_copy,
    assert_interpreted_as_compiled,
    assert_no_drift,
    assert_warm_up,
)
from tests.streams.indicators.definitions.trend import DEFINITIONS
from tests.streams.indicators.histories import bars, histories, markets, prices, trades, walk
from tests.streams.indicators.stepping import Steps, drive, served

EPSILON = 2.0**-52
RELATIVE = 2 * EPSILON
LOST = 2.0**-100
"""What a compensated sum may keep of a value that left."""

USUAL = [
    ADX.indicator(14),
    AROON.indicator(14),
    DEMA.indicator(20),
    DONCHIAN.indicator(20),
    HMA.indicator(20),
    ICHIMOKU.indicator(),
    KAMA.indicator(10),
    KELTNER.indicator(20, 10, 2.0),
    LINREG.indicator(14),
    SAR.indicator(),
    SUPERTREND.indicator(),
    T3.indicator(5, 0.7),
    TEMA.indicator(10),
    VWMA.indicator(20),
    WMA.indicator(20),
]
SMALL = [
    ADX.indicator(2),
    AROON.indicator(2),
    DEMA.indicator(2),
    DONCHIAN.indicator(2),
    HMA.indicator(2),
    HMA.indicator(5),
    ICHIMOKU.indicator(2, 3, 7),
    KAMA.indicator(2),
    KELTNER.indicator(2, 1, 0.5),
    KELTNER.indicator(3, 6, 1.0),
    LINREG.indicator(2),
    LINREG.indicator(3),
    SAR.indicator(0.3, 0.5),
    SUPERTREND.indicator(2, 1.0),
    T3.indicator(2, 0.0),
    T3.indicator(3, 1.0),
    TEMA.indicator(2),
    VWMA.indicator(2),
    WMA.indicator(3),
]
FADING = {"adx": 900, "dema": 900, "kama": 9_000, "keltner": 900, "t3": 900, "tema": 900}
"""Steps after which nothing is left of what was before."""
WINDOWED = {"hma": 60, "linreg": 40, "vwma": 60, "wma": 60, "donchian": 60, "aroon": 40, "ichimoku": 90}

ALL = USUAL + SMALL
MARKETS = markets(130)
each_indicator = pytest.mark.parametrize("indicator", ALL, ids=lambda indicator: indicator.name)
each_usual = pytest.mark.parametrize("indicator", USUAL, ids=lambda indicator: indicator.name)


def rolling(values: F64, n: int, of: np.ufunc) -> F64:
    """`of` the last n values, or of as many as there are."""
    return np.array([of.reduce(values[max(i + 1 - n, 0) : i + 1]) for i in range(len(values))])


def reach(values: F64, n: int) -> F64:
    """Highest less lowest of the last n values."""
    found: F64 = rolling(values, n, np.maximum) - rolling(values, n, np.minimum)
    return found


def slack(steps: Steps, indicator: Indicator) -> F64 | float:
    """The absolute part of the accuracy that the docstrings state."""
    stated = STATED.get(indicator.family.name)
    return 0.0 if stated is None else stated(steps, *indicator.parameters)


def highest(steps: Steps) -> F64:
    """A unit in the last place of the highest price so far."""
    unit: F64 = np.spacing(np.maximum.accumulate(steps.high))
    return unit


def keltner_slack(steps: Steps, n: int, m: int, width: float) -> F64:
    middle = (n + 1) * highest(steps)
    band = middle + width * (m + 1) * highest(steps)
    return np.stack((band, middle, band), axis=1)


def hma_slack(steps: Steps, n: int) -> F64:
    memory = n + isqrt(n) - 1
    level = 6 * np.spacing(rolling(steps.close, memory, np.maximum))
    allowed: F64 = level + 24 * np.spacing(reach(steps.close, memory)) + 24 * LOST * reach(steps.close, 2 * memory)
    return allowed


def vwma_slack(steps: Steps, n: int) -> F64:
    weights = rolling(steps.volume, n, np.add)
    left = rolling(steps.volume, 2 * n, np.maximum) * reach(steps.close, 2 * n)
    return 4 * np.spacing(reach(steps.close, n)) + LOST * left / np.where(weights > 0, weights, np.inf)


def linreg_slack(steps: Steps, n: int) -> F64:
    wide, wider = reach(steps.close, n), reach(steps.close, 2 * n)
    ends = 2.0**-46 * wide + LOST * n * wider
    level = np.spacing(rolling(steps.close, n, np.maximum))
    # The variance is at least wide^2 / (2 n).
    left = LOST * wider**2 / np.where(wide > 0, wide**2 / (2 * n), np.inf)
    return np.stack((ends + level, ends / (n - 1), ends + level, n * 2.0**-46 + left), axis=1)


STATED: dict[str, Callable[..., F64 | float]] = {
    "adx": lambda _steps, n: 100 * n * 2.0**-49,
    "dema": lambda steps, n: 2 * (n + 1) * highest(steps),
    "hma": hma_slack,
    "kama": lambda steps, n: (250 + 4 * n) * highest(steps),
    "keltner": keltner_slack,
    "linreg": linreg_slack,
    "t3": lambda steps, n, _factor: 60 * (n + 1) * highest(steps),
    "tema": lambda steps, n: 6 * (n + 1) * highest(steps),
    "vwma": vwma_slack,
    "wma": lambda steps, n: 4 * np.spacing(reach(steps.close, n)) + LOST * reach(steps.close, 2 * n),
}
"""By family, from a history and the parameters; the others are exact."""


@each_indicator
def test_values_are_those_of_the_definition_in_every_market(indicator: Indicator) -> None:
    for steps in MARKETS.values():
        assert_defined(indicator, steps, DEFINITIONS[indicator.family.name], slack, RELATIVE)


@each_indicator
@given(steps=histories())
@settings(max_examples=20)
def test_values_are_those_of_the_definition_whatever_happens(indicator: Indicator, steps: Steps) -> None:
    assert_defined(indicator, steps, DEFINITIONS[indicator.family.name], slack, RELATIVE)


@each_indicator
def test_the_first_value_comes_with_the_last_step_of_the_warm_up(indicator: Indicator) -> None:
    moving = bars(walk(21, 4 * (max(indicator.warmup) + 3)))
    steps = Steps(open=moving.open, high=moving.high, low=moving.low, close=moving.close)
    assert_warm_up(indicator, steps, DEFINITIONS[indicator.family.name])


@each_usual
def test_interpreted_and_compiled_steps_agree_bit_for_bit(indicator: Indicator) -> None:
    for name in ("ticks, trades", "ticks, bars", "flat stretches, bars", "tiny moves on 1e5, bars", "constant, trades"):
        assert_interpreted_as_compiled(indicator, MARKETS[name])


@each_indicator
@given(steps=histories(40), data=st.data())
@settings(max_examples=10)
def test_a_copy_goes_on_bit_for_bit(indicator: Indicator, steps: Steps, data: st.DataObject) -> None:
    assert_goes_on_from_a_copy(indicator, steps, data.draw(st.integers(0, len(steps))))


@pytest.mark.parametrize(
    "indicator", [i for i in USUAL if i.family.name in FADING | WINDOWED], ids=lambda indicator: indicator.name
)
@pytest.mark.parametrize("market", ["tiny moves and a trend", "ticks"])
def test_no_drift_after_a_hundred_thousand_steps(indicator: Indicator, market: str) -> None:
    name = indicator.family.name
    on_bars = "high" in indicator.family.inputs
    steps = bars(prices(200_000)[market], every=2) if on_bars else trades(prices(100_000)[market])
    assert_no_drift(indicator, steps, DEFINITIONS[name], (FADING | WINDOWED)[name], slack, RELATIVE)


@each_indicator
@pytest.mark.parametrize("price", [3e-9, 101.37, 1e5 + 1e-6])
def test_a_market_that_never_moved(indicator: Indicator, price: float) -> None:
    values = served(indicator, drive(indicator, Steps(close=np.full(max(indicator.warmup) + 30, price))))
    expected = {
        "adx": [0.0, 0.0, 0.0, 0.0],
        "aroon": [100.0, 100.0, 0.0],
        "linreg": [price, 0.0, price, np.nan],
        "supertrend": [price, 1.0],
    }.get(indicator.family.name, [price] * len(indicator.outputs))
    still = values[max(indicator.warmup) - 1 :]
    np.testing.assert_array_equal(still, np.tile(expected, (len(still), 1)))
