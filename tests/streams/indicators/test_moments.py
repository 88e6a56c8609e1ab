"""Windows of moments against fractions."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.indicators import moments

EPSILON = 2.0**-52
VALUES = st.lists(
    st.one_of(st.floats(-1e6, 1e6).map(lambda value: round(value, 12)), st.sampled_from([1e5, 1e5 + 1e-6, 1e-9])),
    min_size=1,
    max_size=50,
)


def mean(values: Sequence[float]) -> Fraction:
    return sum(map(Fraction, values), Fraction(0)) / len(values)


def covariance(x: Sequence[float], y: Sequence[float]) -> float:
    a, b = mean(x), mean(y)
    return float(sum((Fraction(i) - a) * (Fraction(j) - b) for i, j in zip(x, y, strict=True)) / len(x))


@given(values=VALUES, period=st.integers(1, 12))
@settings(max_examples=80)
def test_mean_and_variance_of_the_values_so_far_or_of_the_window(values: list[float], period: int) -> None:
    state = np.zeros(moments.slots(period) + 3)
    for count, value in enumerate(values, 1):
        moments.push(state, 2, count, value, period)
        window = values[max(count - period, 0) : count]
        # Outliers stay in the last parts of the sums until they are made anew.
        reach = max(np.ptp(values[max(count - 2 * period, 0) : count]), 1e-300)
        variance = moments.variance(state, 2, count, period)
        expected = covariance(window, window)
        assert variance >= 0.0
        assert abs(variance - expected) <= 4 * period * EPSILON * expected + 2.0**-100 * reach**2
        middle = moments.mean(state, 2, count, period)
        size = max(map(abs, window))
        assert abs(middle - float(mean(window))) <= 2 * EPSILON * (size + np.ptp(window)) + 2.0**-100 * reach
        flat = len(set(window)) == 1
        assert moments.flat(state, 2, count, period) == flat
        assert (variance == 0.0) == (expected == 0.0)
        if flat:
            assert middle == value
    assert state[:2].tolist() == [0.0, 0.0]
    assert state[-1] == 0.0


@given(
    pairs=st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=1, max_size=50), n=st.integers(1, 9)
)
@settings(max_examples=80)
def test_covariance_of_the_pairs_so_far_or_of_the_window(pairs: list[tuple[float, float]], n: int) -> None:
    state = np.zeros(moments.pair_slots(n) + 2)
    for count, (x, y) in enumerate(pairs, 1):
        moments.push_pair(state, 1, count, x, y, n)
        a, b = zip(*pairs[max(count - n, 0) : count], strict=True)
        bound = 8 * n * EPSILON * np.sqrt(covariance(a, a) * covariance(b, b)) + 1e-24
        assert abs(moments.covariance(state, 1, count, n) - covariance(a, b)) <= bound
        assert moments.variance(state, 1, count, n) == pytest.approx(covariance(a, a), rel=1e-12, abs=1e-24)
        second = 1 + moments.slots(n)
        assert moments.variance(state, second, count, n) == pytest.approx(covariance(b, b), rel=1e-12, abs=1e-24)
    assert state[0] == state[-1] == 0.0


def test_covariance_keeps_its_digits_at_a_high_level_and_after_a_long_run() -> None:
    rng = np.random.default_rng(1)
    n, period = 100_000, 60
    x = rng.normal(0.0, 1e-6, n)
    y = 0.7 * x + rng.normal(0.0, 1e-6, n)
    x, y = 1e5 + x + 1e-7 * np.arange(n), 3e5 + y - 1e-7 * np.arange(n)
    state = np.zeros(moments.pair_slots(period))
    for count, (a, b) in enumerate(zip(x.tolist(), y.tolist(), strict=True), 1):
        moments.push_pair(state, 0, count, a, b, period)
    a, b = x[-period:].tolist(), y[-period:].tolist()
    bound = 1e-12 * np.sqrt(covariance(a, a) * covariance(b, b))
    assert abs(moments.covariance(state, 0, n, period) - covariance(a, b)) <= bound


def test_what_one_value_does_alone_is_no_covariance() -> None:
    state = np.zeros(moments.pair_slots(4))
    for count in range(1, 20):
        moments.push_pair(state, 0, count, float(count % 3), 1.5, 4)
        assert moments.covariance(state, 0, count, 4) == 0.0


@pytest.mark.parametrize("after", range(20))
def test_after_outliers_of_all_sizes_a_flat_window_is_flat_and_no_variance_is_negative(after: int) -> None:
    for seed in range(40):
        rng = np.random.default_rng(seed)
        # No two have the same scale: the sums lose their last bits.
        outliers = 1.0 + np.abs(10.0 ** rng.uniform(-9, 9, 60) * rng.normal(size=60))
        state = np.zeros(moments.slots(20))
        other = np.zeros(moments.slots(20))
        n = 80 + after
        moves = 1.0 + 2.0**-52 * (np.arange(n) % 2)
        for count in range(1, n + 1):
            past = count <= 60
            moments.push(state, 0, count, float(outliers[count - 1]) if past else 1.0, 20)
            moments.push(other, 0, count, float(outliers[count - 1] if past else moves[count - 1]), 20)
        assert moments.variance(state, 0, n, 20) == 0.0
        assert moments.mean(state, 0, n, 20) == 1.0
        assert moments.variance(other, 0, n, 20) >= 0.0
