"""Ticks into Kafka: fast, in order, and every one accounted for."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, Final, Literal, Self

from aiokafka.errors import KafkaError

from streams.errors import FatalError
from streams.feeds.kafka_link import connect, disconnect
from streams.feeds.partition_lane import PartitionLane, Patience, Record
from streams.feeds.partitions import SymbolPartitions
from streams.feeds.wire import encode_checked, encode_mark
from streams.kafka.access import KafkaAccess
from streams.marks import CLOCK_KIND, GAP_KIND, REFERENCE_KIND, ClockMark, GapMark
from streams.records import KIND, SENT_NS, Tick

MAX_IN_FLIGHT: Final = 20_000
MAX_BATCH_BYTES: Final = 262_144
ACK_TIMEOUT_S: Final = 30.0
NO_TICK: Final = -1
"""`received_ns` of a record that is no tick."""

Compression = Literal["none", "lz4", "zstd", "gzip"]


class TickProducer:
    """Writes ticks to a topic: key = symbol, partition = murmur2 of the key, header `sent_ns` = time of the hand-over.

    `async with TickProducer(url, topic) as producer: await producer.send_many(ticks)`; leaving the block waits for
    every acknowledgement and raises if one is missing.

    Each partition has one record batch underway (acks=all, idempotent) and the next one gathers meanwhile: a lone tick
    leaves at once, at full speed batches fill up to `max_batch_bytes`; and since nothing follows a batch that failed,
    the log never has a hole. At most `max_in_flight` records are unacknowledged; then `send_many` waits. The number of
    partitions is read once, at the start.

    A batch that is not acknowledged within `ack_timeout_s` fails the producer: every later call raises, and the message
    counts the ticks whose fate is unknown. With `ride_through` only a refusal does: while Kafka is away the same batch
    is sent until the broker says that it has it, so nothing is lost or doubled, and what may wait is bounded as above.
    """

    def __init__(
        self,
        url: str | KafkaAccess,
        topic: str,
        *,
        compression: Compression = "none",
        max_in_flight: int = MAX_IN_FLIGHT,
        max_batch_bytes: int = MAX_BATCH_BYTES,
        ack_timeout_s: float = ACK_TIMEOUT_S,
        ride_through: bool = False,
        kind: bytes | None = None,
        references: Iterable[str] = (),
        on_acknowledged: Callable[[Sequence[int]], None] | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Name the broker (`kafka://host:port;host2:port`, or as the settings say) and the topic; nothing is opened
        before `start`.

        `kind`: of records that are no live ticks (streams.marks), a header of each. `references`: symbols of whose
        ticks a copy goes into every partition, behind the tick. `on_acknowledged`: gets the `received_ns` of every
        acknowledged tick that has one.

        Raises:
            ConfigError: `url` is no Kafka URL.
        """
        self._access = KafkaAccess.at(url)
        self._topic = topic
        self._compression = None if compression == "none" else compression
        self._max_in_flight = max_in_flight
        self._max_batch_bytes = max_batch_bytes
        self._ack_timeout_s = ack_timeout_s
        self._kind: list[tuple[str, bytes]] = [] if kind is None else [(KIND, kind)]
        self._references = frozenset(references)
        self._on_acknowledged = on_acknowledged
        self._now_ns = now_ns
        self._patience = Patience(None if ride_through else ack_timeout_s, str(self._access))
        self._kafka: Any = None
        self._partitions = SymbolPartitions(1)
        self._lanes: list[PartitionLane] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._moved = asyncio.Event()
        self._failure: FatalError | None = None
        self._sent = 0
        self._acknowledged = 0
        self._underway = 0

    @property
    def sent(self) -> int:
        """Ticks taken so far."""
        return self._sent

    @property
    def acknowledged(self) -> int:
        """Ticks that the broker confirmed so far."""
        return self._acknowledged

    @property
    def unacknowledged(self) -> int:
        """Records, marks and copies included, that were taken and not confirmed."""
        return self._underway

    @property
    def away(self) -> bool:
        """Whether Kafka acknowledges nothing although something waits (with `ride_through`)."""
        return self._patience.away_since is not None

    @property
    def partitions(self) -> int:
        """Partitions of the topic; 0 before `start`."""
        return len(self._lanes)

    async def start(self) -> None:
        """Connect and look the topic up.

        Raises:
            RetryError: no broker answers.
            TopicError: the topic does not exist.
        """
        self._kafka, count = await connect(
            self._access,
            self._topic,
            timeout_s=self._ack_timeout_s,
            compression=self._compression,
            max_batch_bytes=self._max_batch_bytes,
        )
        self._partitions = SymbolPartitions(count)
        self._lanes = [PartitionLane(partition) for partition in range(count)]
        self._tasks = [
            asyncio.create_task(self._drain(lane), name=f"ticks-to-{self._topic}-{lane.partition}")
            for lane in self._lanes
        ]

    async def send(self, tick: Tick) -> None:
        """Take one tick; see `send_many`."""
        await self.send_many((tick,))

    async def send_many(self, ticks: Sequence[Tick]) -> None:
        """Take ticks, in order within each symbol; returns when they are taken, not when they are acknowledged.

        Raises:
            FatalError: an earlier tick was not acknowledged, or a tick is larger than a record may be.
        """
        await self.send_received(ticks, (0,) * len(ticks))

    async def send_received(self, ticks: Sequence[Tick], received_ns: Sequence[int]) -> None:
        """Take ticks as `send_many` does; `received_ns`: when each was received, for `on_acknowledged`.

        Raises:
            FatalError: an earlier tick was not acknowledged, or a tick is larger than a record may be.
        """
        done = 0
        while done < len(ticks):
            room = await self._room()
            self._take(ticks[done : done + room], received_ns[done : done + room])
            done += room

    async def send_gap(self, mark: GapMark) -> None:
        """Take a gap mark: into the partition of its symbol, behind its ticks.

        Raises:
            FatalError: an earlier record was not acknowledged.
        """
        await self._room()
        key, partition = self._partitions[mark.symbol]
        self._put(partition, key, encode_mark(mark), [(KIND, GAP_KIND)], self._now_ns(), NO_TICK)

    async def send_clock(self, mark: ClockMark) -> None:
        """Take a clock mark: one into every partition, behind everything sent before.

        Raises:
            FatalError: an earlier record was not acknowledged.
        """
        await self._room()
        value, now_ns = encode_mark(mark), self._now_ns()
        for lane in self._lanes:
            self._put(lane.partition, None, value, [(KIND, CLOCK_KIND)], now_ns, NO_TICK)

    async def _room(self) -> int:
        """Wait until at least one record may be taken, and return how many."""
        while self._failure is not None or self._underway >= self._max_in_flight:
            await self._movement()
        return self._max_in_flight - self._underway

    def _take(self, ticks: Sequence[Tick], received_ns: Sequence[int]) -> None:
        now_ns = self._now_ns()
        headers = [(SENT_NS, b"%d" % now_ns), *self._kind]
        for tick, received in zip(ticks, received_ns, strict=True):
            value = encode_checked(tick)
            key, partition = self._partitions[tick.symbol]
            self._put(partition, key, value, headers, now_ns, received)
            self._sent += 1
            if tick.symbol in self._references:
                for lane in self._lanes:
                    self._put(lane.partition, key, value, [(KIND, REFERENCE_KIND)], now_ns, NO_TICK)

    def _put(
        self,
        partition: int,
        key: bytes | None,
        value: bytes,
        headers: list[tuple[str, bytes]],
        now_ns: int,
        received: int,
    ) -> None:
        self._lanes[partition].put(Record(key, value, headers, now_ns, received))
        self._underway += 1

    async def flush(self) -> None:
        """Return once everything taken is acknowledged.

        Raises:
            FatalError: something was not, in time.
        """
        while self._underway or self._failure is not None:
            await self._movement()

    async def _movement(self) -> None:
        """Wait until something was acknowledged; raise once something failed."""
        if self._failure is None:
            self._moved.clear()
            await self._moved.wait()
        if self._failure is not None:
            raise self._failure

    async def _drain(self, lane: PartitionLane) -> None:
        """Send what waits for one partition until cancelled or failed."""
        try:
            await lane.drain(self._kafka, self._topic, self._patience, self._confirm)
        except (KafkaError, TimeoutError) as error:
            self._fail(lane.partition, error)

    def _confirm(self, records: Sequence[Record]) -> bool:
        self._underway -= len(records)
        ticks = [record.received_ns for record in records if record.received_ns != NO_TICK]
        self._acknowledged += len(ticks)
        if self._on_acknowledged is not None and (known := [received for received in ticks if received]):
            self._on_acknowledged(known)
        self._moved.set()
        return self._failure is None

    def _fail(self, partition: int, error: Exception) -> None:
        if self._failure is None:
            why = str(error) or f"no answer within {self._ack_timeout_s:g} s"
            self._failure = FatalError(
                f"topic {self._topic!r} partition {partition} on {self._access}: "
                f"{self._sent - self._acknowledged} of {self._sent} ticks not acknowledged "
                f"({type(error).__name__}: {why}); see the broker's log, then send them again"
            )
            self._failure.__cause__ = error
        self._moved.set()

    async def stop(self) -> None:
        """Wait for every acknowledgement, then close the connections.

        Raises:
            FatalError: some ticks were not acknowledged.
        """
        try:
            if self._tasks:
                await self.flush()
        finally:
            await self._close()

    async def _close(self) -> None:
        """Close without waiting for what is unacknowledged. Safe to call twice."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        kafka, self._kafka = self._kafka, None
        if kafka is not None:
            await disconnect(kafka, clean=not self._underway)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Flush and close; after an error in the block, close at once and note on it what was not acknowledged."""
        if error is None:
            await self.stop()
            return
        await self._close()
        unknown = self._sent - self._acknowledged
        if unknown and error is not self._failure:
            error.add_note(f"{unknown} of {self._sent} ticks were not acknowledged by Kafka")
