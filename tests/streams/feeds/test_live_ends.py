"""How a live feed comes back, gives up and ends, and what a slow sink does to it."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from streams.errors import FatalError, RetryError
from streams.feeds.connection import ConnectionLostError
from streams.feeds.live import LiveFeed
from streams.feeds.live_queue import LiveQueue
from streams.feeds.sink import MemorySink
from streams.feeds.venue import Refused
from streams.records import Tick
from tests.streams.feeds.live_rig import LOST, HandClock, Rig, Script, settled, trade


async def test_it_comes_back_for_ever_with_growing_pauses() -> None:
    rig = Rig([RetryError("v: no")])
    await rig.run(100.0)
    assert 13 <= rig.source.connected <= 26
    assert rig.feed.counts.lost == {"retry": rig.source.connected}
    assert rig.running is not None
    assert not rig.running.done()
    await rig.end()


async def test_a_venue_that_asks_to_wait_is_obeyed() -> None:
    rig = Rig([ConnectionLostError("handshake", "v: 429", 60.0)])
    await rig.run(59.0)
    assert rig.source.connected == 1
    await rig.run(2.0)
    assert rig.source.connected == 2
    await rig.end()


async def test_it_gives_up_when_told_to() -> None:
    rig = Rig([trade("A", 1), 5.0, LOST], [RetryError("v: 503")], give_up_after_s=30.0)
    await rig.run(29.0)
    assert rig.running is not None
    assert not rig.running.done()
    await rig.run(5.0)
    with pytest.raises(RetryError, match=r"v: nothing received for 3\d s \(last: v: 503\).*--give-up-after"):
        await rig.running
    assert rig.kinds()[:2] == ["gap A start", "A1"], "what was received before has been delivered"


@pytest.mark.parametrize(
    "last", [Refused("bad key", fatal=True), FatalError("feed v: refused: bad key")], ids=["event", "raised"]
)
async def test_a_refusal_for_good_ends_it_by_name(last: object) -> None:
    rig = Rig([trade("A", 1), last])
    await rig.run(0.1)
    assert rig.running is not None
    with pytest.raises(FatalError, match="refused: bad key"):
        await rig.running
    assert rig.kinds() == ["gap A start", "A1"]
    assert rig.source.closed == 1


async def test_another_refusal_is_tried_again() -> None:
    rig = Rig([Refused("busy", fatal=False)], [trade("A", 1), None])
    await rig.run(2.0)
    assert rig.feed.counts.lost == {"refused": 1}
    assert rig.kinds()[:2] == ["gap A start", "A1"]
    await rig.end()


class Gated(MemorySink):
    """Takes nothing until the gate opens."""

    def __init__(self) -> None:
        super().__init__(1)
        self.gate = asyncio.Event()

    async def send_many(self, ticks: Sequence[Tick]) -> None:
        await self.gate.wait()
        await super().send_many(ticks)


def gated(source: Callable[[HandClock], Script], **options: Any) -> tuple[Gated, LiveFeed]:
    sink, clock = Gated(), HandClock()
    return sink, LiveFeed(source(clock), sink, clock=clock, **options)


async def test_a_slow_sink_holds_the_source_back_and_nothing_is_lost() -> None:
    many = [trade("A", n) for n in range(1, 200)]
    sink, feed = gated(lambda clock: Script(clock, [*many, None]), queue=LiveQueue(10))
    stop = asyncio.Event()
    running = asyncio.create_task(feed.run(stop))
    await settled()
    assert 10 <= feed.counts.frames <= 25
    sink.gate.set()
    for _ in range(20):
        await settled()
    stop.set()
    await running
    assert [tick.seq for tick in sink.partitions[0]] == list(range(1, 200))


async def test_the_end_has_its_time() -> None:
    sink, feed = gated(lambda clock: Script(clock, [trade("A", 1), None]), stop_s=0.05)
    stop = asyncio.Event()
    running = asyncio.create_task(feed.run(stop))
    await settled()
    stop.set()
    with pytest.raises(FatalError, match=r"v: Kafka did not take everything within 0.05 s .*0 acknowledged"):
        await running
    assert sink.sent == 0


async def test_a_sink_that_fails_ends_it() -> None:
    class Broken(MemorySink):
        async def send_many(self, ticks: Sequence[Tick]) -> None:
            raise FatalError(f"the disk of the broker is full at {ticks[0].symbol}")

    clock = HandClock()
    source = Script(clock, [trade("A", 1), None])
    with pytest.raises(FatalError, match="disk"):
        await LiveFeed(source, Broken(1), clock=clock).run()
    assert source.closed == 1
