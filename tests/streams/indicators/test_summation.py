"""The compensated sum against exact arithmetic."""

import inspect
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.indicators.summation import add

VALUES = st.lists(st.floats(-1e12, 1e12, allow_subnormal=False), max_size=80)


@pytest.mark.parametrize("step", [add, inspect.unwrap(add)], ids=["compiled", "interpreted"])
@given(values=VALUES)
def test_what_came_and_went_leaves_nothing(step: object, values: list[float]) -> None:
    assert callable(step)
    state = np.zeros(3)
    largest = 0.0
    for value in [*values, *(-value for value in values), 1e-3]:
        step(state, 1, value)
        largest = max(largest, abs(state[1]))
    assert state[0] == 0.0
    assert state[1] + state[2] == pytest.approx(1e-3, rel=1e-15, abs=largest * len(values) * 2**-100)


@given(VALUES)
def test_both_parts_hold_the_sum_beyond_double_precision(values: list[float]) -> None:
    state = np.zeros(2)
    for value in values:
        add(state, 0, value)
    total = sum(map(Fraction, values), Fraction(0))
    held = Fraction(float(state[0])) + Fraction(float(state[1]))
    assert abs(held - total) <= Fraction(sum(map(abs, values))) * len(values) / 2**104
