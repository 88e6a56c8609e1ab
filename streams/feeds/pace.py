"""When each recorded tick is due, and handing it on at that moment."""

import math
from collections.abc import AsyncIterator, Iterable
from typing import Final

import msgspec

from streams.errors import ConfigError
from streams.feeds.clock import Clock
from streams.feeds.clock_marks import Marked
from streams.feeds.rfc3339 import event_time_ns
from streams.marks import ClockMark

DEFAULT_MAX_PAUSE_S: Final = 5.0


class Pace:
    """Due times of recorded ticks at a speed, with long pauses shortened.

    A tick is due at `(its time - origin - what was cut out of pauses before it) / speed` after the start: an absolute
    schedule, so that neither a late tick nor a rounded sleep delays the ones that follow. The origin is the first
    tick's time unless given. Where two neighbours are more than `max_pause_s` of real time apart (a night, a holiday,
    a halt) the wait is `max_pause_s`, and the rest is cut out. A tick older than one before it is due at once.
    """

    def __init__(
        self, speed: float = 1.0, *, max_pause_s: float = DEFAULT_MAX_PAUSE_S, origin_ns: int | None = None
    ) -> None:
        """Make a schedule: `speed` in recorded seconds per second, `max_pause_s` in seconds (`inf`: never cut)."""
        if not 0 < speed < math.inf:
            raise ConfigError(f"speed={speed}: give a number above 0 (10 is ten times as fast) or max")
        if not max_pause_s > 0:
            raise ConfigError(f"max_pause_s={max_pause_s}: give a number of seconds above 0")
        self._speed = speed
        self._max_gap_ns = max_pause_s * speed * 1e9
        self._origin_ns = origin_ns
        self._latest_ns = origin_ns
        self.shortened = 0
        """Pauses that were cut."""

    def due_ns(self, ts_ns: int) -> int:
        """Return when a tick of event time `ts_ns` is due, in nanoseconds since the start; never decreases."""
        if self._origin_ns is None or self._latest_ns is None:
            self._origin_ns = self._latest_ns = ts_ns
        gap = ts_ns - self._latest_ns
        if gap > 0:
            self._latest_ns = ts_ns
        if gap > self._max_gap_ns:
            self._origin_ns += gap - int(self._max_gap_ns)
            self.shortened += 1
        return int((self._latest_ns - self._origin_ns) / self._speed)


class Pacer:
    """Hands ticks on when they are due, or as fast as they are taken, and measures how late it was.

    With `live_times` every tick's time becomes the moment it is due by the wall clock (at `pace=None`: the moment it is
    handed on), so that consumers see a live market; else the recorded times are kept.
    """

    def __init__(self, pace: Pace | None, clock: Clock, *, live_times: bool = False) -> None:
        """Make a pacer; `pace=None` never waits."""
        self._pace = pace
        self._clock = clock
        self._live_times = live_times
        self.handed_on = 0
        """Ticks handed on so far."""
        self.max_lag_ns = 0
        """The most that a tick was handed on after it was due, in nanoseconds; 0 without a pace."""
        self.total_lag_ns = 0
        """Sum of these delays over all ticks, in nanoseconds."""

    async def run(self, ticks: Iterable[Marked]) -> AsyncIterator[Marked]:
        """Yield ticks, and clock marks between them, in their order, each not before it is due."""
        clock, pace = self._clock, self._pace
        wall_ns = latest_ns = clock.now_ns()
        start_ns = clock.monotonic_ns()
        for tick in ticks:
            if pace is None:
                if self._live_times:
                    latest_ns = max(latest_ns, clock.now_ns())
            else:
                since_ns = pace.due_ns(tick.ts_ns if isinstance(tick, ClockMark) else event_time_ns(tick))
                latest_ns = wall_ns + since_ns
                lag_ns = clock.monotonic_ns() - start_ns - since_ns
                while lag_ns < 0:
                    await clock.sleep(-lag_ns / 1e9)
                    lag_ns = clock.monotonic_ns() - start_ns - since_ns
                if not isinstance(tick, ClockMark):
                    self.total_lag_ns += lag_ns
                    self.max_lag_ns = max(self.max_lag_ns, lag_ns)
            if isinstance(tick, ClockMark):
                yield ClockMark(tick.clock, latest_ns) if self._live_times else tick
                continue
            self.handed_on += 1
            yield msgspec.structs.replace(tick, ts_ns=latest_ns, ts=None) if self._live_times else tick
