"""One event per poll of a batched topic; everything else as Faust does it."""

from types import SimpleNamespace
from typing import Any

import faust
import pytest
from aiokafka import ConsumerRecord
from faust.transport.drivers.aiokafka import Consumer
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP

from streams.kafka.batching import Batch, BatchScheduler, BatchSchema


def record_at(topic: str, partition: int, offset: int) -> ConsumerRecord:
    """A record of which only the coordinates and the time matter."""
    return ConsumerRecord(topic, partition, offset, 1_000 + offset, 1, b"k", b"v", None, 1, 1, (("h", b"x"),))


def batch_at(topic: str, partition: int, *offsets: int, epoch: int = 0) -> Batch:
    """What a poll brought of one partition."""
    return Batch(TP(topic, partition), [record_at(topic, partition, offset) for offset in offsets], epoch)


def made(strategy: Any) -> Any:
    """An instance, as Faust makes it; its types call the class abstract."""
    return strategy()


def test_the_batches_of_a_topic_are_one_record_under_the_coordinates_of_the_first() -> None:
    batches = [batch_at("ticks", 2, 10, 11, 15, epoch=4), batch_at("ticks", 0, 3), batch_at("ticks", 1, 99)]
    ((tp, record),) = made(BatchScheduler).iterate({batch.tp: batch for batch in batches})
    assert tp == TP("ticks", 2)
    assert len(record.value) == 3
    assert all(given is batch for given, batch in zip(record.value, batches, strict=True))
    assert (record.topic, record.partition, record.offset) == ("ticks", 2, 15)
    assert (record.timestamp, record.timestamp_type) == (1_015, 1)
    assert (record.key, record.headers, record.checksum) == (None, (), None)
    assert (record.serialized_key_size, record.serialized_value_size) == (0, 0)


def test_each_batched_topic_gives_one_event_and_other_topics_follow_record_by_record() -> None:
    others: dict[TP, Any] = {
        TP("changelog", partition): [record_at("changelog", partition, offset) for offset in range(3)]
        for partition in range(2)
    }
    batched = [batch_at(topic, partition, 7, 8) for partition in range(3) for topic in ("ticks", "features")]
    first, *rest = others.items()
    polled: dict[TP, Any] = dict([first, *((batch.tp, batch) for batch in batched), *rest])
    events = list(made(BatchScheduler).iterate(polled))
    assert [(tp, record.offset) for tp, record in events[:2]] == [(TP("ticks", 0), 8), (TP("features", 0), 8)]
    for _, record in events[:2]:
        assert [batch.tp for batch in record.value] == [TP(record.topic, partition) for partition in range(3)]
    assert events[2:] == list(made(DefaultSchedulingStrategy).iterate(others))
    assert len(events[2:]) == 6


def test_nothing_polled_is_no_event() -> None:
    assert list(made(BatchScheduler).iterate({})) == []


@pytest.fixture
def app() -> faust.App:
    """An app that is never started."""
    return faust.App("unstarted", broker="kafka://127.0.0.1:1", autodiscover=False)


async def test_faust_makes_an_event_of_it_whose_value_is_the_poll(app: faust.App) -> None:
    batch = batch_at("ticks", 2, 10, 11)
    ((tp, record),) = made(BatchScheduler).iterate({batch.tp: batch})
    consumer: Any = SimpleNamespace(app=SimpleNamespace(consumer_generation_id=7))
    message = Consumer._to_message(consumer, tp, record)
    topic: Any = app.topic("ticks", schema=BatchSchema(), acks=False)
    event = await topic.decode(message)
    assert event.value == [batch]
    assert event.key is None
    assert (event.message.offset, event.message.partition, event.message.timestamp) == (11, 2, 1.011)


def test_the_schema_hands_over_what_it_is_given(app: faust.App) -> None:
    poll = [batch_at("ticks", 0, 1)]
    schema = BatchSchema()
    message: Any = SimpleNamespace(key=b"ignored", value=poll)
    assert schema.loads_value(app, message, loads=None) is poll
    assert schema.loads_key(app, message, loads=None) is None  # type: ignore[func-returns-value]  # that is the point
