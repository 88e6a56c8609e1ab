"""The average that EMA, Wilder's average and MACD share."""

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.indicators.smoothing import smooth

VALUES = st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=60)


@given(VALUES, st.integers(1, 20), st.floats(0.01, 1.0))
def test_is_the_mean_at_first_and_the_recursion_afterwards(values: list[float], period: int, weight: float) -> None:
    average = 0.0
    for i, value in enumerate(values):
        before = average
        average = smooth(average, i + 1, value, period, weight)
        scale = max(map(abs, values[: i + 1]))
        expected = sum(values[: i + 1]) / (i + 1) if i < period else before * (1 - weight) + value * weight
        assert average == pytest.approx(expected, rel=1e-9, abs=1e-9 * scale + 1e-250)


@given(VALUES, st.integers(1, 20), st.floats(0.01, 1.0))
def test_interpreted_and_compiled_agree(values: list[float], period: int, weight: float) -> None:
    interpreted = inspect.unwrap(smooth)
    average = 0.0
    for i, value in enumerate(values):
        after = smooth(average, i + 1, value, period, weight)
        assert interpreted(average, i + 1, value, period, weight) == after
        average = after


def test_what_fades_becomes_zero() -> None:
    assert smooth(1e-250, 100, 0.0, 5, 0.5) == 0.0
    assert smooth(-1e-250, 100, 0.0, 5, 0.5) == 0.0
    assert inspect.unwrap(smooth)(1e-250, 100, 0.0, 5, 0.5) == 0.0
