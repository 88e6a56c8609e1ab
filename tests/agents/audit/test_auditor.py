"""The auditor over logs in memory: where it begins, what it waits for, Redis, alerts, its bounds and its numbers."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import msgspec
import numpy as np
import pytest
from aiokafka.structs import TopicPartition
from prometheus_client import CollectorRegistry

from agents.audit.alerts import AlertWriter
from agents.audit.auditor import Auditor, Plan, Store
from agents.audit.commands import parse_symbols, since_ms
from agents.audit.feed import first_after
from agents.audit.metrics import AuditMetrics
from agents.audit.report import described
from agents.audit.sample import active_symbols, sample
from agents.audit.share import CpuShare
from agents.audit.start import find_starts
from streams.audit.finding import Finding, alert_of
from streams.audit.served import Served, decode
from streams.engine import RealTimeFeatureEngine
from streams.errors import ConfigError, RetryError
from streams.feature_set import FeatureSet
from streams.feeds.simulator import simulate
from streams.kafka.topics import changelog_name
from streams.settings import Settings
from streams.ticks import TickDecoder
from tables.indicator_state import Row, encode_row
from tests.agents.audit.world import MemoryLog
from tests.streams.audit.log import feature_records, fold, output, record, tick_records

S = 1_000_000_000
SETTINGS = Settings(partitions=1)
FEATURES, CHANGELOG = TopicPartition("features", 0), TopicPartition(changelog_name(SETTINGS), 0)
SET = FeatureSet.of("pair", "sma_3", "ema_3", "mid", "sma_2@1s")
TICKS = tick_records(islice(simulate(2, 50.0, seed=2, start_ns=1_700_000_000 * S), 600))
SYMBOLS = ("SIM001", "SIM002")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> RealTimeFeatureEngine:
    return RealTimeFeatureEngine(SET, cache_dir=tmp_path_factory.mktemp("kernels"))


@pytest.fixture
def log(engine: RealTimeFeatureEngine) -> MemoryLog:
    made = MemoryLog()
    made.put("ticks", TICKS)
    made.put("features", feature_records(SET, TICKS, fold(engine, TICKS)))
    return made


def rows_at(engine: RealTimeFeatureEngine, upto: int) -> list[tuple[str, bytes]]:
    """Rows of both symbols after the first `upto` ticks, as a worker writes them."""
    decoded = TickDecoder(1).decode(TICKS[:upto])
    block = engine.new_block()
    places = [block.find(s) if block.find(s) >= 0 else block.add(s) for s in decoded.symbols]
    engine.fold(block, np.array(places, np.int32), decoded.columns)
    return [
        (str(s), encode_row(Row(SET.layout_hash, int(block.last_offset[i]), int(block.last_ts_ns[i]), block.state[i])))
        for i, s in enumerate(block.symbols)
    ]


class Told:
    """Takes findings."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    async def __call__(self, findings: Sequence[Finding]) -> None:
        self.findings += findings


class Shelf:
    """A store with what was put there."""

    def __init__(self, shown: dict[str, Served | Exception]) -> None:
        self.shown = shown

    async def latest(self, symbol: str, *, now_ns: int) -> Served | None:  # noqa: ARG002 - nothing ages here
        found = self.shown.get(symbol)
        if isinstance(found, Exception):
            raise found
        return found


def auditor(log: MemoryLog, plan: Plan | None = None, store: Store | None = None) -> tuple[Auditor, Told, AuditMetrics]:
    told, metrics = Told(), AuditMetrics(CollectorRegistry())
    made = Auditor(SETTINGS, SET, log, plan or Plan(SYMBOLS), told, metrics, store=store)
    return made, told, metrics


async def until(true: Callable[[], bool]) -> None:
    """Wait for it."""
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.01)


async def run(made: Auditor) -> str:
    await made.open()
    await made.once()
    return "\n".join(described(made, 2))


async def test_from_the_start_everything_is_as_defined(log: MemoryLog) -> None:
    made, told, metrics = auditor(log)
    text = await run(made)
    assert "everything is as defined" in text
    assert text.count("the log's start") == 2
    assert told.findings == []
    assert metrics.registry.get_sample_value("hayate_audit_records_total") == 600
    assert metrics.registry.get_sample_value("hayate_audit_symbols") == 2
    assert made.unserved == 0


