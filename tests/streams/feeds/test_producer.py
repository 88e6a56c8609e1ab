"""The producer against a broker that a test holds in its hand; test_producer_kafka.py has the real one."""

import asyncio
import logging
from typing import Any

import msgspec
import pytest
from aiokafka.errors import KafkaConnectionError, NotEnoughReplicasError

from streams.errors import FatalError, RetryError, TopicError
from streams.feeds import kafka_link
from streams.feeds.partitions import partition_of
from streams.feeds.producer import TickProducer
from streams.marks import WARM_KIND
from streams.records import Tick
from tests.streams.feeds.fake_broker import Broker

NOW_NS = 1_790_000_000_123_456_789
URL = "kafka://127.0.0.1:1"


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    made = Broker()
    monkeypatch.setattr(kafka_link, "AIOKafkaProducer", made)
    return made


def ticks(count: int, symbols: int = 7) -> list[Tick]:
    return [Tick(f"SIM{n % symbols:03d}", ts_ns=n + 1, price=1.5, seq=n) for n in range(count)]


def producer(**options: Any) -> TickProducer:
    return TickProducer(URL, "ticks", now_ns=lambda: NOW_NS, **options)


async def settled() -> None:
    """Let everything run that can."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_a_record_has_key_value_partition_timestamp_and_sent_ns(broker: Broker) -> None:
    tick = Tick("ES", 5, price=1640.25, size=2.0, side="buy")
    async with producer() as sender:
        await sender.send(tick)
    (record,) = broker.log[partition_of(b"ES", 4)]
    assert record.key == b"ES"
    assert record.value == b'{"symbol":"ES","ts_ns":5,"price":1640.25,"size":2.0,"side":"buy"}'
    assert record.headers == [("sent_ns", str(NOW_NS).encode())]
    assert record.timestamp == NOW_NS // 1_000_000
    assert (sender.sent, sender.acknowledged) == (1, 1)
    assert broker.stopped == 1


async def test_records_that_are_no_live_ticks_say_so(broker: Broker) -> None:
    async with producer(kind=WARM_KIND) as sender:
        await sender.send(Tick("ES", 5, price=1640.25))
    (record,) = broker.log[partition_of(b"ES", 4)]
    assert record.headers == [("sent_ns", str(NOW_NS).encode()), ("kind", b"warm")]


async def test_settings_lose_and_reorder_nothing(broker: Broker) -> None:
    async with producer(compression="lz4", ack_timeout_s=7.0):
        assert broker.settings["acks"] == "all"
        assert broker.settings["enable_idempotence"] is True
        assert broker.settings["compression_type"] == "lz4"
        assert broker.settings["request_timeout_ms"] == 7000
        assert broker.settings["bootstrap_servers"] == ["127.0.0.1:1"]
    async with producer():
        assert broker.settings["compression_type"] is None


async def test_a_lone_tick_leaves_at_once_and_what_gathers_meanwhile_is_one_batch(broker: Broker) -> None:
    async with producer() as sender:
        broker.answering.clear()
        for tick in ticks(40, symbols=1):
            await sender.send(tick)
            await settled()
        broker.answering.set()
        await sender.flush()
    assert [count for _, count in broker.batches] == [1, 39]


async def test_order_of_a_symbol_and_full_batches(broker: Broker) -> None:
    sent = ticks(5000)
    async with producer(max_batch_bytes=4096) as sender:
        await sender.send_many(sent)
    assert len(broker.batches) > 50
    for partition, records in broker.log.items():
        values = [msgspec.json.decode(record.value, type=Tick) for record in records]
        assert values == [t for t in sent if partition_of(t.symbol.encode(), 4) == partition]


async def test_no_more_than_the_bound_is_in_flight(broker: Broker) -> None:
    async with producer(max_in_flight=100) as sender:
        broker.answering.clear()
        sending = asyncio.create_task(sender.send_many(ticks(250)))
        await settled()
        assert (sender.sent, sender.acknowledged, sending.done()) == (100, 0, False)
        broker.answering.set()
        await sending
    assert sender.acknowledged == 250


async def test_a_refused_batch_fails_every_later_call_and_nothing_follows_it(broker: Broker) -> None:
    bad = partition_of(b"SIM000", 4)
    broker.refusal = lambda partition: NotEnoughReplicasError() if partition == bad else None
    sender = producer(max_in_flight=1000)
    await sender.start()
    await sender.send_many(ticks(10, symbols=1))
    with pytest.raises(
        FatalError, match=rf"'ticks' partition {bad} .*10 of 10 ticks not acknowledged.*NotEnoughReplicas"
    ):
        await sender.flush()
    broker.refusal = lambda _: None
    with pytest.raises(FatalError, match="not acknowledged"):
        await sender.send_many(ticks(1, symbols=1))
    with pytest.raises(FatalError, match="not acknowledged"):
        await sender.stop()
    assert broker.log[bad] == []
    assert (broker.stopped, broker.cut_off) == (0, 2)


async def test_after_a_failure_no_other_partition_goes_on(broker: Broker) -> None:
    bad, other = (partition_of(symbol, 4) for symbol in (b"SIM000", b"SIM001"))
    assert bad != other
    broker.held = {bad: asyncio.Event(), other: asyncio.Event()}
    broker.refusal = lambda partition: NotEnoughReplicasError() if partition == bad else None
    sender = producer()
    await sender.start()
    await sender.send_many(ticks(2, symbols=2))
    await settled()
    await sender.send_many(ticks(2, symbols=2))  # waits behind the ones underway
    broker.held[bad].set()
    await settled()
    broker.held[other].set()
    await settled()
    with pytest.raises(FatalError, match="not acknowledged"):
        await sender.stop()
    assert broker.batches == [(other, 1)]


async def test_a_failure_wakes_a_sender_that_waits_for_room(broker: Broker) -> None:
    broker.answering.clear()
    broker.refusal = lambda _: NotEnoughReplicasError()
    sender = producer(max_in_flight=5)
    await sender.start()
    sending = asyncio.create_task(sender.send_many(ticks(6)))
    await settled()
    broker.answering.set()
    with pytest.raises(FatalError, match="not acknowledged"):
        await sending
    with pytest.raises(FatalError):
        await sender.stop()


async def test_a_broker_that_never_answers_is_given_up_in_time(broker: Broker) -> None:
    broker.answering.clear()
    with pytest.raises(FatalError, match=r"3 of 3 ticks not acknowledged \(TimeoutError: no answer within 0.02 s\)"):
        async with producer(ack_timeout_s=0.02) as sender:
            await sender.send_many(ticks(3))
    assert (broker.stopped, broker.cut_off) == (0, 2)


async def test_an_error_in_the_block_is_kept_and_told_what_was_unacknowledged(broker: Broker) -> None:
    broker.answering.clear()

    async def fail_after(count: int) -> None:
        async with producer() as sender:
            await sender.send_many(ticks(count))
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine") as caught:
        await fail_after(3)
    assert caught.value.__notes__ == ["3 of 3 ticks were not acknowledged by Kafka"]
    with pytest.raises(ValueError, match="mine") as caught:
        await fail_after(0)
    assert not hasattr(caught.value, "__notes__")
    assert (broker.stopped, broker.cut_off) == (1, 2)


async def test_a_tick_too_large_for_a_record_is_named(broker: Broker) -> None:
    with pytest.raises(FatalError, match=r"tick of A has 70\d\d\d bytes.*shorten"):
        async with producer() as sender:
            await sender.send(Tick("A", 1, price=1.0, venue="x" * 70_000))
    assert sender.sent == 0
    assert broker.batches == []


async def test_a_missing_topic_is_named_with_the_command_that_makes_it(broker: Broker) -> None:
    sender = TickProducer(URL, "absent", now_ns=lambda: NOW_NS)
    with pytest.raises(TopicError, match=r"topic 'absent' does not exist on 127\.0\.0\.1:1: .*faust -A app topics"):
        await sender.start()
    assert broker.stopped == 1
    assert sender.partitions == 0


@pytest.mark.parametrize("error", [KafkaConnectionError("refused"), OSError("no route")])
async def test_a_broker_that_is_away_is_named_with_the_remedy(broker: Broker, error: Exception) -> None:
    broker.start_error = error
    with pytest.raises(RetryError, match=r"Kafka at 127\.0\.0\.1:1 does not answer .*HAYATE_KAFKA_URL"):
        await producer().start()
    assert broker.stopped == 1


async def test_a_broker_that_accepts_and_says_nothing_is_given_up_in_time(broker: Broker) -> None:
    broker.starting.clear()
    with pytest.raises(RetryError, match=r"does not answer \(nothing within 0.02 s\)"):
        await producer(ack_timeout_s=0.02).start()
    assert broker.stopped == 1


async def test_a_closed_port_is_told_by_the_real_client_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "aiokafka")
    with pytest.raises(RetryError, match="does not answer"):
        await TickProducer(URL, "ticks").start()


async def test_stopping_twice_or_unstarted_does_nothing(broker: Broker) -> None:
    sender = producer()
    await sender.stop()
    await sender.start()
    assert sender.partitions == 4
    await sender.stop()
    await sender.stop()
    assert broker.stopped == 1
