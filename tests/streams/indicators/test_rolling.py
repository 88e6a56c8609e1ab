"""The rolling sum, which takes nothing away."""

from math import fsum

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.indicators import rolling

VALUES = st.lists(st.one_of(st.floats(-1e300, 1e300), st.sampled_from([0.0, 1.0, 1e-300])), min_size=1, max_size=60)


@given(values=VALUES, period=st.integers(1, 13))
@settings(max_examples=200)
def test_the_sum_of_the_values_so_far_or_of_the_window(values: list[float], period: int) -> None:
    state = np.zeros(rolling.slots(period) + 2)
    for count, value in enumerate(values, 1):
        total = rolling.push_sum(state, 1, count, value, period)
        window = values[max(count - period, 0) : count]
        assert abs(total - fsum(window)) <= period * 2.0**-52 * fsum(map(abs, window))
    assert state[0] == state[-1] == 0.0


@given(values=st.lists(st.floats(0.0, 1e300), max_size=40), period=st.integers(1, 13), n=st.integers(1, 30))
@settings(max_examples=100)
def test_what_left_leaves_nothing_not_even_after_infinities(values: list[float], period: int, n: int) -> None:
    state = np.zeros(rolling.slots(period))
    totals = [
        rolling.push_sum(state, 0, count, value, period)
        for count, value in enumerate([*values, np.inf, np.nan, *[0.0] * (period + n)], 1)
    ]
    assert all(total >= 0.0 for total in totals[: len(values)])
    assert totals[-n:] == [0.0] * n


def test_a_hundred_thousand_steps_at_all_sizes() -> None:
    rng = np.random.default_rng(1)
    values = (10.0 ** rng.uniform(-12, 12, 100_000)).tolist()
    state = np.zeros(rolling.slots(1_000))
    for count, value in enumerate(values, 1):
        total = rolling.push_sum(state, 0, count, value, 1_000)
        if count % 997 == 0:
            exact = fsum(values[max(count - 1_000, 0) : count])
            assert abs(total - exact) <= 1_000 * 2.0**-52 * exact
