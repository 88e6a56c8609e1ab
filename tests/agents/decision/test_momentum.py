"""The momentum rule: its direction, its scale, the slopes it claims, and the compiled loop against the interpreted."""

import math
from inspect import unwrap

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.decision.momentum import Momentum, _momentum
from tests.agents.decision.reference import Row, columns_of, ema, rows


def probability(macd_hist: float, above: float) -> float:
    """Of a price `above` its fast average, where a standard deviation is 1."""
    inputs = {"macd_hist": macd_hist, "ema_12": 100.0, "bb_upper": 102.0, "bb_lower": 98.0}
    columns = {name: np.array([number]) for name, number in inputs.items()}
    return float(Momentum().probability_up(columns, np.array([100.0 + above]))[0])


@given(hist=st.floats(-2, 2), above=st.floats(-5, 5), more=st.floats(0, 3))
def test_a_steeper_slope_speaks_for_the_way_up(hist: float, above: float, more: float) -> None:
    assert probability(hist + more, above) >= probability(hist, above)
    assert probability(hist, above + more) >= probability(hist, above)


def test_half_a_deviation_and_two_are_its_greatest_opinion() -> None:
    assert probability(0.5, 2.0) == pytest.approx(math.e / (1 + math.e), abs=1e-12)
    assert probability(9.0, 0.0) == pytest.approx(1 / (1 + math.exp(-0.5)), abs=1e-12)
    assert probability(0.0, 1.0) == pytest.approx(1 / (1 + math.exp(-0.25)), abs=1e-12)


@given(prices=st.lists(st.floats(90, 110), min_size=13, max_size=40))
def test_price_minus_average_is_the_last_step_of_the_average(prices: list[float]) -> None:
    before, after = ema(prices, 12)[-2:]
    assert after - before == pytest.approx((prices[-1] - after) / 5.5, abs=1e-9)


@given(batch=st.lists(rows(nulls=True), max_size=20))
def test_compiled_and_interpreted_have_the_same_bits(batch: list[Row]) -> None:
    columns, price = columns_of(batch)
    out = np.empty(len(batch))
    unwrap(_momentum)(tuple(columns[name] for name in Momentum.inputs), price, out)
    assert out.tobytes() == Momentum().probability_up(columns, price).tobytes()
