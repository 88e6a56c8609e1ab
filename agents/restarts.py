"""How often a failing lane is made anew, and when that has to end.

A lane that fails because a server is away is made anew for as long as it takes: nothing is lost by waiting, and no
restart of the worker would help. One that fails for anything else, and again, and never commits in between, would go on
for ever without anybody noticing: it ends the worker by name.
"""

from collections import deque
from collections.abc import Callable
from random import Random

from aiokafka.errors import KafkaError
from faust.types import TP

from streams.errors import FatalError
from streams.kafka.rejection import describe

FIRST_PAUSE_S = 0.4
LONGEST_PAUSE_S = 5.0
"""Pauses double from the first to the longest; each is then drawn from its upper half."""
MAX_RESTARTS = 10
WITHIN_S = 120.0
"""So many restarts without a commit in so short a time end the worker."""


class Restarts:
    """Restarts of the lanes of one partition."""

    def __init__(self, tp: TP, clock: Callable[[], float], rng: Random) -> None:
        self._tp = tp
        self._clock = clock
        self._rng = rng
        self._committed: int | None = None
        self._pauses = 0
        self._times: deque[float] = deque(maxlen=MAX_RESTARTS)

    def pause_s(self, error: BaseException, committed: int | None) -> float:
        """Seconds to wait before the lane that failed with `error` is made anew; it had committed up to `committed`.

        Raises:
            FatalError: it has been made anew often enough.
        """
        if committed is not None and committed != self._committed:
            self._committed = committed
            self._pauses = 0
            self._times.clear()
        if not is_away(error):
            now = self._clock()
            self._times.append(now)
            if len(self._times) == MAX_RESTARTS and now - self._times[0] <= WITHIN_S:
                raise FatalError(
                    f"{self._tp.topic}[{self._tp.partition}] failed {MAX_RESTARTS} times within "
                    f"{now - self._times[0]:.0f} s at offset {self._committed} without getting on, the last time with "
                    f"{describe(error)}: see to what it names and start the worker again; nothing is lost"
                )
        longest = min(FIRST_PAUSE_S * 2**self._pauses, LONGEST_PAUSE_S)
        self._pauses += 1
        return self._rng.uniform(longest / 2, longest)


def is_away(error: BaseException | None) -> bool:
    """Whether a server that does not answer, for now, is at the bottom of it."""
    while error is not None:
        if isinstance(error, TimeoutError) or (isinstance(error, KafkaError) and error.retriable):
            return True
        error = error.__cause__
    return False
