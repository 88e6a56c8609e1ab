"""What the commands `replay` and `simulate` do, once they have a producer."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice, takewhile
from math import inf
from pathlib import Path

from streams.errors import ConfigError
from streams.feeds.clock import Clock, SystemClock
from streams.feeds.clock_marks import MAX_IN_PAUSE, Marked, with_clock_marks
from streams.feeds.column_mapping import ColumnMapping
from streams.feeds.filters import Filter
from streams.feeds.pace import DEFAULT_MAX_PAUSE_S, Pace, Pacer
from streams.feeds.processor import StreamingDataProcessor
from streams.feeds.recording import Recording
from streams.feeds.report import Report
from streams.feeds.rfc3339 import event_time_ns
from streams.feeds.simulator import simulate
from streams.feeds.sink import TickSink
from streams.records import Tick


async def replay(
    sources: Sequence[Path | str | Iterable[Tick]],
    producer: TickSink,
    *,
    speed: float | None = 1.0,
    symbol: str | None = None,
    mapping: ColumnMapping | None = None,
    times: int = 1,
    period_s: float | None = None,
    limit: int | None = None,
    live_times: bool = False,
    skip_bad: bool = False,
    max_pause_s: float = DEFAULT_MAX_PAUSE_S,
    filters: Sequence[Filter] = (),
    clock: Clock | None = None,
    clock_marks: bool = False,
    stop: asyncio.Event | None = None,
) -> Report:
    """Send recorded ticks at their recorded pace times `speed` (None: as fast as the producer takes them).

    Several sources are merged by event time, each being in order itself. `symbol` is given to files that name none;
    `limit` ends after so many ticks; `max_pause_s` is described at Pace, `live_times` at Pacer, `skip_bad` and
    `mapping` at TickFile, `times` and `period_s` at Repetitions.
    With `clock_marks` time marks go between the ticks (streams/feeds/clock_marks.py): one process does so per clock.
    The producer is used by this run alone: its acknowledgements are counted. It is flushed, not stopped.

    Raises:
        TickFileError: a file or line is unusable; what came before it has been sent and acknowledged.
        FatalError: the producer failed.
    """
    if limit is not None and limit < 1:
        raise ConfigError(f"limit={limit}: give 1 or more")
    recording = Recording(sources, symbol=symbol, mapping=mapping, skip_bad=skip_bad, times=times, period_s=period_s)
    pace = None if speed is None else Pace(speed, max_pause_s=max_pause_s)
    pacer = Pacer(pace, clock or SystemClock(), live_times=live_times)
    # Marks of every second would keep the pace from shortening a pause.
    marks = int(min(max_pause_s * (speed or inf), MAX_IN_PAUSE)) if clock_marks else None
    report = await _pump(pacer, islice(recording, limit), producer, filters, marks, stop)
    return replace(report, skipped=recording.skipped)


async def run_simulation(
    producer: TickSink,
    *,
    symbols: int = 200,
    rate: float = 1000.0,
    seed: int = 1,
    seconds: float | None = None,
    count: int | None = None,
    start_ns: int | None = None,
    clock: Clock | None = None,
    clock_marks: bool = False,
    stop: asyncio.Event | None = None,
) -> Report:
    """Send a simulated market as an open-loop load: each tick when it is due, whatever became of the ones before.

    Event times start at `start_ns`, by default the wall clock now, so that a tick's time is the moment it is due. Ends
    after `seconds` of the market's time, after `count` ticks, or when told to stop, whichever comes first. Where
    producer or machine cannot keep up nothing is left out: the ticks go late, and the report says by how much.
    `clock_marks` as at `replay`.

    Raises:
        ConfigError: symbols, rate, seed, seconds or count out of range.
        FatalError: the producer failed.
    """
    if seconds is not None and not 0 < seconds < inf:
        raise ConfigError(f"seconds={seconds}: give a number above 0")
    if count is not None and count < 1:
        raise ConfigError(f"count={count}: give 1 or more")
    clock = clock or SystemClock()
    origin_ns = clock.now_ns() if start_ns is None else start_ns
    ticks = simulate(symbols, rate, seed=seed, start_ns=origin_ns)
    if seconds is not None:
        end_ns = origin_ns + int(seconds * 1e9)
        ticks = takewhile(lambda tick: event_time_ns(tick) < end_ns, ticks)
    pacer = Pacer(Pace(1.0, max_pause_s=inf, origin_ns=origin_ns), clock)
    return await _pump(pacer, islice(ticks, count), producer, (), MAX_IN_PAUSE if clock_marks else None, stop)


async def _pump(
    pacer: Pacer,
    ticks: Iterable[Tick],
    producer: TickSink,
    filters: Sequence[Filter],
    max_marks: int | None,
    stop: asyncio.Event | None,
) -> Report:
    """`max_marks`: of clock marks in one pause; None for no marks at all."""
    marked: Iterable[Marked] = ticks if max_marks is None else with_clock_marks(ticks, max_marks)
    report = await StreamingDataProcessor(pacer.run(marked), producer, filters=filters).run(stop)
    handed_on = max(pacer.handed_on, 1)
    return replace(report, max_lag_ms=pacer.max_lag_ns / 1e6, mean_lag_ms=pacer.total_lag_ns / handed_on / 1e6)
