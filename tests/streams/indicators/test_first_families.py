"""The first five families against their definitions, after every trade of many markets."""

import numpy as np
import pytest

from streams.engine import RealTimeFeatureEngine
from streams.feature_set import FeatureSet
from streams.indicators.catalogue import FAMILIES
from streams.indicators.indicator import Family, Indicator, Number
from streams.records import READY, WARMING
from tests.streams.indicators.stepping import Steps, drive
from tests.streams.reference import DEFINITIONS, define, markets, same_bits, tolerance


def variants(family: Family) -> list[Indicator]:
    """The family with its usual parameters, its least ones, and some between."""
    usual = tuple(parameter.usual for parameter in family.parameters)
    least = tuple(parameter.minimum for parameter in family.parameters)
    middle: tuple[Number, ...] = tuple(type(u)(round(m + (u - m) / 3, 2)) for u, m in zip(usual, least, strict=True))
    found = {}
    for parameters in (usual, least, middle):
        if family.check(*parameters) is None:
            indicator = family.indicator(*parameters)
            found[indicator.name] = indicator
    return list(found.values())


ALL = [indicator for name in DEFINITIONS for indicator in variants(FAMILIES[name])]
each_indicator = pytest.mark.parametrize("indicator", ALL, ids=lambda indicator: indicator.name)
each_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> RealTimeFeatureEngine:
    feature_set = FeatureSet("all", tuple(ALL))
    return RealTimeFeatureEngine(feature_set, cache_dir=tmp_path_factory.mktemp("kernels"))


def columns_of(engine: RealTimeFeatureEngine, indicator: Indicator) -> slice:
    start = engine.feature_set.outputs.index(indicator.outputs[0])
    return slice(start, start + len(indicator.outputs))


@each_indicator
@pytest.mark.parametrize("market", markets(1))
def test_values_are_those_of_the_definition_after_every_trade(
    engine: RealTimeFeatureEngine, indicator: Indicator, market: str
) -> None:
    prices = markets(400)[market]
    values = engine.run(prices).values[:, columns_of(engine, indicator)]
    expected = define(indicator.family.name, prices.tolist(), indicator.parameters)
    np.testing.assert_array_equal(np.isnan(values), np.isnan(expected))
    allowed = tolerance(indicator.family.name, prices, expected)
    assert np.all(np.isnan(expected) | (np.abs(values - expected) <= allowed))


@each_indicator
def test_warming_until_the_warm_up_and_not_longer(engine: RealTimeFeatureEngine, indicator: Indicator) -> None:
    prices = markets(max(indicator.warmup) + 5)["walk"]
    flags = engine.run(prices).flags[:, columns_of(engine, indicator)]
    for j, trades in enumerate(indicator.warmup):
        assert np.all(flags[: trades - 1, j] == WARMING)
        assert np.all(flags[trades - 1 :, j] == READY)


@each_indicator
def test_interpreted_and_compiled_steps_agree_bit_for_bit(indicator: Indicator) -> None:
    n = 3 * max(indicator.warmup) + 7
    for name in ("ticks", "flat stretches", "constant", "tiny moves on 1e5"):
        steps = Steps(close=markets(n)[name])
        compiled_state, state = np.zeros(indicator.state_size), np.zeros(indicator.state_size)
        compiled_rows = drive(indicator, steps, compiled_state)
        assert same_bits(drive(indicator, steps, state, interpreted=True), compiled_rows)
        assert same_bits(state, compiled_state)
