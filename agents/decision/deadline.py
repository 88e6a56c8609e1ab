"""Calls with a deadline: a model that hangs must not hold up the stream.

A model's calls run in a thread of its own; the caller waits no longer than the deadline. Python cannot end a thread, so
a call that hangs is left alone: the model is not called again before it has come back (agents/decision/breaker.py), and
what it then says is not used. The threads are daemons: the process ends without them.
"""

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class DeadlineError(TimeoutError):
    """The call has not come back in time; it may still be running."""


class Call(Generic[Result]):
    """One call, running or done."""

    def __init__(self, function: Callable[[], Result]) -> None:
        self._function: Callable[[], Result] | None = function
        self._back = threading.Lock()
        self._back.acquire()
        self._result: Result | None = None
        self._error: BaseException | None = None
        self.done = False
        """Whether it has come back."""
        self.took_s = 0.0
        """How long it ran, in seconds, once it is done."""

    def wait(self, timeout_s: float) -> Result:
        """Its result.

        Raises:
            DeadlineError: it has not come back within `timeout_s`.
            BaseException: what it raised.
        """
        if not self._back.acquire(timeout=max(0.0, timeout_s)):
            raise DeadlineError(f"no answer within {timeout_s * 1000:.0f} ms")
        self._back.release()
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]  # set where nothing was raised

    def run(self) -> None:
        """Do it, in the thread."""
        assert self._function is not None, "a call is made once"
        began = time.perf_counter()
        try:
            self._result = self._function()
        except BaseException as error:  # noqa: BLE001 - raised in `wait`
            self._error = error
        self._function = None  # what it works on may go
        self.took_s = time.perf_counter() - began
        self.done = True
        self._back.release()


class DeadlineThread:
    """A thread that makes calls, one at a time; begun with the first."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._queue: SimpleQueue[Call[Any] | None] | None = None
        self._running: Call[Any] | None = None

    @property
    def busy(self) -> bool:
        """Whether a call has not come back."""
        return self._running is not None and not self._running.done

    def submit(self, function: Callable[[], Result]) -> Call[Result]:
        """Begin a call; not while it is `busy`."""
        assert not self.busy, "one caller at a time"
        if self._queue is None:
            self._queue = SimpleQueue()
            threading.Thread(target=_work, args=(self._queue,), name=self._name, daemon=True).start()
        call = Call(function)
        self._running = call
        self._queue.put(call)
        return call

    def close(self) -> None:
        """End the thread as soon as it is idle."""
        if self._queue is not None:
            self._queue.put(None)
            self._queue = None


def _work(queue: "SimpleQueue[Call[Any] | None]") -> None:
    while (call := queue.get()) is not None:
        call.run()
        del call  # while it waits for the next one
