"""The relative strength index at its ends and in a market that stands still."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.columns import F64
from streams.engine import RealTimeFeatureEngine
from tests.streams.reference import PRICES, walk


def rsi(engine: RealTimeFeatureEngine, prices: F64 | list[float]) -> F64:
    values: F64 = engine.run(prices).values[14:, engine.feature_set.outputs.index("rsi_14")]
    return values


@given(st.floats(1e-12, 1e12), st.integers(15, 60))
def test_a_market_that_never_moved_is_neither_overbought_nor_oversold(
    default_engine: RealTimeFeatureEngine, price: float, n: int
) -> None:
    assert np.all(rsi(default_engine, [price] * n) == 50.0)


def test_only_rises_are_100_and_only_falls_are_0(default_engine: RealTimeFeatureEngine) -> None:
    rising = np.linspace(10.0, 20.0, 3_000)
    assert np.all(rsi(default_engine, rising) == 100.0)
    assert np.all(rsi(default_engine, rising[::-1]) == 0.0)


@given(PRICES)
def test_stays_between_0_and_100(default_engine: RealTimeFeatureEngine, prices: list[float]) -> None:
    values = rsi(default_engine, prices)
    assert np.all((values >= 0.0) & (values <= 100.0))


@pytest.mark.parametrize("scale", [1e-12, 1e-6])
def test_a_cheap_instrument_is_not_flat(default_engine: RealTimeFeatureEngine, scale: float) -> None:
    prices = walk(1, 500, volatility=1e-5)
    np.testing.assert_allclose(rsi(default_engine, prices * scale), rsi(default_engine, prices), rtol=1e-6)


def test_after_a_move_the_index_keeps_its_value_until_the_averages_vanish(
    default_engine: RealTimeFeatureEngine,
) -> None:
    moves = walk(2, 100)
    still = np.full(20_000, moves[-1])
    values = rsi(default_engine, np.concatenate((moves, still)))
    np.testing.assert_allclose(values[85:285], values[85], rtol=1e-12)
    assert np.all(values[-19_000:] == 50.0)
