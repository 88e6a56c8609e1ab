"""The moving average over long runs and after bad ticks."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streams.engine import RealTimeFeatureEngine


def test_a_million_tiny_moves_on_a_high_price_stay_within_two_units_in_the_last_place(
    default_engine: RealTimeFeatureEngine,
) -> None:
    prices = 1e5 + np.random.default_rng(1).normal(0.0, 1e-6, 1_000_000)
    values = default_engine.run(prices).values
    for name, period in (("sma_5", 5), ("sma_20", 20), ("sma_50", 50)):
        column = values[:, default_engine.feature_set.outputs.index(name)]
        for i in (*range(period - 1, 1_000_000, 7_919), *range(999_900, 1_000_000)):
            mean = sum(map(Fraction, prices[i + 1 - period : i + 1].tolist())) / period
            assert abs(Fraction(column[i]) - mean) <= 2 * np.spacing(prices[i])


@given(st.floats(1e-3, 1e6), st.floats(1e-9, 1e12), st.integers(0, 130))
def test_a_bad_tick_leaves_nothing_behind(
    default_engine: RealTimeFeatureEngine, price: float, bad: float, at: int
) -> None:
    prices = np.full(200, price)
    prices[at] = bad
    column = default_engine.run(prices).values[:, default_engine.feature_set.outputs.index("sma_50")]
    clean = np.arange(200) >= max(at + 50, 49)
    assert np.all(column[clean] == price)
