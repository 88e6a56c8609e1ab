"""The trend rule: its direction, its greatest opinion, and the compiled loop against the interpreted one."""

import math
from inspect import unwrap

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.decision.trend import Trend, _trend
from tests.agents.decision.reference import Row, columns_of, rows

RISING = ("ema_12", "sma_5")
FALLING = ("ema_26", "sma_50")


@pytest.mark.parametrize("name", [*RISING, *FALLING])
@given(row=rows(), step=st.floats(0, 3))
def test_fast_averages_speak_for_it_and_slow_ones_against(name: str, row: Row, step: float) -> None:
    sd = (row["bb_upper"] - row["bb_lower"]) / 4
    before, after = Trend().probability_up(*columns_of([row, row | {name: row[name] + step * sd}]))
    assert after >= before if name in RISING else after <= before


def test_every_average_a_deviation_apart_is_its_greatest_opinion() -> None:
    row = dict.fromkeys(Trend.inputs, 100.0) | {"bb_upper": 102.0, "bb_lower": 98.0, "price": 100.0}
    row |= {"ema_12": 101.0, "sma_5": 102.0, "sma_20": 101.0}
    columns = {name: np.array([row[name]]) for name in Trend.inputs}
    assert Trend().probability_up(columns, np.array([100.0]))[0] == pytest.approx(math.e / (1 + math.e), abs=1e-12)


@given(batch=st.lists(rows(nulls=True), max_size=20))
def test_compiled_and_interpreted_have_the_same_bits(batch: list[Row]) -> None:
    columns, price = columns_of(batch)
    out = np.empty(len(batch))
    unwrap(_trend)(tuple(columns[name] for name in Trend.inputs), price, out)
    assert out.tobytes() == Trend().probability_up(columns, price).tobytes()
