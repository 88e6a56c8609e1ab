"""Faust's table recovery, replaced where it reads: the changelog goes through tables/changelog_reader.py."""

import asyncio
import logging
from typing import Any, cast

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import IllegalStateError
from faust.tables.manager import TableManager
from faust.tables.recovery import RebalanceAgain, Recovery, ServiceStopped
from faust.types import TP
from mode import Service
from mode.services import WaitArgT
from mode.utils.times import Seconds

from streams.errors import FatalError
from streams.kafka.access import KafkaAccess
from streams.kafka.client import guard_requests, guard_stop
from streams.settings import Settings
from tables.changelog_reader import FETCH_BYTES, PARTITION_FETCH_BYTES, ChangelogReader
from tables.indicator_state import IndicatorStateTable

log = logging.getLogger(__name__)


class StateRecovery(Recovery):
    """Brings the rows of newly assigned partitions up to date, then lets Faust resume.

    Faust's consumer never reads a changelog: its partitions stay paused there.
    """

    settings: Settings
    """Set by `tables_for`."""
    _reading: asyncio.Task[None] | None = None
    _following: asyncio.Task[None] | None = None

    @Service.task
    async def _restart_recovery(self) -> None:
        """Recover at each rebalance."""
        while not self.should_stop:
            if await self.wait_for_stopped(self.signal_recovery_start):  # type: ignore[arg-type]  # as Faust does it
                break
            self.signal_recovery_start.clear()
            generation_id = self._generation_id
            self._set_recovery_started()
            try:
                await self._wait(self._recover())
                await self._wait(self.on_recovery_completed(generation_id))
            except (RebalanceAgain, IllegalStateError):
                continue
            except ServiceStopped:
                break
            except FatalError as error:
                _give_up(self.app, error)
                break

    @Service.task
    async def _slurp_changelogs(self) -> None:
        """Nothing: no changelog record comes this way."""

    @Service.task
    async def _publish_stats(self) -> None:
        """Nothing: the reader has a progress line of its own."""

    async def on_stop(self) -> None:
        """Read no more."""
        await self.stop_reading()
        await super().on_stop()

    async def stop_reading(self) -> None:
        """End what is being read; what came so far is stored. Before databases of revoked partitions are closed."""
        for task in (self._reading, self._following):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        self._reading = self._following = None

    async def _recover(self) -> None:
        self._reading = asyncio.create_task(self._read_actives(), name="recovery")
        try:
            await self._reading
        except asyncio.CancelledError:
            me = asyncio.current_task()
            if me is not None and me.cancelling():
                raise
            # The reading was, by `stop_reading`: let through, it would pass for the end of the service, and nothing
            # would ever recover again.
            raise RebalanceAgain from None
        if self.standby_tps:
            self._following = asyncio.create_task(self._follow_standbys(), name="standbys")

    async def _read_actives(self) -> None:
        for table, tps in self.actives_for_table.items():
            await self._reader(table).recover(tp.partition for tp in tps)

    async def _follow_standbys(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for table, tps in self.standbys_for_table.items():
                    group.create_task(self._reader(table).follow(tp.partition for tp in tps))
        except* FatalError as errors:
            _give_up(self.app, errors.exceptions[0])

    def _reader(self, table: Any) -> ChangelogReader:
        assert isinstance(table, IndicatorStateTable), "every table is one"
        return ChangelogReader(
            table.changelog_topic.get_topic_name(),
            table.local,
            self._new_consumer,
            deadline_s=self.settings.recovery_deadline_s,
        )

    def _new_consumer(self) -> AIOKafkaConsumer:
        consumer = AIOKafkaConsumer(
            **KafkaAccess.of(self.settings).client,
            enable_auto_commit=False,
            auto_offset_reset="none",
            fetch_max_wait_ms=100,
            # It is waited for at each start: the leaders are not known yet when they are first asked for.
            retry_backoff_ms=20,
            fetch_max_bytes=FETCH_BYTES,
            max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
        )
        guard_requests(consumer._client)
        guard_stop(consumer)
        return consumer

    async def _wait(self, coro: WaitArgT, timeout: Seconds | None = None) -> None:  # noqa: ARG002, ASYNC109 - Faust's
        """Wait, however long: faust 0.15.3 takes the end of its timeout (40 s, when Kafka is away) for a stop of the
        service, and then nothing ever recovers again."""
        await super()._wait(coro)


class StateTables(TableManager):
    """Faust's table manager with our recovery."""

    settings: Settings
    """Set by `tables_for`."""

    @property
    def recovery(self) -> StateRecovery:
        """The recovery service."""
        if self._recovery is None:
            self._recovery = StateRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
            self._recovery.settings = self.settings
        return cast(StateRecovery, self._recovery)

    async def on_start(self) -> None:
        """Begin at once: faust 0.15.3 first waits a second for tables that are yet to be declared, and nobody joins the
        group before that. Ours are declared when the app is built."""
        await self._update_channels()
        await self.recovery.start()

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Close and open databases, then recover."""
        await self.recovery.stop_reading()
        try:
            await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)
        except FatalError as error:
            _give_up(self.app, error)


def tables_for(settings: Settings) -> type[StateTables]:
    """Table manager class that reads the Kafka of these settings."""

    class Tables(StateTables):
        pass

    Tables.settings = settings
    return Tables


def _give_up(app: Any, error: BaseException) -> None:
    app.give_up(error)  # HayateApp's, which a table must not import
