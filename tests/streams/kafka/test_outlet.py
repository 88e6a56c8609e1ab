"""An outlet against aiokafka's own accumulator with the test as sender and broker, and against a real Kafka."""

import asyncio
import gc
import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    ProducerFenced,
)
from aiokafka.producer.message_accumulator import MessageAccumulator, MessageBatch
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.errors import FatalError, RetryError
from streams.kafka.outlet import Outlet
from tests.streams.kafka.conftest import MakeTopic, ReadAll

TP = TopicPartition("out", 0)
START = 100
"""Records that the partition held before the test's first."""
BATCH_BYTES = 300
"""A handful of the test's records."""


class Wire:
    """What an outlet uses of aiokafka 0.14's producer. The accumulator is the real one; the test sends and answers.

    As with the real sender, one batch of a partition is on its way at a time; as with an idempotent producer, the
    broker takes a batch only where the last one it took ended.
    """

    def __init__(self) -> None:
        self._message_accumulator = MessageAccumulator(self, BATCH_BYTES, 0, float("inf"))
        self.log: list[int] = []
        self.on_its_way: Any = None
        self._taken = 0
        self._sequence = 0

    async def partitions_for(self, topic: str) -> set[int]:
        assert topic == TP.topic
        return {0}

    def leader_for_partition(self, tp: TopicPartition) -> int:
        """The cluster's part."""
        assert tp == TP
        return 0

    def take(self) -> None:
        """The sender takes the next batch, unless one is on its way."""
        if self.on_its_way is None:
            nodes, _ = self._message_accumulator.drain_by_nodes(ignore_nodes=set())
            for batches in nodes.values():
                (self.on_its_way,) = batches.values()
                self.on_its_way.get_data_buffer()
                if self.on_its_way.retry_count == 1:
                    self._sequence, self._taken = self._taken, self._taken + self.on_its_way.record_count

    def answer(self, *, offset_known: bool = True) -> None:
        """The broker writes the batch that is on its way, and says where, or that it was there already."""
        batch, self.on_its_way = self.on_its_way, None
        if batch is None:
            return
        if self._sequence != len(self.log):
            batch.failure(OutOfOrderSequenceNumber())
            return
        base = START + len(self.log)
        self.log += [int(record.value) for record in MemoryRecords(bytes(batch.get_data_buffer())).next_batch()]
        batch.done(base if offset_known else -1)

    def refuse(self, error: KafkaError) -> None:
        """The broker does not write it."""
        batch, self.on_its_way = self.on_its_way, None
        if batch is not None:
            batch.failure(error)

    def send_again(self) -> None:
        """No answer came; the sender puts the batch in front again."""
        batch, self.on_its_way = self.on_its_way, None
        if batch is not None:
            self._message_accumulator.reenqueue(batch)

    async def carry(self, outlet: Outlet) -> None:
        """Take and answer until there is nothing left."""
        for _ in range(2 * outlet.put_count + 5):
            self.take()
            self.answer()
            await turns()


class Desk:
    """An outlet, its wire, and everything it said."""

    def __init__(self) -> None:
        self.wire = Wire()
        self.notes: list[int] = []
        self.failures = 0
        self.outlet = Outlet(
            lambda: self.wire, TP.topic, TP.partition, on_acknowledged=self._acknowledged, on_failed=self._failed
        )

    def _acknowledged(self, notes: Sequence[int]) -> None:
        self.notes += notes

    def _failed(self) -> None:
        self.failures += 1

    def put(self, count: int = 1) -> None:
        """Put records whose value and note are their place; their sizes differ."""
        first = self.outlet.put_count
        places = range(first, first + count)
        self.outlet.put([(b"k" * (1 + place * 7 % 40), b"%d" % place, [("src", b"1")], place) for place in places])


async def turns(count: int = 8) -> None:
    """Let every task and callback that can go on do so."""
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture
async def desk() -> Desk:
    made = Desk()
    await made.outlet.open()
    return made


