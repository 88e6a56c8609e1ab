"""The topic `models`, read and written: partition 0, no group, every record kept."""

import asyncio
import logging
from typing import Final, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from agents.models.records import Record, decode_record, encode_record, key_of
from streams.errors import RetryError
from streams.kafka.access import KafkaAccess
from streams.kafka.client import guard_requests
from streams.kafka.log_reader import LogReader

log = logging.getLogger(__name__)

ANSWER_S: Final = 30.0


class Entry(NamedTuple):
    """One record of the topic."""

    offset: int
    ts_ms: int
    """Kafka's time of the append, ms since the epoch."""
    record: Record | None
    """None: it cannot be read."""


class Journal:
    """Reads from where it stands; writes with every guarantee that Kafka gives."""

    def __init__(self, access: KafkaAccess, topic: str, reader: LogReader) -> None:
        """`reader`: started and stopped with this."""
        self.topic = topic
        self._tp = TopicPartition(topic, 0)
        self._access = access
        self._reader = reader
        self._next = 0
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        """Connect the reader.

        Raises:
            RetryError: Kafka does not answer.
        """
        try:
            await self._reader.start()
        except (KafkaError, OSError) as error:
            raise RetryError(f"Kafka at {self._access} does not answer ({error!r}): {self._access.remedy}") from error

    async def end(self) -> int:
        """Offset behind the last record.

        Raises:
            RetryError: Kafka does not answer.
        """
        try:
            async with asyncio.timeout(ANSWER_S):
                return (await self._reader.bounds(self._tp))[1]
        except TimeoutError:
            raise RetryError(f"{self.topic}: Kafka does not answer; start again once it does") from None

    async def read(self) -> list[Entry]:
        """What came since the last call; some of it, where it is much. Waits while Kafka is away."""
        found, self._next = await self._reader.fetch(self._tp, self._next)
        entries = []
        for record in found:
            decoded = decode_record(record.value)
            if decoded is None:
                log.warning("%s@%d: no record that this version can read: left out", self.topic, record.offset)
            entries.append(Entry(record.offset, record.timestamp, decoded))
        return entries

    async def read_all(self) -> list[Entry]:
        """Everything up to the present end.

        Raises:
            RetryError: Kafka does not answer.
        """
        end, found = await self.end(), []
        try:
            while self._next < end:
                async with asyncio.timeout(ANSWER_S):
                    found += await self.read()
        except TimeoutError:
            raise RetryError(f"{self.topic}: Kafka does not answer; start again once it does") from None
        return found

    async def write(self, record: Record) -> None:
        """Append a record, and wait until every replica has it.

        Raises:
            RetryError: Kafka refuses or is away.
        """
        try:
            producer = await self._connected()
            await producer.send_and_wait(self.topic, encode_record(record), key=key_of(record), partition=0)
        except (KafkaError, OSError) as error:
            raise RetryError(f"{self.topic}: Kafka refuses or is away ({error!r}); run this again") from error

    async def close(self) -> None:
        """Disconnect."""
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None
        await self._reader.stop()

    async def _connected(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = AIOKafkaProducer(**self._access.client, acks="all", enable_idempotence=True)
                guard_requests(producer.client)
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer
