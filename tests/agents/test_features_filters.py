"""Filters in the features agent: what goes where, what is counted, and what a restart makes of it."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from agents.reference_prices import REFERENCES, ReferencePrices
from streams.engine import RealTimeFeatureEngine
from streams.errors import StateError
from streams.feature_set import FeatureSet
from streams.quality.file import filters_of
from streams.ticks import TickDecoder
from tests.agents.features_bench import SECOND, START, Bench, clock_mark, gap_mark, message, reference, tick, warm

SET: Final = FeatureSet.of("mine", "sma_2", "spread", bars=["5s"], references={"index": "REF"})
FILTERS: Final = filters_of(
    {
        "allow": ["A", "B", "C"],
        "default": {
            "price_min": 1,
            "price_max": 1000,
            "trade_jump_max_bps": 500,
            "jump_rearm_ticks": 3,
            "reject_duplicates": True,
            "reject_crossed": True,
            "conditions_deny": ["odd-lot"],
        },
        "symbols": {"REF": {"trade_jump_max_bps": 100}, "C": {"conditions_deny": [], "conditions_allow": ["auction"]}},
    }
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> RealTimeFeatureEngine:
    folder: Path = tmp_path_factory.mktemp("kernels")
    return RealTimeFeatureEngine(SET, filters=FILTERS, cache_dir=folder)


@pytest.fixture
def bench(engine: RealTimeFeatureEngine) -> Bench:
    return Bench(engine)


def trade(offset: int, price: float, **body: Any) -> ConsumerRecord:
    """A trade of A, or another symbol."""
    symbol = body.get("symbol", "A")
    return message(offset, symbol, {"symbol": symbol, "ts_ns": START + offset * SECOND, "price": price, **body})


def reasons(bench: Bench) -> dict[int, str]:
    """Source offset -> reason of each reject."""
    return {source: dict(out.headers)["reason"].decode() for source, out in bench.lane.of("ticks-rejected")}


def test_each_record_is_a_feature_or_a_reject_with_its_reason(bench: Bench) -> None:
    records = [
        trade(0, 100.0, seq=1),
        trade(1, 100.5, seq=1),
        trade(2, 5_000.0, seq=2),
        trade(3, 90.0, seq=3, conditions=["odd-lot"]),
        trade(4, 150.0, seq=4),
        trade(5, 100.0, symbol="NOBODY"),
        trade(6, 100.2, seq=5, bid=100.3, ask=100.1),
        message(7, "A", {"symbol": "A", "ts_ns": START + 7 * SECOND, "bid": 100.3, "ask": 100.1}),
        trade(8, 50.0, symbol="C", conditions=["auction"]),
        trade(9, 50.0, symbol="C", conditions=["auction", "odd-lot"]),
        trade(10, 50.0, symbol="B", conditions=[]),
    ]
    bench.process(records)
    assert [source for source, _ in bench.lane.of("features")] == [0, 6, 8, 10]
    assert reasons(bench) == {
        1: "duplicate", 2: "price-range", 3: "condition", 4: "jump", 5: "not-allowed", 7: "crossed", 9: "condition",
    }  # fmt: skip
    rejects = dict(bench.lane.of("ticks-rejected"))
    assert all((rejects[at].key, rejects[at].value) == (records[at].key, records[at].value) for at in rejects)
    details = {at: dict(out.headers)["detail"].decode() for at, out in rejects.items()}
    assert "duplicate_restart_s=10" in details[1]
    assert "price 5000.0 is outside price_min=1 and price_max=1000" in details[2]
    assert "price 150.0 is 5000.0 bps from the reference 100.0, trade_jump_max_bps is 500" in details[4]
    assert "'NOBODY'" in details[5]
    assert all("HAYATE_FILTERS" in detail for detail in details.values())
    bench.job.rows()
    assert bench.count("hayate_quotes_left_out") == 1, "of the trade at 6, which stays"
    assert set(bench.rows.saved) == {"A", "B", "C"}, "of a symbol that is not allowed nothing is kept"


def test_a_restart_in_the_middle_says_the_same(engine: RealTimeFeatureEngine) -> None:
    """Wherever the log is cut by a checkpoint, and with all of it read again."""
    prices = [100.0, 100.2, 130.0, 100.1, 130.0, 130.1, 130.2, 130.3, 2_000.0, 130.1]
    records = [trade(i, price, seq=i // 2) for i, price in enumerate(prices)]
    whole = Bench(engine)
    whole.process(records)
    whole.job.rows()
    for cut in range(1, len(records)):
        first = Bench(engine)
        first.process(records[:cut])
        first.job.rows()
        second = Bench(engine, dict(first.rows.saved))
        second.process(records)
        second.job.rows()
        assert second.rows.saved == whole.rows.saved
        assert reasons(first) | reasons(second) == reasons(whole)


def test_the_warm_up_is_judged_and_its_rejects_keep_their_kind(bench: Bench) -> None:
    bench.process([warm(0, "A", 100.0), warm(1, "A", 200.0), tick(2, "A", 100.1)])
    assert [source for source, _ in bench.lane.of("features")] == [2]
    ((source, output),) = bench.lane.of("ticks-rejected")
    assert (source, dict(output.headers)["reason"]) == (1, b"jump")
    assert dict(output.headers)["original.kind"] == b"warm"


def test_marks_pass_and_gap_marks_of_symbols_that_are_not_allowed_do_not(bench: Bench) -> None:
    bench.process([tick(0, "A", 100.0), gap_mark(1, "A", START), gap_mark(2, "X", START), clock_mark(3, START)])
    assert reasons(bench) == {2: "not-allowed"}


def met(bench: Bench, records: list[ConsumerRecord]) -> list[float]:
    """The reference price that each tick of A meets."""
    decoded = TickDecoder(1, filters=FILTERS).decode(records)
    return [p for part in bench.job._working.fold(decoded) for p in part.columns.reference[:, 0].tolist()]


def test_copies_of_reference_symbols_that_are_not_believed_change_no_price(bench: Bench) -> None:
    """By the price range and the jump of their own symbol; a real repricing is believed in the end."""
    copies = [100.0, 0.5, 100.5, 120.0, 100.2, 120.0, 120.1, 120.2, 120.3]
    records = []
    for i, price in enumerate(copies):
        records += [reference(2 * i, "REF", price, START + i * SECOND), tick(2 * i + 1, "A", 100.0)]
    seen = met(bench, records)
    assert seen == [100.0, 100.0, 100.5, 100.5, 100.2, 100.2, 100.2, 120.2, 120.3]
    bench.job.rows()
    assert bench.count("hayate_references_left_out") == 4
    assert bench.lane.emitted == [], "a copy is not rejected: its original is"


@given(
    prices=st.lists(st.sampled_from([100.0, 100.4, 150.0, 150.1, 0.5]), min_size=2, max_size=20),
    cuts=st.sets(st.integers(1, 19)),
)
def test_what_is_remembered_of_copies_is_saved(
    engine: RealTimeFeatureEngine, prices: list[float], cuts: set[int]
) -> None:
    """Whatever the batches and restarts: the same prices are believed."""
    records = [
        record
        for i, price in enumerate(prices)
        for record in (reference(2 * i, "REF", price, START + i * SECOND), tick(2 * i + 1, "A", 100.0))
    ]
    whole = Bench(engine)
    expected = met(whole, records)
    whole.job.rows()
    saved: dict[str, bytes] = {}
    seen: list[float] = []
    for begin, end in pairwise([0, *sorted(cut for cut in cuts if cut < len(prices)), len(prices)]):
        part = Bench(engine, saved)
        seen += met(part, records[2 * begin : 2 * end])
        part.job.rows()
        saved = dict(part.rows.saved)
    assert np.array_equal(seen, expected, equal_nan=True)
    assert saved[REFERENCES] == whole.rows.saved[REFERENCES]


def test_reference_rows_of_another_width_are_refused() -> None:
    prices = ReferencePrices(["R", "R"], FILTERS)
    row = prices.row(7)
    prices.restore(row, 7)
    assert prices.row(7) == row
    with pytest.raises(StateError):
        ReferencePrices(["R"], FILTERS).restore(row, 7)


def test_headers_of_a_reject_are_kept_for_its_return(bench: Bench) -> None:
    body = {"symbol": "A", "ts_ns": START, "price": 5_000.0}
    bench.process([message(0, "A", body, [("sent_ns", b"17"), ("trace", b"\x00\xff")])])
    ((_, output),) = bench.lane.of("ticks-rejected")
    assert list(output.headers)[-2:] == [("original.sent_ns", b"17"), ("original.trace", b"\x00\xff")]
    assert json.loads(output.value or b"") == body