async def test_one_record(desk: Desk) -> None:
    outlet = desk.outlet
    desk.put()
    waiter = asyncio.create_task(outlet.wait_acknowledged(1))
    await turns()
    assert not waiter.done()
    assert (outlet.put_count, outlet.acknowledged, outlet.unacknowledged, outlet.end_at(1)) == (1, 0, 1, None)
    await desk.wire.carry(outlet)
    await waiter
    assert (outlet.acknowledged, outlet.unacknowledged, outlet.end_at(1)) == (1, 0, START + 1)
    assert (desk.notes, desk.failures, outlet.failed) == ([0], 0, None)


async def test_records_that_wait_for_their_turn_share_a_batch(desk: Desk) -> None:
    desk.put(3)
    desk.wire.take()
    assert desk.wire.on_its_way.record_count == 3


async def test_puts_never_wait_and_keep_their_order_through_a_long_stop(desk: Desk) -> None:
    desk.put(500)
    await turns(50)
    assert (desk.outlet.acknowledged, desk.outlet.unacknowledged) == (0, 500)
    await desk.wire.carry(desk.outlet)
    assert desk.wire.log == desk.notes == list(range(500))
    await desk.outlet.wait_acknowledged(500)
    assert desk.outlet.end_at(500) == START + 500


async def test_a_batch_is_reported_whole_or_not_at_all(desk: Desk) -> None:
    desk.put(3)
    desk.wire.take()
    desk.put(2)
    desk.wire.answer()
    await turns()
    assert (desk.notes, desk.outlet.acknowledged) == ([0, 1, 2], 3)
    await desk.outlet.wait_acknowledged(3)
    assert desk.outlet.end_at(2) is None, "the batch holds a record put after ticket 2"
    assert desk.outlet.end_at(3) == desk.outlet.end_at(4) == desk.outlet.end_at(4) == START + 3
    await desk.wire.carry(desk.outlet)
    assert desk.outlet.end_at(4) == START + 3, "the second batch ends behind ticket 5"
    assert desk.outlet.end_at(5) == START + 5


async def test_an_end_that_the_broker_does_not_tell_is_the_one_before(desk: Desk) -> None:
    desk.put(2)
    await desk.wire.carry(desk.outlet)
    desk.put(2)
    desk.wire.take()
    desk.wire.answer(offset_known=False)
    await turns()
    assert (desk.outlet.acknowledged, desk.notes) == (4, [0, 1, 2, 3])
    assert desk.outlet.end_at(4) == START + 2


async def test_two_wait_for_different_tickets(desk: Desk) -> None:
    desk.put(2)
    desk.wire.take()
    desk.put(2)
    first, second = (asyncio.create_task(desk.outlet.wait_acknowledged(ticket)) for ticket in (2, 4))
    await turns()
    desk.wire.answer()
    await turns()
    assert (first.done(), second.done()) == (True, False)
    await desk.wire.carry(desk.outlet)
    await asyncio.gather(first, second)


async def test_a_failure_ends_it_and_is_told_to_everybody_once(desk: Desk) -> None:
    desk.put(2)
    desk.wire.take()
    desk.put(100)
    waiters = [asyncio.create_task(desk.outlet.wait_acknowledged(ticket)) for ticket in (2, 102)]
    await turns()
    desk.wire.refuse(MessageSizeTooLargeError("it is"))
    await turns()
    for waiter in waiters:
        with pytest.raises(RetryError, match=r"out\[0\]: produce failed: MessageSizeTooLargeError\('it is'\)"):
            await waiter
    desk.put(3)
    await desk.wire.carry(desk.outlet)
    assert (desk.wire.log, desk.notes, desk.outlet.acknowledged, desk.failures) == ([], [], 0, 1)
    desk.put(3)
    await turns()
    desk.wire.take()
    assert desk.wire.on_its_way is None, "nothing more is even handed over"
    with pytest.raises(RetryError):
        await desk.outlet.wait_acknowledged(108)
    assert isinstance(desk.outlet.failed, MessageSizeTooLargeError)
    await desk.outlet.close()
    assert desk.failures == 1


async def test_what_was_acknowledged_before_a_failure_stays_so(desk: Desk) -> None:
    desk.put(2)
    await desk.wire.carry(desk.outlet)
    desk.put(1)
    desk.wire.take()
    desk.wire.refuse(KafkaConnectionError())
    await turns()
    await desk.outlet.wait_acknowledged(2)
    assert (desk.outlet.acknowledged, desk.outlet.end_at(3)) == (2, START + 2)


