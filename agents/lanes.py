"""The lanes of one agent: made at the first poll of a partition, dropped when the partition goes."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from random import uniform
from typing import Any

from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from faust.types import TP

from agents.job import Broker, Job
from agents.lane import Lane
from streams.errors import RetryError
from streams.kafka.batching import Batch
from streams.kafka.tail import TailReader

log = logging.getLogger(__name__)

CHECKPOINT_DEADLINE_S = 4.0
"""What a last checkpoint may take before a partition is given up; the work behind it is then repeated."""
DROP_DEADLINE_S = 2.0
RETRY_S = (0.2, 1.0)
"""Jittered pause before a failed lane is made anew."""


class Lanes:
    """Routes polls to lanes, starts a failed lane again, and takes the last checkpoint before partitions go."""

    def __init__(
        self,
        make_job: Callable[[], Job],
        broker: Callable[[], Broker],
        producer: Callable[[], Any],
        tails: Callable[[], TailReader],
        *,
        checkpoint_s: float,
        on_fatal: Callable[[BaseException], None],
        on_restart: Callable[[], object],
    ) -> None:
        self._make_job = make_job
        self._broker = broker
        self._producer = producer
        self._tails = tails
        self._checkpoint_s = checkpoint_s
        self._on_fatal = on_fatal
        self._on_restart = on_restart
        self._lanes: dict[TP, Lane] = {}
        self._tasks: dict[TP, asyncio.Task[None]] = {}
        self._closed = False

    def __iter__(self) -> Iterator[Lane]:
        return iter(list(self._lanes.values()))

    async def offer(self, batch: Batch) -> None:
        """Hand a poll to its lane; waits while the lane has enough to do."""
        if self._closed:
            return  # stopping: what is not taken now is read again after the next start
        lane = self._lanes.get(batch.tp)
        if lane is None:
            lane = self._start(batch.tp)
        await lane.offer(batch)

    async def revoke(self, tps: Iterable[TP]) -> None:
        """Take a last checkpoint of these partitions' lanes and drop them; bounded in time."""
        gone = [self._lanes[tp] for tp in tps if tp in self._lanes]
        await asyncio.gather(*(self._last_checkpoint(lane) for lane in gone))
        await asyncio.gather(*(self._give_up(lane) for lane in gone))

    async def close(self, *, checkpoint: bool) -> None:
        """Take nothing more and drop everything, with a last checkpoint or, in a crash, without."""
        self._closed = True
        if checkpoint:
            await asyncio.gather(*(self._last_checkpoint(lane) for lane in self))
        await asyncio.gather(*(self._give_up(lane) for lane in self))

    def _start(self, tp: TP) -> Lane:
        lane = Lane(
            tp, self._make_job(), self._broker(), self._producer, self._tails(), checkpoint_s=self._checkpoint_s
        )
        self._lanes[tp] = lane
        task = asyncio.create_task(self._supervise(lane), name=f"lane {tp}")
        self._tasks[tp] = task
        return lane

    async def _supervise(self, lane: Lane) -> None:
        try:
            await lane.run()
        except asyncio.CancelledError:
            raise
        except (CommitFailedError, IllegalStateError) as error:
            # The partition is another worker's; ours comes back with the next assignment, if it does.
            log.warning("%s: given up, the group has moved on (%s)", lane.tp, error)
            await self._forget(lane)
        except (RetryError, KafkaError, TimeoutError) as error:
            log.warning("%s: starts again from its last checkpoint: %s", lane.tp, error)
            self._on_restart()
            await self._forget(lane)
            await asyncio.sleep(uniform(*RETRY_S))  # noqa: S311 - jitter
            if lane.tp not in self._lanes and not self._closed:
                # Now, and not at the next poll: an idle partition may have none for a long time.
                self._start(lane.tp)
        except Exception as error:  # noqa: BLE001 - handed to the worker, which crashes with it
            self._on_fatal(error)

    async def _last_checkpoint(self, lane: Lane) -> None:
        try:
            await asyncio.wait_for(lane.checkpoint(), CHECKPOINT_DEADLINE_S)
        except (RetryError, KafkaError, TimeoutError) as error:
            log.warning("%s: no last checkpoint (%s); its work since the one before is repeated", lane.tp, error)

    async def _give_up(self, lane: Lane) -> None:
        task = self._tasks.pop(lane.tp)
        task.cancel()
        await asyncio.wait([task])
        await self._forget(lane)

    async def _forget(self, lane: Lane) -> None:
        if self._lanes.get(lane.tp) is lane:
            del self._lanes[lane.tp]
        try:
            await asyncio.wait_for(lane.drop(), DROP_DEADLINE_S)
        except TimeoutError:
            log.warning("%s: the broker has not answered; records in flight may be written twice", lane.tp)
