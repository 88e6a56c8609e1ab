"""A bound on the share of one core that a process takes for itself."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

LONGEST_S: Final = 5.0


class CpuShare:
    """`await rest()` between pieces of work: sleeps so that over time no more than the share is used."""

    def __init__(
        self,
        share: float,
        *,
        used: Callable[[], float] = time.process_time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """`share`: of one core, above 0; 1 and more is no bound. `used`: seconds of CPU so far."""
        self._share = share
        self._used, self._sleep = used, sleep
        self._before = used()

    async def rest(self) -> None:
        """Sleep for as long as the work since the last call calls for; at least once round the loop."""
        worked = self._used() - self._before
        pause = worked * (1.0 / self._share - 1.0) if self._share < 1.0 else 0.0
        await self._sleep(min(max(pause, 0.0), LONGEST_S))
        self._before = self._used()
