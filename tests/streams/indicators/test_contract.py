"""One contract over the whole catalogue: what is asked of every indicator, whoever adds it."""

import inspect
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.columns import F64
from streams.engine import RealTimeFeatureEngine
from streams.feature_set import FeatureSet
from streams.indicators.catalogue import FAMILIES, parse
from streams.indicators.indicator import Family, Indicator, Number
from streams.records import READY, UNDEFINED, WARMING
from tests.streams.reference import DEFINITIONS, PRICES, define, markets, same_bits, ticks, tolerance


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


ALL = [indicator for family in FAMILIES.values() for indicator in variants(family)]
each_indicator = pytest.mark.parametrize("indicator", ALL, ids=lambda indicator: indicator.name)
each_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> RealTimeFeatureEngine:
    feature_set = FeatureSet("all", tuple(ALL))
    return RealTimeFeatureEngine(feature_set, cache_dir=tmp_path_factory.mktemp("kernels"))


def columns_of(engine: RealTimeFeatureEngine, indicator: Indicator) -> slice:
    start = engine.feature_set.outputs.index(indicator.outputs[0])
    return slice(start, start + len(indicator.outputs))


def stepped(indicator: Indicator, prices: F64, *, interpreted: bool) -> tuple[F64, F64]:
    """The step called on its own: outputs after each trade, and the last state."""
    state = np.zeros(indicator.state_size)
    out = np.zeros(len(indicator.outputs))
    rows = np.zeros((len(prices), len(out)))
    step = inspect.unwrap(indicator.family.step) if interpreted else indicator.family.step
    previous = np.nan
    for i, price in enumerate(prices):
        values = {"trades": i + 1, "price": float(price), "previous": float(previous)}
        with np.errstate(all="ignore"):
            step(state, out, *(values[name] for name in indicator.family.inputs), *indicator.parameters)
        rows[i] = out
        previous = price
    return rows, state


@each_family
def test_a_family_is_specified_and_defined_twice(family: Family) -> None:
    text = inspect.getdoc(sys.modules[family.step.__module__]) or ""
    for word in ("State:", "Warm-up:", "Flat market", "Source:", f"`{family.name}"):
        assert word in text, f"docstring of {family.step.__module__} lacks {word!r}"
    assert family.name in DEFINITIONS
    assert Path(family.step.__code__.co_filename).stem == family.name
    assert all(type(p.minimum) is type(p.usual) is type(p.maximum) for p in family.parameters)


def test_every_file_of_the_room_is_a_family_or_shared() -> None:
    files = {file.stem for file in (Path(inspect.getfile(Family)).parent).glob("*.py")}
    assert files == {"__init__", "catalogue", "indicator", "smoothing", "summation", *FAMILIES}
    assert list(FAMILIES) == sorted(FAMILIES)


@each_indicator
def test_names_are_read_back(indicator: Indicator) -> None:
    assert parse(indicator.name) == indicator
    assert parse(indicator.family.example).family is indicator.family
    for output in indicator.outputs:
        assert re.fullmatch(r"[a-z][a-z0-9_.]*", output)


def test_outputs_are_named_once() -> None:
    outputs = [output for indicator in ALL for output in indicator.outputs]
    assert len(outputs) == len(set(outputs))


@each_indicator
def test_sizes(indicator: Indicator) -> None:
    assert indicator.state_size >= 0
    assert len(indicator.warmup) == len(indicator.outputs) > 0
    assert all(trades >= 1 for trades in indicator.warmup)


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
        prices = markets(n)[name]
        compiled_rows, compiled_state = stepped(indicator, prices, interpreted=False)
        rows, state = stepped(indicator, prices, interpreted=True)
        assert same_bits(rows, compiled_rows)
        assert same_bits(state, compiled_state)


@given(prices=PRICES, data=st.data())
@settings(max_examples=60)
def test_a_copied_row_goes_on_bit_for_bit(
    engine: RealTimeFeatureEngine, prices: list[float], data: st.DataObject
) -> None:
    whole = engine.run(prices)
    cut = data.draw(st.integers(0, len(prices)))
    block = engine.new_block()
    row = block.add("A")
    head = engine.fold(block, np.full(cut, row, dtype=np.int32), ticks(prices[:cut]))
    other = engine.new_block()
    other.add("B")
    row = other.add("A", int(block.last_offset[row]), int(block.last_ts_ns[row]), block.state[row].copy())
    rest = len(prices) - cut
    tail = engine.fold(other, np.full(rest, row, dtype=np.int32), ticks(prices[cut:], offset=range(cut, len(prices))))
    assert same_bits(np.concatenate((head.values, tail.values)), whole.values)
    assert np.array_equal(np.concatenate((head.flags, tail.flags)), whole.flags)


@given(prices=PRICES)
@settings(max_examples=60)
def test_every_value_is_a_number_or_has_its_flag(engine: RealTimeFeatureEngine, prices: list[float]) -> None:
    folded = engine.run(prices)
    missing = (folded.flags == WARMING) | (folded.flags == UNDEFINED)
    assert np.array_equal(np.isfinite(folded.values), ~missing)
    assert np.array_equal(np.isnan(folded.values), missing)
    assert np.all(missing | (folded.flags == READY))
