import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import FatalError
from streams.feeds.filters import allow_symbols, trades_only
from streams.feeds.processor import StreamingDataProcessor
from streams.feeds.report import Report
from streams.feeds.sink import MemorySink
from streams.feeds.tick_queue import TickQueue
from streams.records import Tick


def market(count: int, symbols: Sequence[str] = ("A", "B", "C")) -> list[Tick]:
    return [Tick(symbols[n % len(symbols)], ts_ns=n + 1, price=1.0 + n, seq=n) for n in range(count)]


def taken(sink: MemorySink) -> list[Tick]:
    return sorted((tick for ticks in sink.partitions.values() for tick in ticks), key=lambda tick: tick.ts_ns or 0)


class GatedSink(MemorySink):
    """Takes nothing before the gate opens; remembers the batches."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.called = asyncio.Event()
        self.batches: list[int] = []

    async def send_many(self, ticks: Sequence[Tick]) -> None:
        self.called.set()
        await self.gate.wait()
        self.batches.append(len(ticks))
        await super().send_many(ticks)


class BrokenSink(MemorySink):
    async def send_many(self, ticks: Sequence[Tick]) -> None:
        raise FatalError(f"the disk of the broker is full at {ticks[0].symbol}")


@given(count=st.integers(0, 400), size=st.integers(1, 50), use_async=st.booleans())
def test_everything_arrives_in_order(count: int, size: int, use_async: bool) -> None:
    source = market(count)

    async def stream() -> AsyncIterator[Tick]:
        for number, tick in enumerate(source):
            if number % 7 == 0:
                await asyncio.sleep(0)
            yield tick

    async def run() -> None:
        sink = MemorySink(4)
        report = await StreamingDataProcessor(stream() if use_async else source, sink, queue_size=size).run()
        assert taken(sink) == source
        for ticks in sink.partitions.values():
            assert [t.seq for t in ticks] == sorted(t.seq for t in ticks if isinstance(t.seq, int))
        assert (report.read, report.sent, report.acknowledged, report.stopped) == (count, count, count, False)
        assert report.filtered == {}

    asyncio.run(run())


async def test_filters_count_their_reasons_and_the_first_one_wins() -> None:
    source = [*market(6), Tick("A", 10, bid=1.0, ask=2.0), Tick("C", 11, bid=1.0, ask=2.0)]
    sink = MemorySink()
    report = await StreamingDataProcessor(source, sink, filters=[allow_symbols(["A", "B"]), trades_only]).run()
    assert [tick.symbol for tick in taken(sink)] == ["A", "B", "A", "B"]
    assert report.filtered == {"symbol": 3, "quote": 1}
    assert (report.read, report.sent) == (8, 4)


async def test_a_slow_producer_holds_the_source_back() -> None:
    sink = GatedSink()
    read = 0

    def source() -> Iterator[Tick]:
        nonlocal read
        for tick in market(1000):
            read += 1
            yield tick

    running = asyncio.create_task(StreamingDataProcessor(source(), sink, queue_size=10).run())
    await sink.called.wait()
    for _ in range(20):
        await asyncio.sleep(0)
    assert read <= 21  # ten with the producer, ten queued, one in hand
    sink.gate.set()
    report = await running
    assert report.acknowledged == 1000
    assert max(sink.batches) == 10


async def test_a_stop_ends_the_reading_and_sends_what_was_read() -> None:
    sink = GatedSink()
    stop = asyncio.Event()
    closed = asyncio.Event()

    async def endless() -> AsyncIterator[Tick]:
        try:
            for tick in market(5):
                yield tick
            await asyncio.Event().wait()
        finally:
            closed.set()

    running = asyncio.create_task(StreamingDataProcessor(endless(), sink).run(stop))
    await sink.called.wait()
    stop.set()
    sink.gate.set()
    report = await running
    assert (report.read, report.acknowledged, report.stopped) == (5, 5, True)
    assert closed.is_set()


async def test_a_source_that_is_held_back_is_closed_by_a_stop() -> None:
    sink = GatedSink()
    stop = asyncio.Event()
    closed = asyncio.Event()

    async def source() -> AsyncIterator[Tick]:
        try:
            for tick in market(1000):
                yield tick
        finally:
            closed.set()

    running = asyncio.create_task(StreamingDataProcessor(source(), sink, queue_size=1).run(stop))
    await sink.called.wait()
    stop.set()
    sink.gate.set()
    report = await running
    assert closed.is_set()
    assert report.read == report.acknowledged < 1000


async def test_a_source_that_waits_is_closed_when_the_producer_breaks() -> None:
    closed = asyncio.Event()

    async def source() -> AsyncIterator[Tick]:
        try:
            yield market(1)[0]
            await asyncio.Event().wait()
        finally:
            closed.set()

    with pytest.raises(FatalError, match="disk"):
        await StreamingDataProcessor(source(), BrokenSink()).run()
    assert closed.is_set()


async def test_a_stop_before_the_start_reads_nothing() -> None:
    stop = asyncio.Event()
    stop.set()
    report = await StreamingDataProcessor(market(5000), MemorySink(), queue_size=3).run(stop)
    assert report.stopped
    assert report.read == report.acknowledged


async def test_an_error_of_the_source_goes_on_after_what_came_before_it_is_sent() -> None:
    def source() -> Iterator[Tick]:
        yield from market(3)
        raise FatalError("line 4 is bad")

    sink = MemorySink()
    with pytest.raises(FatalError, match="line 4"):
        await StreamingDataProcessor(source(), sink).run()
    assert taken(sink) == market(3)


async def test_cancelling_the_run_leaves_no_task_behind() -> None:
    sink = GatedSink()
    running = asyncio.create_task(StreamingDataProcessor(market(100), sink, queue_size=5).run())
    await sink.called.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_queue_gives_all_that_gathered_and_ends_empty() -> None:
    queue = TickQueue(4)
    ticks = market(3)
    for tick in ticks:
        await queue.put(tick)
    assert await queue.take() == ticks
    waiting = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    assert not waiting.done()
    queue.close()
    assert await waiting == []


def test_report_in_words() -> None:
    report = Report(10, 7, 7, 2.0, True, {"symbol": 2, "quote": 1}, skipped=4, max_lag_ms=12.5, mean_lag_ms=1.25)
    assert str(report) == (
        "10 ticks read, 4 bad lines skipped, 1 filtered (quote), 2 filtered (symbol), 7 sent, 7 acknowledged "
        "in 2.00 s (4/s), lag mean 1.2 ms, max 12.5 ms, stopped"
    )
    assert str(Report(1, 1, 1, 0.0, False)) == "1 ticks read, 1 sent, 1 acknowledged in 0.00 s (0/s)"
