"""The momentum indicators against their definitions, in every kind of market."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.columns import F64
from streams.errors import ConfigError
from streams.indicators.cci import CCI
from streams.indicators.cmo import CMO
from streams.indicators.indicator import Family, Indicator, Number
from streams.indicators.mfi import MFI
from streams.indicators.mom import MOM
from streams.indicators.ppo import PPO
from streams.indicators.roc import ROC
from streams.indicators.stoch import STOCH
from streams.indicators.stochf import STOCHF
from streams.indicators.stochrsi import STOCHRSI
from streams.indicators.trix import TRIX
from streams.indicators.tsi import TSI
from streams.indicators.ultosc import ULTOSC
from streams.indicators.willr import WILLR
from tests.streams.indicators.assertions import (
    assert_defined,
    assert_goes_on_from_a_copy,
    assert_interpreted_as_compiled,
    assert_no_drift,
    assert_warm_up,
)
from tests.streams.indicators.definitions import momentum
from tests.streams.indicators.definitions.exact import exact
from tests.streams.indicators.histories import bars, histories, markets, prices, trades, walk
from tests.streams.indicators.stepping import Steps, drive, served

EPSILON = 2.0**-52

USUAL = {
    CCI: (20,),
    CMO: (14,),
    MFI: (14,),
    MOM: (10,),
    PPO: (12, 26),
    ROC: (10,),
    STOCH: (5, 3, 3),
    STOCHF: (5, 3),
    STOCHRSI: (14, 14, 3, 3),
    TRIX: (15,),
    TSI: (25, 13),
    ULTOSC: (7, 14, 28),
    WILLR: (14,),
}
SMALL = {
    CCI: (2,),
    CMO: (2,),
    MFI: (2,),
    MOM: (1,),
    PPO: (2, 3),
    ROC: (1,),
    STOCH: (2, 1, 4),
    STOCHF: (1, 1),
    STOCHRSI: (2, 3, 1, 2),
    TRIX: (2,),
    TSI: (3, 2),
    ULTOSC: (1, 2, 5),
    WILLR: (2,),
}
RANGES = {
    "cmo": (-100.0, 100.0),
    "mfi": (0.0, 100.0),
    "stoch": (0.0, 100.0),
    "stochf": (0.0, 100.0),
    "stochrsi": (0.0, 100.0),
    "tsi": (-100.0, 100.0),
    "ultosc": (0.0, 100.0),
    "willr": (-100.0, 0.0),
}
NEUTRAL = {"cci": 0.0, "cmo": 0.0, "mfi": 50.0, "mom": 0.0, "ppo": 0.0, "roc": 0.0, "stoch": 50.0, "stochf": 50.0}
NEUTRAL |= {"stochrsi": 50.0, "trix": 0.0, "tsi": 0.0, "ultosc": 50.0, "willr": -50.0}

ALL = [family.indicator(*parameters) for made in (USUAL, SMALL) for family, parameters in made.items()]
MARKETS = markets(130)
each_indicator = pytest.mark.parametrize("indicator", ALL, ids=lambda indicator: indicator.name)
each_usual = pytest.mark.parametrize("indicator", ALL[: len(USUAL)], ids=lambda indicator: indicator.name)


def reach(values: F64, n: int) -> F64:
    """Highest less lowest of the last n values, or of as many as there are."""
    return np.array([np.ptp(values[max(i + 1 - n, 0) : i + 1]) for i in range(len(values))])


def slack(steps: Steps, indicator: Indicator) -> F64 | float:
    """The absolute part of the accuracy that the docstrings state."""
    name, n = indicator.family.name, float(indicator.parameters[0])
    if name in {"ppo", "trix"}:
        # Averages keep the rounding of the highest price they remember, and are divided by as little as the lowest.
        longest = max(map(float, indicator.parameters))
        remembered: F64 = np.maximum.accumulate(steps.close) / np.minimum.accumulate(steps.close)
        return 200 * (longest + 2) * EPSILON * remembered**2
    if name == "cci":
        typical = (steps.high + steps.low + steps.close) / 3
        spread = reach(typical, int(n)) / n
        wide = reach(np.maximum(steps.high, steps.close), int(n)) + steps.high - steps.low
        with np.errstate(all="ignore"):
            return 67 * n * EPSILON + np.nan_to_num(wide / spread * 64 * EPSILON, nan=0.0, posinf=0.0)
    if name == "stochrsi":
        return stochrsi_slack(steps, indicator)
    return 1e-11 if name in {"cmo", "tsi"} else 1e-13


def stochrsi_slack(steps: Steps, indicator: Indicator) -> F64:
    """The rounding of the index, magnified by its range, as it goes into the two means."""
    n, k, s, d = map(int, indicator.parameters)
    index = [50.0 if value is None else float(value) for value in momentum.rsi(exact(steps.close), n)]
    wide = reach(np.array(index), k)
    with np.errstate(all="ignore"):
        # Just about the least range either side may call it one.
        magnified = np.where(np.abs(wide - 1e-9) < 1e-11, 100.0, 2e-10 / wide * (wide > 1e-9))
    magnified = np.minimum(np.nan_to_num(magnified), 100.0)
    return 1e-11 + np.array([magnified[max(i + 2 - s - d, 0) : i + 1].max() for i in range(len(steps))])


@each_indicator
def test_values_are_those_of_the_definition_in_every_market(indicator: Indicator) -> None:
    for steps in MARKETS.values():
        assert_defined(indicator, steps, momentum.DEFINITIONS[indicator.family.name], slack)


@each_indicator
@given(steps=histories())
@settings(max_examples=20)
def test_values_are_those_of_the_definition_whatever_happens(indicator: Indicator, steps: Steps) -> None:
    ours = assert_defined(indicator, steps, momentum.DEFINITIONS[indicator.family.name], slack)
    low, high = RANGES.get(indicator.family.name, (-np.inf, np.inf))
    assert np.all(np.isnan(ours) | ((ours >= low) & (ours <= high)))


@each_indicator
def test_the_first_value_comes_with_the_last_step_of_the_warm_up(indicator: Indicator) -> None:
    closes = walk(21, 4 * (max(indicator.warmup) + 3))
    moving = bars(closes)
    steps = Steps(open=moving.open, high=moving.high, low=moving.low, close=moving.close)
    assert_warm_up(indicator, steps, momentum.DEFINITIONS[indicator.family.name])


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
    steps = bars(prices(400_000)[market]) if indicator.family.name in {"cci", "mfi", "ultosc"} else None
    steps = trades(prices(100_000)[market]) if steps is None else steps
    assert_no_drift(indicator, steps, momentum.DEFINITIONS[indicator.family.name], 900, slack)


@each_indicator
def test_a_market_that_never_moved_is_neutral(indicator: Indicator) -> None:
    for price in (1e-9, 101.37, 1e5 + 1e-6):
        steps = Steps(close=np.full(max(indicator.warmup) + 20, price))
        values = served(indicator, drive(indicator, steps))[max(indicator.warmup) - 1 :]
        assert np.all(values == NEUTRAL[indicator.family.name])


@pytest.mark.parametrize(
    ("indicator", "top", "bottom"),
    [
        (CMO.indicator(14), 100.0, -100.0),
        (MFI.indicator(14), 100.0, 0.0),
        (STOCH.indicator(5, 3, 3), 100.0, 0.0),
        (STOCHF.indicator(5, 3), 100.0, 0.0),
        (TSI.indicator(25, 13), 100.0, -100.0),
        (ULTOSC.indicator(7, 14, 28), 100.0, 0.0),
        (WILLR.indicator(14), 0.0, -100.0),
    ],
    ids=lambda value: value.name if isinstance(value, Indicator) else None,
)
def test_only_rises_are_the_top_and_only_falls_the_bottom(indicator: Indicator, top: float, bottom: float) -> None:
    rising = np.linspace(10.0, 20.0, 500)
    for closes, end in ((rising, top), (rising[::-1], bottom)):
        values = served(indicator, drive(indicator, Steps(close=closes)))[max(indicator.warmup) - 1 :]
        np.testing.assert_allclose(values, end, atol=1e-11)


def test_money_flow_without_volume_is_undefined_and_comes_back_with_the_first() -> None:
    indicator = MFI.indicator(3)
    volume = [1, 1, 1, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0]
    closes = [10, 11, 12, 11, 12, 13, 14, 15, 14, 15, 16, 17, 18]
    values = served(indicator, drive(indicator, Steps(close=closes, volume=volume)))[:, 0]
    # Of the last 3 changes only the volume of step 9 counts, until it has left.
    assert np.isnan(values).tolist() == [True] * 3 + [False] * 3 + [True] * 2 + [False] * 3 + [True] * 2
    assert values[8:11].tolist() == [0.0, 0.0, 0.0]
    assert MFI.needs == ("size",)


def test_the_index_of_a_market_that_stands_still_has_no_place_in_its_rounding() -> None:
    indicator = STOCHRSI.indicator(14, 5, 1, 3)
    closes = np.concatenate((walk(22, 100), np.full(60, 100.0)))
    values = served(indicator, drive(indicator, Steps(close=closes)))[:, 0]
    assert np.all(values[106:] == 50.0)
    assert np.ptp(values[20:100]) > 50.0


def test_an_oscillator_of_changes_keeps_its_value_in_a_market_that_stands_still_until_its_averages_vanish() -> None:
    closes = np.concatenate((walk(23, 100), np.full(12_000, 100.0)))
    for indicator in (CMO.indicator(14), TSI.indicator(25, 13)):
        values = drive(indicator, Steps(close=closes))[:, 0]
        assert abs(values[199]) > 1.0
        np.testing.assert_allclose(values[199:280], values[199], rtol=0.02)
        assert values[-1] == 0.0


@pytest.mark.parametrize(
    ("family", "parameters", "words"),
    [
        (PPO, (26, 12), "fast=26 must be below slow=12.*ppo_12_26"),
        (PPO, (12, 12), "must be below"),
        (ULTOSC, (7, 28, 14), "7, 28, 14 must rise.*ultosc_7_14_28"),
        (ULTOSC, (7, 7, 14), "must rise"),
        (CCI, (1_001,), "out of range"),
    ],
)
def test_combinations_without_meaning_are_refused_with_the_remedy(
    family: Family, parameters: tuple[Number, ...], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        family.indicator(*parameters)


def test_the_two_with_one_known_default_have_short_names() -> None:
    assert [family.name for family in USUAL if family.short] == ["ppo", "ultosc"]
    assert PPO.indicator().name == "ppo"
    assert ULTOSC.indicator().outputs == ("ultosc",)
    assert STOCH.indicator(5, 3, 3).outputs == ("slowk_5_3_3", "slowd_5_3_3")
