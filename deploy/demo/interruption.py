"""Ctrl-C, SIGTERM, a closed terminal: an orderly end at any moment, and no second one in the middle of it."""

import asyncio
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Final

from streams.errors import HayateError

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class InterruptedEarlyError(HayateError):
    """Told to end before the first tick: nothing is wrong, there is only nothing to report."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Within it the first of the signals raises KeyboardInterrupt, which leaves it as InterruptedEarlyError."""
    before = {number: signal.signal(number, _interrupt) for number in SIGNALS}
    try:
        yield
    except KeyboardInterrupt:
        raise InterruptedEarlyError("ended before the first tick") from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ignore() -> None:
    """From now on none of the signals does anything: what is being stopped is stopped once, and to the end."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def as_event() -> asyncio.Event:
    """An event of the running loop that any of the signals sets."""
    event = asyncio.Event()
    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, event.set)
    return event


async def unless(interrupted: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Do the work, or cancel it as soon as the event is set.

    Raises:
        InterruptedEarlyError: the event was set first.
    """
    working = asyncio.ensure_future(work)
    waiting = asyncio.ensure_future(interrupted.wait())
    try:
        await asyncio.wait((working, waiting), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise InterruptedEarlyError("ended before the first tick")
        working.result()
    finally:
        for task in (working, waiting):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait((task,))


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler's signature
    ignore()
    raise KeyboardInterrupt
