"""Ticks, records and rejects put together: what is missing, too many, twice, late, or not of this audit."""

from functools import cache
from itertools import islice
from pathlib import Path

import pytest
from aiokafka import ConsumerRecord

from streams.engine import RealTimeFeatureEngine
from streams.feature_set import FeatureSet
from streams.feeds.simulator import simulate
from streams.feeds.wire import encode_tick
from streams.kafka.rejection import REASON
from streams.marks import CLOCK_KIND
from streams.records import KIND, Tick
from tests.streams.audit.log import auditing, changed, feature_records, fold, output, record, run, tick_records

S = 1_000_000_000
SET = FeatureSet.of("pair", "sma_3", "ema_3", "mid", "sma_2@1s")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> RealTimeFeatureEngine:
    return RealTimeFeatureEngine(SET, cache_dir=tmp_path_factory.mktemp("kernels"))


@cache
def ticks() -> list[ConsumerRecord]:
    return tick_records(islice(simulate(2, 50.0, seed=2, start_ns=1_700_000_000 * S), 600))


@pytest.fixture
def features(engine: RealTimeFeatureEngine) -> list[ConsumerRecord]:
    return feature_records(SET, ticks(), fold(engine, ticks()))


def of(symbol: bytes, records: list[ConsumerRecord]) -> list[int]:
    return [i for i, r in enumerate(records) if r.key == symbol]


@pytest.mark.parametrize("at_once", [1, 7, 600])
def test_what_is_right_gives_no_finding_however_it_comes(features: list[ConsumerRecord], at_once: int) -> None:
    audit = auditing(SET, ["SIM001", "SIM002"], every=3)
    assert run(audit, ticks(), features, at_once=at_once) == []
    assert audit.waiting == 0
    assert sum(a.counts.ticks for a in audit.audits.values()) == 600
    assert audit.audits["SIM001"].counts.values > 800


def test_only_the_chosen_symbols_are_looked_at(features: list[ConsumerRecord]) -> None:
    audit = auditing(SET, ["SIM002"])
    assert run(audit, ticks(), features) == []
    assert list(audit.audits) == ["SIM002"]
    assert audit.audits["SIM002"].counts.ticks == len(of(b"SIM002", ticks()))
    gone = audit.remove("SIM002")
    assert gone.symbol == "SIM002"
    assert audit.audits == {}


def test_a_record_that_is_missing_is_found_once_the_rejects_have_passed_it(features: list[ConsumerRecord]) -> None:
    lost = features.pop(of(b"SIM001", features)[40])
    audit = auditing(SET, ["SIM001"])
    audit.put_ticks(ticks())
    audit.put_features(features)
    audit.advance()
    assert audit.head == lost.offset, "a reject may still come"
    assert audit.findings() == []
    audit.put_rejected([output(lost.offset + 1, b"SIM002", b"", (REASON, b"late"))])
    audit.advance()
    (finding,) = audit.findings(final=True)
    assert (finding.kind, finding.id) == ("missing", f"ticks-0-{lost.offset}")
    assert "neither a record nor a reject" in finding.message


def test_what_a_filter_rejected_is_not_folded(engine: RealTimeFeatureEngine) -> None:
    chosen = of(b"SIM001", ticks())[50]
    kept = [r for r in ticks() if r.offset != chosen]
    features = feature_records(SET, kept, fold(engine, kept))
    rejected = [output(chosen, b"SIM001", ticks()[chosen].value, (REASON, b"jump"))]
    audit = auditing(SET, ["SIM001", "SIM002"])
    assert run(audit, ticks(), features, rejected) == []


def test_a_tick_rejected_as_late_must_be(engine: RealTimeFeatureEngine) -> None:
    chosen = of(b"SIM001", ticks())[50]
    kept = [r for r in ticks() if r.offset != chosen]
    rejected = [output(chosen, b"SIM001", ticks()[chosen].value, (REASON, b"late"))]
    found = run(auditing(SET, ["SIM001"]), ticks(), feature_records(SET, kept, fold(engine, kept)), rejected)
    assert [(f.kind, f.id) for f in found] == [("record", f"ticks-0-{chosen}")]
    assert "was rejected as late and is not" in found[0].message


