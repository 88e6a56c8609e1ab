"""Ticks into Kafka: fast, in order, and every one accounted for."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Literal, Self

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from streams.errors import FatalError, RetryError, TopicError
from streams.feeds.partitions import SymbolPartitions
from streams.kafka_url import bootstrap_servers
from streams.records import KIND, MAX_TICK_BYTES, SENT_NS, Tick

MAX_IN_FLIGHT: Final = 20_000
MAX_BATCH_BYTES: Final = 262_144
ACK_TIMEOUT_S: Final = 30.0
_CLOSE_TIMEOUT_S: Final = 2.0

Compression = Literal["none", "lz4", "zstd", "gzip"]


class _WireTick(Tick, frozen=True, gc=False, omit_defaults=True):
    """A tick as it is written: fields that say nothing (null, or the default of the contract) are left out."""


_encode: Final = msgspec.json.Encoder().encode
_fields: Final = msgspec.structs.astuple


def encode_tick(tick: Tick) -> bytes:
    """Return the JSON of a tick for the `ticks` topic, without the fields that are null or have their default."""
    return _encode(_WireTick(*_fields(tick)))


class _Lane:
    """What waits for one partition: (key, value, time of the hand-over in ns, that time as a header)."""

    __slots__ = ("partition", "waiting", "wake")

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.waiting: deque[tuple[bytes, bytes, int, list[tuple[str, bytes]]]] = deque()
        self.wake = asyncio.Event()


class TickProducer:
    """Writes ticks to a topic: key = symbol, partition = murmur2 of the key, header `sent_ns` = time of the hand-over.

    `async with TickProducer(url, topic) as producer: await producer.send_many(ticks)`; leaving the block waits for
    every acknowledgement and raises if one is missing.

    Each partition has one record batch underway (acks=all, idempotent) and the next one gathers meanwhile: a lone tick
    leaves at once, at full speed batches fill up to `max_batch_bytes`; and since nothing follows a batch that failed,
    the log never has a hole. At most `max_in_flight` ticks are unacknowledged; then `send_many` waits. A batch that is
    not acknowledged within `ack_timeout_s` fails the producer: every later call raises, and the message counts the
    ticks whose fate is unknown. The number of partitions is read once, at the start.
    """

    def __init__(
        self,
        url: str,
        topic: str,
        *,
        compression: Compression = "none",
        max_in_flight: int = MAX_IN_FLIGHT,
        max_batch_bytes: int = MAX_BATCH_BYTES,
        ack_timeout_s: float = ACK_TIMEOUT_S,
        kind: bytes | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Name the broker (`kafka://host:port;host2:port`) and the topic; nothing is opened before `start`.

        `kind`: of records that are no live ticks (streams.marks), a header of each.

        Raises:
            ConfigError: `url` is no Kafka URL.
        """
        self._servers = bootstrap_servers(url)
        self._topic = topic
        self._compression = None if compression == "none" else compression
        self._max_in_flight = max_in_flight
        self._max_batch_bytes = max_batch_bytes
        self._ack_timeout_s = ack_timeout_s
        self._kind: list[tuple[str, bytes]] = [] if kind is None else [(KIND, kind)]
        self._now_ns = now_ns
        self._kafka: Any = None
        self._partitions = SymbolPartitions(1)
        self._lanes: list[_Lane] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._moved = asyncio.Event()
        self._failure: FatalError | None = None
        self._sent = 0
        self._acknowledged = 0

    @property
    def sent(self) -> int:
        """Ticks taken so far."""
        return self._sent

    @property
    def acknowledged(self) -> int:
        """Ticks that the broker confirmed so far."""
        return self._acknowledged

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
        self._kafka = AIOKafkaProducer(
            bootstrap_servers=self._servers,
            acks="all",
            enable_idempotence=True,
            compression_type=self._compression,
            max_batch_size=self._max_batch_bytes,
            request_timeout_ms=int(self._ack_timeout_s * 1000),
        )
        try:
            async with asyncio.timeout(self._ack_timeout_s):
                await self._kafka.start()
                # All topics, not this one: a request that names a topic makes some brokers create it.
                cluster = await self._kafka.client.fetch_all_metadata()
        except (KafkaError, OSError) as error:  # TimeoutError is an OSError
            await self._close()
            why = str(error) or f"nothing within {self._ack_timeout_s:g} s"
            raise RetryError(
                f"Kafka at {', '.join(self._servers)} does not answer ({why}): start it, or correct HAYATE_KAFKA_URL"
            ) from error
        found = cluster.partitions_for_topic(self._topic)
        if not found:
            await self._close()
            raise TopicError(
                f"topic {self._topic!r} does not exist on {', '.join(self._servers)}: "
                "create the topics with `faust -A app topics`"
            )
        self._partitions = SymbolPartitions(len(found))
        self._lanes = [_Lane(partition) for partition in range(len(found))]
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
        done = 0
        while done < len(ticks):
            room = self._max_in_flight - (self._sent - self._acknowledged)
            if room <= 0 or self._failure is not None:
                await self._movement()
                continue
            self._take(ticks[done : done + room])
            done += room

    def _take(self, ticks: Sequence[Tick]) -> None:
        now_ns = self._now_ns()
        headers = [(SENT_NS, b"%d" % now_ns), *self._kind]
        for tick in ticks:
            value = encode_tick(tick)
            if len(value) > MAX_TICK_BYTES:
                raise FatalError(
                    f"tick of {tick.symbol} has {len(value)} bytes of JSON, at most {MAX_TICK_BYTES} go into a "
                    "record: shorten seq or venue"
                )
            key, partition = self._partitions[tick.symbol]
            lane = self._lanes[partition]
            lane.waiting.append((key, value, now_ns, headers))
            lane.wake.set()
            self._sent += 1

    async def flush(self) -> None:
        """Return once every tick taken is acknowledged.

        Raises:
            FatalError: one was not, in time.
        """
        while self._acknowledged < self._sent or self._failure is not None:
            await self._movement()

    async def _movement(self) -> None:
        """Wait until something was acknowledged; raise once something failed."""
        if self._failure is None:
            self._moved.clear()
            await self._moved.wait()
        if self._failure is not None:
            raise self._failure

    async def _drain(self, lane: _Lane) -> None:
        """Send what waits for one partition, a batch at a time, until cancelled or failed."""
        while True:
            await lane.wake.wait()
            lane.wake.clear()
            while lane.waiting and self._failure is None:
                batch = self._kafka.create_batch()
                size = 0
                for key, value, sent_ns, headers in lane.waiting:
                    if batch.append(timestamp=sent_ns // 1_000_000, key=key, value=value, headers=headers) is None:
                        break
                    size += 1
                # An open batch would take records of others, and waits for them.
                batch.close()
                try:
                    async with asyncio.timeout(self._ack_timeout_s):
                        await (await self._kafka.send_batch(batch, self._topic, partition=lane.partition))
                except (KafkaError, TimeoutError) as error:
                    self._fail(lane.partition, error)
                    return
                for _ in range(size):
                    lane.waiting.popleft()
                self._acknowledged += size
                self._moved.set()

    def _fail(self, partition: int, error: Exception) -> None:
        if self._failure is None:
            why = str(error) or f"no answer within {self._ack_timeout_s:g} s"
            self._failure = FatalError(
                f"topic {self._topic!r} partition {partition} on {', '.join(self._servers)}: "
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
        if kafka is None:
            return
        if self._acknowledged == self._sent:
            await kafka.stop()
            return
        # aiokafka 0.14 never gives up an idempotent batch: stop() would wait for ever on a broker that is gone. So the
        # connections go first, and then the sender, whose requests have failed by that.
        kafka._closed = True
        await kafka.client.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await kafka._sender.close()

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
