"""The volatility indicators against their definitions, in every kind of market."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.columns import F64
from streams.indicators.atr import ATR
from streams.indicators.bipower import BIPOWER
from streams.indicators.ewma_vol import EWMA_VOL
from streams.indicators.garman_klass import GARMAN_KLASS
from streams.indicators.indicator import Family, Indicator
from streams.indicators.natr import NATR
from streams.indicators.parkinson import PARKINSON
from streams.indicators.rogers_satchell import ROGERS_SATCHELL
from streams.indicators.rv import RV
from streams.indicators.stddev import STDDEV
from streams.indicators.yang_zhang import YANG_ZHANG
from tests.streams.indicators.assertions import (
    assert_defined,
    assert_goes_on_from_a_copy,
    assert_interpreted_as_compiled,
    assert_no_drift,
    assert_warm_up,
)
from tests.streams.indicators.definitions import volatility
from tests.streams.indicators.histories import bars, histories, markets, prices, walk
from tests.streams.indicators.stepping import Steps, drive, served

EPSILON = 2.0**-52

USUAL = {
    ATR: (14,),
    BIPOWER: (30,),
    EWMA_VOL: (0.94,),
    GARMAN_KLASS: (20,),
    NATR: (14,),
    PARKINSON: (20,),
    ROGERS_SATCHELL: (20,),
    RV: (30,),
    STDDEV: (20,),
    YANG_ZHANG: (20,),
}
SMALL = {
    ATR: (2,),
    BIPOWER: (2,),
    EWMA_VOL: (0.3,),
    GARMAN_KLASS: (1,),
    NATR: (3,),
    PARKINSON: (1,),
    ROGERS_SATCHELL: (3,),
    RV: (1,),
    STDDEV: (2,),
    YANG_ZHANG: (2,),
}
ALL = [family.indicator(*parameters) for made in (USUAL, SMALL) for family, parameters in made.items()]
MARKETS = markets(130)
each_indicator = pytest.mark.parametrize("indicator", ALL, ids=lambda indicator: indicator.name)
each_usual = pytest.mark.parametrize("indicator", ALL[: len(USUAL)], ids=lambda indicator: indicator.name)


def largest(values: F64, n: int) -> F64:
    """Largest of the last n values, or of as many as there are."""
    return np.array([np.max(values[max(i + 1 - n, 0) : i + 1]) for i in range(len(values))])


def slack(steps: Steps, indicator: Indicator) -> F64 | float:
    """The absolute part of the accuracy that the docstrings state."""
    name, n = indicator.family.name, indicator.parameters[0]
    if name == "stddev":
        # What outliers leave that went less than n steps ago.
        reach = largest(steps.close, 2 * int(n)) + largest(-steps.close, 2 * int(n))
        return 2.0**-50 * reach
    if name == "yang_zhang":
        # Relative to the mean square of the returns: sums of squares about the mean of what may hardly differ.
        highest, lowest = np.fmax(steps.high, steps.previous), np.fmin(steps.low, steps.previous)
        squares = np.log(highest / lowest) ** 2
        return 16 * n * EPSILON * largest(squares, int(n))
    if name == "bipower":
        return np.tile([1e-120, 1e-12], (len(steps), 1))
    return 1e-120


@each_indicator
def test_values_are_those_of_the_definition_in_every_market(indicator: Indicator) -> None:
    for steps in MARKETS.values():
        assert_defined(indicator, steps, volatility.DEFINITIONS[indicator.family.name], slack)


@each_indicator
@given(steps=histories())
@settings(max_examples=20)
def test_values_are_those_of_the_definition_and_never_negative_whatever_happens(
    indicator: Indicator, steps: Steps
) -> None:
    ours = assert_defined(indicator, steps, volatility.DEFINITIONS[indicator.family.name], slack)
    assert np.all(np.isnan(ours) | (ours >= 0.0))


@each_indicator
def test_the_first_value_comes_with_the_last_step_of_the_warm_up(indicator: Indicator) -> None:
    steps = bars(walk(21, 4 * (max(indicator.warmup) + 3)))
    assert_warm_up(indicator, steps, volatility.DEFINITIONS[indicator.family.name])


@each_usual
def test_interpreted_and_compiled_steps_agree_bit_for_bit(indicator: Indicator) -> None:
    for name in ("ticks, trades", "ticks, bars", "flat stretches, bars", "tiny moves on 1e5, bars", "constant, trades"):
        assert_interpreted_as_compiled(indicator, MARKETS[name])


@each_indicator
@given(steps=histories(40), data=st.data())
@settings(max_examples=10)
def test_a_copy_goes_on_bit_for_bit(indicator: Indicator, steps: Steps, data: st.DataObject) -> None:
    assert_goes_on_from_a_copy(indicator, steps, data.draw(st.integers(0, len(steps))))


@each_usual
@pytest.mark.parametrize("market", ["tiny moves and a trend", "ticks"])
def test_no_drift_after_a_hundred_thousand_steps(indicator: Indicator, market: str) -> None:
    steps = bars(prices(400_000)[market])
    assert_no_drift(indicator, steps, volatility.DEFINITIONS[indicator.family.name], 900, slack)


def test_a_million_tiny_moves_on_a_high_price_keep_twelve_digits_of_the_deviation() -> None:
    indicator = STDDEV.indicator(20)
    closes = prices(1_000_000)["tiny moves and a trend"]
    values = drive(indicator, Steps(close=closes))[:, 0]
    for i in (*range(19, len(closes), 19_997), *range(len(closes) - 50, len(closes))):
        with localcontext() as context:
            context.prec = 50
            window = [Decimal(x) for x in closes[i - 19 : i + 1].tolist()]
            mean = sum(window, Decimal(0)) / 20
            exact = (sum(((x - mean) ** 2 for x in window), Decimal(0)) / 20).sqrt()
            assert abs(values[i] / float(exact) - 1) < 1e-12


@each_indicator
@pytest.mark.parametrize("price", [1e-9, 101.37, 1e5 + 1e-6])
def test_a_market_that_does_not_move_has_none(indicator: Indicator, price: float) -> None:
    steps = Steps(close=np.full(max(indicator.warmup) + 20, price))
    values = served(indicator, drive(indicator, steps))[max(indicator.warmup) - 1 :]
    assert np.all(values[:, 0] == 0.0)
    if indicator.family is BIPOWER:
        assert np.all(np.isnan(values[:, 1]))


WINDOWED = (BIPOWER, GARMAN_KLASS, PARKINSON, ROGERS_SATCHELL, RV, STDDEV, YANG_ZHANG)


@pytest.mark.parametrize("family", WINDOWED, ids=lambda family: family.name)
@given(before=histories(), price=st.floats(1e-6, 1e6), n=st.integers(1, 15))
@settings(max_examples=20)
def test_a_window_is_flat_whatever_was_before(family: Family, before: Steps, price: float, n: int) -> None:
    indicator = family.indicator(7)
    still = np.full(8 + n, price)
    given_ = {name: np.concatenate((before[name], still)) for name in ("open", "high", "low", "close")}
    assert np.all(drive(indicator, Steps(**given_))[-n:, 0] == 0.0)


def test_known_values() -> None:
    # One return of ln 2 and one of -ln 2: the variation is pi / 2 x 2 / 1 x (ln 2)^2, above the realised one.
    two = np.log(2.0) ** 2
    trades = Steps(close=[100.0, 200.0, 100.0])
    assert drive(RV.indicator(2), trades)[2, 0] == pytest.approx(2 * two)
    assert drive(BIPOWER.indicator(2), trades)[2] == pytest.approx([np.pi * two, 0.0])
    # Of four returns one jumps: the products beside it vanish.
    jump = Steps(close=[100.0, 100.0, 100.0, 200.0, 200.0])
    assert drive(BIPOWER.indicator(4), jump)[4].tolist() == [0.0, 1.0]
    bar = Steps(open=[100.0], high=[200.0], low=[100.0], close=[200.0])
    assert drive(PARKINSON.indicator(1), bar)[0, 0] == pytest.approx(two / (4 * np.log(2.0)))
    assert drive(GARMAN_KLASS.indicator(1), bar)[0, 0] == pytest.approx(0.5 * two - (2 * np.log(2.0) - 1) * two)
    assert drive(ROGERS_SATCHELL.indicator(1), bar)[0, 0] == 0.0


def test_estimators_find_the_variance_that_the_market_was_made_with() -> None:
    made = walk(41, 500 * 2_000, volatility=1e-4)
    steps = bars(made, every=500)
    per_bar = 500 * 1e-8
    for family in (PARKINSON, GARMAN_KLASS, ROGERS_SATCHELL, YANG_ZHANG):
        # Highs and lows of 500 prices are a little nearer than those of a path without steps.
        assert drive(family.indicator(1_999), steps)[-1, 0] == pytest.approx(per_bar, rel=0.1)
    assert drive(RV.indicator(1_999), steps)[-1, 0] == pytest.approx(1_999 * per_bar, rel=0.1)
    assert drive(BIPOWER.indicator(1_999), steps)[-1, 0] == pytest.approx(1_999 * per_bar, rel=0.1)
    assert drive(EWMA_VOL.indicator(0.999), steps)[-1, 0] == pytest.approx(np.sqrt(per_bar), rel=0.1)


@pytest.mark.parametrize(("decay", "returns"), [(0.94, 74), (0.97, 151), (0.5, 6), (0.01, 1), (0.9999, 46_049)])
def test_the_warm_up_of_the_weighted_volatility_is_riskmetrics_effective_number_of_returns(
    decay: float, returns: int
) -> None:
    assert EWMA_VOL.indicator(decay).warmup == (1 + returns,)
    assert decay ** (returns + 1) <= 0.01 * 1.000001


def test_equal_moves_are_exactly_the_weighted_volatility() -> None:
    closes = np.cumprod(np.full(300, 2.0)) * 1e-30
    np.testing.assert_allclose(drive(EWMA_VOL.indicator(0.94), Steps(close=closes))[1:, 0], np.log(2.0), rtol=4e-16)