def test_a_late_tick_that_was_folded_is_found(features: list[ConsumerRecord]) -> None:
    late = Tick("SIM001", ts_ns=1_600_000_000 * S, price=100.0)
    log = [*ticks(), record(600, b"SIM001", encode_tick(late))]
    copied = features[of(b"SIM001", features)[-1]]
    extra = changed(copied, lambda content: content.update(id="ticks-0-600", ts_ns=late.ts_ns))
    found = run(auditing(SET, ["SIM001"]), log, [*features, output(600, b"SIM001", extra.value)])
    assert [(f.kind, f.id) for f in found] == [("record", "ticks-0-600")]
    assert "is late and was folded" in found[0].message


def test_copies_are_counted_and_copies_that_differ_are_found(features: list[ConsumerRecord]) -> None:
    audit = auditing(SET, ["SIM001"])
    twice = features[of(b"SIM001", features)[-1]]
    other = changed(twice, lambda content: content["values"].update(sma_3=1.0))
    found = run(audit, ticks(), [*features, twice, other])
    assert audit.audits["SIM001"].counts.copies == 1
    assert [(f.kind, f.id) for f in found] == [("copy", f"ticks-0-{twice.offset}")]


def test_a_record_of_what_is_no_tick_is_one_too_many(features: list[ConsumerRecord]) -> None:
    first = of(b"SIM001", ticks())[20]
    log = [*ticks()]
    log[first] = record(first, b"SIM001", b"no tick at all")
    found = run(auditing(SET, ["SIM001"]), log, features)
    assert "extra" in {f.kind for f in found}


def test_what_is_no_record_is_found(features: list[ConsumerRecord]) -> None:
    at = of(b"SIM002", features)[5]
    features[at] = output(features[at].offset, b"SIM002", b'{"id": 5}')
    (found,) = run(auditing(SET, ["SIM002"]), ticks(), features)
    assert found.kind == "record"
    assert "is no feature record" in found.message


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        ("id", "other", "record"),
        ("ts_ns", 5, "record"),
        ("symbol", "SIM009", "record"),
        ("price", 0.5, "record"),
        ("status", "stale", "record"),
        ("schema", "0" * 12, "version"),
    ],
)
def test_every_field_is_looked_at(features: list[ConsumerRecord], field: str, value: object, kind: str) -> None:
    at = of(b"SIM001", features)[30]
    features[at] = changed(features[at], lambda content: content.update({field: value}))
    (found,) = run(auditing(SET, ["SIM001"]), ticks(), features)
    assert (found.kind, found.id) == (kind, f"ticks-0-{features[at].offset}")
    assert list(found.numbers) == [field]


def test_flags_are_looked_at_and_said_once_a_minute(features: list[ConsumerRecord]) -> None:
    def stale(content: dict[str, dict[str, str]]) -> None:
        content["flags"]["ema_3"] = "undefined"

    places = of(b"SIM001", features)[30:60]
    for at in places:
        features[at] = changed(features[at], stale)
    audit = auditing(SET, ["SIM001"])
    (found,) = run(audit, ticks(), features, at_once=100)
    assert found.kind == "flag"
    assert found.numbers["ema_3"]["served"] == "undefined"
    assert audit.audits["SIM001"].counts.differences == len(places)


def test_clock_marks_close_the_bars_of_quiet_symbols(engine: RealTimeFeatureEngine) -> None:
    at = 1_700_000_000 * S
    prices = [Tick("SIM001", ts_ns=at + i * S, price=100.0 + i, clock="sim") for i in range(4)]
    log = tick_records(prices)
    mark = record(4, None, b'{"clock":"sim","ts_ns":%d}' % (at + 60 * S), [(KIND, CLOCK_KIND)])
    after = record(5, b"SIM001", encode_tick(Tick("SIM001", ts_ns=at + 60 * S, bid=1.0, ask=2.0, clock="sim")))
    audit = auditing(SET, ["SIM001"])
    features = feature_records(SET, [*log, after], fold(engine, [*log, after]))
    assert run(audit, [*log, mark, after], features) == []
    assert audit.audits["SIM001"].recomputed.bars["1s"].close == 103.0


def test_the_newest_served_records_are_remembered(features: list[ConsumerRecord], tmp_path: Path) -> None:
    audit = auditing(SET, ["SIM001"])
    run(audit, ticks(), features)
    newest = features[of(b"SIM001", features)[-1]]
    assert audit.recent("SIM001", f"ticks-0-{newest.offset}") == newest.value
    assert audit.recent("SIM001", "ticks-0-0") is None
    assert tmp_path.exists()
