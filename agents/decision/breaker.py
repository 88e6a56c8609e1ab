"""A breaker: a model that broke its deadline is not waited for again until it has shown that it answers in time.

    closed ──time-out──> open ──pause over, the hung call back──> probing ──in time──> closed
                          ^                                          │
                          └───────────── too late (pause doubled) ───┘

A probe is a call beside the stream: nobody waits for it, so an open breaker costs nothing. Pauses are by the clock of
the process, for time-outs are of that clock, too: neither is in the log, and a replay repeats neither.
"""

from collections.abc import Callable
from typing import Final, Protocol

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0


class Probe(Protocol):
    """A call on its way (agents.decision.deadline.Call)."""

    done: bool
    took_s: float


class Breaker:
    """Of one model."""

    def __init__(self, deadline_s: float, clock: Callable[[], float]) -> None:
        self._deadline_s = deadline_s
        self._clock = clock
        self._pause_s = FIRST_PAUSE_S
        self._until: float | None = None
        """When the pause is over; None: closed."""
        self._call: Probe | None = None
        """The call that hung, or the probe."""
        self._probing = False

    @property
    def closed(self) -> bool:
        """Whether the model may be waited for."""
        if self._until is None:
            return True
        if self._probing and self._call is not None and self._call.done:
            self._probing = False
            if self._call.took_s <= self._deadline_s:
                self._until, self._pause_s = None, FIRST_PAUSE_S
                return True
            self.opened(self._call)
        return False

    @property
    def wants_probe(self) -> bool:
        """Whether it is time to try the model beside the stream."""
        if self.closed or self._probing or self._until is None or self._clock() < self._until:
            return False
        return self._call is None or self._call.done

    def opened(self, call: Probe | None) -> None:
        """`call` broke the deadline, and may still be running; None: it was not even begun."""
        self._call = call
        self._probing = False
        if self._until is not None:
            self._pause_s = min(2.0 * self._pause_s, LONGEST_PAUSE_S)
        self._until = self._clock() + self._pause_s

    def probe(self, call: Probe) -> None:
        """`call` is the try."""
        self._call = call
        self._probing = True
