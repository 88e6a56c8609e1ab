"""Rejected records read, selected, and put back: each once, whatever the run before this one came to."""

import asyncio
import json
import re
import time
from collections import defaultdict
from typing import Any, Final

import pytest
from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaTimeoutError
from aiokafka.structs import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from agents.rejected_commands import as_object, described, run_requeue, selection_of
from agents.requeue import IN_FLIGHT, REQUEUED, RequeuePlan, plan_requeue, put_back
from streams.errors import ConfigError, RetryError
from streams.feeds.partitions import partition_of
from streams.headers import header
from streams.kafka.rejection import rejected
from streams.kafka.rejects import NO_KEY, Rejected, Selection, find
from streams.settings import Settings

PARTITIONS: Final = 3
REJECTED: Final = "ticks-rejected"


class MemoryLog:
    """Topics in memory (streams.kafka.rejects.Log), a few records an answer, with offsets that are missing."""

    def __init__(self) -> None:
        self.records: defaultdict[TopicPartition, list[ConsumerRecord]] = defaultdict(list)
        self.fetched = 0

    def append(self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Any, ms: int) -> int:
        log = self.records[TopicPartition(topic, partition)]
        offset = log[-1].offset + 1 + len(log) % 2 if log else 5
        log.append(ConsumerRecord(topic, partition, offset, ms, 0, key, value, None, 0, 0, tuple(headers)))
        return offset

    async def bounds(self, tp: TopicPartition) -> tuple[int, int]:
        log = self.records[tp]
        return (log[0].offset, log[-1].offset + 1) if log else (0, 0)

    async def offset_at(self, tp: TopicPartition, time_ms: int) -> int | None:
        return next((record.offset for record in self.records[tp] if record.timestamp >= time_ms), None)

    async def fetch(self, tp: TopicPartition, offset: int) -> tuple[list[ConsumerRecord], int]:
        found = [record for record in self.records[tp] if record.offset >= offset][:3]
        self.fetched += len(found)
        return found, found[-1].offset + 1 if found else offset

    def reject(self, reason: str, key: bytes | None, value: bytes | None, ms: int, **more: Any) -> None:
        """A tick on its partition (or another), and its rejection."""
        partition = more.get("partition", 0 if key is None else partition_of(key, PARTITIONS))
        headers = more.get("headers", [("sent_ns", b"1")])
        self.append("ticks", partition, key, value, headers, ms)
        original = self.records[TopicPartition("ticks", partition)][-1]
        out = rejected(original, reason, f"because of {reason}")
        self.append(REJECTED, partition, out.key, out.value, [*out.headers, ("src", b"0")], ms)


class MemoryProducer:
    """Appends to a MemoryLog, until it may not any more."""

    def __init__(self, log: MemoryLog, most: int = 1_000_000) -> None:
        self.log = log
        self.most = most
        self.sent: list[tuple[int, bytes | None, bytes | None, list[tuple[str, bytes]]]] = []

    async def send(
        self, topic: str, value: bytes | None, *, key: bytes | None, partition: int, headers: list[tuple[str, bytes]]
    ) -> "asyncio.Future[object]":
        done: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        if len(self.sent) < self.most:
            self.sent.append((partition, key, value, headers))
            self.log.append(topic, partition, key, value, headers, 10**12)
            done.set_result(None)
        else:
            done.set_exception(KafkaTimeoutError())
        return done


def some() -> MemoryLog:
    log = MemoryLog()
    log.reject("jump", b"A", b'{"price": 1}', 1_000)
    log.reject("late", b"B", b"\xff\xfe", 2_000, headers=[])
    log.reject("jump", b"BTC/USDT", b"x" * 500, 3_000, headers=[("kind", b"warm"), (REQUEUED, b"old")])
    log.reject("no-key", None, None, 4_000, partition=2)
    log.reject("wrong-partition", b"A", b"{}", 5_000, partition=(partition_of(b"A", PARTITIONS) + 1) % PARTITIONS)
    return log


async def found_by(log: MemoryLog, selection: Selection, limit: int = 100) -> Any:
    return await find(log, REJECTED, PARTITIONS, selection, limit=limit)


