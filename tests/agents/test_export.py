"""The export over a real Kafka: what it reads, from where to where, and what it says when it cannot."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition

from agents.export import Exporter, ExportReport
from agents.export_commands import selected
from deploy.local import Endpoints
from streams.errors import ConfigError, RetryError
from streams.export.labels import LabelSpec
from streams.export.selection import Selection
from streams.feeds.partitions import partition_of
from streams.kafka.log_reader import LogReader
from streams.kafka.topics import FEATURES, TICKS, ensure, specs
from streams.settings import Settings
from tests.streams.export.plain import Tick, feature_record, training_rows

PARTITIONS = 2
T0_MS = 1_790_000_000_000
T0 = T0_MS * 10**6
SECOND = 10**9
HOUR_MS = 3_600_000


class Log:
    """Topics of one test, what was written to them, and exports of it."""

    def __init__(self, settings: Settings, producer: AIOKafkaProducer, admin: AIOKafkaAdminClient) -> None:
        self.settings, self.producer, self.admin = settings, producer, admin
        self.written: list[tuple[Any, dict[str, Any]]] = []
        self.mids: dict[str, float] = {}
        self.progress: list[tuple[int, int]] = []

    async def write(self, ticks: Sequence[Tick], *, schema: str = "a" * 12) -> None:
        """Ticks, and a feature record of each at the time at which it was known."""
        for tick in ticks:
            key = tick.symbol.encode()
            partition = partition_of(key, PARTITIONS)
            quote = {} if tick.mid is None else {"bid": tick.mid - 0.5, "ask": tick.mid + 0.5}
            value = msgspec.json.encode({"symbol": tick.symbol, "ts_ns": tick.ts_ns, "price": tick.price, **quote})
            sent = await self.producer.send_and_wait(self.settings.topic(TICKS), value, key=key, partition=partition)
            content = feature_record(sent.offset, tick, schema=schema, partition=partition)
            content["id"] = f"{self.settings.topic(TICKS)}-{partition}-{sent.offset}"
            await self.feature(content, tick.known_ms, partition)
            if tick.mid is not None:
                self.mids[content["id"]] = tick.mid

    async def feature(self, content: dict[str, Any], known_ms: int, partition: int) -> None:
        """One record of `features`."""
        await self.producer.send_and_wait(
            self.settings.topic(FEATURES),
            msgspec.json.encode(content),
            key=content["symbol"].encode(),
            partition=partition,
            timestamp_ms=known_ms,
        )
        self.written.append((_Known(known_ms, partition), content))

    async def export(
        self, out: Path, chosen: Selection, labels: LabelSpec | None = None, *, stop: asyncio.Event | None = None
    ) -> ExportReport:
        """As the command does it."""
        log = LogReader(self.settings.kafka_url.removeprefix("kafka://"))
        await log.start()
        try:
            exporter = Exporter(
                self.settings,
                log,
                chosen,
                labels,
                stop=stop or asyncio.Event(),
                on_read=lambda done, total: self.progress.append((done, total)),
            )
            return await exporter.run(out)
        finally:
            await log.stop()


class _Known:
    """What the plain definition asks of a record."""

    def __init__(self, timestamp: int, partition: int) -> None:
        self.timestamp, self.partition = timestamp, partition


@pytest.fixture
async def log(services: Endpoints, topic_prefix: str) -> AsyncIterator[Log]:
    # Feature records keep the time that they are given here, which CreateTime does.
    settings = Settings(kafka_url=services.kafka_url, topic_prefix=topic_prefix, partitions=PARTITIONS)
    admin = AIOKafkaAdminClient(bootstrap_servers=services.bootstrap_servers)
    producer = AIOKafkaProducer(bootstrap_servers=services.bootstrap_servers)
    await admin.start()
    await producer.start()
    described = {spec.name: spec for spec in specs(settings)}
    features = described[settings.topic(FEATURES)]
    given = replace(features, config=features.config | {"message.timestamp.type": "CreateTime"})
    await ensure(admin, [described[settings.topic(TICKS)], given])
    yield Log(settings, producer, admin)
    await producer.stop()
    await admin.close()


def rows_of(out: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(out).to_pylist()
    for row in rows:
        row.pop("label_known_ns", None)
    return rows


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def market(count: int, symbols: Sequence[str] = ("A", "B", "C/D")) -> list[Tick]:
    """Ticks a second apart, known half a second later."""
    return [
        Tick(
            symbols[i % len(symbols)],
            T0 + i * SECOND,
            100.0 + (i * 7 % 11),
            None if i % 4 else 100.0 + (i * 5 % 13),
            T0_MS + i * 1_000 + 500,
        )
        for i in range(count)
    ]


async def test_rows_and_labels_are_those_of_the_definition(log: Log, tmp_path: Path) -> None:
    """With copies, a range, a moment of knowledge, and labels of the mid with quotes from `ticks`."""
    await log.write(market(60))
    for known, content in log.written[10:30:3]:
        await log.feature(content, known.timestamp + 90_000, known.partition)
    spec = LabelSpec(5 * SECOND, dead_band_bps=10.0)
    for number, chosen in enumerate(
        (
            Selection(),
            Selection(T0 + 12 * SECOND, T0 + 40 * SECOND),
            Selection(known_at_ns=T0 + 33 * SECOND),
            Selection(symbols=frozenset({"B", "none"})),
        )
    ):
        out = tmp_path / f"{number}.parquet"
        report = await log.export(out, chosen, spec)
        expected = training_rows(log.written, log.mids, chosen, spec)
        assert rows_of(out) == expected
        assert report.rows == len(expected)
        assert f"{len(expected)} rows of" in str(report)
    assert names_in(tmp_path) == [f"{n}.parquet" for n in range(4)]
    assert log.progress[-1][0] == log.progress[-1][1]


async def test_reading_begins_near_the_time_that_is_asked_for(log: Log, tmp_path: Path) -> None:
    early = [tick._replace(ts_ns=T0, known_ms=T0_MS) for tick in market(500, ["A"])]
    late = [tick._replace(ts_ns=T0 + 2 * 3600 * SECOND, known_ms=T0_MS + 2 * HOUR_MS) for tick in market(5, ["A"])]
    await log.write([*early, *late])
    report = await log.export(tmp_path / "a.csv", Selection(start_ns=T0 + 3_601 * SECOND))
    assert (report.rows, report.read, report.cut) == (5, 5, 0)
    report = await log.export(tmp_path / "b.csv", Selection(known_at_ns=T0 + SECOND))
    assert (report.rows, report.read) == (500, 500)


async def test_records_that_are_gone_are_said(log: Log, tmp_path: Path) -> None:
    await log.write(market(40, ["A"]))
    tp = TopicPartition(log.settings.topic(FEATURES), partition_of(b"A", PARTITIONS))
    await log.admin.delete_records({tp: RecordsToDelete(10)})
    report = await log.export(tmp_path / "a.csv", Selection(start_ns=T0))
    assert (report.rows, report.cut) == (30, 1)
    assert "the log of 1 partitions begins after --from" in str(report)
    ticks = TopicPartition(log.settings.topic(TICKS), tp.partition)
    await log.admin.delete_records({ticks: RecordsToDelete(20)})
    with pytest.raises(ConfigError, match=r"begins at 20, labels of the mid need its ticks from 10 on.*price=last"):
        await log.export(tmp_path / "b.csv", Selection(), LabelSpec(SECOND))
    report = await log.export(tmp_path / "b.csv", Selection(), LabelSpec(SECOND, price="last"))
    assert report.rows == 30


async def test_nothing_in_the_range_writes_nothing(log: Log, tmp_path: Path) -> None:
    await log.write(market(3))
    with pytest.raises(ConfigError, match="none of the 3 records that were read is in the range"):
        await log.export(tmp_path / "a.parquet", Selection(end_ns=T0))
    assert names_in(tmp_path) == []


async def test_two_feature_sets_are_refused(log: Log, tmp_path: Path) -> None:
    await log.write(market(3, ["A"]))
    await log.write(market(2, ["A"]), schema="b" * 12)
    with pytest.raises(ConfigError, match=f"--schema {'b' * 12}"):
        await log.export(tmp_path / "a.parquet", Selection())
    assert (await log.export(tmp_path / "a.parquet", Selection(schema="b" * 12))).rows == 2


async def test_a_stop_leaves_no_file(log: Log, tmp_path: Path) -> None:
    await log.write(market(3))
    stop = asyncio.Event()
    stop.set()
    with pytest.raises(RetryError, match="was stopped and has written nothing"):
        await log.export(tmp_path / "a.parquet", Selection(), stop=stop)
    assert names_in(tmp_path) == []


def test_options_become_a_selection() -> None:
    chosen = selected("2026-09-21", "", "A,B", "2026-09-22T00:00:00Z", "a" * 12, labels="")
    assert chosen.start_ns == 1_789_948_800 * SECOND
    assert chosen.end_ns > chosen.start_ns
    assert chosen.known_at_ns == 1_790_035_200 * SECOND
    assert (chosen.symbols, chosen.schema) == (frozenset({"A", "B"}), "a" * 12)
