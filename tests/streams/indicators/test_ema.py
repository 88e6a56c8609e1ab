"""The exponential average: its start, and markets that stand still."""

from hypothesis import given
from hypothesis import strategies as st

from streams.engine import RealTimeFeatureEngine


def ema_12(engine: RealTimeFeatureEngine, prices: list[float]) -> list[float]:
    values: list[float] = engine.run(prices).values[:, engine.feature_set.outputs.index("ema_12")].tolist()
    return values


def test_starts_with_the_mean_of_the_first_period_then_moves_by_its_weight(
    default_engine: RealTimeFeatureEngine,
) -> None:
    values = ema_12(default_engine, [*map(float, range(1, 13)), 19.5])
    assert values[11:] == [6.5, 6.5 + 2 / 13 * 13]


@given(st.floats(1e-12, 1e12), st.integers(12, 300))
def test_a_flat_market_is_exactly_its_price(default_engine: RealTimeFeatureEngine, price: float, n: int) -> None:
    assert ema_12(default_engine, [price] * n)[11:] == [price] * (n - 11)
