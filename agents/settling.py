"""How long a checkpoint waits for Redis."""

import asyncio
from collections.abc import Mapping
from typing import Final

from agents.job import Job

LAST_S: Final = 2.0
"""Once the last checkpoint is asked for, half of what that may take: for it, and for one that is under way. A store
that hangs must not cost it; what is missing there is filled in from the topic."""


class Settling:
    """Of one lane: as long as its job wants, but not at the end."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._until_s: float | None = None
        self._waiting: asyncio.Timeout | None = None

    def hurry(self) -> None:
        """The last checkpoint is being taken."""
        self._until_s = asyncio.get_running_loop().time() + LAST_S
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(self._until_s)

    async def wait(self, ends: Mapping[str, int]) -> None:
        """`job.settle`, within the time."""
        waiting = asyncio.timeout_at(self._until_s)
        try:
            async with waiting:
                self._waiting = waiting
                await self._job.settle(ends)
        except TimeoutError:
            if not waiting.expired():
                raise
        finally:
            self._waiting = None
