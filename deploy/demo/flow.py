"""Ticks in, signals out, shown as they come; at the end every tick accounted for."""

import asyncio
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol

from deploy.demo.market import Market
from deploy.demo.phases import Phases
from deploy.demo.reader import Reader
from deploy.demo.snapshot import Camera, Snapshot
from deploy.demo.tally import Balance, Tally
from deploy.demo.worker import Worker
from streams.settings import Settings

SETTLE_TIMEOUT_S: Final = 20.0
POLL_S: Final = 0.02


class Schooling(Protocol):
    """What trains a model beside the stream, or says why nothing does."""

    status: str

    async def run(self) -> None:
        """Do it."""


class View(Protocol):
    """Shows the stream; a context manager, for it may take the screen and must give it back."""

    interval_s: float
    """How often it wants to be shown something."""

    def __enter__(self) -> object: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...

    def show(self, snapshot: Snapshot) -> None:
        """Show how things are now."""


@dataclass
class Flow:
    """One stream from the market through the worker to the view."""

    market: Market
    worker: Worker
    tally: Tally
    view: View
    phases: Phases
    learning: Schooling

    async def run(self, settings: Settings, interrupted: asyncio.Event, seconds: float | None) -> tuple[Balance, float]:
        """Let ticks flow for so long, or until interrupted, then wait until every one has its answer.

        Returns the account, and how many seconds ticks flowed. Answers that have not come SETTLE_TIMEOUT_S after the
        last tick are counted as lost.

        Raises:
            HayateError: the worker ended, or Kafka did not take the ticks.
        """
        stop = asyncio.Event()
        try:
            with self.view:
                async with Reader(settings, self.tally) as reader, asyncio.TaskGroup() as group:
                    began_s = time.monotonic()
                    feeding = group.create_task(self.market.run(stop))
                    others = [
                        group.create_task(reader.run()),
                        group.create_task(self.worker.watch()),
                        group.create_task(self._learn_after_the_first_signal()),
                        group.create_task(self._show(began_s)),
                    ]
                    waiting = group.create_task(interrupted.wait())
                    await asyncio.wait((feeding, waiting), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
                    waiting.cancel()
                    stop.set()
                    flowed_s = time.monotonic() - began_s
                    await feeding
                    await self._settle()
                    for task in others:
                        task.cancel()
                self._look(flowed_s)
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return self.tally.balance(self.market.acknowledged), flowed_s

    def __post_init__(self) -> None:
        self._camera = Camera(self.tally)

    async def _learn_after_the_first_signal(self) -> None:
        await self.tally.first_signal.wait()
        self.phases.done("first tick to signal")
        # Not before: the first signal has the machine to itself.
        await self.learning.run()

    async def _show(self, began_s: float) -> None:
        while True:
            await asyncio.sleep(self.view.interval_s)
            self._look(time.monotonic() - began_s)

    def _look(self, seconds: float) -> None:
        self.view.show(self._camera.take(seconds, self.market.acknowledged, self.learning.status))

    async def _settle(self) -> None:
        deadline_s = time.monotonic() + SETTLE_TIMEOUT_S
        while time.monotonic() < deadline_s:
            balance = self.tally.balance(self.market.acknowledged)
            if balance.lost <= 0 and balance.without_features <= 0:
                return
            await asyncio.sleep(POLL_S)
