"""The socket killed 50 times in every way there is: nothing is lost but what the venue did not send again, and each
such hole has its mark, in its place."""

import asyncio
import json
from collections.abc import Sequence
from random import Random
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local import Endpoints
from streams.feeds.backoff import Backoff
from streams.feeds.connection import WebSocketSource
from streams.feeds.json_mapping import JsonMapping
from streams.feeds.json_venue import JsonVenue
from streams.feeds.live import LiveFeed
from streams.feeds.producer import TickProducer
from streams.feeds.sink import MemorySink, TickSink
from streams.headers import header
from streams.marks import CLOCK_KIND, GAP_KIND, ClockMark, GapMark
from streams.records import KIND, Tick
from tests.streams.feeds.log_check import holes_are_marked, numbers
from tests.streams.feeds.ws_server import MAPPING, FrameServer, market, plan

KILLS = 50
SYMBOLS = ("A", "B/C", "D.E")
DEADLINE_S = 120.0
TYPES: dict[bytes | None, Any] = {None: Tick, GAP_KIND: GapMark, CLOCK_KIND: ClockMark}


def noise(seed: int) -> Any:
    """Acknowledgements, heartbeats, garbage and errors that end nothing, now and then."""
    rng = Random(seed)
    kinds = ['{"type": "ack"}', '{"type": "beat"}', "{", '{"type": "what"}', '{"type": "trade", "s": "A", "p": "-1"}']
    return lambda _: rng.sample(kinds, rng.choice((0, 0, 0, 1, 2)))


def server_of(seed: int) -> FrameServer:
    frames = market(KILLS * 25, SYMBOLS, seed)
    return FrameServer(frames, plan(seed, KILLS, most=30), noise=noise(seed), ping_every=17)


async def feed_until_played(server: FrameServer, sink: TickSink, mapping: dict[str, Any] = MAPPING) -> LiveFeed:
    """Run a feed until the server has played everything and the feed has delivered it."""
    venue = JsonVenue(SYMBOLS, mapping=JsonMapping.of(mapping, "test"), url=server.url)
    feed = LiveFeed(
        WebSocketSource(venue, proxy=None),
        sink,
        backoff=Backoff(Random(1), first_s=0.001, longest_s=0.01),
    )
    stop = asyncio.Event()
    running = asyncio.create_task(feed.run(stop))
    async with asyncio.timeout(DEADLINE_S):
        while not running.done() and not feed.counts.non_ticks["end"]:  # noqa: ASYNC110 - a counter, not an event
            await asyncio.sleep(0.01)
        stop.set()
        await running
    return feed


def check(server: FrameServer, feed: LiveFeed, log: Sequence[object]) -> None:
    found = holes_are_marked(log)
    assert set(found) == set(SYMBOLS)
    arrived = numbers(log)
    played = [(frame["s"], frame["i"]) for frame in map(json.loads, server.frames[:-1])]
    lost = {played[i] for i in server.skipped}
    doubtful = {played[i] for i in server.doubtful}
    assert arrived & lost == set(), "nobody could have received these"
    assert set(played) - lost - doubtful <= arrived, "what was sent and closed in good order has arrived"
    holes = sum(count for _, count in found.values())
    marks = feed.counts.gaps
    assert marks["sequence"] + marks["reconnect"] == holes > 10
    assert marks["start"] == len(SYMBOLS)
    assert feed.counts.lost.total() >= KILLS
    assert feed.counts.unreadable.keys() == {"bad-json", "no-rule", "bad-value"}
    assert server.connections >= KILLS + 1


@pytest.mark.parametrize("seed", [1, 2])
async def test_fifty_kills_into_memory(seed: int) -> None:
    sink = MemorySink(3)
    async with server_of(seed) as server:
        feed = await feed_until_played(server, sink)
    check(server, feed, [item for place in sorted(sink.log) for item in sink.log[place]])


async def test_fifty_kills_into_kafka(services: Endpoints, topic_prefix: str) -> None:
    topic = f"{topic_prefix}ticks"
    admin = AIOKafkaAdminClient(bootstrap_servers=services.bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 3, 1)])
    await admin.close()
    async with server_of(3) as server, TickProducer(services.kafka_url, topic, ride_through=True) as producer:
        feed = await feed_until_played(server, producer)
    log = await whole_log(services, topic, 3)
    check(server, feed, log)
    clocks = [item.ts_ns for item in log if isinstance(item, ClockMark)]
    assert len(clocks) == 3 * feed.counts.clock_marks


async def whole_log(services: Endpoints, topic: str, partitions: int) -> list[object]:
    """Everything in a topic, decoded, one partition after the other."""
    places = [TopicPartition(topic, place) for place in range(partitions)]
    log: list[object] = []
    async with AIOKafkaConsumer(bootstrap_servers=services.bootstrap_servers) as consumer:
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        for place in places:
            consumer.assign([place])
            await consumer.seek_to_beginning(place)
            while await consumer.position(place) < ends[place]:
                for records in (await consumer.getmany(place, timeout_ms=500)).values():
                    log += [
                        msgspec.json.decode(record.value, type=TYPES[header(record.headers, KIND)])
                        for record in records
                    ]
    return log


async def test_without_numbers_every_reconnect_is_a_hole() -> None:
    """One mark per symbol and reconnect, before the symbol's next tick."""
    trade = {key: value for key, value in MAPPING["message"][0].items() if key != "contiguous"}
    mapping = {**MAPPING, "message": [trade, *MAPPING["message"][1:]]}
    sink = MemorySink(1)
    async with FrameServer(market(600, SYMBOLS, 5), plan(5, 10)) as server:
        feed = await feed_until_played(server, sink, mapping)
    marks = [item for item in sink.log[0] if isinstance(item, GapMark)]
    assert {mark.reason for mark in marks} == {"start", "reconnect"}
    per_symbol = [sum(mark.symbol == symbol and mark.reason == "reconnect" for mark in marks) for symbol in SYMBOLS]
    assert all(0 < count <= server.connections - 1 for count in per_symbol)
    assert feed.counts.gaps["reconnect"] == sum(per_symbol)
    # Of a symbol that had a tick on every connection there is a mark between any two of them.
    waiting: set[str] = set()
    for item in sink.log[0]:
        if isinstance(item, GapMark):
            assert item.symbol not in waiting, "two marks without a tick between them"
            waiting.add(item.symbol)
        elif isinstance(item, Tick):
            waiting.discard(item.symbol)
