"""The zombie guard: a process that stood still may have lost its partitions without knowing it, and writes nothing
before the group has confirmed that it has not.

A beat comes from a timer of the event loop every tenth of the session timeout. Half the session timeout since the last
one, at whatever moment somebody looks, and the process is suspect: stopped (SIGSTOP, a frozen container, a machine that
slept), starved, or blocked. The broker gives its partitions away after the whole session timeout, so the other half is
the margin for what was under way. A suspect worker gives all its lanes up, and makes them anew once the coordinator has
answered a heartbeat of the present generation; when the group has moved on, it joins again, as any member does.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from aiokafka.errors import KafkaError
from faust.types import TP

from streams.errors import RetryError

log = logging.getLogger(__name__)

BEATS = 10
"""Beats, and questions to the coordinator while suspect, per session timeout."""


class SuspectError(RetryError):
    """The process may have lost its partitions, and nothing may be written until that is known."""

    @classmethod
    def of(cls, tp: TP) -> "SuspectError":
        """For a lane that was about to write."""
        return cls(f"{tp}: the process stood still and may have lost it")


def awake_s() -> float:
    """Seconds that pass while the process is stopped or the machine sleeps, too, where the system has such a clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Heartbeat:
    """Says whether this process may write; one per worker, on its event loop."""

    def __init__(
        self,
        session_timeout_s: float,
        confirm: Callable[[], Awaitable[bool]],
        *,
        on_suspect: Callable[[], object],
        on_fatal: Callable[[BaseException], object],
        clock: Callable[[], float] = awake_s,
    ) -> None:
        """`confirm` asks the coordinator whether this member's present generation is the group's; `on_suspect` gives
        everything up, at once and without waiting."""
        self._interval_s = session_timeout_s / BEATS
        self._limit_s = session_timeout_s / 2
        self._confirm = confirm
        self._on_suspect = on_suspect
        self._on_fatal = on_fatal
        self._clock = clock
        self._last: float | None = None
        self._stalls = 0
        self._suspect = False
        self._trusted = asyncio.Event()
        self._trusted.set()
        self._timer: asyncio.TimerHandle | None = None
        self._asking: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to beat; a second call does nothing."""
        if self._last is None:
            self._last = self._clock()
            self._beat()

    def stop(self) -> None:
        """Beat no more: what was suspect stays so."""
        if self._timer is not None:
            self._timer.cancel()
        if self._asking is not None:
            self._asking.cancel()

    def suspect(self) -> bool:
        """Whether nothing may be written now. Asked before every step that writes."""
        if self._last is not None:
            self._look(self._clock())
        return self._suspect

    async def confirmed(self) -> None:
        """Wait until this process is not, or no longer, suspect."""
        while self.suspect():
            await self._trusted.wait()

    def _beat(self) -> None:
        # A timer's callback, not a task: after a stop it runs before anything that was waiting for an answer goes on.
        now = self._clock()
        self._look(now)
        self._last = now
        self._timer = asyncio.get_running_loop().call_later(self._interval_s, self._beat)

    def _look(self, now: float) -> None:
        assert self._last is not None, "it beats"
        if now - self._last <= self._limit_s:
            return
        stood_s, self._last = now - self._last, now
        self._stalls += 1
        if self._suspect:
            return
        log.warning(
            "the process stood still for %.1f s, its session ends after %.1f s: it writes nothing until the group "
            "confirms that it is still a member",
            stood_s,
            2 * self._limit_s,
        )
        self._suspect = True
        self._trusted.clear()
        self._on_suspect()
        self._asking = asyncio.get_running_loop().create_task(self._ask(), name="membership")
        self._asking.add_done_callback(self._answered)

    async def _ask(self) -> None:
        while True:
            stalls = self._stalls
            try:
                async with asyncio.timeout(self._limit_s):
                    confirmed = await self._confirm()
            except (KafkaError, RetryError, TimeoutError) as error:
                log.info("the group's coordinator does not answer (%r), asking again", error)
                confirmed = False
            self._look(self._clock())
            # An answer to a question from before another stop says nothing about now.
            if confirmed and stalls == self._stalls:
                log.warning("the group confirms this member: its partitions start again from their last checkpoints")
                self._suspect = False
                self._trusted.set()
                return
            await asyncio.sleep(self._interval_s)

    def _answered(self, asked: "asyncio.Task[None]") -> None:
        if not asked.cancelled() and (error := asked.exception()) is not None:
            self._on_fatal(error)
