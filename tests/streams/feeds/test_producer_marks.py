"""What the producer writes beside ticks, and how it rides through a broker that is away."""

import asyncio
import logging
from typing import Any

import msgspec
import pytest
from aiokafka.errors import (
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    NotLeaderForPartitionError,
    UnknownTopicOrPartitionError,
)

from streams.errors import FatalError
from streams.feeds import kafka_link, partition_lane
from streams.feeds.partition_lane import Patience
from streams.feeds.partitions import partition_of
from streams.feeds.producer import TickProducer
from streams.marks import ClockMark, GapMark
from streams.records import Tick
from tests.streams.feeds.fake_broker import Broker

NOW_NS = 1_790_000_000_123_456_789


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    made = Broker()
    monkeypatch.setattr(kafka_link, "AIOKafkaProducer", made)
    return made


def producer(**options: Any) -> TickProducer:
    return TickProducer("kafka://127.0.0.1:1", "ticks", now_ns=lambda: NOW_NS, **options)


def trade(symbol: str, seq: int) -> Tick:
    return Tick(symbol, seq + 1, price=1.0, seq=seq)


def headers(record: Any) -> dict[str, bytes]:
    return dict(record.headers)


async def test_a_gap_mark_goes_where_its_symbols_ticks_go_and_in_order(broker: Broker) -> None:
    async with producer() as sender:
        await sender.send_many([trade("A", 1), trade("B", 1)])
        await sender.send_gap(GapMark("A", 9, "reconnect"))
        await sender.send_many([trade("A", 2)])
    records = [r for r in broker.log[partition_of(b"A", 4)] if r.key == b"A"]
    assert [headers(r).get("kind") for r in records] == [None, b"gap", None]
    assert msgspec.json.decode(records[1].value) == {"symbol": "A", "ts_ns": 9, "reason": "reconnect"}
    assert records[1].timestamp == NOW_NS // 1_000_000
    assert (sender.sent, sender.acknowledged, sender.unacknowledged) == (3, 3, 0), "marks are no ticks"


async def test_a_clock_mark_goes_into_every_partition_behind_what_was_sent(broker: Broker) -> None:
    async with producer() as sender:
        await sender.send_many([trade(f"S{n}", n) for n in range(40)])
        await sender.send_clock(ClockMark("v", 77))
        await sender.send_many([trade(f"S{n}", n) for n in range(40)])
    for records in broker.log.values():
        places = [place for place, record in enumerate(records) if headers(record).get("kind") == b"clock"]
        assert len(places) == 1
        mark = records[places[0]]
        assert (mark.key, msgspec.json.decode(mark.value)) == (None, {"clock": "v", "ts_ns": 77})
        assert len(records) == 2 * places[0] + 1, "in the middle"
    assert sender.sent == sender.acknowledged == 80


async def test_copies_of_a_reference_symbol_go_everywhere_behind_the_tick(broker: Broker) -> None:
    async with producer(references=["R"]) as sender:
        await sender.send_many([trade("A", 1), trade("R", 2), trade("R", 3)])
    home = partition_of(b"R", 4)
    for place, records in broker.log.items():
        copies = [r for r in records if headers(r).get("kind") == b"reference"]
        assert [msgspec.json.decode(r.value, type=Tick).seq for r in copies] == [2, 3]
        assert {r.key for r in copies} == {b"R"}
        own = [r for r in records if r.key == b"R" and "kind" not in headers(r)]
        assert len(own) == (2 if place == home else 0)
    order = [
        (headers(r).get("kind"), msgspec.json.decode(r.value, type=Tick).seq) for r in broker.log[home] if r.key == b"R"
    ]
    assert order == [(None, 2), (b"reference", 2), (None, 3), (b"reference", 3)]
    assert sender.sent == sender.acknowledged == 3


