"""One contract over the whole catalogue: what is asked of every indicator, whoever adds it."""

import inspect
import re
import sys
from importlib import import_module
from itertools import pairwise
from math import nan
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.engine import RealTimeFeatureEngine
from streams.feature_set import FeatureSet
from streams.indicators.catalogue import FAMILIES, parse
from streams.indicators.indicator import Family, Indicator, Number
from streams.records import READY, UNAVAILABLE, UNDEFINED, WARMING
from streams.state_block import StateBlock
from tests.streams import reference
from tests.streams.indicators.definitions import context, microstructure, momentum, trend, volatility, volume
from tests.streams.markets import BEGIN, SYMBOLS, columns_of, sessions, streams
from tests.streams.reference import same_bits
from tests.streams.reference_state import Event, S

DEFINED: Final = {
    *reference.DEFINITIONS,
    *(name for group in (context, microstructure, momentum, trend, volatility, volume) for name in group.DEFINITIONS),
}


def least(family: Family) -> Indicator:
    """The family with its least parameters, or with its usual ones where those do not go together: short warm-ups."""
    usual: tuple[Number, ...] = tuple(parameter.usual for parameter in family.parameters)
    lowest: tuple[Number, ...] = tuple(parameter.minimum for parameter in family.parameters)
    found = family.indicator(*(usual if family.check(*lowest) else lowest))
    return found.placed(None, reference="index" if family.refers else "")


EVENTS: Final = [least(family) for family in FAMILIES.values()]
ON_BARS: Final = [
    parse(indicator.name.split("~")[0] + "@2t" + ("~index" if indicator.reference else ""))
    for indicator in EVENTS
    if indicator.family.on == "trade" and not {"sign", "rule"} & set(indicator.family.inputs)
]
each_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
N: Final = 400


