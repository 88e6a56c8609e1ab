"""A clock that moves only when somebody sleeps on it, or when a test moves it."""

import asyncio

WALL_NS = 1_790_000_000_000_000_000


class FakeClock:
    """Sleeping takes no real time and `overshoot_ns` longer than asked, as real timers do."""

    def __init__(self, overshoot_ns: int = 0) -> None:
        self.elapsed_ns = 0
        self.overshoot_ns = overshoot_ns
        self.sleeps_s: list[float] = []

    def now_ns(self) -> int:
        return WALL_NS + self.elapsed_ns

    def monotonic_ns(self) -> int:
        return 5_000 + self.elapsed_ns

    async def sleep(self, seconds: float) -> None:
        self.sleeps_s.append(seconds)
        self.elapsed_ns += round(seconds * 1e9) + self.overshoot_ns
        await asyncio.sleep(0)
