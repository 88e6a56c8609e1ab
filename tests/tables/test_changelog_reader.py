"""Recovery from a changelog on real Kafka, and from one that has every trouble a broker can have."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.errors import KafkaConnectionError, OffsetOutOfRangeError
from aiokafka.structs import TopicPartition
from faust.types import TP

from deploy.local import Endpoints
from streams.errors import FatalError, StateError
from tables import changelog_reader
from tables.changelog_reader import ChangelogReader, Progress
from tables.local_store import LocalStore, LocalStoreError
from tests.tables.disk import CHANGELOG, Disk, change, row

TOPIC = CHANGELOG.topic


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A folder for tables."""
    disk = Disk(tmp_path)
    yield disk
    disk.close()


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until it is so; nobody announces it."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.01)


class Changelog:
    """A changelog of four partitions on real Kafka."""

    def __init__(self, services: Endpoints, topic: str, admin: AIOKafkaAdminClient, producer: AIOKafkaProducer) -> None:
        self.topic = topic
        self.admin = admin
        self._services = services
        self._producer = producer

    async def write(self, partition: int, *changes: tuple[bytes, bytes | None]) -> None:
        """Append (key, row) pairs."""
        for key, value in changes:
            await self._producer.send(self.topic, value, key=key, partition=partition)
        await self._producer.flush()

    def reader(self, store: LocalStore, **more: Any) -> ChangelogReader:
        """As the worker makes it."""
        return ChangelogReader(self.topic, store, self._connect, **{"deadline_s": 30.0, **more})

    def _connect(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            bootstrap_servers=self._services.bootstrap_servers, auto_offset_reset="none", fetch_max_wait_ms=20
        )


@pytest.fixture
async def changelog(services: Endpoints, topic_prefix: str) -> AsyncIterator[Changelog]:
    """An empty one."""
    admin = AIOKafkaAdminClient(bootstrap_servers=services.bootstrap_servers)
    producer = AIOKafkaProducer(bootstrap_servers=services.bootstrap_servers)
    await admin.start()
    async with producer:
        topic = f"{topic_prefix}changelog"
        answer = await admin.create_topics([NewTopic(topic, 4, 1)])
        assert [code for _, code, *_ in answer.topic_errors] == [0]
        yield Changelog(services, topic, admin, producer)
    await admin.close()


async def test_a_changelog_comes_back_and_only_what_is_new_is_read_again(
    disk: Disk, changelog: Changelog, caplog: pytest.LogCaptureFixture
) -> None:
    """Rows of several partitions, then what came since; a partition that holds nothing is done at once."""
    caplog.set_level("INFO")
    await changelog.write(0, *((b"A%d" % (n % 7), row(n)) for n in range(500)))
    await changelog.write(2, (b"B", row(1)), (b"B", None), (b"C", row(5)))
    store = disk.local()
    await changelog.reader(store).recover({0, 1, 2})
    assert store.get_row(0, b"A6") == row(496)
    assert (store.get_row(2, b"B"), store.get_row(2, b"C")) == (None, row(5))
    places = [store.persisted_offset(TP(changelog.topic, partition)) for partition in range(3)]
    assert places == [499, None, 2]
    assert "503 offsets of 3 partitions recovered" in caplog.text
    await changelog.write(0, (b"A6", row(600)), (b"A5", row(3)))
    await changelog.reader(disk.local()).recover({0, 1, 2})
    store = disk.local()
    assert (store.get_row(0, b"A6"), store.get_row(0, b"A5")) == (row(600), row(495))
    assert store.persisted_offset(TP(changelog.topic, 0)) == 501
    assert "2 offsets of 3 partitions recovered" in caplog.text


