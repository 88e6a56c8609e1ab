"""The lanes of one agent: made when a partition is assigned and recovered, dropped when it goes."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from aiokafka import ConsumerRecord
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from faust.types import TP

from agents.heartbeat import Heartbeat, SuspectError
from agents.job import Broker, Job
from agents.lane import Lane
from agents.quarantine import BatchFailedError, Quarantine
from agents.restarts import Restarts
from streams.errors import FatalError, RetryError
from streams.kafka.batching import Batch
from streams.kafka.checkpoint import Origin
from streams.kafka.outlet import Written
from streams.kafka.rejection import describe
from streams.kafka.tail import TailReader

log = logging.getLogger(__name__)

CHECKPOINT_DEADLINE_S = 4.0
"""What a last checkpoint may take before a partition is given up; the work behind it is then repeated."""
DROP_DEADLINE_S = 1.0
"""What may be waited for the fate of records on their way; a later lane of the partition waits for the rest."""


@dataclass
class _Post:
    """A partition that is ours: its lane, and what the lanes of it hand on."""

    lane: Lane
    quarantine: Quarantine
    restarts: Restarts
    task: "asyncio.Task[None] | None" = None
    restarted: bool = False

    @property
    def settled(self) -> bool:
        """Whether nothing has to be repeated. Of a lane in a failed one's place that is known once it is open."""
        if self.lane.processed is None:
            return not self.restarted
        return self.lane.processed == self.lane.committed


