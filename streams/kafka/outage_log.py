"""Thins out what aiokafka logs while a broker is away.

aiokafka 0.14 logs every attempt of every client to reach it, at ERROR: over 100 lines a second, as long as it lasts.
"""

import logging
from collections.abc import Callable
from time import monotonic
from typing import Final

LOGGERS: Final = (
    "aiokafka",  # its client's
    "aiokafka.conn",
    "aiokafka.consumer.fetcher",
    "aiokafka.consumer.group_coordinator",
    "aiokafka.producer.sender",
)
INTERVAL_S: Final = 10.0
"""A message comes through once in so long; the next one says how many were left out."""


class Thinned(logging.Filter):
    """Lets a message of a logger, whatever its arguments, through once per interval."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._seen: dict[str, tuple[float, int]] = {}
        """Message -> when it came through, and how often it was left out since."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this one comes through. Only warnings and errors are thinned."""
        if record.levelno < logging.WARNING:
            return True
        message, now = str(record.msg), self._clock()
        since, left_out = self._seen.get(message, (-INTERVAL_S, 0))
        if now - since < INTERVAL_S:
            self._seen[message] = (since, left_out + 1)
            return False
        self._seen[message] = (now, 0)
        if left_out:
            record.msg = f"{message} ({left_out} more like it in the last {now - since:.0f} s)"
        return True


def thin_out() -> None:
    """Put a filter on each of aiokafka's loggers that has none yet."""
    for name in LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(found, Thinned) for found in logger.filters):
            logger.addFilter(Thinned())
