"""What waits for one partition of the `ticks` topic, and its way to the broker, a batch at a time."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, Final, NamedTuple

from aiokafka.errors import KafkaError, KafkaTimeoutError

log = logging.getLogger(__name__)

SAY_EVERY_S: Final = 10.0
_RETRY_S: Final = 0.5


class Record(NamedTuple):
    """One record to be written."""

    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]]
    handed_ns: int
    """Time of the hand-over, nanoseconds: the record's timestamp."""
    received_ns: int
    """When its tick was received from the venue; 0 where that is not known, -1 for what is no tick (marks, copies)."""


class Patience:
    """How long a batch may wait for its acknowledgement, and what is said meanwhile; shared by the lanes."""

    def __init__(self, limit_s: float | None, name: str, clock: Callable[[], float] = monotonic) -> None:
        """`limit_s`: None waits for as long as it takes and says so in the log; `name`: of the broker, for the log."""
        self.limit_s = limit_s
        self._name = name
        self._clock = clock
        self._said: float | None = None
        self.away_since: float | None = None
        """Since when nothing was acknowledged that waits, in seconds of the clock; None while all is well."""

    def waits(self, since: float, records: int) -> None:
        """Say, every ten seconds at most, that a batch of `records` has been waiting since then."""
        now = self._clock()
        self.away_since = since if self.away_since is None else min(since, self.away_since)
        if self._said is None or now - self._said >= SAY_EVERY_S:
            self._said = now
            log.warning(
                "Kafka at %s has acknowledged nothing for %.0f s; a batch of %d and what follows it wait",
                self._name,
                now - self.away_since,
                records,
            )

    def answered(self) -> None:
        """Note that a batch was acknowledged."""
        if self.away_since is not None:
            log.warning("Kafka at %s acknowledges again after %.0f s", self._name, self._clock() - self.away_since)
            self.away_since = self._said = None


class PartitionLane:
    """The records of one partition, in order, one batch underway at a time."""

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.waiting: deque[Record] = deque()
        self._wake = asyncio.Event()

    def put(self, record: Record) -> None:
        """Append a record."""
        self.waiting.append(record)
        self._wake.set()

    async def drain(
        self, kafka: Any, topic: str, patience: Patience, acknowledged: Callable[[Sequence[Record]], bool]
    ) -> None:
        """Send what waits until cancelled; `acknowledged` gets each batch and says whether to go on.

        A batch that the broker refused for good ends this with the broker's error: nothing may follow it, for
        aiokafka 0.14 does not take back the sequence numbers of a refused batch, and what follows would be refused as
        out of order or leave a hole.

        Raises:
            KafkaError, TimeoutError: a batch was refused, or not acknowledged in time.
        """
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self.waiting:
                batch = kafka.create_batch()
                size = 0
                for record in self.waiting:
                    added = batch.append(
                        timestamp=record.handed_ns // 1_000_000,
                        key=record.key,
                        value=record.value,
                        headers=record.headers,
                    )
                    if added is None:
                        break
                    size += 1
                # An open batch would take records of others, and waits for them.
                batch.close()
                await self._deliver(kafka, topic, batch, size, patience)
                if not acknowledged([self.waiting.popleft() for _ in range(size)]):
                    return

    async def _deliver(self, kafka: Any, topic: str, batch: Any, size: int, patience: Patience) -> None:
        if patience.limit_s is not None:
            async with asyncio.timeout(patience.limit_s):
                await (await kafka.send_batch(batch, topic, partition=self.partition))
            return
        began = monotonic()
        sending = await self._hand_over(kafka, topic, batch, size, patience)
        # The same batch, with its sequence numbers, until the broker says that it has it: neither lost nor doubled.
        while not (await asyncio.wait([sending], timeout=_RETRY_S * 4))[0]:
            patience.waits(began, size)
        sending.result()
        patience.answered()

    async def _hand_over(self, kafka: Any, topic: str, batch: Any, size: int, patience: Patience) -> Any:
        began = monotonic()
        while True:
            try:
                return await kafka.send_batch(batch, topic, partition=self.partition)
            except KafkaError as error:  # before the batch was taken: no doubt about its fate
                if not error.retriable and not isinstance(error, KafkaTimeoutError):
                    raise
                patience.waits(began, size)
                await asyncio.sleep(_RETRY_S)
