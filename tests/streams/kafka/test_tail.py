"""The tail of an output partition, read from a real Kafka: what exists is found, what does not is not."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from unittest.mock import patch

import pytest
from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import OffsetOutOfRangeError
from aiokafka.structs import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from deploy.local import Endpoints
from streams.errors import RetryError, StateError
from streams.kafka import tail as module
from streams.kafka.log_reader import LogReader
from streams.kafka.tail import Tail, TailReader
from tests.agents.fake_kafka import FakeKafka, FakeLog
from tests.agents.virtual_time import run
from tests.streams.kafka.conftest import MakeTopic

Headers = list[tuple[str, bytes]]


@pytest.fixture
async def reader(services: Endpoints) -> AsyncIterator[TailReader]:
    """As agents.pipeline makes it."""
    made = TailReader(LogReader(services.bootstrap_servers))
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def topic(make_topic: MakeTopic) -> str:
    return await make_topic("out")


async def write(producer: AIOKafkaProducer, topic: str, sources: Iterable[int]) -> None:
    """Outputs of these source offsets, in this order."""
    for source in sources:
        headers: Headers = [("src", b"%d" % source), ("prev", b"0"), ("src", b"999999")]
        await producer.send(topic, b"v", partition=0, headers=headers)
    await producer.flush()


async def delete_before(admin: AIOKafkaAdminClient, topic: str, offset: int) -> None:
    await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=offset)})


async def test_an_empty_partition(reader: TailReader, topic: str) -> None:
    for since in (None, 0):
        assert await reader.read(topic, 0, 5, since) == Tail(existing=set(), floor=0, last=-1, end=0)
    assert await reader.end(topic, 0) == 0


async def test_from_the_checkpoint_on(reader: TailReader, producer: AIOKafkaProducer, topic: str) -> None:
    await write(producer, topic, [10, 11, 12, 13, 15, 16])
    got = await reader.read(topic, 0, 13, 3)
    assert got == Tail(existing={13, 15, 16}, floor=0, last=16, end=6)
    assert [source for source in range(10, 18) if got.has(source)] == [13, 15, 16], "before 13 nobody asks"


async def test_nothing_behind_the_checkpoint_still_tells_the_last_source(
    reader: TailReader, producer: AIOKafkaProducer, topic: str
) -> None:
    await write(producer, topic, [10, 11])
    assert await reader.read(topic, 0, 12, 2) == Tail(existing=set(), floor=0, last=11, end=2)


async def test_holes_are_holes_and_copies_count_once(
    reader: TailReader, producer: AIOKafkaProducer, topic: str
) -> None:
    await write(producer, topic, [20, 21, 24, 25, 21, 24])
    got = await reader.read(topic, 0, 20, 0)
    assert (got.existing, got.last, got.end) == ({20, 21, 24, 25}, 25, 6), "a zombie's old record is the newest"
    assert not got.has(22)
    assert not got.has(23)


async def test_without_a_checkpoint_only_a_window_is_read(
    reader: TailReader, producer: AIOKafkaProducer, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WINDOW", 4)
    await write(producer, topic, [10, 11, 12, 13])
    got = await reader.read(topic, 0, 0, None)
    assert got == Tail(existing={10, 11, 12, 13}, floor=0, last=13, end=4), "all of it fits: nothing is assumed"
    assert not got.has(9)
    await write(producer, topic, [14, 16, 17])
    got = await reader.read(topic, 0, 0, None)
    # The window's four, and the one before it.
    assert got == Tail(existing={12, 13, 14, 16, 17}, floor=13, last=17, end=7)
    assert [source for source in range(20) if not got.has(source)] == [15, 18, 19]


async def test_a_checkpoint_reaches_back_beyond_the_window(
    reader: TailReader, producer: AIOKafkaProducer, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WINDOW", 2)
    await write(producer, topic, range(10))
    assert (await reader.read(topic, 0, 0, 0)).existing == set(range(10))


async def test_the_whole_of_a_long_tail(reader: TailReader, producer: AIOKafkaProducer, topic: str) -> None:
    await write(producer, topic, range(6_000))
    got = await reader.read(topic, 0, 100, 50)
    assert (got.existing, got.floor, got.last) == (set(range(100, 6_000)), 0, 5_999)
    got = await reader.read(topic, 0, 0, None)
    assert (got.existing, got.floor) == (set(range(999, 6_000)), 1_000)


async def test_deleted_records(
    reader: TailReader, producer: AIOKafkaProducer, topic: str, admin: AIOKafkaAdminClient
) -> None:
    await write(producer, topic, [10, 11, 12, 13])
    await delete_before(admin, topic, 2)
    assert await reader.read(topic, 0, 0, 1) == Tail(existing={12, 13}, floor=0, last=13, end=4)
    assert await reader.read(topic, 0, 0, None) == Tail(existing={12, 13}, floor=0, last=13, end=4)
    await delete_before(admin, topic, 4)
    for since in (None, 2, 4):
        assert await reader.read(topic, 0, 0, since) == Tail(existing=set(), floor=0, last=-1, end=4)


async def test_first_offset(
    reader: TailReader, producer: AIOKafkaProducer, topic: str, admin: AIOKafkaAdminClient
) -> None:
    assert await reader.first_offset(topic, 0, 0) is None
    await write(producer, topic, range(5))
    assert [await reader.first_offset(topic, 0, offset) for offset in (0, 3, 4, 5, 9)] == [0, 3, 4, None, None]
    await delete_before(admin, topic, 3)
    assert [await reader.first_offset(topic, 0, offset) for offset in (0, 2, 3, 4)] == [3, 3, 3, 4]
    await delete_before(admin, topic, 5)
    assert await reader.first_offset(topic, 0, 0) is None


async def test_transaction_markers_are_no_records(reader: TailReader, services: Endpoints, topic: str) -> None:
    client = AIOKafkaProducer(bootstrap_servers=services.bootstrap_servers, transactional_id=topic)
    await client.start()
    try:
        for source in (10, 11):
            async with client.transaction():
                await client.send(topic, b"v", partition=0, headers=[("src", b"%d" % source)])
    finally:
        await client.stop()
    # 0: 10, 1: marker, 2: 11, 3: marker
    async with asyncio.timeout(30):
        assert (await reader.read(topic, 0, 0, 0)).existing == {10, 11}
        assert (await reader.read(topic, 0, 0, 4)).end == 4
        assert [await reader.first_offset(topic, 0, offset) for offset in (1, 3)] == [2, None]


async def test_any_number_reads_at_once(reader: TailReader, producer: AIOKafkaProducer, make_topic: MakeTopic) -> None:
    topics = [await make_topic(f"out{place}") for place in range(3)]
    for place, name in enumerate(topics):
        await write(producer, name, range(place * 100, place * 100 + 50))
    tails = await asyncio.gather(*(reader.read(name, 0, 0, 0) for name in topics * 2))
    offsets = await asyncio.gather(*(reader.first_offset(name, 0, 7) for name in topics))
    assert [got.existing for got in tails] == [set(range(place * 100, place * 100 + 50)) for place in (0, 1, 2)] * 2
    assert offsets == [7, 7, 7]


async def test_a_topic_made_anew_is_refused(reader: TailReader, producer: AIOKafkaProducer, topic: str) -> None:
    await write(producer, topic, [1])
    with pytest.raises(
        StateError, match=r"\[0\] ends at 1, but the last checkpoint left it at 2: .*faust -A app state reset"
    ):
        await reader.read(topic, 0, 0, 2)


@pytest.mark.parametrize("headers", [[], [("prev", b"1")], [("SRC", b"1")], [("src", None)]], ids=str)
async def test_a_foreign_record_is_refused(
    reader: TailReader, producer: AIOKafkaProducer, topic: str, headers: Headers
) -> None:
    await write(producer, topic, [1])
    await producer.send_and_wait(topic, b"v", partition=0, headers=headers)
    with pytest.raises(StateError, match=rf"{topic}\[0\]@1 has no .*header 'src': .*HAYATE_TOPIC_PREFIX"):
        await reader.read(topic, 0, 0, 0)


@pytest.mark.parametrize("source", [b"", b"one", b"\xff"])
async def test_a_foreign_record_with_a_header_of_that_name_is_refused(
    reader: TailReader, producer: AIOKafkaProducer, topic: str, source: bytes
) -> None:
    await producer.send_and_wait(topic, b"v", partition=0, headers=[("src", source)])
    with pytest.raises(StateError, match="HAYATE_TOPIC_PREFIX"):
        await reader.read(topic, 0, 0, 0)


def test_has() -> None:
    tail = Tail(existing={7, 9}, floor=5)
    assert [source for source in range(12) if tail.has(source)] == [0, 1, 2, 3, 4, 7, 9]


async def test_poison_is_told_from_other_rejects(reader: TailReader, producer: AIOKafkaProducer, topic: str) -> None:
    reasons = [b"poison", b"late", b"poison", b"bad-json", b"poison"]
    for source, reason in enumerate(reasons, 10):
        headers = [("src", b"%d" % source), ("reason", reason)]
        await producer.send_and_wait(topic, b"v", partition=0, headers=headers)
    got = await reader.read(topic, 0, 12, 0)
    assert (got.existing, got.poisoned) == ({12, 13, 14}, {12, 14}), "what is committed is not asked about again"


async def test_records_larger_than_an_answer(reader: TailReader, make_topic: MakeTopic, services: Endpoints) -> None:
    topic = await make_topic("out", **{"max.message.bytes": "4000000"})
    client = AIOKafkaProducer(bootstrap_servers=services.bootstrap_servers, max_request_size=4_000_000)
    await client.start()
    try:
        for source in range(3):
            headers = [("src", b"%d" % source)]
            await client.send_and_wait(topic, b"v" * 2_500_000, partition=0, headers=headers)
    finally:
        await client.stop()
    assert (await reader.read(topic, 0, 0, 0)).existing == {0, 1, 2}


class SomeLog:
    """Partition 1 has no leader; the others are empty."""

    async def start(self) -> None:
        """Nothing."""

    async def stop(self) -> None:
        """Nothing."""

    async def bounds(self, tp: TopicPartition) -> tuple[int, int]:
        """Of an empty log."""
        await asyncio.sleep(0.1)
        if tp.partition == 1:
            await asyncio.Event().wait()
        return 0, 0

    async def fetch(self, tp: TopicPartition, offset: int) -> tuple[list[ConsumerRecord], int]:
        """Not asked: it is empty."""
        raise AssertionError(tp, offset)


def test_a_partition_without_leader_keeps_nobody_else_waiting() -> None:
    async def scenario() -> None:
        reader = TailReader(SomeLog())
        await reader.start()
        asked = [asyncio.create_task(reader.read("out", partition, 0, None)) for partition in range(8)]
        await asyncio.sleep(0.2)
        assert [task.done() for task in asked] == [True, False, *[True] * 6]
        with pytest.raises(RetryError, match=r"out\[1\]: its leader did not answer within 15 s") as raised:
            await asked[1]
        assert isinstance(raised.value.__cause__, TimeoutError)
        for question in (reader.end("out", 1), reader.first_offset("out", 1, 0)):
            with pytest.raises(RetryError, match=r"out\[1\]"):
                await question
        await reader.stop()

    run(scenario())


async def test_a_topic_that_comes_later(reader: TailReader, make_topic: MakeTopic) -> None:
    """Unknown to the client at first, as after its metadata went stale."""
    await reader.end(await make_topic("one"), 0)
    assert await reader.end(await make_topic("two"), 0) == 0


async def test_a_read_that_is_refused_for_good_raises(services: Endpoints, topic: str) -> None:
    log = LogReader(services.bootstrap_servers)
    await log.stop()
    await log.start()
    try:
        with pytest.raises(OffsetOutOfRangeError):
            await log.fetch(TopicPartition(topic, 0), 5)
    finally:
        await log.stop()


async def test_a_partition_that_does_not_exist_is_asked_for_again(services: Endpoints, topic: str) -> None:
    log = LogReader(services.bootstrap_servers)
    await log.start()
    try:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await log.bounds(TopicPartition(topic, 7))
    finally:
        await log.stop()


Put = tuple[int, str | None]
"""Source offset and part of an output."""


def read_in_memory(
    puts: Iterable[Put], *, committed: int = 0, since: int | None = None, window: int | None = None
) -> Tail:
    """The tail of a log in memory."""
    kafka = FakeKafka()
    for source, part in puts:
        parts: Headers = [] if part is None else [("part", part.encode())]
        kafka.append("out", 0, (None, b"v", [("src", b"%d" % source), *parts]))
    with patch.object(module, "WINDOW", window or module.WINDOW):
        return run(TailReader(FakeLog(kafka)).read("out", 0, committed, since))


def test_parts_of_one_source_are_told_apart() -> None:
    """A mark closed bars a to d, and a crash came between b and c."""
    got = read_in_memory([(9, "z"), (10, "a"), (10, "b")], committed=10, since=0)
    assert (got.existing, got.parts, got.last) == ({10}, {(10, "a"), (10, "b")}, 10)
    assert [got.has(10, part) for part in "abcd"] == [True, True, False, False]
    assert not got.has(11, "a"), "the same part of another source"


def test_of_the_first_source_in_a_window_every_part_exists() -> None:
    """Those that stand before the window as well; of the last one those that are seen."""
    got = read_in_memory([(10, "a"), (10, "b"), (10, "c"), (11, "a"), (11, "b")], window=3)
    assert got.floor == 11
    assert [got.has(10, part) for part in "abc"] == [True] * 3
    assert [got.has(11, part) for part in "abc"] == [True, True, False]


@pytest.mark.parametrize("before", [0, 1, 7])
def test_a_source_that_fills_the_window_is_read_to_its_first_part(before: int) -> None:
    """One mark closes the bars of thousands of symbols: which of them exist must not be guessed."""
    puts: list[Put] = [(i, "x") for i in range(before)]
    parts = [f"p{i}" for i in range(20)]
    got = read_in_memory([*puts, *((100, part) for part in parts)], window=4)
    assert [got.has(100, part) for part in parts] == [True] * 20
    assert not got.has(100, "p20")
    assert all(got.has(i, "x") for i in range(before))
    assert got.floor <= 100


@given(
    counts=st.lists(st.tuples(st.integers(1, 3), st.integers(1, 6)), max_size=8),
    window=st.integers(1, 8),
    data=st.data(),
)
def test_a_tail_knows_what_a_replay_asks_for(counts: list[tuple[int, int]], window: int, data: st.DataObject) -> None:
    """Whatever stands in the log, cut off anywhere by a crash: of every source from the commit on each part is there
    or is not, read from a checkpoint or in a window."""
    puts: list[Put] = []
    source = 0
    for step, parts in counts:
        source += step
        puts += [(source, f"p{i}") for i in range(parts)]
    written = puts[: data.draw(st.integers(0, len(puts)))]
    committed = data.draw(st.integers(0, source + 1))
    behind = sum(at < committed for at, _ in written)
    since = data.draw(st.none() | st.integers(0, behind))
    got = read_in_memory(written, committed=committed, since=since, window=window)
    asked = [put for put in puts if put[0] >= committed]
    assert [put for put in asked if got.has(*put)] == [put for put in asked if put in written]
    assert got.last == max((at for at, _ in written), default=-1)
    assert got.end == len(written)
