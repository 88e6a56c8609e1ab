"""The mean-reversion rule: its direction, its calm zone, and the compiled loop against the interpreted one."""

import math
from inspect import unwrap

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.decision.mean_reversion import MeanReversion, _mean_reversion
from tests.agents.decision.reference import Row, columns_of, rows


def probability(z: float, rsi: float) -> float:
    """Of a price z standard deviations above the middle of its bands."""
    inputs = {"bb_upper": 102.0, "bb_middle": 100.0, "bb_lower": 98.0, "rsi_14": rsi}
    columns = {name: np.array([number]) for name, number in inputs.items()}
    return float(MeanReversion().probability_up(columns, np.array([100.0 + z]))[0])


@given(z=st.floats(-6, 6), rsi=st.floats(0, 100), up=st.floats(0, 3), hotter=st.floats(0, 50))
def test_a_higher_price_or_rsi_speaks_for_the_way_down(z: float, rsi: float, up: float, hotter: float) -> None:
    assert probability(z + up, rsi) <= probability(z, rsi)
    assert probability(z, min(rsi + hotter, 100)) <= probability(z, rsi)


@given(z=st.floats(-1, 1), rsi=st.floats(40, 60))
def test_a_calm_market_is_even(z: float, rsi: float) -> None:
    assert probability(z, rsi) == pytest.approx(0.5, abs=1e-12)


def test_stretch_and_heat_add_up_to_its_greatest_opinion() -> None:
    assert probability(-3, 10) == pytest.approx(math.e / (1 + math.e), abs=1e-12)
    assert probability(-9, 50) == pytest.approx(1 / (1 + math.exp(-0.5)), abs=1e-12)
    assert probability(0, 75) == pytest.approx(1 / (1 + math.exp(0.25)), abs=1e-12)


@given(batch=st.lists(rows(nulls=True), max_size=20))
def test_compiled_and_interpreted_have_the_same_bits(batch: list[Row]) -> None:
    columns, price = columns_of(batch)
    out = np.empty(len(batch))
    unwrap(_mean_reversion)(tuple(columns[name] for name in MeanReversion.inputs), price, out)
    assert out.tobytes() == MeanReversion().probability_up(columns, price).tobytes()
