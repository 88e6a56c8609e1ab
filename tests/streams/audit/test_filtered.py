"""The audit of symbols whose ticks are filtered: dirty streams and rules of all kinds, without a false alarm."""

from collections.abc import Sequence
from math import isnan
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from aiokafka import ConsumerRecord
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import layout
from streams.audit.finding import Finding
from streams.audit.partition_audit import PartitionAudit
from streams.audit.saved import resume
from streams.audit.symbol import Recomputed
from streams.columns import APPLIED, CLOCK, GAP, WARM, Folded
from streams.definitions.exchange_hours import RoundTheClock
from streams.engine import RealTimeFeatureEngine
from streams.feature_records import FeatureEncoder
from streams.feature_set import FeatureSet
from streams.kafka.rejection import REASON
from streams.marks import GAP_KIND, WARM_KIND
from streams.quality.reasons import REASONS
from streams.quality.rules import NO_FILTERS, QualityFilters, QualityRules
from streams.records import KIND
from streams.state_block import StateBlock
from streams.ticks import TickDecoder
from tests.streams.audit.log import TOPIC, output, record, run
from tests.streams.dirty import RULES, changed, dirty
from tests.streams.markets import SYMBOLS, columns_of
from tests.streams.quality.test_judge import LATENESS_NS, filters_by
from tests.streams.reference_state import Event, S

SET: Final = FeatureSet.of("mine", "sma_3", "ema_3", "mid", "spread", "sma_2@2s", gaps={"sequence": True})
JUMPS: Final = QualityRules(quote_jump_max_bps=100.0, jump_rearm_ticks=3)
BEGIN: Final = 1_700_000_000 * S


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernels")


def engine_of(folder: Path, filters: QualityFilters) -> RealTimeFeatureEngine:
    return RealTimeFeatureEngine(SET, lateness_ns=LATENESS_NS, filters=filters, cache_dir=folder)


def tick_of(event: Event) -> ConsumerRecord:
    """As it stands in the log."""
    names = ("price", "bid", "ask", "bid_size", "ask_size")
    body: dict[str, Any] = {name: number for name in names if not isnan(number := getattr(event, name))}
    body |= {"symbol": event.symbol, "ts_ns": event.ts_ns}
    if event.kind == GAP:
        return record(event.offset, event.symbol.encode(), msgspec.json.encode(body), [(KIND, GAP_KIND)])
    body |= {"size": event.size, "seq": None if event.seq < 0 else event.seq}
    headers = [(KIND, WARM_KIND)] if event.kind == WARM else []
    return record(event.offset, event.symbol.encode(), msgspec.json.encode(body), headers)


class Served:
    """What a worker makes of a stream: records and rejects."""

    def __init__(self, engine: RealTimeFeatureEngine, block: StateBlock, events: Sequence[Event]) -> None:
        self.ticks = [tick_of(event) for event in events]
        self.features: list[ConsumerRecord] = []
        self.rejected: list[ConsumerRecord] = []
        rows, columns = columns_of(events)
        self.folded: Folded = engine.fold(block, rows, columns)
        encoded = FeatureEncoder(SET.outputs, SET.version).encode(
            [f"{TOPIC}-0-{event.offset}" for event in events], [event.symbol for event in events],
            columns.ts_ns.tolist(), self.folded.price.tolist(), self.folded.values.tolist(), self.folded.flags,
        )  # fmt: skip
        for tick, (value, *_), verdict in zip(self.ticks, encoded, self.folded.verdict.tolist(), strict=True):
            if verdict == APPLIED:
                self.features.append(output(tick.offset, tick.key, value))
            elif verdict in REASONS:
                self.rejected.append(output(tick.offset, tick.key, tick.value, (REASON, REASONS[verdict].encode())))


def audit_by(filters: QualityFilters) -> PartitionAudit:
    def make(_symbol: str) -> Recomputed:
        return Recomputed(SET, RoundTheClock(), lateness_ns=LATENESS_NS)

    audit = PartitionAudit(TOPIC, 0, TickDecoder(1), make, filters=filters)
    for symbol in SYMBOLS:
        audit.add(symbol)
    return audit


def block_of(engine: RealTimeFeatureEngine) -> StateBlock:
    block = engine.new_block()
    for symbol in SYMBOLS:
        block.add(symbol)
    return block


