"""The Faust application class: what Hayate changes of Faust's life cycle, and why."""

import asyncio
import gc
import logging
import os
import threading
import warnings
from typing import Any, NoReturn

import faust
from faust.exceptions import AlreadyConfiguredWarning, ConsumerNotStarted
from faust.types import TP
from faust.types.transports import TransportT
from yarl import URL

from agents.pipeline import AsyncPredictionPipeline
from agents.place import Place, take_place
from streams.errors import FatalError, HayateError
from streams.kafka.generation import is_current
from streams.kafka.membership import Membership
from streams.kafka.transport import transport_for
from streams.settings import Settings

log = logging.getLogger(__name__)

QUIET: tuple[str, ...] = ("aiokafka", "faust", "mode", "asyncio", "numba")
"""Loggers that build debug records nobody reads: Faust filters at the handler, which cost 8% of the CPU."""


STOP_DEADLINE_S = 9.0
"""From the first moment of a stop to the end of the process. The last checkpoint is taken, or given up, in half."""


class HayateApp(faust.App):
    """A Faust app with the batching transport, whose pipeline takes its last checkpoint before partitions go."""

    pipeline: AsyncPredictionPipeline
    """Set by agents.wiring, which needs the app to make it."""
    fatal: BaseException | None = None
    clean = False
    """Whether a next start will have nothing to repeat: known once the lanes are closed."""

    def __init__(self, settings: Settings, *, batched: frozenset[str], **kwargs: Any) -> None:
        self._settings = settings
        self._deadline: threading.Timer | None = None
        self._beginning: asyncio.Future[None] | None = None
        self.place = Place()
        self.membership = Membership(
            session_timeout_s=settings.session_timeout_s, stay=settings.stay_in_group, on_replaced=self.give_up
        )
        self._transport_class = transport_for(batched, self.membership, poll_s=settings.poll_ms / 1000)
        super().__init__(settings.group, **kwargs)

    def _new_transport(self) -> TransportT:
        return self._transport_class(self.conf.broker_consumer, self)

    async def on_start(self) -> None:
        """Have everything compiled and connected before the consumer joins its group."""
        for name in QUIET:
            logger = logging.getLogger(name)
            logger.setLevel(max(logger.getEffectiveLevel(), logging.INFO))
        await super().on_start()
        if not (self.client_only or self.producer_only):
            self._beginning = asyncio.ensure_future(self._begin())
            try:
                await self._beginning
            except HayateError as error:
                # Nothing has joined or begun yet: one line that says what to do, instead of Faust's traceback.
                raise SystemExit(f"hayate: {error}") from None
            except asyncio.CancelledError:
                if not self.should_stop:
                    raise

    async def on_started(self) -> None:
        """The worker is ready: keep the garbage collector from looking at what stays for good."""
        await super().on_started()
        # Numba and Faust hold hundreds of thousands of objects; a full collection over them stops the worker for
        # 80-120 ms. Also here, where it would find next to nothing: ticks wait.
        gc.freeze()
        # What a backlog has under way, some hundred thousand objects, is no garbage: to look through it again and again
        # takes an eighth of the time, 20 ms each. Next to nothing here needs a collector at all.
        gc.set_threshold(1_000_000, 10, 10)

    async def on_stop(self) -> None:
        """Take the last checkpoint while consumer and producer still run; Faust sends no revocation signal here."""
        if self._beginning is not None and not self._beginning.done():
            # SIGTERM while it connects: nothing may come up behind what is closed here.
            self._beginning.cancel()
            await asyncio.wait([self._beginning])
        self.clean = not self.crashed
        if self._consumer is not None and not (self.client_only or self.producer_only):
            self._consumer.stop_flow()
            self.flow_control.suspend()
            # In a crash the consumer may be gone already; the next start repeats what had no checkpoint.
            self.clean = await self.pipeline.stop(checkpoint=not self.crashed) and not self.crashed
        # Now, for the others wait for our partitions, and not for Redis.
        await self.membership.leave()
        await self.pipeline.close()
        await super().on_stop()

    async def stop(self) -> None:
        """Stop, or be ended: faust 0.15.3 and aiokafka 0.14 wait for each other for ever where a rebalance was under
        way, and for a broker that is away; and what follows in a worker, down to the interpreter's last thread, may
        hang as well."""
        if self._deadline is None:
            self._deadline = threading.Timer(STOP_DEADLINE_S, self._end_now)
            self._deadline.daemon = True
            self._deadline.start()
        try:
            await super().stop()
        finally:
            if not self.in_worker:  # else until the process is gone
                self._deadline.cancel()
                self._deadline = None

    def _end_now(self) -> None:
        if self.clean:
            log.warning("everything is committed, and the rest of the stop took too long: ending without it")
        else:
            log.critical("the stop took more than %g s; ending without it, which loses nothing", STOP_DEADLINE_S)
        logging.shutdown()
        os._exit(self.exit_status)

    @property
    def exit_status(self) -> int:
        """Of the process, where nothing else went wrong."""
        return 0 if self.clean else 1

    def on_rebalance_end(self) -> None:
        """Partitions are assigned, their tables recovered and their offsets sought: the lanes begin."""
        super().on_rebalance_end()
        self.pipeline.assign(self.consumer.assignment())

    async def confirmed(self) -> bool:
        """Whether this worker is a member of the group's present generation, by the coordinator's word."""
        try:
            consumer = self.consumer._thread._ensure_consumer()  # type: ignore[attr-defined]  # ours, by the transport
        except ConsumerNotStarted:
            return False
        return await is_current(consumer)

    async def revoked(self, tps: set[TP]) -> None:
        """Partitions go: JoinGroup waits for this, so whoever gets them starts behind our last checkpoint."""
        await self.pipeline.revoke(tps)

    def give_up(self, error: BaseException) -> None:
        """End the worker with `error`: a supervisor starts it again, or a person reads what to do."""
        if self.fatal is None:
            self.fatal = error
            if isinstance(error, FatalError):
                log.critical("%s: %s", type(error).__name__, error)
            else:
                log.critical("the worker stops on an unexpected error", exc_info=error)
            self._crashing = asyncio.ensure_future(self.crash(error))

    async def _begin(self) -> None:
        await self._take_place()
        await self.pipeline.start()

    async def _take_place(self) -> None:
        self.place = await take_place(self._settings, self.conf.tabledir)
        self.membership.instance_id = self.place.instance_id
        if self.place.instance_id is not None:
            # A member that comes back under another URL than the group's leader knows fails an assertion in faust
            # 0.15.3's assignor; the usual URL changes with the port. Faust warns of a setting that was read before.
            with warnings.catch_warnings(action="ignore", category=AlreadyConfiguredWarning):
                self.conf.canonical_url = URL(f"http://{self.place.instance_id}.member")


class HayateWorker(faust.Worker):
    """A worker whose exit status says the same whether Faust's stop came to its end or had to be ended: its own is 0
    after every stop by a signal."""

    app: HayateApp

    def execute_from_commandline(self) -> NoReturn:
        """Run until the end."""
        try:
            super().execute_from_commandline()
        except SystemExit as ended:
            raise SystemExit(ended.code or self.app.exit_status) from None
