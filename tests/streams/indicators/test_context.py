"""The context indicators against their definitions, after every step."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.columns import F64
from streams.indicators.beta import BETA
from streams.indicators.correlation import CORRELATION
from streams.indicators.drawdown import DRAWDOWN
from streams.indicators.gap import GAP
from streams.indicators.opening_gap import OPENING_GAP
from streams.indicators.rel_strength import REL_STRENGTH
from streams.indicators.ret import RET
from streams.indicators.session_time import SESSION_TIME
from streams.indicators.zscore import ZSCORE
from tests.streams.indicators.checks import (
    Case,
    agree,
    goes_on_from_a_copy,
    has_its_first_values_at_the_warm_up,
    is_the_same_interpreted,
    relative,
)
from tests.streams.indicators.definitions.context import DEFINITIONS
from tests.streams.indicators.events import seeded_bars, seeded_ticks, seeded_trades, tick_events, trade_events
from tests.streams.indicators.histories import histories, markets
from tests.streams.indicators.stepping import Steps, drive


def of_the_scores(steps: Steps, expected: F64) -> F64:
    """What a far price that left may leave behind, 2^-100 of the square of its distance, beside moves of 1e-6."""
    far = np.ptp(steps.close)
    return (1e-11 + 1e-18 * far * far) * (1.0 + np.abs(expected))


def of_the_moves(_steps: Steps, expected: F64) -> F64:
    """Rounding where one return of the window is larger than the others by far."""
    return 1e-7 * (1.0 + np.abs(expected))


TRADES = (trade_events(), seeded_trades)
BARS = (histories(), seeded_bars)
PAIRS = (trade_events(), seeded_bars)
TICKS = (tick_events(), seeded_ticks)
CASES = [
    Case(RET.indicator(1), *TRADES, relative(1e-15)),
    Case(RET.indicator(9), *BARS, relative(1e-15)),
    Case(ZSCORE.indicator(2), *TRADES, of_the_scores),
    Case(ZSCORE.indicator(20), *BARS, of_the_scores),
    Case(DRAWDOWN.indicator(), *TRADES, relative(1e-15)),
    Case(DRAWDOWN.indicator(), *BARS, relative(1e-15)),
    Case(SESSION_TIME.indicator(), *TICKS, relative(0.0)),
    Case(GAP.indicator(5.0), *TICKS, relative(0.0)),
    Case(GAP.indicator(60.0), *TICKS, relative(0.0)),
    Case(OPENING_GAP.indicator(), *TRADES, relative(1e-15)),
    Case(OPENING_GAP.indicator(), *PAIRS, relative(1e-15)),
    Case(BETA.indicator(2), *PAIRS, of_the_moves),
    Case(BETA.indicator(15), *PAIRS, of_the_moves),
    Case(CORRELATION.indicator(2), *PAIRS, of_the_moves),
    Case(CORRELATION.indicator(15), *PAIRS, of_the_moves),
    Case(REL_STRENGTH.indicator(1), *PAIRS, relative(1e-15, 1e-14)),
    Case(REL_STRENGTH.indicator(7), *PAIRS, relative(1e-15, 1e-14)),
]
each = pytest.mark.parametrize("case", CASES, ids=repr)


@each
@given(data=st.data())
@settings(max_examples=30)
def test_values_are_those_of_the_definition_after_every_step(case: Case, data: st.DataObject) -> None:
    agree(case, DEFINITIONS[case.indicator.family.name], data.draw(case.histories))


@each
def test_and_so_they_are_over_longer_histories(case: Case) -> None:
    definition = DEFINITIONS[case.indicator.family.name]
    for seed in range(3):
        agree(case, definition, case.seeded(seed, 130))
    if case.indicator.family.on == "trade" and "reference" not in case.indicator.family.inputs:
        for steps in markets(60).values():
            agree(case, definition, steps)


@each
def test_the_first_value_comes_at_the_warm_up(case: Case) -> None:
    has_its_first_values_at_the_warm_up(case, DEFINITIONS[case.indicator.family.name])


@each
def test_interpreted_and_compiled_steps_agree_bit_for_bit(case: Case) -> None:
    for seed in range(2):
        is_the_same_interpreted(case, case.seeded(seed, 120))


@each
@given(data=st.data())
@settings(max_examples=15)
def test_a_copy_goes_on_bit_for_bit(case: Case, data: st.DataObject) -> None:
    steps = data.draw(case.histories)
    goes_on_from_a_copy(case, steps, data.draw(st.integers(0, len(steps))))


def test_an_opening_gap_is_measured_from_the_last_price_before_and_stays() -> None:
    steps = Steps(close=[100.0, 102.0, 101.0, 103.0, 99.0], session=[100.0, 100.0, 0.0, 200.0, 200.0])
    gaps = drive(OPENING_GAP.indicator(), steps)[:, 0]
    assert np.all(np.isnan(gaps[:3]))
    assert gaps[3:].tolist() == pytest.approx([1e4 * 2 / 101] * 2)


def test_a_silence_is_flagged_while_it_lasts_and_at_the_trade_that_ends_it() -> None:
    steps = Steps(
        dt=[np.nan, 1.0, 3.0, 3.0, 0.5, 1.0],
        is_trade=[0, 1, 0, 0, 1, 1],
        since_trade=[np.nan, 0.0, 3.0, 6.0, 0.0, 0.0],
    )
    flags = drive(GAP.indicator(5.0), steps)[:, 0]
    np.testing.assert_array_equal(flags, [np.nan, 0.0, 0.0, 1.0, 1.0, 0.0])


def test_a_beta_on_small_moves_at_a_high_price_keeps_nine_digits_over_a_long_run() -> None:
    moves = np.cumsum(np.random.default_rng(3).integers(-9, 10, 100_000)) * 2.0**-30
    steps = Steps(close=1e5 + 2.0 * moves, reference=1e5 + moves)
    assert np.all(np.abs(drive(BETA.indicator(50), steps)[50:, 0] - 2.0) < 1e-9)
    assert np.all(drive(CORRELATION.indicator(50), steps)[50:, 0] > 1.0 - 1e-13)


def test_a_reference_that_stands_still_gives_no_beta() -> None:
    steps = Steps(close=100.0 + np.arange(40) % 3, reference=np.full(40, 7.0))
    assert np.all(np.isnan(drive(BETA.indicator(5), steps)[5:]))
    assert np.all(np.isnan(drive(CORRELATION.indicator(5), steps)[5:]))
    doubling = Steps(close=100.0 + np.arange(9) % 3, reference=2.0 ** np.arange(9))
    assert np.all(np.isnan(drive(BETA.indicator(5), doubling)[5:])), "equal returns are as good as none"
    flat = Steps(close=np.full(40, 7.0), reference=100.0 + np.arange(40) % 3)
    assert np.all(drive(BETA.indicator(5), flat)[5:] == 0.0)


def test_a_score_forgets_what_left_its_window() -> None:
    n = 200_000
    close = 1e5 + np.random.default_rng(4).normal(0.0, 1e-6, n)
    ours = drive(ZSCORE.indicator(20), Steps(close=close))[-1]
    fresh = drive(ZSCORE.indicator(20), Steps(close=close[-27:]))[-1]
    np.testing.assert_allclose(ours, fresh, rtol=1e-11)