async def test_what_waits_in_memory_is_bounded(
    disk: Disk, changelog: Changelog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the bound the largest partition is written, and each of its writes is a place to go on from."""
    monkeypatch.setattr(changelog_reader, "WAITING_BYTES", 2_000)
    monkeypatch.setattr(changelog_reader, "MAX_POLL", 10)
    writes: list[tuple[int, int, int]] = []
    write_rows = LocalStore.write_rows

    def watched(self: LocalStore, partition: int, rows: Any, changelog_offset: int) -> None:
        writes.append((partition, len(rows), changelog_offset))
        write_rows(self, partition, rows, changelog_offset)

    monkeypatch.setattr(LocalStore, "write_rows", watched)
    for partition in (0, 1):
        await changelog.write(partition, *((b"A%d" % n, row(n)) for n in range(300)))
    store = disk.local()
    await changelog.reader(store).recover({0, 1})
    assert [store.get_row(p, b"A%d" % n) for p in (0, 1) for n in range(300)] == [row(n) for n in range(300)] * 2
    for partition in (0, 1):
        own = [(count, offset) for p, count, offset in writes if p == partition]
        assert sum(count for count, _ in own) == 300
        assert [offset for _, offset in own] == sorted(offset for _, offset in own)
        assert own[-1][1] == 299
    assert max(count for _, count, _ in writes) <= 2_000 / len(row(0)) + 11


async def test_a_standby_follows(disk: Disk, changelog: Changelog) -> None:
    """What is written comes, again and again; cancelled, it leaves the store at a place to go on from."""
    await changelog.write(1, (b"A", row(1)))
    store = disk.local()
    following = asyncio.create_task(changelog.reader(store).follow({1, 3}))
    await eventually(lambda: store.get_row(1, b"A") == row(1))
    await changelog.write(1, (b"A", row(2)))
    await eventually(lambda: store.get_row(1, b"A") == row(2))
    following.cancel()
    await asyncio.wait([following])
    assert following.cancelled()
    assert store.persisted_offset(TP(changelog.topic, 1)) == 1


async def test_a_log_that_was_cut_off_in_front(disk: Disk, changelog: Changelog) -> None:
    """Faust asks for the record before the first and hangs. An empty store begins at the first one; a store that
    misses some of what was deleted is refused."""
    await changelog.write(0, *((b"A%d" % n, row(n)) for n in range(10)))
    old = disk.local()
    old.write_rows(0, {b"A0": row(0)}, 3)
    await changelog.admin.delete_records({TopicPartition(changelog.topic, 0): RecordsToDelete(before_offset=6)})
    with pytest.raises(StateError, match=r"holds 6 to 10, not 3.*HAYATE_DATA_DIR.*faust -A app state reset"):
        await changelog.reader(old).recover({0})
    disk.close()
    new = Disk(disk.folder / "new")
    store = new.local()
    async with asyncio.timeout(30):
        await changelog.reader(store).recover({0})
    assert [n for n in range(10) if store.get_row(0, b"A%d" % n) is not None] == [6, 7, 8, 9]
    new.close()


async def test_a_log_that_ends_before_the_store(disk: Disk, changelog: Changelog) -> None:
    """It lost records, or was made anew: Faust would take the store for up to date."""
    await changelog.write(0, (b"A", row(1)), (b"A", row(2)))
    store = disk.local()
    store.write_rows(0, {b"A": row(9)}, 2)
    with pytest.raises(StateError, match=r"holds 0 to 2, not 2.*faust -A app state reset"):
        await changelog.reader(store).recover({0})
    store.write_rows(0, {b"A": row(2)}, 1)
    await changelog.reader(store).recover({0})


async def test_a_record_that_is_no_row_is_refused_at_every_start(disk: Disk, changelog: Changelog) -> None:
    """What stands before it is kept, and it is not passed over the next time."""
    await changelog.write(0, (b"A", row(1)), (b"B", b"short"))
    for _ in range(2):
        store = disk.local()
        with pytest.raises(StateError, match="B"):
            await changelog.reader(store).recover({0})
        assert store.get_row(0, b"A") == row(1)


class FakeConsumer:
    """A consumer whose polls are given; one of its questions or polls may be an error, or hang (None)."""

    def __init__(self, polls: list[Any], *, end: Any = 3, ends: list[Any] | None = None, start: Any = None) -> None:
        self.polls = polls
        self._ends = ends if ends is not None else []
        self._end = end
        self._start = start
        self._position = 0
        self.stopped = False

    async def start(self) -> None:
        """Connect."""
        if self._start is not None:
            raise self._start

    async def stop(self) -> None:
        """Disconnect."""
        self.stopped = True

    async def beginning_offsets(self, tps: Any) -> Any:
        """Always from the first record."""
        return dict.fromkeys(tps, 0)

    async def end_offsets(self, tps: Any) -> Any:
        """The next answer, and the usual one when there is none left."""
        answer = self._ends.pop(0) if self._ends else self._end
        if isinstance(answer, BaseException):
            raise answer
        return dict.fromkeys(tps, answer)

    def assign(self, tps: Any) -> None:
        """One partition."""
        assert list(tps) == [TopicPartition(*CHANGELOG)]

    def seek(self, tp: Any, offset: int) -> None:
        """Set the position."""
        assert tp == TopicPartition(*CHANGELOG)
        self._position = offset

    async def position(self, tp: Any) -> int:
        """Offset of the next record."""
        assert tp == TopicPartition(*CHANGELOG)
        return self._position

    async def getmany(self, timeout_ms: int, max_records: int) -> Any:
        """The next poll; nothing when there is none left."""
        assert (timeout_ms, max_records) == (changelog_reader.POLL_MS, changelog_reader.MAX_POLL)
        await asyncio.sleep(0)
        poll: Any = self.polls.pop(0) if self.polls else []
        if isinstance(poll, BaseException):
            raise poll
        if isinstance(poll, int):  # offsets that compaction left empty
            self._position = poll
            return {}
        if poll:
            self._position = poll[-1].offset + 1
        return {TopicPartition(*CHANGELOG): poll} if poll else {}


def changes(*offsets: int) -> list[ConsumerRecord]:
    """Records of a key each."""
    return [change(b"A%d" % offset, row(offset), offset) for offset in offsets]


def reader_of(store: LocalStore, *consumers: FakeConsumer, deadline_s: float = 0.2) -> ChangelogReader:
    """A reader that is given these consumers one after the other."""
    waiting: Any = list(consumers)
    return ChangelogReader(TOPIC, store, lambda: waiting.pop(0), deadline_s=deadline_s)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changelog_reader, "RETRY_S", 0.0)


async def test_no_progress_ends_the_recovery_by_name(disk: Disk) -> None:
    """While the broker answers, after the deadline: partition, place, end and what to do."""
    consumer = FakeConsumer([changes(0)], end=3)
    store = disk.local()
    message = r"app-state-changelog\[0\] stands at offset 1, the log ends at 3.*HAYATE_RECOVERY_DEADLINE_S"
    with pytest.raises(FatalError, match=message):
        await reader_of(store, consumer).recover([0])
    assert consumer.stopped
    assert store.persisted_offset(CHANGELOG) == 0, "what came is kept"


async def test_kafka_away_is_waited_for(
    disk: Disk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """At the start, at the questions, at a poll, and where nothing comes because nobody answers; then it goes on from
    where it was, with one line in the log."""
    monkeypatch.setattr(changelog_reader, "ASK_S", 0.05)
    gone = KafkaConnectionError("gone")
    last = FakeConsumer([changes(2)], end=3)
    consumers = [
        FakeConsumer([], start=gone),
        FakeConsumer([], ends=[gone]),
        FakeConsumer([], ends=[TimeoutError()]),
        FakeConsumer([changes(0), gone]),
        FakeConsumer([changes(1)], ends=[3, gone]),
        last,
    ]
    store = disk.local()
    await reader_of(store, *consumers, deadline_s=60).recover([0])
    assert [store.get_row(0, b"A%d" % n) for n in range(3)] == [row(n) for n in range(3)]
    assert all(consumer.stopped for consumer in consumers)
    assert [record.levelname for record in caplog.records].count("WARNING") == 1


async def test_progress_puts_the_deadline_off(disk: Disk) -> None:
    """Two pauses, each shorter than the deadline, together longer."""
    loop = asyncio.get_running_loop()

    class Slow(FakeConsumer):
        async def getmany(self, timeout_ms: int, max_records: int) -> Any:
            end = loop.time() + 0.3
            await eventually(lambda: loop.time() > end)
            return await super().getmany(timeout_ms, max_records)

    store = disk.local()
    await reader_of(store, Slow([changes(0), changes(1), changes(2)]), deadline_s=0.5).recover([0])
    assert store.persisted_offset(CHANGELOG) == 2


async def test_offsets_without_records_at_the_end_are_an_end(disk: Disk) -> None:
    """Compaction leaves such behind."""
    store = disk.local()
    await reader_of(store, FakeConsumer([changes(0), 3])).recover([0])
    assert store.persisted_offset(CHANGELOG) == 0


async def test_records_deleted_while_they_are_read(disk: Disk) -> None:
    """By name, not by starting elsewhere."""
    gone = OffsetOutOfRangeError({TopicPartition(*CHANGELOG): 1})
    with pytest.raises(StateError, match=r"app-state-changelog.*state reset"):
        await reader_of(disk.local(), FakeConsumer([changes(0), gone])).recover([0])


async def test_disk_trouble_ends_the_recovery(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever thread it came up in."""

    def full(*_: Any) -> None:
        raise LocalStoreError("no space left")

    monkeypatch.setattr(LocalStore, "write_rows", full)
    with pytest.raises(LocalStoreError, match="no space left"):
        await reader_of(disk.local(), FakeConsumer([changes(0, 1, 2)])).recover([0])


async def test_a_cancelled_recovery_waits_for_its_write(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database is closed after it."""
    monkeypatch.setattr(changelog_reader, "WAITING_BYTES", 0)
    store = disk.local()
    ended: list[int] = []
    write_rows = LocalStore.write_rows
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(self: LocalStore, partition: int, rows: Any, changelog_offset: int) -> None:
        assert len(ended) == changelog_offset, "one after the other"
        loop.call_soon_threadsafe(begun.set)
        asyncio.run(asyncio.sleep(0.2))
        write_rows(self, partition, rows, changelog_offset)
        ended.append(changelog_offset)

    monkeypatch.setattr(LocalStore, "write_rows", slow)
    consumer = FakeConsumer([changes(0), changes(1)])
    reading = asyncio.create_task(reader_of(store, consumer, deadline_s=60).recover([0]))
    await begun.wait()
    for _ in range(10):  # it reads on, and waits for the first write with the second
        await asyncio.sleep(0)
    assert not consumer.polls
    reading.cancel()
    await asyncio.wait([reading])
    assert reading.cancelled()
    assert ended == [0, 1]


def test_the_progress_line(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every few seconds: how far, how fast, how long yet."""
    caplog.set_level("INFO")
    monkeypatch.setattr(changelog_reader, "monotonic", lambda: 100.0)
    progress = Progress("t", 1_000)
    assert progress.at(0, 104.0) == 4.0
    assert not caplog.records
    assert progress.at(0, 105.0) == 5.0
    assert "0 of 1,000 offsets (0%), 0 a second, nothing came yet" in caplog.text
    assert progress.at(600, 106.0) == 0.0
    assert progress.at(600, 110.0) == 4.0
    assert "600 of 1,000 offsets (60%), 60 a second, 7 s to go" in caplog.text
