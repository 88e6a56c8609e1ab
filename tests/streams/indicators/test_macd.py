"""MACD: the order of its outputs and markets that stand still."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streams.engine import RealTimeFeatureEngine
from tests.streams.reference import PRICES


@given(PRICES)
def test_the_histogram_is_the_line_less_its_signal(default_engine: RealTimeFeatureEngine, prices: list[float]) -> None:
    at = default_engine.feature_set.outputs.index("macd")
    line, signal, hist = default_engine.run(prices).values[33:, at : at + 3].T
    assert np.array_equal(hist, line - signal)


@given(st.floats(1e-12, 1e12))
def test_a_market_that_was_always_flat_is_exactly_zero(default_engine: RealTimeFeatureEngine, price: float) -> None:
    at = default_engine.feature_set.outputs.index("macd")
    assert np.all(default_engine.run([price] * 80).values[33:, at : at + 3] == 0.0)


def test_a_signal_that_fades_ends_at_zero_and_not_among_the_denormals(default_engine: RealTimeFeatureEngine) -> None:
    at = default_engine.feature_set.outputs.index("macd_signal")
    prices = np.concatenate(([2.0] * 30, [1.0] * 8_000))
    signal = default_engine.run(prices).values[33:, at]
    assert signal[0] != 0.0
    assert np.all((signal == 0.0) | (np.abs(signal) > 1e-250))
