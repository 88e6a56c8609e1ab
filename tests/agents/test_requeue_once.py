"""Requeue where the rejects are not in order: copies, a topic made anew, headers that somebody damaged."""

import pytest
from aiokafka.structs import TopicPartition

from agents.requeue import put_back
from streams.feeds.partitions import partition_of
from streams.kafka.rejects import Selection
from tests.agents.test_requeue import PARTITIONS, REJECTED, MemoryLog, MemoryProducer, planned, some


async def test_a_tick_that_is_in_the_rejects_twice_goes_back_once() -> None:
    """A worker that ended between the broker's answer and its own note of it may leave a copy."""
    log = some()
    tp = TopicPartition(REJECTED, partition_of(b"B", PARTITIONS))
    (first,) = [record for record in log.records[tp] if record.key == b"B"]
    log.append(REJECTED, tp.partition, first.key, first.value, first.headers, 6_000)
    plan = await planned(log, Selection(symbols=("B",)))
    assert (len(plan.copies), plan.twice) == (1, 1)
    assert "leave out 1 that are copies of others" in plan.steps
    await put_back(await planned(log, Selection(symbols=("B",), until_ms=6_000)), MemoryProducer(log), lambda *_: None)
    later = await planned(log, Selection(symbols=("B",), since_ms=6_000))
    assert (later.copies, later.done) == ((), 1), "the other one was selected before"


async def test_a_topic_made_anew_has_other_ticks_at_the_same_places() -> None:
    log = some()
    await put_back(await planned(log, Selection(symbols=("B",))), MemoryProducer(log), lambda *_: None)
    tp = TopicPartition(REJECTED, partition_of(b"B", PARTITIONS))
    (first,) = [record for record in log.records[tp] if record.key == b"B"]
    log.append(REJECTED, tp.partition, first.key, b"another tick", first.headers, 6_000)
    plan = await planned(log, Selection(symbols=("B",)))
    assert [copy.of.value for copy in plan.copies] == [b"another tick"]


async def test_originals_behind_the_end_of_the_log_go_back_once_too() -> None:
    """`ticks` was made anew, its rejects are from before."""
    log = MemoryLog()
    headers = [("reason", b"jump"), ("topic", b"ticks"), ("partition", b"0"), ("offset", b"9000000000000000000")]
    log.append(REJECTED, 0, None, b"{}", headers, 10**7)
    for done in (0, 1):
        plan = await planned(log, Selection())
        assert (len(plan.copies), plan.done) == (1 - done, done)
        await put_back(plan, MemoryProducer(log), lambda *_: None)


@pytest.mark.parametrize(
    "damage",
    [
        {"partition": b"9999"},
        {"partition": None},
        {"partition": b"99999999999999999999"},
        {"partition": b"-1"},
        {"offset": None},
        {"offset": b"x"},
        {"offset": b"\xb2"},
        {"offset": b""},
    ],
)
@pytest.mark.parametrize("key", [None, b"A"])
async def test_where_the_headers_are_damaged_nothing_goes_anywhere(
    damage: dict[str, bytes | None], key: bytes | None
) -> None:
    """Partition 9999 has no leader, and would be waited for."""
    log = MemoryLog()
    sound = {"reason": b"jump", "topic": b"ticks", "partition": b"0", "offset": b"0"}
    log.append(REJECTED, 0, key, b"{}", list((sound | damage).items()), 1)
    plan = await planned(log, Selection(reasons=("jump",)))
    assert (plan.copies, plan.nowhere) == ((), 1)
    assert "leave out 1 whose headers do not say where the original was" in plan.steps
    log.append(REJECTED, 0, key, b"{}", list(sound.items()), 1)
    assert len((await planned(log, Selection(reasons=("jump",)))).copies) == 1