async def test_what_a_broker_takes_after_a_failure_is_not_acknowledged(desk: Desk) -> None:
    desk.put(2)
    desk.wire.take()
    desk.put(2)
    desk.wire.refuse(KafkaConnectionError())
    desk.wire.take()
    desk.wire._sequence = 0  # as a broker that never saw this producer
    desk.wire.answer()
    await turns()
    assert (desk.notes, desk.outlet.acknowledged, desk.outlet.end_at(4)) == ([], 0, None)


async def test_waiting_for_room_is_waiting(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = []
    wait_drain = MessageBatch.wait_drain

    async def watched(batch: MessageBatch) -> None:
        waits.append(batch)
        await wait_drain(batch)

    monkeypatch.setattr(MessageBatch, "wait_drain", watched)
    desk.put(100)
    await turns(50)
    assert len(waits) == 1
    desk.put(100)
    await turns(50)
    assert len(waits) == 1, "one task waits for all"
    await desk.wire.carry(desk.outlet)
    assert desk.wire.log == list(range(200))


async def test_a_batch_given_up_by_the_producer_is_a_failure(desk: Desk) -> None:
    desk.put(2)
    desk.wire.take()
    desk.wire.on_its_way.future.cancel()
    await turns()
    with pytest.raises(RetryError, match="CancelledError"):
        await desk.outlet.wait_acknowledged(2)
    assert desk.failures == 1


@pytest.mark.parametrize("waiting", [1, 100])
async def test_a_producer_that_is_closed_or_broken_is_a_failure(desk: Desk, waiting: int) -> None:
    await desk.wire._message_accumulator.close()
    desk.put(waiting)
    assert desk.failures == 1
    with pytest.raises(RetryError, match="ProducerClosed"):
        await desk.outlet.wait_acknowledged(waiting)
    other = Desk()
    await other.outlet.open()
    other.wire._message_accumulator.fail_all(ProducerFenced())
    other.put(waiting)
    with pytest.raises(RetryError, match="ProducerFenced"):
        await other.outlet.wait_acknowledged(waiting)


async def test_a_producer_that_breaks_while_records_wait_for_room(desk: Desk) -> None:
    desk.put(100)
    await turns()
    desk.wire._message_accumulator.fail_all(ProducerFenced())
    await turns()
    with pytest.raises(RetryError, match="ProducerFenced"):
        await desk.outlet.wait_acknowledged(1)
    assert desk.failures == 1


async def test_closing_waits_for_the_fate_of_what_was_handed_over_and_drops_the_rest(desk: Desk) -> None:
    desk.put(100)
    await turns()
    desk.wire.take()
    waiter = asyncio.create_task(desk.outlet.wait_acknowledged(100))
    await turns()
    closing = asyncio.create_task(desk.outlet.close())
    await turns()
    with pytest.raises(RetryError, match=r"out\[0\]: the outlet is closed"):
        await waiter
    assert not closing.done()
    desk.put(5)
    await desk.wire.carry(desk.outlet)
    await closing
    assert desk.wire.log == list(range(len(desk.wire.log)))
    assert 0 < len(desk.wire.log) < 100
    assert desk.notes == desk.wire.log
    assert desk.failures == 0


@pytest.mark.parametrize("used", [False, True])
async def test_nothing_put_after_closing_is_sent(desk: Desk, used: bool) -> None:
    if used:
        desk.put()
        await desk.wire.carry(desk.outlet)
    await desk.outlet.close()
    desk.put(100)
    await desk.wire.carry(desk.outlet)
    assert desk.wire.log == [0] * used
    with pytest.raises(RetryError, match="closed"):
        await desk.outlet.wait_acknowledged(desk.outlet.put_count)


async def test_a_failure_while_closing_is_not_told_to_the_lane_that_is_gone(desk: Desk) -> None:
    desk.put()
    desk.wire.take()
    closing = asyncio.create_task(desk.outlet.close())
    await turns()
    desk.wire.refuse(KafkaConnectionError())
    await closing
    assert desk.failures == 0
    assert isinstance(desk.outlet.failed, KafkaConnectionError)


async def test_a_cancelled_close_can_be_called_again(desk: Desk) -> None:
    desk.put()
    desk.wire.take()
    closing = asyncio.create_task(desk.outlet.close())
    await turns()
    closing.cancel()
    await asyncio.wait([closing])
    again = asyncio.create_task(desk.outlet.close())
    await turns()
    assert not again.done()
    desk.wire.answer()
    await again
    assert desk.notes == [0]


async def test_a_cancelled_wait_changes_nothing(desk: Desk) -> None:
    desk.put(2)
    waiter = asyncio.create_task(desk.outlet.wait_acknowledged(2))
    await turns()
    waiter.cancel()
    await asyncio.wait([waiter])
    await desk.wire.carry(desk.outlet)
    await desk.outlet.wait_acknowledged(2)
    assert desk.wire.log == desk.notes == [0, 1]


async def test_failures_are_not_left_for_the_garbage_collector_to_report(desk: Desk) -> None:
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    desk.put(100)
    desk.wire.take()
    desk.wire.refuse(KafkaConnectionError())
    await desk.wire.carry(desk.outlet)
    await desk.outlet.close()
    gc.collect()
    await turns()
    assert reported == []


async def test_end_of_a_batch_that_was_begun_from_the_waiting_records(desk: Desk) -> None:
    desk.put(40)
    await turns()
    desk.wire.take()
    desk.wire.answer()
    await turns()
    first = desk.outlet.acknowledged
    desk.wire.take()
    desk.wire.answer()
    await turns()
    second = desk.outlet.acknowledged
    assert 0 < first < second < 40
    assert desk.outlet.end_at(second - 1) == START + first
    assert desk.outlet.end_at(second) == START + second


async def test_a_producer_that_is_closed_while_records_wait_leaves_no_error_behind(desk: Desk) -> None:
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    desk.put(100)
    await turns()
    closing = asyncio.create_task(desk.wire._message_accumulator.close())
    await turns()
    desk.wire.take()
    await turns()
    desk.wire.answer()
    await turns()
    await closing
    with pytest.raises(RetryError, match="ProducerClosed"):
        await desk.outlet.wait_acknowledged(100)
    desk.outlet = Desk().outlet
    gc.collect()
    await turns()
    assert reported == []


async def test_a_record_with_the_default_headers(desk: Desk) -> None:
    desk.outlet.put([(b"k", b"0", [], None)])
    await desk.wire.carry(desk.outlet)
    assert desk.wire.log == [0]


STEPS = st.lists(
    st.tuples(st.just("put"), st.integers(1, 12))
    | st.tuples(st.sampled_from(["turn", "take", "answer", "answer", "answer-unknown", "send-again"]), st.just(0)),
    max_size=60,
)


async def play(steps: list[tuple[str, int]], ending: str) -> None:
    """Anything may happen in any order; what is written and what is reported are always prefixes of what was put."""
    desk = Desk()
    wire, outlet = desk.wire, desk.outlet
    await outlet.open()
    for step, count in steps:
        if step == "put":
            desk.put(count)
        elif step == "turn":
            await turns()
        elif step == "take":
            wire.take()
        elif step == "send-again":
            wire.send_again()
        else:
            wire.answer(offset_known=step == "answer")
        check(desk)
        for ticket in range(outlet.put_count + 1):
            end = outlet.end_at(ticket)
            assert end is None or end - START <= min(ticket, outlet.acknowledged), "it holds a record put later"
    if ending == "refuse":
        wire.refuse(MessageSizeTooLargeError())
    elif ending == "close":
        closing = asyncio.create_task(outlet.close())
        await turns()
    written = len(wire.log)
    desk.put()
    await wire.carry(outlet)
    check(desk)
    if outlet.failed is not None:
        assert len(wire.log) == written
    elif ending == "close":
        await closing
        assert desk.notes == wire.log
    else:
        await outlet.wait_acknowledged(outlet.put_count)
        assert desk.notes == wire.log == list(range(outlet.put_count))
        assert outlet.end_at(outlet.put_count) == START + outlet.put_count


def check(desk: Desk) -> None:
    """No record lost, doubled, out of order, or reported before it was written."""
    assert desk.wire.log == list(range(len(desk.wire.log)))
    assert desk.notes == list(range(desk.outlet.acknowledged))
    assert desk.outlet.acknowledged <= len(desk.wire.log) <= desk.outlet.put_count


@settings(max_examples=200, deadline=None)
@given(steps=STEPS, ending=st.sampled_from(["carry", "refuse", "close"]))
def test_whatever_happens_nothing_is_lost_doubled_or_reported_wrongly(
    steps: list[tuple[str, int]], ending: str
) -> None:
    asyncio.run(play(steps, ending))


async def test_ten_thousand_records_on_a_real_kafka(
    make_topic: MakeTopic, producer: AIOKafkaProducer, read_all: ReadAll
) -> None:
    topic = await make_topic("out")
    notes: list[int] = []
    outlet = Outlet(lambda: producer, topic, 0, on_acknowledged=notes.extend)
    await outlet.open()
    for place in range(10_000):
        outlet.put([(b"k", b"%d" % place, [("src", b"%d" % place)], place)])
        if place % 700 == 0:  # some alone, most in large batches, all while others are on their way
            await asyncio.sleep(0)
    await outlet.wait_acknowledged(10_000)
    assert notes == list(range(10_000))
    assert outlet.end_at(10_000) == 10_000
    records = await read_all(topic)
    assert [record.offset for record in records] == list(range(10_000))
    assert [int(record.value) for record in records] == list(range(10_000))
    assert records[-1].headers == (("src", b"9999"),)
    assert records[-1].key == b"k"
    await outlet.close()


async def test_closing_in_the_middle_on_a_real_kafka(
    make_topic: MakeTopic, producer: AIOKafkaProducer, read_all: ReadAll
) -> None:
    topic = await make_topic("out")
    notes: list[int] = []
    outlet = Outlet(lambda: producer, topic, 0, on_acknowledged=notes.extend)
    await outlet.open()
    for place in range(5_000):
        outlet.put([(b"k", b"%d" % place, [], place)])
    await outlet.wait_acknowledged(1)
    await outlet.close()
    written = [int(record.value) for record in await read_all(topic)]
    assert written == notes == list(range(len(notes)))
    await producer.flush()
    assert len(await read_all(topic)) == len(notes)


async def test_after_a_refusal_nothing_more_is_written_on_a_real_kafka(
    make_topic: MakeTopic, producer: AIOKafkaProducer, read_all: ReadAll
) -> None:
    topic = await make_topic("out", **{"max.message.bytes": "2000"})
    outlet = Outlet(lambda: producer, topic, 0)
    await outlet.open()
    outlet.put([(b"k", b"0", [], None)])
    await outlet.wait_acknowledged(1)
    outlet.put([(b"k", os.urandom(5_000), [], None)])
    await outlet._batch.wait_drain()
    outlet.put([(b"k", b"2", [], None)])
    with pytest.raises(RetryError, match="MessageSizeTooLargeError"):
        await outlet.wait_acknowledged(3)
    outlet.put([(b"k", b"3", [], None)])
    await outlet.close()
    assert [record.value for record in await read_all(topic)] == [b"0"]


async def test_after_the_very_first_batch_is_refused_nothing_is_written_on_a_real_kafka(
    make_topic: MakeTopic, producer: AIOKafkaProducer, read_all: ReadAll
) -> None:
    topic = await make_topic("out", **{"max.message.bytes": "2000"})
    outlet = Outlet(lambda: producer, topic, 0)
    await outlet.open()
    outlet.put([(b"k", os.urandom(5_000), [], None)])
    await outlet._batch.wait_drain()
    outlet.put([(b"k", b"2", [], None)])
    with pytest.raises(RetryError, match="MessageSizeTooLargeError"):
        await outlet.wait_acknowledged(2)
    await outlet.close()
    assert await read_all(topic) == []


async def test_after_a_refusal_the_next_outlet_writes_or_ends_the_worker_on_a_real_kafka(
    make_topic: MakeTopic, producer: AIOKafkaProducer
) -> None:
    topic = await make_topic("out", **{"max.message.bytes": "2000"})
    outlet = Outlet(lambda: producer, topic, 0)
    await outlet.open()
    outlet.put([(b"k", b"0", [], None)])
    await outlet.wait_acknowledged(1)
    outlet.put([(b"k", os.urandom(5_000), [], None)])
    with pytest.raises(RetryError, match="MessageSizeTooLargeError"):
        await outlet.wait_acknowledged(2)
    await outlet.close()
    again = Outlet(lambda: producer, topic, 0)
    await again.open()
    again.put([(b"k", b"1", [], None)])
    with suppress(FatalError):
        await again.wait_acknowledged(1)


async def test_a_record_with_neither_key_nor_value_on_a_real_kafka(
    make_topic: MakeTopic, producer: AIOKafkaProducer, read_all: ReadAll
) -> None:
    topic = await make_topic("out")
    outlet = Outlet(lambda: producer, topic, 0)
    await outlet.open()
    outlet.put([(None, None, [("reason", b"no-key")], None)])
    await outlet.wait_acknowledged(1)
    (record,) = await read_all(topic)
    assert (record.key, record.value, record.headers) == (None, None, (("reason", b"no-key"),))


async def test_closing_takes_back_what_has_not_left(desk: Desk) -> None:
    """During an outage it would wait in the producer's queue, and be written behind what a later outlet wrote."""
    desk.put(2)
    await desk.outlet.close()
    assert desk.wire._message_accumulator._batches == {}
    later = Outlet(lambda: desk.wire, TP.topic, TP.partition)
    await later.open()
    later.put([(b"k", b"0", [], None)])
    await desk.wire.carry(later)
    assert desk.wire.log == [0]
    assert desk.notes == []


async def test_closing_leaves_alone_what_others_wait_to_send(desk: Desk) -> None:
    other = Outlet(lambda: desk.wire, TP.topic, 1)
    await other.open()
    other.put([(b"k", b"7", [], None)])
    desk.put(2)
    await desk.outlet.close()
    assert list(desk.wire._message_accumulator._batches) == [TopicPartition(TP.topic, 1)]


async def test_closing_waits_for_a_batch_that_came_back_without_an_answer(desk: Desk) -> None:
    """It has its number in the producer's sequence and may be in the log: only another attempt can tell."""
    desk.put(2)
    desk.wire.take()
    desk.wire.send_again()
    closing = asyncio.create_task(desk.outlet.close())
    await turns()
    assert not closing.done()
    await desk.wire.carry(desk.outlet)
    await closing
    assert desk.wire.log == desk.notes == [0, 1]


async def test_abandoned_at_once(desk: Desk) -> None:
    """Without a turn of the loop: what is on the wire stays there, nothing follows it."""
    desk.put(1)
    desk.wire.take()
    desk.put(100)
    desk.outlet.abandon()
    assert desk.wire._message_accumulator._batches == {}
    with pytest.raises(RetryError, match="closed"):
        await desk.outlet.wait_acknowledged(1)
    await desk.wire.carry(desk.outlet)
    assert desk.wire.log == desk.notes == [0]
    await desk.outlet.close()
    gc.collect()


async def test_abandoned_before_it_was_opened() -> None:
    outlet = Outlet(Wire, TP.topic, TP.partition)
    outlet.abandon()
    await outlet.close()


async def test_an_error_of_whoever_is_told_keeps_nobody_waiting() -> None:
    """It is not Kafka's, so another attempt would not help: it comes out as it is."""
    wire = Wire()

    def broken(_: Sequence[int]) -> None:
        raise ZeroDivisionError("in a metric")

    failed: list[int] = []
    outlet = Outlet(lambda: wire, TP.topic, 0, on_acknowledged=broken, on_failed=lambda: failed.append(1))
    await outlet.open()
    outlet.put([(b"k", b"0", [], None)])
    outlet.put([(b"k", b"1", [], None)])
    waiter = asyncio.create_task(outlet.wait_acknowledged(3))
    await turns()
    await wire.carry(outlet)
    with pytest.raises(ZeroDivisionError, match="in a metric"):
        await waiter
    assert failed == [1]
    await outlet.close()


async def test_an_error_while_records_wait_for_room_keeps_nobody_waiting(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(batch: MessageBatch) -> None:
        raise ZeroDivisionError(f"aiokafka's, about {batch}")

    monkeypatch.setattr(MessageBatch, "wait_drain", broken)
    desk.put(100)
    with pytest.raises(ZeroDivisionError):
        await desk.outlet.wait_acknowledged(100)
    assert desk.failures == 1
    await desk.outlet.close()
