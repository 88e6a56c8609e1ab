"""Markets that pause for longer than the default set's limits of staleness: audited without a false alarm."""

from math import nan
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.audit.symbol import Recomputed
from streams.columns import CLOCK, TICK
from streams.definitions.exchange_hours import RoundTheClock
from streams.engine import RealTimeFeatureEngine
from streams.feature_set import FeatureSet
from streams.records import STALE
from tests.streams.audit.agreement import disagreements
from tests.streams.markets import columns_of
from tests.streams.reference_state import Event, S

SET: Final = FeatureSet.load("default")
LIMIT_NS: Final = 300 * S
BEGIN: Final = 1_764_000_000 * S


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> RealTimeFeatureEngine:
    return RealTimeFeatureEngine(SET, cache_dir=tmp_path_factory.mktemp("kernels"))


def market(seed: int, count: int) -> list[Event]:
    """One symbol; long stretches of quotes alone, of trades alone, and of nothing, each to the limit and beyond."""
    rng = np.random.default_rng(seed)
    now, price, what, events = BEGIN, 100.0, "both", []
    for offset in range(count):
        if rng.random() < 0.05:
            what = str(rng.choice(["both", "both", "trade", "quote"]))
        seldom = [LIMIT_NS - 1, LIMIT_NS, LIMIT_NS + 1, 3_600 * S, 86_400 * S]
        now += int(rng.choice(seldom)) if rng.random() < 0.02 else int(rng.integers(0, 20 * S))
        if rng.random() < 0.05:
            events.append(Event("A", offset, now, clock=1.0, kind=CLOCK))
            continue
        price *= 1 + rng.normal(0, 0.001)
        half = price * 0.0002
        events.append(
            Event(
                "A", offset, now, price=nan if what == "quote" else price, size=float(rng.integers(0, 5)),
                bid=nan if what == "trade" else price - half, ask=nan if what == "trade" else price + half,
                bid_size=2.0, ask_size=3.0, clock=1.0, kind=TICK,
            )
        )  # fmt: skip
    return events


@given(seed=st.integers(0, 2**31))
@settings(max_examples=2)
def test_pauses_beyond_the_limits_give_no_difference(engine: RealTimeFeatureEngine, seed: int) -> None:
    assert SET.options.trade_s == SET.options.quote_s == LIMIT_NS / S
    events = market(seed, 1_500)
    rows, columns = columns_of(events)
    block = engine.new_block()
    block.add("A")
    folded = engine.fold(block, rows, columns)
    found, said = disagreements(["A"] * len(events), columns, folded, lambda _: Recomputed(SET, RoundTheClock()))
    assert found == []
    assert said > 50 * 1_000
    assert np.count_nonzero(folded.flags == STALE) > 500
