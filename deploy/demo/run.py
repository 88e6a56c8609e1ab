"""The course of a demonstration: start everything, stream, account for every tick, stop everything."""

import asyncio
import fcntl
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from deploy.demo.flow import Flow, View
from deploy.demo.interruption import as_event, ignore, interruptible, unless
from deploy.demo.kernels import Kernels
from deploy.demo.learning import TRAINED_ON, Learning, NotLearning, can_learn
from deploy.demo.market import Market, Offer
from deploy.demo.phases import Phases
from deploy.demo.summary import faults, summary
from deploy.demo.surroundings import Surroundings
from deploy.demo.tally import Tally
from deploy.demo.worker import Worker, stop_left_behind
from deploy.local.progress import Progress
from streams.errors import HayateError
from streams.settings import Settings


class Demonstration:
    """One run. Everything it starts it stops, whatever happens; what it did not start it leaves alone.

    Data and logs are in `folder`; `env` is the environment, whose HAYATE_KAFKA_URL and HAYATE_REDIS_URL win over
    servers of its own.
    """

    def __init__(
        self,
        folder: Path,
        env: Mapping[str, str],
        offer: Offer,
        progress: Progress,
        make_view: Callable[[Settings], View],
    ) -> None:
        self._folder = folder
        self._env = env
        self._offer = offer
        self._progress = progress
        self._make_view = make_view
        self._phases = Phases()

    def run(self, seconds: float | None) -> None:
        """Stream for so long, or until SIGINT or SIGTERM, then tell the account.

        Raises:
            InterruptedEarlyError: told to end before the first tick; nothing is wrong.
            HayateError: something failed, or a tick was lost.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with _alone(self._folder / "lock"), interruptible():
            self._clean_up_after_the_last()
            surroundings = Surroundings(self._folder, self._env, self._progress)
            well = False
            try:
                with Kernels(self._folder, self._env, self._progress) as kernels:
                    settings = surroundings.start()
                    self._phases.done("Kafka and Redis")
                    kernels.wait()
                    self._phases.done("kernels")
                asyncio.run(self._stream(surroundings, settings, seconds))
                well = True
            finally:
                ignore()
                # After a failure the servers' logs stay to be read; the next run removes them.
                surroundings.stop(purge=well)

    def _clean_up_after_the_last(self) -> None:
        if stop_left_behind(self._folder):
            self._progress.say("stopped the worker of a demonstration that had been killed")
        for name in ("worker", "models"):
            shutil.rmtree(self._folder / name, ignore_errors=True)
        # What aiokafka warns of would tear the table apart.
        logging.basicConfig(filename=self._folder / "demo.log", filemode="w", level=logging.WARNING, force=True)

    async def _stream(self, surroundings: Surroundings, settings: Settings, seconds: float | None) -> None:
        interrupted = as_event()
        worker, tally = Worker(self._folder, settings, self._env), Tally()
        learns = can_learn()
        learning = Learning(self._folder, settings, self._env) if learns else NotLearning()
        # What a model was trained on must not be what it is judged by.
        market = Market(settings, replace(self._offer, skipped=TRAINED_ON if learns else 0))
        flow = Flow(market, worker, tally, self._make_view(settings), self._phases, learning)
        try:
            await unless(interrupted, self._prepare(surroundings, settings, worker))
            balance, flowed_s = await flow.run(settings, interrupted, seconds)
        finally:
            # Nothing is printed before it is stopped: the terminal may be gone.
            told = await asyncio.to_thread(worker.stop)
            await surroundings.remove_topics(settings)
        self._progress.say(f"\n{summary(flowed_s, balance, tally)}\n  {learning.status}\n{self._phases}")
        wrong = faults(balance) + ([told] if told else [])
        if wrong:
            raise HayateError(f"{'; '.join(wrong)}; the worker's log is {worker.log}")

    async def _prepare(self, surroundings: Surroundings, settings: Settings, worker: Worker) -> None:
        await surroundings.make_topics(settings)
        self._phases.done("topics")
        self._progress.say(f"worker: faust -A app worker, its log is {worker.log}")
        worker.start()
        await worker.ready()
        self._phases.done("worker")


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the lock of this folder's demonstrations; the kernel gives it up when its holder dies.

    Raises:
        HayateError: another one runs.
    """
    with path.open("w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HayateError(f"another demonstration of this checkout runs ({path} is held): end it first") from None
        yield
