"""The lanes of one agent: made when a partition is assigned and recovered, dropped when it goes."""

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

    def assign(self, tps: Iterable[TP]) -> None:
        """Start a lane for each of these partitions, whose rows are recovered. Now, and not at the first poll: faust
        0.15.3 drops polls at a start, and an idle partition may have no other for a long time."""
        for tp in tps:
            if not self._closed and tp not in self._tasks:
                self._lanes[tp] = self._lane(tp)
                self._tasks[tp] = asyncio.create_task(self._supervise(tp), name=f"lane {tp}")

    async def offer(self, batch: Batch) -> None:
        """Hand a poll to its lane; waits while the lane has enough to do. What comes too early or too late for a lane
        is dropped: each begins with a seek of its own."""
        lane = self._lanes.get(batch.tp)
        if lane is not None and not self._closed:
            await lane.offer(batch)

    async def revoke(self, tps: Iterable[TP]) -> None:
        """Take a last checkpoint of these partitions' lanes and drop them; bounded in time."""
        gone = [(tp, self._tasks[tp]) for tp in tps if tp in self._tasks]
        await asyncio.gather(*(self._last_checkpoint(self._lanes[tp]) for tp, _ in gone))
        await asyncio.gather(*(self._give_up(tp, task) for tp, task in gone))

    async def close(self, *, checkpoint: bool) -> None:
        """Take nothing more and drop everything, with a last checkpoint or, in a crash, without."""
        self._closed = True
        gone = list(self._tasks.items())
        if checkpoint:
            await asyncio.gather(*(self._last_checkpoint(self._lanes[tp]) for tp, _ in gone))
        await asyncio.gather(*(self._give_up(tp, task) for tp, task in gone))

    def _lane(self, tp: TP) -> Lane:
        return Lane(
            tp, self._make_job(), self._broker(), self._producer, self._tails(), checkpoint_s=self._checkpoint_s
        )

    async def _supervise(self, tp: TP) -> None:
        """Run one lane after the other until the partition goes; then `_give_up` cancels this."""
        while True:
            lane = self._lanes[tp]
            try:
                await lane.run()
            except (CommitFailedError, IllegalStateError) as error:
                # The partition is another worker's; ours comes back with the next assignment, if it does. Until then
                # the dropped lane stays in its place, or the polls that still come would start a zombie's.
                log.warning("%s: given up, the group has moved on (%s)", tp, error)
                await lane.drop()
                return
            except (RetryError, KafkaError, TimeoutError) as error:
                log.warning("%s: starts again from its last checkpoint: %s", tp, error)
                self._on_restart()
                # Without a deadline: the next lane must not read which outputs exist while some are on their way.
                await lane.drop()
                await asyncio.sleep(uniform(*RETRY_S))  # noqa: S311 - jitter
                self._lanes[tp] = self._lane(tp)
                self._lanes[tp].unsettled = lane.unsettled
            except Exception as error:  # noqa: BLE001 - handed to the worker, which crashes with it
                self._on_fatal(error)
                return

    async def _last_checkpoint(self, lane: Lane) -> None:
        try:
            await asyncio.wait_for(lane.checkpoint(), CHECKPOINT_DEADLINE_S)
        except (RetryError, KafkaError, TimeoutError) as error:
            log.warning("%s: no last checkpoint (%s); its work since the one before is repeated", lane.tp, error)

    async def _give_up(self, tp: TP, task: asyncio.Task[None]) -> None:
        task.cancel()
        await asyncio.wait([task])
        # A revocation and the end of the worker may both be at this.
        if self._tasks.get(tp) is not task:
            return
        try:
            await asyncio.wait_for(self._lanes[tp].drop(), DROP_DEADLINE_S)
        except TimeoutError:
            log.warning("%s: the broker has not answered; records in flight may be written twice", tp)
        if self._tasks.get(tp) is task:
            del self._tasks[tp], self._lanes[tp]
