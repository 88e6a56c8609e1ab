"""What a live feed does when time jumps, Kafka makes the venue wait, or the stop comes in the middle of a frame."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Sequence

import pytest

from streams.errors import FatalError
from streams.feeds.live import LiveFeed
from streams.feeds.live_queue import LiveQueue, WhenSlow
from streams.feeds.sink import MemorySink
from streams.feeds.venue import Event, Missing
from streams.feeds.venue_clock import VenueClock
from streams.marks import ClockMark
from streams.records import Tick
from tests.streams.feeds.live_rig import LOST, WALL_NS, HandClock, Rig, S, Script, settled, trade


def quote(symbol: str, at_s: float = 0.0) -> Tick:
    return Tick(symbol, WALL_NS + round(at_s * S), bid=1.0, ask=2.0, venue="v", clock="v")


async def test_a_hole_across_a_reconnect_is_marked_once() -> None:
    rig = Rig(
        [trade("A", 1), LOST],
        [
            *(quote("A"), Missing("A", WALL_NS, "sequence", across=True), trade("A", 9)),
            *(Missing("A", WALL_NS, "sequence"), trade("A", 12), None),
        ],
        [None],
    )
    await rig.run(1.5)
    assert rig.kinds() == [
        *("gap A start", "A1", "gap A reconnect", "ANone", "A9"),
        *("gap A sequence", "A12"),
    ], "the second hole is another one"
    await rig.end()


async def test_where_the_numbers_come_first_they_make_the_mark() -> None:
    rig = Rig([trade("A", 1), LOST], [Missing("A", WALL_NS, "sequence", across=True), trade("A", 9), quote("A"), None])
    await rig.run(1.5)
    assert rig.kinds() == ["gap A start", "A1", "gap A sequence", "A9", "ANone"]
    await rig.end()


class Gated(MemorySink):
    """Takes ticks only while the gate is open."""

    def __init__(self) -> None:
        super().__init__(1)
        self.gate = asyncio.Event()

    async def send_many(self, ticks: Sequence[Tick]) -> None:
        await self.gate.wait()
        await super().send_many(ticks)


class Bursts(Script):
    """Each item is one frame of many events."""

    async def connect(self) -> AsyncGenerator[tuple[int, Sequence[Event]], None]:
        self.connected += 1
        for item in self.script[0]:
            assert isinstance(item, Sequence)
            yield self.clock.now_ns(), item
        await asyncio.Event().wait()


async def test_a_stop_while_the_queue_is_full_delivers_the_whole_frame() -> None:
    clock, sink, stop = HandClock(), Gated(), asyncio.Event()
    source = Bursts(clock, [[trade("A", n) for n in range(1, 100)], [trade("A", 100)]])
    feed = LiveFeed(source, sink, clock=clock, queue=LiveQueue(10))
    running = asyncio.create_task(feed.run(stop))
    await settled()
    stop.set()
    await settled()
    assert not running.done()
    sink.gate.set()
    account = await running
    assert [tick.seq for tick in sink.partitions[0]] == list(range(1, 100)), "and no other frame was read"
    assert "1 frames, 99 trades" in account
    assert "99 acknowledged, 0 queued" in account


async def test_a_stop_while_the_queue_stays_full_has_its_time() -> None:
    clock, stop = HandClock(), asyncio.Event()
    source = Bursts(clock, [[trade("A", n) for n in range(1, 100)]])
    feed = LiveFeed(source, Gated(), clock=clock, queue=LiveQueue(10), stop_s=0.05)
    running = asyncio.create_task(feed.run(stop))
    await settled()
    stop.set()
    with pytest.raises(FatalError, match=r"within 0.05 s .* 0 acknowledged"):
        await asyncio.wait_for(running, 20)


@pytest.mark.parametrize("when_slow", ["block", "conflate"])
async def test_the_clock_waits_for_what_waited_on_the_wire(when_slow: WhenSlow) -> None:
    """Kafka is away for a minute: what the venue sent meanwhile comes before the mark that passes it."""
    clock, sink, stop = HandClock(), Gated(), asyncio.Event()

    class Wire(Script):
        async def connect(self) -> AsyncGenerator[tuple[int, Sequence[Event]], None]:
            yield self.clock.now_ns(), [trade("A", n) for n in range(1, 30)]  # more than the queue holds
            for n in range(30, 35):  # sent long ago, and read only when there is room again
                await self.clock.sleep(0.2)
                yield self.clock.now_ns(), (trade("A", n, n - 20.0),)
            while True:
                await self.clock.sleep(0.5)
                yield self.clock.now_ns(), (trade("A", 99, self.clock.elapsed_ns / S),)

    source = Wire(clock, [], symbols=("A",))
    queue = LiveQueue(10, when_slow)
    feed = LiveFeed(source, sink, clock=clock, queue=queue, venue_clock=VenueClock(500))
    running = asyncio.create_task(feed.run(stop))
    await clock.advance(60.0)
    sink.gate.set()
    await clock.advance(20.0)
    stop.set()
    await running
    passed, marks = 0, 0
    for item in sink.log[0]:
        if isinstance(item, ClockMark):
            passed, marks = item.ts_ns, marks + 1
        elif isinstance(item, Tick) and item.ts_ns is not None:
            assert item.ts_ns >= passed, f"{item.seq} is {(passed - item.ts_ns) / S} s behind the clock"
    assert marks > 10
    assert passed > WALL_NS + 75 * S
    assert [tick.seq for tick in sink.partitions[0]][:34] == list(range(1, 35))


@pytest.mark.parametrize("step_s", [-3_600, 3_600])
async def test_the_wall_clock_is_set(step_s: int) -> None:
    """Marks go on second by second; the ticks that follow are not behind them."""

    class SetClock(HandClock):
        def now_ns(self) -> int:
            return WALL_NS + self.elapsed_ns + (step_s * S if self.elapsed_ns > 20 * S else 0)

    clock, sink, stop = SetClock(), MemorySink(1), asyncio.Event()

    class Steady(Script):
        async def connect(self) -> AsyncGenerator[tuple[int, Sequence[Event]], None]:
            while True:
                await self.clock.sleep(0.25)
                yield self.clock.now_ns(), (trade("A", 1, self.clock.elapsed_ns / S),)

    feed = LiveFeed(Steady(clock, []), sink, clock=clock, venue_clock=VenueClock(500))
    running = asyncio.create_task(feed.run(stop))
    await clock.advance(60.0)
    stop.set()
    await running
    marks = [item.ts_ns for item in sink.log[0] if isinstance(item, ClockMark)]
    assert len(marks) > 50
    assert {later - earlier for earlier, later in itertools.pairwise(marks)} == {S}


async def test_what_comes_first_is_old_and_the_clock_goes_on() -> None:
    """The last quote of a symbol that nobody trades, and after a reconnect the trades of the absence."""
    absence = [trade("A", n, n / 10) for n in range(20, 80)]
    rig = Rig(
        [quote("A", -300.0), 3.0, trade("A", 1, 3.0), trade("B", 1, 3.0), 5.0, LOST],
        [*absence, quote("B", -300.0), 4.0, None],
    )

    def behind_s() -> float:
        mark = max(item.ts_ns for item in rig.log if isinstance(item, ClockMark))
        return (rig.clock.now_ns() - mark) / S

    await rig.run(2.5)
    assert 300 < behind_s() < 302, "nothing newer was heard of yet"
    await rig.run(3.0)
    assert behind_s() < 2
    await rig.run(20.0)
    assert rig.source.connected == 2
    assert behind_s() < 2
    await rig.end()