async def test_where_the_first_ticks_are_gone_it_begins_at_the_first_row_that_the_log_reaches(
    log: MemoryLog, engine: RealTimeFeatureEngine
) -> None:
    log.begin[TopicPartition("ticks", 0)] = 150
    rows = [(upto, row) for upto in (100, 200, 300) for row in rows_at(engine, upto)]
    log.put(CHANGELOG.topic, [record(i, s.encode(), value) for i, (_, (s, value)) in enumerate(rows)])
    made, told, _ = auditor(log)
    text = await run(made)
    assert "everything is as defined" in text
    assert all(150 <= start.source < 200 for start in made.starts.values())
    assert text.count("the row at") == 2
    assert told.findings == []
    later, _, _ = auditor(log, Plan(SYMBOLS, since={0: 260}))
    await later.open()
    assert all(260 <= start.source < 300 for start in later.starts.values())


async def test_one_audit_after_the_other_counts_on(log: MemoryLog) -> None:
    """`--follow` with a sample makes one for each turn, and they share the metrics."""
    metrics = AuditMetrics(CollectorRegistry())
    for turn in (1, 2):
        made = Auditor(SETTINGS, SET, log, Plan(SYMBOLS[:turn]), Told(), metrics)
        await run(made)
        assert metrics.registry.get_sample_value("hayate_audit_symbols") == turn
    first = len([each for each in TICKS if each.key == b"SIM001"])
    assert metrics.registry.get_sample_value("hayate_audit_records_total") == first + 600


async def test_a_symbol_without_a_row_cannot_begin_and_the_report_says_so(log: MemoryLog) -> None:
    log.begin[TopicPartition("ticks", 0)] = 10
    made, _, _ = auditor(log)
    assert "2 symbols could not begin" in await run(made)
    other = replace(SET, name="x", indicators=SET.indicators[:1])
    value = encode_row(Row(other.layout_hash, 100, 5, np.zeros(other.width)))
    log.put(CHANGELOG.topic, [record(0, b"SIM001", value)])
    assert await find_starts(log, CHANGELOG, SET, SYMBOLS, first_tick=10, since=None) == {}


async def test_a_wrong_value_is_told_shown_and_counted(log: MemoryLog) -> None:
    features = log.records[FEATURES]
    at = [i for i, r in enumerate(features) if r.key == b"SIM001"][100]
    content = msgspec.json.decode(features[at].value)
    content["values"]["ema_3"] += 0.001
    features[at] = output(features[at].offset, b"SIM001", msgspec.json.encode(content))
    made, told, metrics = auditor(log)
    text = await run(made)
    (finding,) = told.findings
    assert finding.kind == "definition"
    assert f"- definition: SIM001: ema_3 was {content['values']['ema_3']!r}" in text
    assert metrics.registry.get_sample_value("hayate_audit_findings_total", {"kind": "definition"}) == 1
    alert = alert_of(finding)
    assert alert.id == f"ticks-0-{features[at].offset}|audit-definition"
    assert msgspec.json.decode(msgspec.json.encode(alert))["numbers"]["ema_3"]["records"] == 1


async def test_ticks_that_nobody_served_are_waited_for_and_then_told_of(log: MemoryLog) -> None:
    log.records[FEATURES] = log.records[FEATURES][:-50]
    now = [0.0]

    def clock() -> float:
        now[0] += 3.0
        return now[0]

    made = Auditor(SETTINGS, SET, log, Plan(SYMBOLS), Told(), AuditMetrics(CollectorRegistry()), clock=clock)
    text = await run(made)
    assert "50 ticks have no record yet" in text
    assert made.findings == []


async def test_redis_is_compared_with_the_record_that_it_names(log: MemoryLog) -> None:
    newest = {r.key: decode(r.value) for r in log.records[FEATURES]}
    right, wrong = newest[b"SIM001"], newest[b"SIM002"]
    wrong = msgspec.structs.replace(wrong, values={**wrong.values, "mid": 1.0}, price=2.0)
    made, told, _ = auditor(log, store=Shelf({"SIM001": right, "SIM002": wrong}))
    await run(made)
    assert made.redis_compared == 2
    (finding,) = told.findings
    assert (finding.kind, finding.symbol) == ("store", "SIM002")
    assert set(finding.numbers) == {"price", "mid"}


