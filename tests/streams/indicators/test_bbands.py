"""The bands over long runs, in flat windows, and after bad ticks."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.columns import F64
from streams.engine import RealTimeFeatureEngine
from streams.records import READY, UNDEFINED
from tests.streams.reference import PRICES


def bands(engine: RealTimeFeatureEngine, prices: F64 | list[float]) -> tuple[F64, F64, F64, F64, F64]:
    at = engine.feature_set.outputs.index("bb_upper")
    upper, middle, lower, percent, bandwidth = engine.run(prices).values[:, at : at + 5].T
    return upper, middle, lower, percent, bandwidth


@pytest.mark.parametrize("trend", [0.0, 1e-7])
def test_a_million_tiny_moves_on_a_high_price_keep_twelve_digits_of_the_deviation(
    default_engine: RealTimeFeatureEngine, trend: float
) -> None:
    n = 1_000_000
    prices = 1e5 + trend * np.arange(n) + np.random.default_rng(1).normal(0.0, 1e-6, n)
    upper, middle, _, percent, bandwidth = bands(default_engine, prices)
    assert np.all(bandwidth[19:] > 0.0)
    for i in (*range(19, n, 7_919), *range(n - 100, n)):
        with localcontext() as context:
            context.prec = 50
            window = [Decimal(x) for x in prices[i - 19 : i + 1].tolist()]
            mean = sum(window, Decimal(0)) / 20
            half = 2 * (sum(((x - mean) ** 2 for x in window), Decimal(0)) / 20).sqrt()
            assert abs(bandwidth[i] / float(2 * half / mean) - 1) < 1e-12
            assert abs(percent[i] - float((window[-1] - mean + half) / (2 * half))) < 1e-12
            assert abs(Decimal(float(middle[i])) - mean) < Decimal("3e-11")
            assert abs(Decimal(float(upper[i])) - mean - half) < Decimal("3e-11")


@given(PRICES)
def test_the_bands_never_cross_and_their_width_is_never_negative(
    default_engine: RealTimeFeatureEngine, prices: list[float]
) -> None:
    upper, middle, lower, _, bandwidth = (column[19:] for column in bands(default_engine, prices))
    assert np.all((lower <= middle) & (middle <= upper) & (bandwidth >= 0.0))


@given(before=PRICES, price=st.floats(1e-6, 1e6), n=st.integers(1, 45))
def test_a_flat_window_is_flat_whatever_was_before(
    default_engine: RealTimeFeatureEngine, before: list[float], price: float, n: int
) -> None:
    before = [x for x in before if x != price]
    prices = [*before, *[price] * (19 + n)]
    at = default_engine.feature_set.outputs.index("bb_upper")
    folded = default_engine.run(prices)
    tail = folded.values[-n:, at : at + 5]
    assert np.all(tail[:, :3] == price)
    assert np.all(np.isnan(tail[:, 3]))
    assert np.all(tail[:, 4] == 0.0)
    assert folded.flags[-1, at : at + 5].tolist() == [READY, READY, READY, UNDEFINED, READY]


def bad_ticks_of_all_sizes(seed: int) -> F64:
    """60 prices of which no two have the same scale: the sums lose their last bits."""
    rng = np.random.default_rng(seed)
    prices: F64 = 1.0 + np.abs(10.0 ** rng.uniform(-9, 9, 60) * rng.normal(size=60))
    return prices


@pytest.mark.parametrize("after", range(20))
def test_after_bad_ticks_of_all_sizes_a_flat_window_is_flat_and_no_variance_negative(
    default_engine: RealTimeFeatureEngine, after: int
) -> None:
    for seed in range(100):
        before = bad_ticks_of_all_sizes(seed)
        upper, middle, lower, percent, bandwidth = bands(default_engine, [*before, *[1.0] * (20 + after)])
        assert upper[-1] == middle[-1] == lower[-1] == 1.0
        assert np.isnan(percent[-1])
        assert bandwidth[-1] == 0.0
        moves = 1.0 + 2.0**-52 * (np.arange(20 + after) % 2)
        *_, bandwidth = bands(default_engine, [*before, *moves])
        assert np.all(bandwidth[19:] >= 0.0)


def test_one_last_different_price_in_the_window_is_not_flat(default_engine: RealTimeFeatureEngine) -> None:
    prices = [1e5, *[1e5 + 2**-36] * 19]
    *_, percent, bandwidth = bands(default_engine, prices)
    assert bandwidth[-1] > 0.0
    assert 0.5 < percent[-1] < 1.0


@given(st.floats(1.0, 1e5), st.floats(1e-3, 1e9), st.integers(0, 60))
def test_a_bad_tick_leaves_nothing_behind(
    default_engine: RealTimeFeatureEngine, price: float, bad: float, at: int
) -> None:
    clean = price + np.tile([0.0, price * 1e-9, -price * 1e-9], 40)
    spoilt = clean.copy()
    spoilt[at] = bad
    *_, expected_percent, expected = bands(default_engine, clean)
    *_, percent, bandwidth = bands(default_engine, spoilt)
    after = slice(max(at + 20, 19), None)
    np.testing.assert_allclose(bandwidth[after], expected[after], rtol=1e-9)
    np.testing.assert_allclose(percent[after], expected_percent[after], atol=1e-9)