class Lanes:
    """Routes polls to lanes, starts a failed lane again, and takes the last checkpoint before partitions go."""

    def __init__(
        self,
        make_job: Callable[[], Job],
        broker: Callable[[], Broker],
        producer: Callable[[], Any],
        tails: Callable[[], TailReader],
        heartbeat: Heartbeat,
        *,
        checkpoint_s: float,
        origin: Callable[[], Origin] = Origin,
        on_written: Mapping[str, Callable[[int, Written], None]] | None = None,
        on_fatal: Callable[[BaseException], None],
        on_restart: Callable[[], object],
        rng: Random | None = None,
    ) -> None:
        """`on_written`: stream -> who hears, by partition, of what the lanes have written there."""
        self._make_job = make_job
        self._broker = broker
        self._producer = producer
        self._tails = tails
        self._heartbeat = heartbeat
        self._checkpoint_s = checkpoint_s
        self._origin = origin
        self._on_written = on_written or {}
        self._on_fatal = on_fatal
        self._on_restart = on_restart
        self._rng = rng or Random()  # noqa: S311 - jitter
        self._posts: dict[TP, _Post] = {}
        self._leaving: dict[TP, Lane] = {}
        """Lanes given up whose last records are still on their way."""
        self._closed = False

    def __iter__(self) -> Iterator[Lane]:
        return iter([post.lane for post in self._posts.values()])

    def assign(self, tps: Iterable[TP]) -> None:
        """Start a lane for each of these partitions, whose rows are recovered. Now, and not at the first poll: faust
        0.15.3 drops polls at a start, and an idle partition may have no other for a long time."""
        for tp in tps:
            if not self._closed and tp not in self._posts:
                quarantine = Quarantine(tp)
                restarts = Restarts(tp, asyncio.get_running_loop().time, self._rng)
                post = self._posts[tp] = _Post(self._lane(tp, quarantine), quarantine, restarts)
                post.task = asyncio.create_task(self._supervise(tp, post), name=f"lane {tp}")

    async def offer(self, batch: Batch) -> None:
        """Hand a poll to its lane; waits while the lane has enough to do. What comes too early or too late for a lane
        is dropped: each begins with a seek of its own."""
        post = self._posts.get(batch.tp)
        if post is not None and not self._closed:
            await post.lane.offer(batch)

    def tell(self, tp: TP, records: list[ConsumerRecord]) -> bool:
        """Hand records that stand in the log to their lane (`Lane.tell`)."""
        post = self._posts.get(tp)
        return post is not None and not self._closed and post.lane.tell(records)

    def abandon(self) -> None:
        """Write nothing more, at once: the process is suspect. The lanes are made anew once the group has confirmed
        that it is a member."""
        for lane in self:
            lane.abandon()

    async def revoke(self, tps: Iterable[TP]) -> None:
        """Take a last checkpoint of these partitions' lanes and drop them; bounded in time."""
        await self._part_with({tp: self._posts[tp] for tp in tps if tp in self._posts}, checkpoint=True)

    async def close(self, *, checkpoint: bool) -> bool:
        """Take nothing more and drop everything, with a last checkpoint or, in a crash, without; says whether nothing
        will have to be repeated."""
        self._closed = True
        return await self._part_with(dict(self._posts), checkpoint=checkpoint)

    async def _part_with(self, posts: dict[TP, _Post], *, checkpoint: bool) -> bool:
        """All at once, and each whatever becomes of the others."""
        if checkpoint:
            await asyncio.gather(*(self._last_checkpoint(post.lane) for post in posts.values()))
        gone = await asyncio.gather(*(self._give_up(tp, post) for tp, post in posts.items()))
        return all(gone) and all(post.settled for post in posts.values())

    def _lane(self, tp: TP, quarantine: Quarantine) -> Lane:
        return Lane(
            tp,
            self._make_job(),
            self._broker(),
            self._producer,
            self._tails(),
            checkpoint_s=self._checkpoint_s,
            suspect=self._heartbeat.suspect,
            quarantine=quarantine,
            origin=self._origin(),
            on_written={stream: partial(hear, tp.partition) for stream, hear in self._on_written.items()},
        )

    async def _supervise(self, tp: TP, post: _Post) -> None:
        """Run one lane after the other until the partition goes; then `_give_up` cancels this."""
        try:
            if tp in self._leaving:
                # Left by an earlier generation of ours: what exists is known only when it is known of those, too.
                await self._leaving[tp].drop()
                del self._leaving[tp]
            await self._heartbeat.confirmed()
            while (pause_s := await self._run(tp, post)) is not None:
                self._on_restart()
                # Without a deadline: the next lane must not read which outputs exist while some are on their way.
                await post.lane.drop()
                await asyncio.sleep(pause_s)
                await self._heartbeat.confirmed()
                failed, post.lane, post.restarted = post.lane, self._lane(tp, post.quarantine), True
                post.lane.unsettled = failed.unsettled
        except (MemoryError, OSError) as error:
            fatal = FatalError(
                f"{tp.topic}[{tp.partition}]: {describe(error)}: see to this machine's memory and disk, then start the "
                "worker again; nothing is lost"
            )
            fatal.__cause__ = error
            self._on_fatal(fatal)
        except Exception as error:  # noqa: BLE001 - handed to the worker, which crashes with it
            self._on_fatal(error)

    async def _run(self, tp: TP, post: _Post) -> float | None:
        """Run the lane to its end; seconds until the next one shall begin, None where there is none to come."""
        lane = post.lane
        try:
            await lane.run()
        except (CommitFailedError, IllegalStateError) as error:
            # The partition is another worker's; ours comes back with the next assignment, if it does. Until then the
            # dropped lane stays in its place, or the polls that still come would start a zombie's.
            log.warning("%s: given up, the group has moved on (%s)", tp, error)
            await lane.drop()
        except (SuspectError, BatchFailedError) as error:
            log.warning("%s: starts again from its last checkpoint: %s", tp, error)
            return 0.0
        except (RetryError, KafkaError, TimeoutError) as error:
            pause_s = post.restarts.pause_s(error, lane.committed)
            log.warning("%s: starts again from its last checkpoint in %.1f s: %s", tp, pause_s, error)
            return pause_s
        return None

    async def _last_checkpoint(self, lane: Lane) -> None:
        lane.settling.hurry()
        try:
            await asyncio.wait_for(lane.checkpoint(), CHECKPOINT_DEADLINE_S)
        except (RetryError, KafkaError, TimeoutError) as error:
            log.warning("%s: no last checkpoint (%r); its work since the one before is repeated", lane.tp, error)
        except Exception as error:  # noqa: BLE001 - handed to the worker; the partitions go all the same
            self._on_fatal(error)

    async def _give_up(self, tp: TP, post: _Post) -> bool:
        assert post.task is not None, "made with its post"
        post.task.cancel()
        await asyncio.wait([post.task])
        # A revocation and the end of the worker may both be at this.
        if self._posts.get(tp) is not post:
            return True
        try:
            await asyncio.wait_for(post.lane.drop(), DROP_DEADLINE_S)
        except TimeoutError:
            log.warning("%s: the broker has not answered; if it comes back, what was on its way is waited for", tp)
            self._leaving[tp] = post.lane
            gone = False
        except Exception as error:  # noqa: BLE001 - handed to the worker
            self._on_fatal(error)
            gone = False
        else:
            gone = True
        if self._posts.get(tp) is post:
            del self._posts[tp]
        return gone