async def test_what_is_read_is_what_was_rejected() -> None:
    found = await found_by(some(), Selection())
    assert (found.read, found.total) == (5, 5)
    assert found.reasons == {"jump": 2, "late": 1, "no-key": 1, "wrong-partition": 1}
    assert found.symbols == {"A": 2, "B": 1, "BTC/USDT": 1, NO_KEY: 1}
    assert [one.ts_ms for one in found.records] == [1_000, 2_000, 3_000, 4_000, 5_000]
    jump = found.records[2]
    assert (jump.topic, jump.symbol, jump.detail) == ("ticks", "BTC/USDT", "because of jump")
    assert jump.headers == (("kind", b"warm"), (REQUEUED, b"old"))
    assert (jump.source_partition, jump.source_offset) == (partition_of(b"BTC/USDT", PARTITIONS), jump.source_offset)
    assert found.records[3].text(9) == "(null)"
    assert found.records[1].text(30) == "\\xff\\xfe"
    assert found.records[2].text(10) == "xxxxxxx..."


@pytest.mark.parametrize(
    ("selection", "times"),
    [
        (Selection(reasons=("jump",)), [1, 3]),
        (Selection(reasons=("jump", "late")), [1, 2, 3]),
        (Selection(symbols=("B*",)), [2, 3]),
        (Selection(symbols=("A", "B")), [1, 2, 5]),
        (Selection(since_ms=2_000), [2, 3, 4, 5]),
        (Selection(until_ms=2_000), [1]),
        (Selection(reasons=("jump",), since_ms=1_001, until_ms=3_001), [3]),
        (Selection(symbols=("nobody",)), []),
    ],
)
async def test_selections(selection: Selection, times: list[int]) -> None:
    found = await found_by(some(), selection)
    assert [one.ts_ms // 1_000 for one in found.records] == times
    assert found.total == len(times)


@given(limit=st.integers(0, 8))
def test_the_newest_are_kept(limit: int) -> None:
    found = asyncio.run(found_by(some(), Selection(), limit))
    assert [one.ts_ms // 1_000 for one in found.records] == [1, 2, 3, 4, 5][max(0, 5 - limit) :]
    assert found.total == 5


async def planned(log: MemoryLog, selection: Selection, *, again: bool = False) -> RequeuePlan:
    found = await found_by(log, selection)
    return await plan_requeue(log, found.records, ticks="ticks", partitions=PARTITIONS, again=again)


async def test_what_goes_back_is_as_it_was() -> None:
    """Key, bytes and headers, on the partition of its key; and a header that says where it came from."""
    log = some()
    plan, producer = await planned(log, Selection()), MemoryProducer(log)
    assert plan.steps[0] == "put 5 records back into ticks"
    assert await put_back(plan, producer, lambda *_: None) == 5
    for partition, key, _, headers in producer.sent:
        assert partition == (2 if key is None else partition_of(key, PARTITIONS)), "also of what was misplaced"
        assert len([name for name, _ in headers if name == REQUEUED]) == 1
        place = (header(headers, REQUEUED) or b"").decode()
        assert re.fullmatch(r"ticks-[0-2]-[0-9]+", place)
    assert {(key, value) for _, key, value, _ in producer.sent} == {
        (b"A", b'{"price": 1}'), (b"B", b"\xff\xfe"), (b"BTC/USDT", b"x" * 500), (None, None), (b"A", b"{}"),
    }  # fmt: skip
    by_key = {key: headers for _, key, _, headers in producer.sent}
    assert by_key[b"BTC/USDT"][:-1] == [("kind", b"warm")]
    assert by_key[b"B"][:-1] == []


@given(most=st.integers(0, 5), times=st.integers(1, 3))
def test_run_again_it_sends_what_is_not_there(most: int, times: int) -> None:
    """However many the broker took the first time: in the end each is there once."""

    async def run() -> None:
        log = some()
        for attempt in range(times):
            producer = MemoryProducer(log, most if attempt == 0 else 1_000)
            plan = await planned(log, Selection())
            if len(plan.copies) > producer.most:
                with pytest.raises(RetryError, match=rf"after .* of {len(plan.copies)} records; run this again"):
                    await put_back(plan, producer, lambda *_: None)
            else:
                await put_back(plan, producer, lambda *_: None)
        names = [
            name
            for tp, records in log.records.items()
            for record in records
            if tp.topic == "ticks" and (name := header(record.headers, REQUEUED)) not in {None, b"old"}
        ]
        assert len(names) == len(set(names)) == (5 if times > 1 or most == 5 else most)

    asyncio.run(run())


async def test_again_and_others() -> None:
    log = some()
    await put_back(await planned(log, Selection()), MemoryProducer(log), lambda *_: None)
    plan = await planned(log, Selection())
    assert (plan.copies, plan.done) == ((), 5)
    assert "leave out 5 that were put back before" in plan.steps
    assert len((await planned(log, Selection(), again=True)).copies) == 5
    found = await found_by(log, Selection())
    other = await plan_requeue(log, found.records, ticks="x-ticks", partitions=3, again=False)
    assert (other.copies, other.foreign) == ((), 5)
    assert "leave out 5 that are of another topic" in other.steps


async def test_progress_is_told_and_memory_bounded() -> None:
    log, told = MemoryLog(), []
    for i in range(IN_FLIGHT + 5):
        log.reject("jump", b"A", b"%d" % i, i)
    found = await find(log, REJECTED, PARTITIONS, Selection(), limit=10_000)
    plan = await plan_requeue(log, found.records, ticks="ticks", partitions=3, again=False)
    producer = MemoryProducer(log)
    await put_back(plan, producer, lambda done, total: told.append((done, total)))
    assert told == [(IN_FLIGHT, IN_FLIGHT + 5)]
    assert [int(value or b"-1") for _, _, value, _ in producer.sent] == list(range(IN_FLIGHT + 5)), "in their order"


async def test_the_words() -> None:
    lines = list(described(await found_by(some(), Selection(), limit=1)))
    assert (lines[0], lines[3]) == ("5 of 5 rejected records", "the newest 1:")
    assert lines[1].startswith("by reason: jump 2, ")
    assert lines[2].startswith("by symbol: A 2")
    assert lines[4].startswith("1970-01-01T00:00:05.000Z ")
    assert "wrong-partition A" in lines[4]
    assert lines[5:] == ["    because of wrong-partition", "    {}"]
    assert list(described(await found_by(MemoryLog(), Selection()))) == [
        "0 of 0 rejected records",
        "by reason: none",
        "by symbol: none",
    ]
    many = MemoryLog()
    for i in range(12):
        many.reject("jump", b"S%d" % i, b"{}", i)
    assert list(described(await found_by(many, Selection(), limit=0)))[2].endswith(", and 2 more")


async def test_the_object() -> None:
    told = json.loads(as_object(await found_by(some(), Selection(), limit=1)))
    assert (told["total"], told["by_reason"]["jump"]) == (5, 2)
    (record,) = told["records"]
    assert (record["reason"], record["symbol"], record["value"]) == ("wrong-partition", "A", "{}")


def test_times() -> None:
    asked = selection_of(("jump",), (), "2026-01-31T09:00:00+09:00", "2h")
    assert asked.since_ms == 1_769_817_600_000
    assert asked.until_ms is not None
    assert -1 <= time.time() * 1000 - 7_200_000 - asked.until_ms < 60_000
    with pytest.raises(ConfigError, match=r"--since yesterday: .*15m"):
        selection_of((), (), "yesterday", None)


async def test_everything_is_not_put_back_by_accident() -> None:
    with pytest.raises(ConfigError, match="requeue: of everything"):
        await run_requeue(Settings(), Selection(), limit=1, again=False, yes=True)


@given(
    st.lists(st.tuples(st.text(max_size=20), st.none() | st.binary(max_size=20)), max_size=6), st.binary(max_size=20)
)
def test_any_record_can_be_read(headers: list[tuple[str, bytes | None]], value: bytes) -> None:
    """Whatever somebody wrote into the topic."""
    one = Rejected.of(ConsumerRecord(REJECTED, 0, 0, 1, 0, value, value, None, 0, 0, tuple(headers)))
    assert one.text(20).isprintable()
    Selection(symbols=("A*",)).takes(one)
