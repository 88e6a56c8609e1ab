"""An event loop whose clock jumps to the next timer: hours of deadlines and pauses pass in no time, and a deadlock is
seen at once, because then nothing is left that could ever happen."""

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

LIMIT_S = 3_600.0
"""Virtual seconds after which a test counts as stuck although timers still fire."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Selector loop in virtual time; `complaints` holds what asyncio would have logged as nobody's error."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self.complaints: list[str] = []
        self.set_exception_handler(lambda _, context: self.complaints.append(f"{context['message']}: {context}"))

    def time(self) -> float:
        """Virtual seconds."""
        return self._now

    def _run_once(self) -> None:
        if not self._ready:  # type: ignore[attr-defined]  # asyncio's own, in every version we run on
            due = [timer.when() for timer in self._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]
            if not due:
                waiting = sorted(task.get_name() for task in asyncio.all_tasks(self))
                raise AssertionError(f"deadlock: nothing can ever wake {waiting}")
            self._now = max(self._now, *due) if len(due) == 1 else max(self._now, min(due))
        super()._run_once()  # type: ignore[misc]


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` in virtual time; fails on a deadlock and on an exception that nobody retrieved."""
    loop = VirtualTimeLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        result = runner.run(_limited(work))
    gc.collect()  # a forgotten task complains when it is collected
    assert not loop.complaints, loop.complaints
    return result


async def _limited(work: Coroutine[Any, Any, T]) -> T:
    async with asyncio.timeout(LIMIT_S):
        return await work
