"""Rolling extremes and weighted means by themselves: what several families share."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.indicators import extremes, weighted
from streams.indicators.extremes import age, push_max, push_min
from streams.indicators.ranges import true_range
from streams.indicators.weighted import push_weighted

VALUES = st.lists(st.one_of(st.integers(-3, 3).map(float), st.floats(-1e9, 1e9)), min_size=1, max_size=80)
MARGIN = 3


@given(values=VALUES, period=st.integers(1, 9))
def test_extremes_and_their_ages_are_those_of_the_window(values: list[float], period: int) -> None:
    size = extremes.slots(period)
    state = np.zeros(MARGIN + 2 * size + MARGIN)
    for count, value in enumerate(values, 1):
        window = values[max(count - period, 0) : count]
        assert push_max(state, MARGIN, count, value, period) == max(window)
        assert push_min(state, MARGIN + size, count, value, period) == min(window)
        assert age(state, MARGIN, count) == window[::-1].index(max(window))
        assert age(state, MARGIN + size, count) == window[::-1].index(min(window))
    assert not state[:MARGIN].any()
    assert not state[-MARGIN:].any()


@pytest.mark.parametrize("trend", [1.0, -1.0, 0.0])
def test_extremes_of_a_long_trend(trend: float) -> None:
    state = np.zeros(extremes.slots(50))
    found = [push_max(state, 0, count, trend * count, 50) for count in range(1, 20_001)]
    expected = [max(trend * count, trend * max(count - 49, 1)) for count in range(1, 20_001)]
    assert found == expected


@given(values=VALUES, period=st.integers(1, 9))
def test_a_weighted_mean_is_that_of_the_window(values: list[float], period: int) -> None:
    size = weighted.slots(period)
    state = np.zeros(MARGIN + size + MARGIN)
    for count, value in enumerate(values, 1):
        found = push_weighted(state, MARGIN, count, value, period)
        if count >= period:
            window = [Fraction(x) for x in values[count - period : count]]
            mean = sum(i * x for i, x in enumerate(window, 1)) / Fraction(period * (period + 1), 2)
            largest = max(abs(x) for x in values[max(count - 2 * period, 0) : count])
            bound = 16 * np.spacing(float(max(map(abs, window)))) + 2.0**-96 * largest
            assert abs(Fraction(found) - mean) <= bound
    assert not state[:MARGIN].any()
    assert not state[-MARGIN:].any()


@pytest.mark.parametrize("at", range(60))
def test_a_bad_value_leaves_nothing_in_a_weighted_mean(at: int) -> None:
    values = np.full(120, 100.0)
    values[at] = 1e12
    state = np.zeros(weighted.slots(20))
    found = [push_weighted(state, 0, count, value, 20) for count, value in enumerate(values.tolist(), 1)]
    assert found[max(at + 20, 19) :] == [100.0] * (120 - max(at + 20, 19))
    assert max(found[at : at + 20]) > 1e9


@pytest.mark.parametrize(
    ("high", "low", "previous", "expected"),
    [(12.0, 10.0, 11.0, 2.0), (12.0, 10.0, 9.0, 3.0), (12.0, 10.0, 15.0, 5.0), (10.0, 10.0, 10.0, 0.0)],
)
def test_the_true_range_counts_from_the_close_before(high: float, low: float, previous: float, expected: float) -> None:
    assert true_range(high, low, previous) == expected
