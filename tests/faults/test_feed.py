"""A live feed while the broker is killed, stopped and brought back: what it holds is neither lost nor doubled."""

import asyncio
import json
from collections.abc import Callable
from random import Random
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local import LocalStack
from streams.errors import FatalError
from streams.feeds.backoff import Backoff
from streams.feeds.connection import WebSocketSource
from streams.feeds.json_mapping import JsonMapping
from streams.feeds.json_venue import JsonVenue
from streams.feeds.live import LiveFeed
from streams.feeds.live_queue import LiveQueue
from streams.feeds.producer import TickProducer
from streams.records import Tick
from tests.streams.feeds.log_check import holes_are_marked, numbers
from tests.streams.feeds.test_live_kills import SYMBOLS, whole_log
from tests.streams.feeds.ws_server import MAPPING, FrameServer, market

PARTITIONS = 3
DEADLINE_S = 120.0


async def until(condition: Callable[[], bool], what: str) -> None:
    """Await a condition that is polled."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():  # noqa: ASYNC110 - counters of several objects, not one event
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {DEADLINE_S:g} s: {what}") from None


@pytest.fixture
async def topic(stack: LocalStack) -> str:
    """A topic of its own."""
    name = f"f{uuid4().hex[:8]}-ticks"
    admin = AIOKafkaAdminClient(bootstrap_servers=(await asyncio.to_thread(stack.up)).bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(name, PARTITIONS, 1)])
    await admin.close()
    return name


def feed_of(server: FrameServer, producer: TickProducer, queue: LiveQueue, *, stop_s: float = 60.0) -> LiveFeed:
    venue = JsonVenue(SYMBOLS, mapping=JsonMapping.of({**MAPPING, "quiet_s": 30.0}, "test"), url=server.url)
    backoff = Backoff(Random(1), first_s=0.01, longest_s=0.1)
    return LiveFeed(WebSocketSource(venue, proxy=None), producer, queue=queue, backoff=backoff, stop_s=stop_s)


async def test_the_broker_goes_and_comes_back(stack: LocalStack, topic: str) -> None:
    """Killed, then stopped in good order, under way: every frame once and in order; what waits is bounded, and then
    the socket waits."""
    frames = market(12_000, SYMBOLS, 7)
    services = stack.up()
    stop = asyncio.Event()
    async with (
        FrameServer(frames, pause_s=lambda n: 0.01 if n % 10 == 0 else 0.0) as server,
        TickProducer(services.kafka_url, topic, ride_through=True, max_in_flight=300) as producer,
    ):
        queue = LiveQueue(200)
        feed = feed_of(server, producer, queue)
        running = asyncio.create_task(feed.run(stop))
        for down in (stack.kill, stack.stop):
            before = producer.acknowledged
            await until(lambda before=before: producer.acknowledged > before + 1_000, "ticks flow")  # type: ignore[misc]
            await asyncio.to_thread(down, "kafka")
            await until(lambda: producer.away, "the producer says that Kafka is away")
            await until(lambda: producer.unacknowledged >= 300 and queue.full, "what waits has reached its bound")
            assert not running.done()
            held = feed.counts.frames
            await asyncio.sleep(0.5)
            assert feed.counts.frames == held, "the socket is not read meanwhile"
            await asyncio.to_thread(stack.up)
            await until(lambda: not producer.away, "Kafka acknowledges again")
        await until(lambda: feed.counts.non_ticks["end"] == 1, "everything is played")
        stop.set()
        await running
    assert feed.counts.lost.total() == 0
    log = await whole_log(services, topic, PARTITIONS)
    assert sum(isinstance(item, Tick) for item in log) == len(frames) - 1
    assert numbers(log) == {(frame["s"], frame["i"]) for frame in map(json.loads, frames[:-1])}
    assert all(holes == 0 for _, holes in holes_are_marked(log).values())


async def test_told_to_stop_while_the_broker_is_away(stack: LocalStack, topic: str) -> None:
    """It ends in its time, and counts what Kafka did not take."""
    services = stack.up()
    stop = asyncio.Event()
    async with FrameServer(market(50_000, SYMBOLS, 8), pause_s=lambda n: 0.01 if n % 10 == 0 else 0.0) as server:
        producer = TickProducer(services.kafka_url, topic, ride_through=True)
        await producer.start()
        feed = feed_of(server, producer, LiveQueue(), stop_s=1.0)
        running = asyncio.create_task(feed.run(stop))
        await until(lambda: producer.acknowledged > 100, "ticks flow")
        await asyncio.to_thread(stack.kill, "kafka")
        try:
            await until(lambda: producer.away, "the producer says that Kafka is away")
            stop.set()
            with pytest.raises(FatalError, match=r"did not take everything within 1 s .*acknowledged.*may be missing"):
                await running
            await producer._close()
        finally:
            await asyncio.to_thread(stack.up)
    acknowledged = producer.acknowledged
    log = await whole_log(services, topic, PARTITIONS)
    assert acknowledged <= sum(isinstance(item, Tick) for item in log) <= producer.sent
    assert all(holes == 0 for _, holes in holes_are_marked(log).values())
