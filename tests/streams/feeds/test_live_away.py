"""Kafka is away for longer than queue and producer hold: over a real socket, through the real producer."""

import asyncio
from collections.abc import Callable
from itertools import pairwise

import msgspec
import pytest

from streams.feeds import kafka_link
from streams.feeds.connection import WebSocketSource
from streams.feeds.json_mapping import JsonMapping
from streams.feeds.json_venue import JsonVenue
from streams.feeds.live import LiveFeed
from streams.feeds.live_queue import LiveQueue, WhenSlow
from streams.feeds.producer import TickProducer
from streams.headers import header
from streams.records import KIND, Tick
from tests.streams.feeds.fake_broker import Broker
from tests.streams.feeds.ws_server import MAPPING, FrameServer, market

SYMBOLS = ("A", "B/C")
FRAMES = 3_000
QUEUE, IN_FLIGHT = 50, 100


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    made = Broker()
    monkeypatch.setattr(kafka_link, "AIOKafkaProducer", made)
    made.answering.clear()
    return made


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - counters, not events
            await asyncio.sleep(0.01)


def feed_of(server: FrameServer, producer: TickProducer, when_slow: WhenSlow) -> tuple[LiveFeed, LiveQueue]:
    queue = LiveQueue(QUEUE, when_slow)
    venue = JsonVenue(SYMBOLS, mapping=JsonMapping.of(MAPPING, "test"), url=server.url)
    return LiveFeed(WebSocketSource(venue, proxy=None), producer, queue=queue), queue


def delivered(broker: Broker) -> dict[str, list[int]]:
    """Symbol -> numbers of its ticks in log order."""
    found: dict[str, list[int]] = {symbol: [] for symbol in SYMBOLS}
    for records in broker.log.values():
        for record in records:
            if header(record.headers, KIND) is None:
                tick = msgspec.json.decode(record.value, type=Tick)
                assert isinstance(tick.seq, int)
                found[tick.symbol].append(tick.seq)
    return found


@pytest.mark.parametrize("when_slow", ["block", "conflate"])
async def test_the_socket_waits_and_every_trade_comes_once(broker: Broker, when_slow: WhenSlow) -> None:
    stop = asyncio.Event()
    async with (
        FrameServer(market(FRAMES, SYMBOLS)) as server,
        TickProducer("kafka://127.0.0.1:1", "ticks", ride_through=True, max_in_flight=IN_FLIGHT) as producer,
    ):
        feed, queue = feed_of(server, producer, when_slow)
        running = asyncio.create_task(feed.run(stop))
        await until(lambda: queue.full and producer.unacknowledged >= IN_FLIGHT)
        assert feed.counts.ticks <= 2 * (QUEUE + IN_FLIGHT), "the rest waits on the wire"
        broker.answering.set()
        await until(lambda: feed.counts.non_ticks["end"] == 1)
        stop.set()
        account = await running
    assert f"{FRAMES} trades" in account
    for numbers in delivered(broker).values():
        assert numbers[0] == 1
        assert all(later == earlier + 1 for earlier, later in pairwise(numbers))
    assert sum(map(len, delivered(broker).values())) == FRAMES
    assert dict(feed.counts.gaps) == {"start": len(SYMBOLS)}, "no connection was lost"


async def test_a_stop_while_everything_is_full_loses_nothing_of_what_was_read(broker: Broker) -> None:
    stop = asyncio.Event()
    async with (
        FrameServer(market(FRAMES, SYMBOLS)) as server,
        TickProducer("kafka://127.0.0.1:1", "ticks", ride_through=True, max_in_flight=IN_FLIGHT) as producer,
    ):
        feed, queue = feed_of(server, producer, "block")
        running = asyncio.create_task(feed.run(stop))
        await until(lambda: queue.full and producer.unacknowledged >= IN_FLIGHT)
        stop.set()
        await asyncio.sleep(0)
        read = feed.counts.trades
        broker.answering.set()
        await running
        assert feed.counts.trades == read
    assert sum(map(len, delivered(broker).values())) == read == producer.acknowledged
