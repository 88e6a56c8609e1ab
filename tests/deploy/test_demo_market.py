"""The demonstration's market: the recording that begins again, and both feeds into a real topic."""

import asyncio
import itertools

import pytest
from aiokafka.admin import NewTopic

from deploy.demo.market import SEAM_NS, Market, Offer, without_end
from deploy.local import Endpoints
from streams.errors import TopicError
from streams.feeds.files import TickFile
from streams.feeds.sample import COUNT, PATH
from streams.feeds.simulator import VENUE
from streams.kafka.admin import connected_admin
from streams.kafka.topics import TICKS
from streams.marks import ClockMark
from streams.records import Tick
from streams.settings import Settings
from tests.streams.feeds.test_live_kills import whole_log


def test_the_recording_begins_again_behind_its_end() -> None:
    recording = [Tick("ES", ts_ns=5, price=1.0), Tick("ES", ts_ns=9, price=2.0)]
    again = list(itertools.islice(without_end(recording), 6))
    later = [0, 4 + SEAM_NS, 2 * (4 + SEAM_NS)]
    assert [tick.ts_ns for tick in again] == [5 + shift + more for shift in later for more in (0, 4)]
    assert [tick.price for tick in again] == [1.0, 2.0] * 3


def test_a_recording_of_nothing_ends() -> None:
    assert list(without_end([])) == []


def test_the_sample_keeps_its_times_the_first_time() -> None:
    recorded = list(TickFile(PATH))
    twice = list(itertools.islice(without_end(recorded), COUNT + 1))
    assert twice[:COUNT] == recorded
    assert twice[COUNT].price == recorded[0].price
    assert twice[COUNT].ts_ns is not None
    assert recorded[-1].ts_ns is not None
    assert twice[COUNT].ts_ns == recorded[-1].ts_ns + SEAM_NS


async def settings_with_ticks(services: Endpoints, topic_prefix: str) -> Settings:
    settings = Settings(kafka_url=services.kafka_url, topic_prefix=topic_prefix)
    async with connected_admin(settings.kafka_url) as admin:
        await admin.create_topics([NewTopic(settings.topic(TICKS), 2, 1)])
    return settings


async def reached(market: Market, ticks: int) -> None:
    while market.acknowledged < ticks:  # noqa: ASYNC110 - a counter announces nothing
        await asyncio.sleep(0.01)


async def test_both_feeds_run_until_told_to_stop_with_every_tick_acknowledged(
    services: Endpoints, topic_prefix: str
) -> None:
    settings = await settings_with_ticks(services, topic_prefix)
    market, stop = Market(settings, Offer(speed=50.0, symbols=3, rate=300.0, seed=1)), asyncio.Event()
    running = asyncio.create_task(market.run(stop))
    await reached(market, 500)
    stop.set()
    reports = await running
    assert len(reports) == 2
    assert all(report.sent == report.acknowledged > 0 for report in reports)
    assert market.acknowledged == sum(report.acknowledged for report in reports)
    log = await whole_log(services, settings.topic(TICKS), 2)
    ticks = [item for item in log if isinstance(item, Tick)]
    assert len(ticks) == market.acknowledged, "marks of the clocks are not counted"
    assert (
        {item.clock for item in log if isinstance(item, ClockMark)} == {tick.clock for tick in ticks} == {"main", VENUE}
    )


async def test_the_real_symbol_alone(services: Endpoints, topic_prefix: str) -> None:
    settings = await settings_with_ticks(services, topic_prefix)
    market, stop = Market(settings, Offer(speed=100.0, symbols=0, rate=1.0, seed=1)), asyncio.Event()
    running = asyncio.create_task(market.run(stop))
    await reached(market, 1)
    stop.set()
    assert len(await running) == 1


async def test_what_a_feed_fails_with_is_what_comes_out(services: Endpoints, topic_prefix: str) -> None:
    settings = Settings(kafka_url=services.kafka_url, topic_prefix=topic_prefix)
    market = Market(settings, Offer(speed=1.0, symbols=1, rate=1.0, seed=1))
    with pytest.raises(TopicError, match=f"{topic_prefix}ticks"):
        await market.run(asyncio.Event())
