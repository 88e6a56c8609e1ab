"""The volume indicators against their definitions, after every step of trades and bars."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.columns import F64
from streams.indicators.ad import AD
from streams.indicators.adosc import ADOSC
from streams.indicators.cmf import CMF
from streams.indicators.dollar_volume import DOLLAR_VOLUME
from streams.indicators.obv import OBV
from streams.indicators.rvol import RVOL
from streams.indicators.volume_z import VOLUME_Z
from streams.indicators.vwap import VWAP
from tests.streams.indicators.checks import (
    Case,
    agree,
    goes_on_from_a_copy,
    has_its_first_values_at_the_warm_up,
    is_the_same_interpreted,
    relative,
)
from tests.streams.indicators.definitions.volume import DEFINITIONS
from tests.streams.indicators.events import seeded_bars, seeded_trades, trade_events
from tests.streams.indicators.histories import histories, markets
from tests.streams.indicators.stepping import Steps, drive, served


def of_the_traded(steps: Steps, expected: F64) -> F64:
    """Rounding of sums whose parts may cancel."""
    return 1e-12 * np.abs(expected) + 1e-14 * np.cumsum(steps.volume)[:, None]


def of_the_price(steps: Steps, expected: F64) -> F64:
    """Units in the last place of the price for the average, and what that is in bps for bars with a range."""
    level = np.maximum.accumulate(np.maximum(steps.high, steps.close))
    single = bool((steps.high == steps.low).all())
    reach = level - np.minimum.accumulate(steps.low)
    fraction = 2e-15 * (reach if single else level) / expected[:, 0]
    bps = fraction * (1e4 + np.abs(expected[:, 1]))
    return np.stack((4 * np.spacing(level), bps + 1e-15 * np.abs(expected[:, 1])), axis=1)


def of_the_scores(_steps: Steps, expected: F64) -> F64:
    """What a far larger quantity that left may leave behind, 2^-100 of its square, shows beside small ones."""
    return 1e-6 * (1.0 + np.abs(expected))


BARS = (histories(), seeded_bars)
TRADES = (trade_events(), seeded_trades)
CASES = [
    Case(VWAP.indicator(), *TRADES, of_the_price),
    Case(VWAP.indicator(), *BARS, of_the_price),
    Case(OBV.indicator(), *TRADES, of_the_traded),
    Case(OBV.indicator(), *BARS, of_the_traded),
    Case(AD.indicator(), *BARS, of_the_traded),
    Case(ADOSC.indicator(), *BARS, of_the_traded),
    Case(ADOSC.indicator(2, 7), *BARS, of_the_traded),
    Case(CMF.indicator(2), *BARS, relative(0.0, 1e-14)),
    Case(CMF.indicator(20), *BARS, relative(0.0, 1e-14)),
    Case(VOLUME_Z.indicator(2), *TRADES, of_the_scores),
    Case(VOLUME_Z.indicator(9), *BARS, of_the_scores),
    Case(RVOL.indicator(2), *TRADES, relative(1e-14)),
    Case(RVOL.indicator(11), *BARS, relative(1e-14)),
    Case(DOLLAR_VOLUME.indicator(1), *TRADES, relative(1e-14)),
    Case(DOLLAR_VOLUME.indicator(7), *BARS, relative(1e-14)),
]
each = pytest.mark.parametrize("case", CASES, ids=repr)


@each
@given(data=st.data())
@settings(max_examples=40)
def test_values_are_those_of_the_definition_after_every_step(case: Case, data: st.DataObject) -> None:
    agree(case, DEFINITIONS[case.indicator.family.name], data.draw(case.histories))


@each
def test_and_so_they_are_over_longer_histories(case: Case) -> None:
    definition = DEFINITIONS[case.indicator.family.name]
    for seed in range(3):
        agree(case, definition, case.seeded(seed, 150))
    for steps in markets(60).values():
        agree(case, definition, steps)


@each
def test_the_first_value_comes_at_the_warm_up(case: Case) -> None:
    has_its_first_values_at_the_warm_up(case, DEFINITIONS[case.indicator.family.name])


@each
def test_interpreted_and_compiled_steps_agree_bit_for_bit(case: Case) -> None:
    for steps in (seeded_bars(1, 120), seeded_trades(2, 120)):
        is_the_same_interpreted(case, steps)


@each
@given(data=st.data())
@settings(max_examples=20)
def test_a_copy_goes_on_bit_for_bit(case: Case, data: st.DataObject) -> None:
    steps = data.draw(case.histories)
    goes_on_from_a_copy(case, steps, data.draw(st.integers(0, len(steps))))


@each
def test_a_market_without_quantities_has_no_value(case: Case) -> None:
    steps = Steps(close=100.0 + np.arange(50) % 7, volume=np.zeros(50))
    assert np.all(np.isnan(served(case.indicator, drive(case.indicator, steps))))


def test_the_session_decides_where_the_average_begins() -> None:
    steps = Steps(
        close=[10.0, 20.0, 30.0, 40.0, 50.0, 60.0],
        volume=[1.0, 1.0, 2.0, 1.0, 3.0, 1.0],
        session=[0.0, 100.0, 100.0, 0.0, 200.0, 200.0],
    )
    rows = drive(VWAP.indicator(), steps)
    assert rows[:, 0].tolist() == [10.0, 20.0, 80 / 3, 30.0, 50.0, 52.5]
    assert rows[:, 1].tolist() == pytest.approx([0.0, 0.0, 1250.0, 1e5 / 30, 0.0, 7.5e4 / 52.5])


def test_a_flat_session_has_exactly_its_price() -> None:
    rows = drive(VWAP.indicator(), Steps(close=np.full(1000, 101.37), volume=np.full(1000, 0.1)))
    assert np.all(rows == [101.37, 0.0])