@pytest.fixture(scope="module", params=["events", "bars"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RealTimeFeatureEngine:
    options = FeatureSet.of("options", "sma_2", references={"index": "I"}).options
    feature_set = FeatureSet("all", tuple(EVENTS if request.param == "events" else ON_BARS), options)
    engine = RealTimeFeatureEngine(feature_set, cache_dir=tmp_path_factory.mktemp("kernels"))
    engine.sessions = sessions()
    return engine


def specification(family: Family) -> str:
    return inspect.getdoc(sys.modules[family.step.__module__]) or ""


@each_family
def test_a_family_is_specified_and_defined_twice(family: Family) -> None:
    text = specification(family)
    outputs = [f"`{output}" for output in family.outputs]
    for word in ("State:", "Warm-up:", "Flat market", "Source:", *outputs):
        assert word in text, f"docstring of {family.step.__module__} lacks {word!r}"
    assert family.name in DEFINED, "write it a second time under tests/streams/indicators/definitions"
    assert Path(family.step.__code__.co_filename).stem == family.name
    assert all(type(p.minimum) is type(p.usual) is type(p.maximum) for p in family.parameters)
    assert all(p.minimum <= p.usual <= p.maximum for p in family.parameters)


def test_every_family_is_in_the_catalogue() -> None:
    room = Path(inspect.getfile(Family)).parent
    for file in room.glob("*.py"):
        module = import_module(f"streams.indicators.{file.stem}")
        own = [f for f in vars(module).values() if isinstance(f, Family) and f.step.__module__ == module.__name__]
        assert [FAMILIES.get(family.name) for family in own] == own
    assert list(FAMILIES) == sorted(FAMILIES)


@pytest.mark.parametrize("indicator", [*EVENTS, *ON_BARS], ids=lambda indicator: indicator.name)
def test_names_are_read_back(indicator: Indicator) -> None:
    assert parse(indicator.name) == indicator
    assert parse(indicator.family.example).family is indicator.family
    for output in indicator.outputs:
        assert re.fullmatch(r"[a-z][a-z0-9_.]*(@[0-9.]+[smhtvd](\.live)?)?(~[a-z0-9_]+)?", output)
    assert indicator.state_size >= 0
    assert len(indicator.warmup) == len(indicator.outputs) > 0
    assert all(steps >= 1 for steps in indicator.warmup)


def test_outputs_are_named_once() -> None:
    usual = [family.indicator(*(p.usual for p in family.parameters)) for family in FAMILIES.values()]
    outputs = [output for indicator in usual for output in indicator.outputs]
    assert len(outputs) == len(set(outputs))


def table(seed: int, n: int = N) -> dict[str, object]:
    """A market that sends everything: every tick is a trade and a quote, and so is every second one of the index."""
    rng = np.random.default_rng(seed)
    price = np.round(100.0 + np.cumsum(rng.normal(0.0, 0.05, n)), 2)
    return {
        "price": price,
        "size": rng.choice([0.5, 1.0, 3.0, 1e4], n),
        "side": rng.choice([-1, 1], n),
        "bid": price - rng.choice([0.01, 0.02], n),
        "ask": price + rng.choice([0.01, 0.02], n),
        "bid_size": rng.choice([1.0, 2.0, 5.0], n),
        "ask_size": rng.choice([1.0, 2.0, 5.0], n),
        "ts_ns": BEGIN + S + np.cumsum(rng.integers(0, S // 8, n)),
        "symbol": ["I" if i % 2 == 0 else "A" for i in range(n)],
    }


def test_warming_until_the_warm_up_and_not_longer(engine: RealTimeFeatureEngine) -> None:
    folded = engine.run(table(1))
    own = np.arange(1, N, 2)
    warmup = np.array(engine.feature_set.warmup)
    per_step = 2 if engine.feature_set.indicators[0].interval else 1
    for i, row in enumerate(own, 1):
        assert np.array_equal(folded.flags[row] == WARMING, warmup > i // per_step)
    assert np.all(np.isin(folded.flags[own], [READY, WARMING, UNDEFINED]))
    named = dict(zip(engine.feature_set.outputs, folded.flags[own].T.tolist(), strict=True))
    for indicator in engine.feature_set.indicators:
        if any(UNDEFINED in named[output] for output in indicator.outputs):
            assert re.search(r"\bundefined\b", specification(indicator.family), re.IGNORECASE), indicator.name
        lasting = [output for output in indicator.outputs if named[output][-1] == WARMING]
        assert not lasting or max(indicator.warmup) > N // 2 // per_step


def test_what_never_came_makes_unavailable_what_needs_it(engine: RealTimeFeatureEngine) -> None:
    prices = np.asarray(table(2)["price"])
    last = engine.run(prices).flags[-1]
    at = 0
    for indicator in engine.feature_set.indicators:
        flags = set(last[at : at + len(indicator.outputs)].tolist())
        at += len(indicator.outputs)
        if "quote" in indicator.family.needs or "reference" in indicator.family.needs:
            assert flags <= {UNAVAILABLE, WARMING}, indicator.name
        elif "size" not in indicator.family.needs:
            assert UNAVAILABLE not in flags, indicator.name


def references_of(events: list[Event]) -> list[Event]:
    return [Event(**{**vars(event), "reference": event.reference[:1]}) for event in events]


@given(events=streams(references=1), cuts=st.sets(st.integers(0, 80), max_size=5))
@settings(max_examples=50)
def test_saved_rows_and_other_batches_give_the_same_bits(
    engine: RealTimeFeatureEngine, events: list[Event], cuts: set[int]
) -> None:
    if not events:
        return
    rows, columns = columns_of(references_of(events))
    whole, pieces = block_of(engine), block_of(engine)
    expected = engine.fold(whole, rows, columns)
    bounds = [0, *sorted(cut for cut in cuts if 0 < cut < len(rows)), len(rows)]
    for a, b in pairwise(bounds):
        saved = block_of(engine, pieces)
        pieces = saved
        folded = engine.fold(pieces, rows[a:b], columns.take(slice(a, b)))
        assert same_bits(folded.values, np.ascontiguousarray(expected.values[a:b]))
        assert np.array_equal(folded.flags, expected.flags[a:b])
    assert same_bits(pieces.state, whole.state)
    is_number = expected.flags < WARMING
    assert np.array_equal(np.isfinite(expected.values), is_number)
    assert np.array_equal(np.isnan(expected.values), ~is_number)


def block_of(engine: RealTimeFeatureEngine, saved: StateBlock | None = None) -> StateBlock:
    """Rows of SYMBOLS, copied from others if given."""
    block = engine.new_block()
    for symbol in SYMBOLS:
        if saved is None:
            block.add(symbol)
        else:
            row = saved.find(symbol)
            state = saved.state[row].copy()
            block.add(symbol, int(saved.last_offset[row]), int(saved.last_ts_ns[row]), state)
    return block


def test_a_gap_does_to_each_what_its_family_says(engine: RealTimeFeatureEngine) -> None:
    block = block_of(engine)
    events = [Event("A", i, BEGIN + i * S // 100, **numbers(i), reference=(50.0 + i % 7,)) for i in range(N)]
    engine.fold(block, *columns_of(events))
    before = block.state[0].copy()
    engine.fold(block, *columns_of([Event("A", N, events[-1].ts_ns, kind=3, reference=(nan,))]))
    for indicator, slots in zip(engine.feature_set.indicators, engine.feature_set.slots, strict=True):
        if indicator.family.on_gap == "reset":
            assert not block.state[0, slots].any(), indicator.name
        else:
            changed = np.flatnonzero(block.state[0, slots].view(np.uint64) != before[slots].view(np.uint64))
            assert changed.tolist() in ([], [1]), indicator.name
            assert block.state[0, slots][1] == (2 if indicator.family.on_gap == "decay" else max(indicator.warmup))


def numbers(i: int) -> dict[str, Any]:
    price = 100.0 + i % 5
    return {"price": price, "size": 1.0, "bid": price - 1, "ask": price + 1, "bid_size": 1.0 + i % 3, "ask_size": 2.0}
