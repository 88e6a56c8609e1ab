"""Clock marks of ticks that carry their own time: a replay's or a simulation's."""

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from streams.feeds.rfc3339 import event_time_ns
from streams.marks import ClockMark
from streams.records import Tick

S: Final = 1_000_000_000
MAX_IN_PAUSE: Final = 60
"""A pause of up to so many seconds has a mark each second; a longer one (a night) has one, at its end."""

Marked: TypeAlias = Tick | ClockMark


def with_clock_marks(ticks: Iterable[Tick], max_in_pause: int = MAX_IN_PAUSE) -> Iterator[Marked]:
    """Yield `ticks` with a mark of each clock at every whole second that its event time passes, and a last one at the
    whole second after its newest tick.

    A mark stands before the first tick of its second, so with ticks in order of time nothing behind it is older than
    it says. A tick older than one before it moves nothing.
    """
    seconds: dict[str, int] = {}
    for tick in ticks:
        second = event_time_ns(tick) // S
        latest = seconds.get(tick.clock)
        if latest is None:
            seconds[tick.clock] = second
        elif second > latest:
            first = latest + 1 if second - latest <= max_in_pause else second
            for passed in range(first, second + 1):
                yield ClockMark(tick.clock, passed * S)
            seconds[tick.clock] = second
        yield tick
    for clock, second in seconds.items():
        yield ClockMark(clock, (second + 1) * S)