async def test_redis_away_or_elsewhere_is_no_finding(log: MemoryLog, caplog: pytest.LogCaptureFixture) -> None:
    old = msgspec.structs.replace(decode(log.records[FEATURES][0].value), id="ticks-0-0", ts_ns=1)
    made, told, _ = auditor(log, store=Shelf({"SIM001": RetryError("redis:1 is away"), "SIM002": old}))
    assert "everything is as defined" in await run(made)
    assert told.findings == []
    assert "Redis is left out while it does not answer" in caplog.text


async def test_it_follows_what_comes_until_told_to_stop(log: MemoryLog) -> None:
    late_ticks, late_features = log.records[TopicPartition("ticks", 0)][400:], log.records[FEATURES][400:]
    log.records[TopicPartition("ticks", 0)] = log.records[TopicPartition("ticks", 0)][:400]
    log.records[FEATURES] = log.records[FEATURES][:400]
    made, told, _ = auditor(log)
    await made.open()
    stop = asyncio.Event()
    following = asyncio.create_task(made.follow(stop))
    await until(lambda: sum(c.ticks for c in made.counts.values()) == 400)
    log.put("ticks", late_ticks)
    log.put("features", late_features)
    await until(lambda: sum(c.ticks for c in made.counts.values()) == 600)
    stop.set()
    await following
    assert told.findings == []


async def test_the_output_behind_a_source_is_found_by_halving(log: MemoryLog) -> None:
    for source in (-1, 0, 123, 598, 599, 10_000):
        at = await first_after(log, FEATURES, source)
        assert at == min(source + 1, 600)


async def test_the_share_of_a_core_is_kept() -> None:
    used, slept = [0.0], []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    share = CpuShare(0.25, used=lambda: used[0], sleep=sleep)
    used[0] = 0.1
    await share.rest()
    used[0] += 100
    await share.rest()
    assert slept == [pytest.approx(0.3), 5.0]
    await CpuShare(1.0, used=lambda: used[0], sleep=sleep).rest()
    assert slept[-1] == 0.0


async def test_active_symbols_are_sampled_by_seed(log: MemoryLog) -> None:
    import random  # noqa: PLC0415

    assert await active_symbols(log, "features", 1) == ["SIM001", "SIM002"]
    assert sample(["C", "A", "B"], 5, random.Random(1)) == ("A", "B", "C")
    assert len(sample("ABCDEF", 2, random.Random(1))) == 2


class Wire:
    """Takes what is sent, or refuses."""

    def __init__(self, *, fails: bool = False) -> None:
        self.sent: list[tuple[Any, ...]] = []
        self.fails = fails

    async def send_and_wait(self, topic: str, value: bytes, *, key: bytes, partition: int) -> None:
        if self.fails:
            raise TimeoutError
        self.sent.append((topic, value, key, partition))


async def test_alerts_are_written_with_key_and_partition_and_a_failure_is_only_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    finding = Finding("seed", "AAPL", "ticks-0-5", 7, "AAPL: off", {"ema_12": {"served": 1.0, "expected": 2.0}})
    wire: Any = Wire()
    await AlertWriter(wire, "alerts", 1).tell([finding])
    ((topic, value, key, partition),) = wire.sent
    assert (topic, key, partition) == ("alerts", b"AAPL", 0)
    assert msgspec.json.decode(value)["id"] == "ticks-0-5|audit-seed"
    failing: Any = Wire(fails=True)
    await AlertWriter(failing, "alerts", 1).tell([finding])
    assert "that alert was not written to alerts" in caplog.text


def test_options_are_read_and_refused_by_name() -> None:
    assert parse_symbols(" A, B/C ,A") == ("A", "B/C")
    assert parse_symbols("") == ()
    with pytest.raises(ConfigError, match="--symbols A:B: no symbol is called so"):
        parse_symbols("A:B")
    assert since_ms(None) is None
    assert since_ms("15m", now=lambda: 1_000.0) == 100_000
    assert since_ms("1970-01-01T00:00:02Z") == 2_000
    with pytest.raises(ConfigError, match="--since soon: "):
        since_ms("soon")
