"""Faust's aiokafka transport with its holes closed. Each guard names the version and the symptom it is for."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, cast

from aiokafka.errors import ConsumerStoppedError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode import Service
from mode.types import ServiceT

from streams.kafka.consumer_thread import ConsumerThread, SameLoop
from streams.kafka.membership import Membership
from streams.kafka.producer import Producer


class _ReadOffsets(defaultdict[TP, int | None]):
    """Faust's read offsets, unknown for batched topics.

    faust 0.15.3: `_drain_messages` drops what is below the read offset, without a word, also after a seek back, and
    fills gaps in an interval tree that takes most of the CPU at 10,000 ticks/s. Lanes check contiguity themselves.
    """

    def __init__(self, batched: frozenset[str]) -> None:
        super().__init__(lambda: None)
        self._batched = batched

    def __getitem__(self, tp: TP) -> int | None:
        return None if tp.topic in self._batched else super().__getitem__(tp)


class Consumer(driver.Consumer):
    """Faust's consumer, with batched topics polled as batches and everything that lanes need from the broker."""

    batched_topics: ClassVar[frozenset[str]] = frozenset()
    """Topics whose polls become batches; set by `transport_for`."""
    membership: ClassVar[Membership | None] = None
    """How the worker is in its group; None leaves it to aiokafka."""
    poll_s: ClassVar[float] = 0.0
    """Least time between two fetches."""

    _thread: ConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_offset = _ReadOffsets(self.batched_topics)

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, thread_loop=self.loop, Worker=SameLoop, beacon=self.beacon)

    async def _drain_messages(self, fetcher: ServiceT) -> None:
        """Deliver polls.

        Faust's own loop runs four tasks around each delivery, so as not to wait for an agent while the flow is
        suspended; a poll that waits then is of an old generation, skipped by the stream, and read again by its lane.
        """
        stopped, fetcher_stopped = self._stopped.is_set, cast(Service, fetcher)._stopped.is_set
        try:
            while not (stopped() or fetcher_stopped()):
                await asyncio.sleep(0)
                async for tp, message in self.getmany(timeout=1.0):
                    if tp.topic in self.batched_topics:
                        await self.callback(message)
                    elif (read := self._read_offset[tp]) is None or message.offset >= read:
                        await self.wait_first(self.callback(message), self.suspend_flow.wait())
                        self._read_offset[tp] = message.offset
        except (ConsumerStoppedError, asyncio.CancelledError):
            if not self.app.should_stop:
                raise

    # faust 0.15.3 pauses partitions in its own books only: aiokafka goes on fetching them, and sends the broker no
    # further fetch for 100 ms while what it fetched is not taken. Our own changelog records, which nobody takes after
    # recovery, thus stopped the ticks for 100 ms at every checkpoint of every partition.

    def pause_partitions(self, tps: Iterable[TP]) -> None:
        """Pause in Faust's books and in aiokafka."""
        tps = frozenset(tps)
        super().pause_partitions(tps)
        self._thread.fetch_only(tps, fetching=False)

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Resume in Faust's books and in aiokafka."""
        tps = frozenset(tps)
        super().resume_partitions(tps)
        self._thread.fetch_only(tps, fetching=True)

    def on_buffer_full(self, tp: TP) -> None:
        """An agent has enough of this partition queued."""
        super().on_buffer_full(tp)
        if tp in self._buffered_partitions:  # it is not while tables recover
            self._thread.fetch_only([tp], fetching=False)

    def on_buffer_drop(self, tp: TP) -> None:
        """It has room again."""
        buffered = tp in self._buffered_partitions
        super().on_buffer_drop(tp)
        if buffered:
            self._thread.fetch_only([tp], fetching=True)

    async def reread(self, tp: TP, offset: int) -> int:
        """Read `tp` again from `offset`; batches polled after that carry the returned epoch."""
        return await self._thread.reread(tp, offset)

    def told(self, tp: TP, end: int) -> None:
        """What `tp` holds up to `end` is known: go on behind it, and ask for it seldom."""
        self._thread.told(tp, end)

    def untold(self, tp: TP) -> None:
        """Ask for `tp` with every fetch again."""
        self._thread.untold(tp)

    async def commit_with_metadata(self, offsets: Mapping[TP, tuple[int, str]], timeout_s: float) -> None:
        """Commit through the broker, not through Faust, whose `commit` hides a refusal; aiokafka itself would retry
        for ever without a coordinator, hence the deadline.

        Raises:
            TimeoutError: no coordinator answered in time; whether it committed is unknown.
            aiokafka.errors.CommitFailedError: refused, see `ConsumerThread.commit_with_metadata`.
        """
        await asyncio.wait_for(self._thread.commit_with_metadata(offsets), timeout_s)

    async def committed_with_metadata(self, tp: TP, timeout_s: float) -> tuple[int, str] | None:
        """The broker's committed offset of `tp` and its metadata (Faust's own idea of it is stale after a start).

        Raises:
            TimeoutError: no coordinator answered in time, or none that knows this worker as a member.
        """
        return await asyncio.wait_for(self._thread.committed_by_us(tp), timeout_s)

    async def progress(self, tps: Iterable[TP]) -> dict[TP, tuple[int, int]]:
        """Committed offset (0 without a commit) and end of each partition, as the broker has them: one request to the
        coordinator and one to each leader."""
        tps = list(tps)
        ends, committed = await asyncio.gather(self._thread.ends(tps), self._thread.committed(tps))
        return {tp: (committed[tp][0] if tp in committed else 0, ends[tp]) for tp in tps}


def transport_for(
    batched_topics: frozenset[str], membership: Membership | None = None, *, poll_s: float = 0.0
) -> type[driver.Transport]:
    """Transport class whose consumer polls `batched_topics` as batches, is in its group as `membership` says, and
    leaves at least `poll_s` between two fetches."""

    class BatchingConsumer(Consumer):
        pass

    BatchingConsumer.batched_topics = batched_topics
    BatchingConsumer.membership = membership
    BatchingConsumer.poll_s = poll_s

    class Transport(driver.Transport):
        pass

    Transport.Consumer = BatchingConsumer
    Transport.Producer = Producer
    return Transport
