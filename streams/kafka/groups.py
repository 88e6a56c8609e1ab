"""A consumer group seen from outside: its members, and the commits of one that has none."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupIdNotFound, KafkaError, for_code
from aiokafka.protocol.api import Request
from aiokafka.protocol.commit import OffsetCommitRequest, OffsetFetchRequest
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from streams.errors import RetryError
from streams.kafka.requests import ForgetOffsetsRequest, MembersRequest

PATIENCE_S = 15.0
"""How long a coordinator that loads its groups is waited for: at the first use of a fresh Kafka, or after a restart."""
PAUSE_S = 0.2
NO_COMMIT = -1


class Member(NamedTuple):
    """One member of a group, as its coordinator knows it."""

    member_id: str
    instance_id: str | None
    """None for a dynamic member."""
    client_id: str
    host: str
    """Address from which it is connected."""
    assignment: bytes

    def __str__(self) -> str:
        name = self.instance_id if self.instance_id is not None else self.member_id
        return f"{name} at {self.host}"


class Group:
    """The consumer group `name`. Every method asks its coordinator."""

    def __init__(self, admin: AIOKafkaAdminClient, name: str) -> None:
        self.name = name
        self._admin = admin

    async def members(self) -> list[Member]:
        """Everyone whose session has not ended, those included that were killed a moment ago."""

        def judge(answer: Any) -> int:
            ((code, *_),) = answer.groups
            return int(code)

        answer = await self._ask(MembersRequest(self.name), judge)
        ((_, _, _, _, _, members, _),) = answer.groups
        return [
            Member(member_id, instance_id, client_id, host.lstrip("/"), assignment or b"")
            for member_id, instance_id, client_id, host, _, assignment in members
        ]

    async def commits(self) -> dict[TopicPartition, OffsetAndMetadata]:
        """All that is committed."""

        def judge(answer: Any) -> int:
            codes = [code for _, partitions in answer.topics for _, _, _, code in partitions]
            return next((code for code in [answer.error_code, *codes] if code), 0)

        answer = await self._ask(OffsetFetchRequest(self.name, None), judge)
        return {
            TopicPartition(topic, partition): OffsetAndMetadata(offset, metadata or "")
            for topic, partitions in answer.topics
            for partition, offset, metadata, _ in partitions
            if offset != NO_COMMIT
        }

    async def commit(self, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        """Commit for a group that has no member; refused while it has one."""
        if not offsets:
            return
        topics: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
        for tp, (offset, metadata) in offsets.items():
            topics[tp.topic].append((tp.partition, offset, metadata))
        request = OffsetCommitRequest(
            self.name,
            OffsetCommitRequest.DEFAULT_GENERATION_ID,
            "",
            OffsetCommitRequest.DEFAULT_RETENTION_TIME,
            list(topics.items()),
        )
        await self._ask(request, _first_partition_error)

    async def forget(self, tps: Iterable[TopicPartition]) -> None:
        """Remove the commits of these partitions; refused while a member reads their topics."""
        topics: dict[str, list[int]] = defaultdict(list)
        for tp in tps:
            topics[tp.topic].append(tp.partition)
        if not topics:
            return

        def judge(answer: Any) -> int:
            if answer.error_code == GroupIdNotFound.errno:
                return 0
            return int(answer.error_code) or _first_partition_error(answer)

        await self._ask(ForgetOffsetsRequest(self.name, topics), judge)

    async def _ask(self, request: Request, judge: Any) -> Any:
        """Answer of the group's coordinator, found anew and asked again while it loads.

        Raises:
            RetryError: no coordinator was ready in time.
            aiokafka.errors.KafkaError: it refuses.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE_S
        while True:
            try:
                answer = await self._admin._send_request(request, await self._admin.find_coordinator(self.name))
                code = judge(answer)
                if not code:
                    return answer
                raise for_code(code)(f"group {self.name}")
            except KafkaError as error:
                if not error.retriable:
                    raise
                if loop.time() > deadline:
                    raise RetryError(
                        f"the coordinator of group {self.name} is not ready ({error!r}): try again in a minute"
                    ) from error
            await asyncio.sleep(PAUSE_S)


def _first_partition_error(answer: Any) -> int:
    return next((code for _, partitions in answer.topics for _, code in partitions if code), 0)