async def test_what_is_acknowledged_says_when_it_was_received(broker: Broker) -> None:
    seen: list[int] = []
    async with producer(on_acknowledged=seen.extend, references=["B"]) as sender:
        await sender.send_received([trade("A", 1), trade("B", 2)], [11, 12])
        await sender.send_gap(GapMark("A", 1))
        await sender.send_many([trade("A", 3)])
        await sender.flush()
        assert sorted(seen) == [11, 12]
    assert sum(map(len, broker.log.values())) == 3 + 1 + 4


async def test_marks_wait_for_room_too(broker: Broker) -> None:
    async with producer(max_in_flight=1) as sender:
        broker.answering.clear()
        await sender.send(trade("A", 1))
        waiting = [
            asyncio.create_task(sender.send_gap(GapMark("A", 1))),
            asyncio.create_task(sender.send_clock(ClockMark("v", 1))),
        ]
        for _ in range(20):
            await asyncio.sleep(0)
        assert not any(task.done() for task in waiting)
        broker.answering.set()
        await asyncio.gather(*waiting)


async def test_a_broker_that_is_away_is_waited_for_and_talked_about(
    broker: Broker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(partition_lane, "_RETRY_S", 0.005)
    async with producer(ride_through=True, ack_timeout_s=0.01) as sender:
        broker.answering.clear()
        await sender.send_many([trade("A", n) for n in range(3)])
        async with asyncio.timeout(30):
            while not sender.away:  # noqa: ASYNC110 - a property, not an event
                await asyncio.sleep(0.005)
        assert sender.acknowledged == 0
        broker.answering.set()
        await sender.flush()
        assert not sender.away
    assert sender.acknowledged == 3
    said = [text for text in caplog.messages if "Kafka at 127.0.0.1:1" in text]
    assert len(said) == 2
    assert "acknowledged nothing" in said[0]
    assert "acknowledges again" in said[1]


async def test_what_was_not_handed_over_is_tried_again(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition_lane, "_RETRY_S", 0.001)
    send_batch = broker.send_batch
    errors = [KafkaTimeoutError(), UnknownTopicOrPartitionError(), NotLeaderForPartitionError()]

    async def failing(batch: Any, topic: str, *, partition: int) -> Any:
        if errors:
            raise errors.pop()
        return await send_batch(batch, topic, partition=partition)

    monkeypatch.setattr(broker, "send_batch", failing)
    async with producer(ride_through=True) as sender:
        await sender.send(trade("A", 1))
    assert sender.acknowledged == 1
    assert sum(map(len, broker.log.values())) == 1


@pytest.mark.parametrize("when", ["answer", "hand-over"])
async def test_a_refusal_for_good_ends_it_by_name(broker: Broker, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    async def refused(*_: Any, **__: Any) -> Any:
        raise MessageSizeTooLargeError

    if when == "answer":
        broker.refusal = lambda _: MessageSizeTooLargeError()
    else:
        monkeypatch.setattr(broker, "send_batch", refused)
    with pytest.raises(FatalError, match=r"2 of 2 ticks not acknowledged \(MessageSizeTooLargeError"):
        async with producer(ride_through=True) as sender:
            await sender.send_many([trade("A", 1), trade("A", 2)])
    assert sum(map(len, broker.log.values())) == 0


def test_patience_says_so_every_ten_seconds(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    now = [100.0]
    patience = Patience(None, "k", lambda: now[0])
    patience.answered()
    for second in range(100, 131):
        now[0] = second
        patience.waits(95.0, 7)
    assert patience.away_since == 95.0
    now[0] = 140.0
    patience.answered()
    assert patience.away_since is None
    assert caplog.messages == [
        *(
            f"Kafka at k has acknowledged nothing for {s} s; a batch of 7 and what follows it wait"
            for s in (5, 15, 25, 35)
        ),
        "Kafka at k acknowledges again after 45 s",
    ]


async def test_no_batch_expires_in_the_client(broker: Broker) -> None:
    async with producer():
        assert broker._batch_ttl == float("inf")
