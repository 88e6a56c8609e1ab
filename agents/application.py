"""The Faust application class: what Hayate changes of Faust's life cycle, and why."""

import asyncio
import gc
import logging
import os
import threading
from typing import Any

import faust
from faust.types import TP
from faust.types.transports import TransportT

from agents.pipeline import AsyncPredictionPipeline
from streams.errors import FatalError, HayateError, TopicError
from streams.kafka import topics
from streams.kafka.admin import connected_admin
from streams.kafka.transport import transport_for
from streams.settings import Settings

log = logging.getLogger(__name__)

QUIET: tuple[str, ...] = ("aiokafka", "faust", "mode", "asyncio", "numba")
"""Loggers that build debug records nobody reads: Faust filters at the handler, which cost 8% of the CPU."""


STOP_DEADLINE_S = 15.0
"""The last checkpoint is taken, or given up, in half of that."""


def _end_now() -> None:
    log.critical("the stop took more than %g s; ending without it, which loses nothing", STOP_DEADLINE_S)
    logging.shutdown()
    os._exit(1)


class HayateApp(faust.App):
    """A Faust app with the batching transport, whose pipeline takes its last checkpoint before partitions go."""

    pipeline: AsyncPredictionPipeline
    """Set by agents.wiring, which needs the app to make it."""
    fatal: BaseException | None = None

    def __init__(self, settings: Settings, *, batched: frozenset[str], **kwargs: Any) -> None:
        self._settings = settings
        self._transport_class = transport_for(batched)
        super().__init__(settings.app_id, **kwargs)

    def _new_transport(self) -> TransportT:
        return self._transport_class(self.conf.broker_consumer, self)

    async def on_start(self) -> None:
        """Have everything compiled and connected before the consumer joins its group."""
        for name in QUIET:
            logger = logging.getLogger(name)
            logger.setLevel(max(logger.getEffectiveLevel(), logging.INFO))
        await super().on_start()
        if not (self.client_only or self.producer_only):
            try:
                await self._check_topics()
                await self.pipeline.start()
            except HayateError as error:
                # Nothing has joined or begun yet: one line that says what to do, instead of Faust's traceback.
                raise SystemExit(f"hayate: {error}") from None

    async def on_started(self) -> None:
        """The worker is ready: keep the garbage collector from looking at what stays for good."""
        await super().on_started()
        # Numba and Faust hold millions of objects; a full collection over them stops the worker for 80-120 ms.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 50, 100)

    async def on_stop(self) -> None:
        """Take the last checkpoint while consumer and producer still run; Faust sends no revocation signal here."""
        if self._consumer is not None and not (self.client_only or self.producer_only):
            self._consumer.stop_flow()
            self.flow_control.suspend()
            # In a crash the consumer may be gone already; the next start repeats what had no checkpoint.
            await self.pipeline.stop(checkpoint=not self.crashed)
        await super().on_stop()

    async def stop(self) -> None:
        """Stop, or be ended: Faust and aiokafka wait for each other for ever where a rebalance was under way."""
        deadline = threading.Timer(STOP_DEADLINE_S, _end_now)
        deadline.daemon = True
        deadline.start()
        try:
            await super().stop()
        finally:
            deadline.cancel()

    def on_rebalance_end(self) -> None:
        """Partitions are assigned, their tables recovered and their offsets sought: the lanes begin."""
        super().on_rebalance_end()
        self.pipeline.assign(self.consumer.assignment())

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

    async def _check_topics(self) -> None:
        async with connected_admin(self._settings.kafka_url) as client:
            missing = await topics.check(client, topics.specs(self._settings))
        if missing:
            names = ", ".join(spec.name for spec in missing)
            raise TopicError(f"missing on {self._settings.kafka_url}: {names}; create with: faust -A app topics")
