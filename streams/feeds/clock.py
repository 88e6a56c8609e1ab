"""Time as feeds use it: handed in, so that a test replays an hour in a millisecond."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """What a feed needs of time."""

    def now_ns(self) -> int:
        """Return wall-clock nanoseconds since the epoch, UTC."""
        ...

    def monotonic_ns(self) -> int:
        """Return nanoseconds of a clock that never goes back; only differences mean anything."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` of the monotonic clock, or a little later."""
        ...


class SystemClock:
    """The clocks of this machine."""

    def now_ns(self) -> int:
        """Return wall-clock nanoseconds since the epoch, UTC."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """Return nanoseconds of the monotonic clock."""
        return time.monotonic_ns()

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`; the event loop's timer rounds up to about a millisecond."""
        await asyncio.sleep(seconds)