def audited(folder: Path, rules: QualityRules, events: Sequence[Event]) -> tuple[list[Finding], Served, StateBlock]:
    filters = filters_by(rules)
    engine = engine_of(folder, filters)
    block = block_of(engine)
    served = Served(engine, block, events)
    return run(audit_by(filters), served.ticks, served.features, served.rejected, at_once=7), served, block


def in_a_log(events: list[Event]) -> list[Event]:
    """Without what is no record of its symbol, and with offsets that ascend."""
    return [changed(event, offset=i) for i, event in enumerate(e for e in events if e.kind != CLOCK)]


@given(events=dirty(), a=RULES, b=RULES, at_once=st.sampled_from([1, 9, 100]), half=st.integers(0, 60))
@settings(max_examples=100)
def test_dirty_streams_give_no_finding(
    folder: Path, events: list[Event], a: QualityRules, b: QualityRules, at_once: int, half: int
) -> None:
    """From the log's start, and from rows in the middle of it."""
    events = in_a_log(events)
    if not events:
        return
    filters = filters_by(a, b)
    engine = engine_of(folder, filters)
    served = Served(engine, block_of(engine), events)
    audit = audit_by(filters)
    assert run(audit, served.ticks, served.features, served.rejected, at_once=at_once) == []
    assert sum(each.counts.ticks for each in audit.audits.values()) == len(served.features)

    if not 0 < half < len(events):
        return
    block, again = block_of(engine), audit_by(filters)
    Served(engine, block, events[:half])
    for i, symbol in enumerate(SYMBOLS):
        if block.last_offset[i] >= 0:
            resume(again.audits[symbol].recomputed, int(block.last_offset[i]), int(block.last_ts_ns[i]), block.state[i])
    later = Served(engine, block, events[half:])
    assert run(again, later.ticks, later.features, later.rejected, at_once=at_once) == []


def both(offset: int, price: float, middle: float, after_s: float) -> Event:
    """A trade with a quote."""
    return Event(
        "A", offset, BEGIN + round(after_s * S), price=price, size=1.0, bid=middle - 0.1, ask=middle + 0.1,
        bid_size=1.0, ask_size=1.0,
    )  # fmt: skip


def test_a_quote_whose_middle_jumped_is_known_to_be_left_out_of_its_trade(folder: Path) -> None:
    middles = [100.0, 100.1, 150.0, 100.2, 151.0, 151.1, 151.2, 151.3, 100.0]
    events = [both(i, 100.0, middle, i / 10) for i, middle in enumerate(middles)]
    found, served, block = audited(folder, JUMPS, events)
    assert found == []
    assert block.state[0][layout.LEFT_OUT] == 4, "150, 151, 151.1, and the last"
    assert len(served.features) == len(events)


@pytest.mark.parametrize(("after_s", "believed"), [(300.0, False), (300.000_000_001, True)])
def test_a_level_is_believed_after_the_time_and_not_with_it(folder: Path, after_s: float, believed: bool) -> None:
    events = [both(0, 100.0, 100.0, 0.0), both(1, 100.0, 150.0, 0.0), both(2, 100.0, 180.0, after_s)]
    found, _, block = audited(folder, JUMPS, events)
    assert found == []
    assert block.state[0][layout.LEFT_OUT] == (1 if believed else 2)


def test_a_jump_that_only_the_worker_believes_is_found(folder: Path) -> None:
    """A worker with other rules than the file has."""
    events = [both(i, 100.0, middle, i / 10) for i, middle in enumerate([100.0, 100.1, 150.0])]
    engine = engine_of(folder, NO_FILTERS)
    served = Served(engine, block_of(engine), events)
    found = run(audit_by(filters_by(JUMPS)), served.ticks, served.features, served.rejected)
    assert {output for finding in found for output in finding.numbers} >= {"mid"}


def test_what_a_filter_rejected_of_a_warm_up_is_not_folded_whichever_log_is_read_first(folder: Path) -> None:
    filters = filters_by(QualityRules(trade_jump_max_bps=100.0))
    engine = engine_of(folder, filters)
    prices = [100.0, 100.1, 150.0, 100.2, 100.1]
    events = [
        Event("A", i, BEGIN + i * S, price=price, size=1.0, kind=WARM if i < 3 else 0) for i, price in enumerate(prices)
    ]
    served = Served(engine, block_of(engine), events)
    assert [reject.offset for reject in served.rejected] == [2]
    audit = audit_by(filters)
    audit.put_ticks(served.ticks)
    audit.advance()
    assert audit.head == 0, "the rejects have not been read"
    audit.put_features(served.features)
    audit.advance()
    assert audit.head == 0
    audit.put_rejected(served.rejected)
    audit.advance(final=True)
    assert audit.findings(final=True) == []
    assert audit.audits["A"].counts.ticks == 2


