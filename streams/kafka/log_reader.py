"""Reads single partitions straight from their leaders: any number at once, none waiting for another.

aiokafka 0.14's consumer is made for following partitions. For a look at one it must be assigned to it, and sends no new
fetch to a broker before the one for the partition before has come back empty: reads go one after the other, and one
whose partition has no leader keeps all others waiting. So this asks with requests of its own.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from aiokafka import ConsumerRecord
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.fetcher import READ_UNCOMMITTED, PartitionRecords
from aiokafka.errors import KafkaError, LeaderNotAvailableError, for_code
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from streams.kafka.access import KafkaAccess
from streams.kafka.client import guard_client

LATEST: Final = -1
EARLIEST: Final = -2
MAX_FETCH_BYTES: Final = 1_048_576
"""Of one answer; a record that is larger comes alone."""
PAUSE_S: Final = 0.1
"""Between a question that could not be answered now and the next try."""


class LogReader:
    """One connection per broker, no group, no position: every call says what it wants."""

    def __init__(self, servers: Sequence[str] | str | KafkaAccess, topics: Sequence[str] = ()) -> None:
        """`servers`: `host:port` of each, without TLS and login, or as the settings say. `topics`: those that will be
        asked for. Others may be, too, but each is looked for when it is."""
        self._options = servers.client if isinstance(servers, KafkaAccess) else {"bootstrap_servers": servers}
        self._topics = topics
        self._client: Any = None

    async def start(self) -> None:
        """Connect, and find the leaders."""
        # Here and not before: aiokafka's client takes the running loop when it is made.
        self._client = AIOKafkaClient(**self._options)
        guard_client(self._client)
        await self._client.bootstrap()
        if self._topics:
            # All at once: a topic that comes while others are being looked for waits for another look, 100 ms later.
            await self._client.set_topics(self._topics)

    async def stop(self) -> None:
        """Disconnect."""
        if self._client is not None:
            await self._client.close()

    async def bounds(self, tp: TopicPartition) -> tuple[int, int]:
        """Offset of the first record that the log holds, and the one behind its last.

        Waits while the partition has no leader: the caller sets the deadline.
        """
        begin, end = await asyncio.gather(self._offset(tp, EARLIEST), self._offset(tp, LATEST))
        return begin, end

    async def offset_at(self, tp: TopicPartition, time_ms: int) -> int | None:
        """Offset of the first record whose timestamp is not before `time_ms` (ms since the epoch); None without one."""
        # Negative numbers ask for other things.
        found = await self._offset(tp, max(time_ms, 0))
        return None if found < 0 else found

    async def fetch(self, tp: TopicPartition, offset: int) -> tuple[list[ConsumerRecord], int]:
        """Some records from `offset` on, and where to go on; transaction markers are no records.

        Waits while the partition has no leader, not for records: behind the last one there are none.
        """
        request = FetchRequest(
            0, 0, MAX_FETCH_BYTES, READ_UNCOMMITTED, [(tp.topic, [(tp.partition, offset, MAX_FETCH_BYTES)])]
        )
        ((_, ((_, _, _, *answer),)),) = (await self._ask(tp, request)).topics
        found = PartitionRecords(tp, MemoryRecords(answer[-1]), None, offset, None, None, True, READ_UNCOMMITTED)
        return list(found), int(found.next_fetch_offset)

    async def _offset(self, tp: TopicPartition, which: int) -> int:
        request = OffsetRequest(-1, READ_UNCOMMITTED, [(tp.topic, [(tp.partition, which)])])
        ((_, ((_, _, *answer),)),) = (await self._ask(tp, request)).topics
        return int(answer[-1])

    async def _ask(self, tp: TopicPartition, request: Any) -> Any:
        """Answer of the partition's leader, asked again for as long as another try may help."""
        while True:
            try:
                answer = await self._client.send(await self._leader(tp), request)
                ((_, ((_, code, *_),)),) = answer.topics
                if code == 0:
                    return answer
                raise for_code(code)(tp)
            except KafkaError as error:
                if not error.retriable:
                    raise
            await asyncio.sleep(PAUSE_S)
            await self._client.force_metadata_update()

    async def _leader(self, tp: TopicPartition) -> int:
        await self._client._wait_on_metadata(tp.topic)
        leader: int | None = self._client.cluster.leader_for_partition(tp)
        if leader is None or leader == -1:
            raise LeaderNotAvailableError(tp)
        return leader