def test_the_number_of_a_duplicate_came_too(folder: Path) -> None:
    """Out of order: 50 is the last that was folded when 51 comes again, and 52 leaves nothing out."""
    numbers = [47, 48, 49, 51, 100, 50, 51, 52, 53, 54]
    events = [Event("A", i, BEGIN + i, price=100.0 + i, size=1.0, seq=seq) for i, seq in enumerate(numbers)]
    found, served, _ = audited(folder, QualityRules(reject_duplicates=True), events)
    assert [reject.offset for reject in served.rejected] == [6]
    assert found == []


@pytest.mark.parametrize("first", [0, 1, 7])
def test_a_rejected_tick_does_not_begin_the_numbers(folder: Path, first: int) -> None:
    """The first number that is believed leaves nothing out, whatever was rejected before; also 0, a row's own none."""
    prices = [1_000.0, 100.0, 100.0, 100.0, 100.0]
    numbers = [first, -1, -1, 51, 52]
    events = [
        Event("A", i, BEGIN + i, price=price, size=1.0, seq=seq)
        for i, (price, seq) in enumerate(zip(prices, numbers, strict=True))
    ]
    found, served, _ = audited(folder, QualityRules(price_max=500.0), events)
    assert [reject.offset for reject in served.rejected] == [0]
    assert found == []
    assert all(b"gapped" not in record.value for record in served.features)


@pytest.mark.parametrize("last", [2**63 - 1, 2**63 - 2])
def test_the_last_number_that_there_is(folder: Path, last: int) -> None:
    """Believed, rejected as a jump, and what follows begins anew."""
    numbers = [last - 4, last - 3, last - 2, last - 1, last, last, 1, 2, 3, 4]
    prices = [100.0, 100.1, 100.2, 100.3, 150.0, 100.1, 100.0, 100.1, 100.2, 100.3]
    rules = QualityRules(reject_duplicates=True, trade_jump_max_bps=100.0, duplicate_restart_s=5.0)
    events = [
        Event("A", i, BEGIN + (i + 10 * (i > 5)) * S, price=price, size=1.0, seq=seq)
        for i, (price, seq) in enumerate(zip(prices, numbers, strict=True))
    ]
    found, served, _ = audited(folder, rules, events)
    assert found == []
    assert [(reject.offset, reject.headers[1][1]) for reject in served.rejected] == [(4, b"jump"), (5, b"duplicate")]


@pytest.mark.parametrize("reject_first", [True, False])
def test_a_tick_with_a_record_and_a_reject_is_found(folder: Path, reject_first: bool) -> None:
    engine = engine_of(folder, NO_FILTERS)
    events = [Event("A", i, BEGIN + i * S, price=100.0, size=1.0) for i in range(5)]
    served = Served(engine, block_of(engine), events)
    audit = audit_by(NO_FILTERS)
    reject = output(3, b"A", served.ticks[3].value, (REASON, b"jump"))
    audit.put_ticks(served.ticks)
    if reject_first:
        audit.put_rejected([reject])
    audit.put_features(served.features)
    audit.advance()
    if not reject_first:
        audit.put_rejected([reject])
        audit.advance()
    (finding, *_) = [f for f in audit.findings(final=True) if f.kind == "record"]
    assert finding.id == f"{TOPIC}-0-3"
    assert "has a record and a reject (jump)" in finding.message


def test_a_copy_of_a_reject_whose_tick_was_passed_says_nothing(folder: Path) -> None:
    """A crash may leave one."""
    events = [
        Event("A", i, BEGIN + i * S, price=price, size=1.0) for i, price in enumerate([100.0, 100.1, 150.0, 99.9])
    ]
    filters = filters_by(QualityRules(trade_jump_max_bps=100.0))
    served = Served(engine_of(folder, filters), block_of(engine_of(folder, filters)), events)
    audit = audit_by(filters)
    assert run(audit, served.ticks, served.features, served.rejected) == []
    audit.put_rejected(served.rejected)
    audit.advance()
    assert audit.findings(final=True) == []
