"""Membership of the consumer group: static members, the end of one that is replaced, and a way out at any moment.

aiokafka 0.14 knows static members half-way. Each of these is a guard for what it lacks:

- A static member never leaves: LeaveGroup v0-1 knows no instance ids. After SIGTERM its partitions were silent for the
  whole session (11-13 s with a session timeout of 10 s).
- Nobody leaves who is joining: `close` waits for the answer to JoinGroup, which the broker gives only when the
  rebalance is over, and then finds no generation to leave. 11 s of silence.
- Two live processes with one instance id replace each other every 2.5 s with all commits refused: it takes the
  broker's answer (UNKNOWN_MEMBER_ID, or FENCED_INSTANCE_ID, which it does not know) for an expired session and joins
  again. The one that was replaced must end instead.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

from aiokafka.client import ConnectionGroup
from aiokafka.errors import KafkaError, NoError, RebalanceInProgressError, UnknownMemberIdError
from aiokafka.protocol.commit import OffsetCommitRequest
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest, SyncGroupRequest

from streams.errors import ConfigError
from streams.kafka.requests import LeaveRequest

log = logging.getLogger(__name__)

FENCED_INSTANCE_ID = 82
"""Error code; aiokafka 0.14 has no class for it."""
LEAVE_TIMEOUT_S = 2.0
CLOSE_TIMEOUT_S = 1.0
"""What aiokafka's own tasks may take to see that the member is gone."""
ANSWERED = (NoError.errno, RebalanceInProgressError.errno)
"""Answers to a heartbeat by which the coordinator says that it knows this member."""


class Membership:
    """The one membership of a worker; `attach` gives it the coordinator of the consumer that joins."""

    def __init__(
        self,
        *,
        session_timeout_s: float,
        stay: bool,
        on_replaced: Callable[[ConfigError], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.instance_id: str | None = None
        """Name of a static member; None for a dynamic one. Set before the consumer is made."""
        self._session_timeout_s = session_timeout_s
        self._stay = stay
        self._on_replaced = on_replaced
        self._now = now
        self._coordinator: Any = None
        self._send: Any = None
        self._asked_to_join = False
        self._answered: float | None = None
        """When the coordinator last knew this member."""
        self._left = False
        self._lost = False
        """Whether another process has this one's place."""

    def prepare(self, consumer: Any) -> None:
        """Make an aiokafka consumer that has not started yet join as this member."""
        consumer._group_instance_id = self.instance_id

    def attach(self, consumer: Any) -> None:
        """Watch the coordinator of a consumer that has just started and has not joined yet."""
        coordinator = self._coordinator = consumer._coordinator
        self._send = coordinator._send_req
        coordinator._send_req = self._send_and_judge
        coordinator.close = self.leave

    async def leave(self) -> None:
        """Leave the group, unless this member is to stay while it restarts; at any moment, and bounded in time.

        What the group's coordinator has not heard within `LEAVE_TIMEOUT_S` it finds out when the session ends.
        """
        coordinator = self._coordinator
        if coordinator is None or self._left:
            return
        self._left = True
        self._join_no_more()
        if not self._asked_to_join or self._lost:
            log.info("nothing to leave: not a member of the group")
        elif self._stay and self.instance_id is not None:
            log.info("staying in the group as %s: its partitions wait for it", self.instance_id)
        else:
            await self._leave_group(coordinator)
        await self._end_tasks(coordinator)

    def _join_no_more(self) -> None:
        if not self._coordinator._closing.done():
            self._coordinator._closing.set_result(None)

    async def _leave_group(self, coordinator: Any) -> None:
        request = LeaveRequest(coordinator.group_id, coordinator.member_id, self.instance_id)
        try:
            # On another connection than JoinGroup, which the broker may be holding back: it takes the requests of one
            # connection in their order.
            await asyncio.wait_for(
                coordinator._client.send(coordinator.coordinator_id, request, group=ConnectionGroup.DEFAULT),
                LEAVE_TIMEOUT_S,
            )
        except (KafkaError, TimeoutError, AssertionError) as error:  # the assertion: no node known by that id
            log.warning("did not leave the group (%r): its partitions wait for the session timeout", error)
        else:
            log.info("left the group")

    async def _end_tasks(self, coordinator: Any) -> None:
        others = (coordinator._heartbeat_task, coordinator._commit_refresh_task)
        tasks = {task for task in (*others, coordinator._coordination_task) if task is not None and not task.done()}
        tasks.discard(asyncio.current_task())
        for task in tasks.intersection(others):
            task.cancel()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=CLOSE_TIMEOUT_S)
            for task in late:
                task.cancel()

    async def _send_and_judge(self, request: Any) -> Any:
        if isinstance(request, JoinGroupRequest):
            self._asked_to_join = True
        member_id = self._coordinator.member_id
        answer = await self._send(request)
        self._judge(request, answer, member_id)
        return answer

    def _judge(self, request: Any, answer: Any, member_id: str) -> None:
        """End a static member that another process has replaced.

        The coordinator forgets a member when its session ends, which it has not where a heartbeat was answered
        within the session timeout; or when its place is taken.
        """
        codes = set(_codes(request, answer))
        if isinstance(request, HeartbeatRequest | SyncGroupRequest) and codes <= set(ANSWERED):
            self._answered = self._now()
        if self.instance_id is None or self._left or self._lost:
            return
        current = member_id != JoinGroupRequest.UNKNOWN_MEMBER_ID and self._coordinator.member_id == member_id
        in_session = self._answered is not None and self._now() - self._answered < self._session_timeout_s
        forgotten = UnknownMemberIdError.errno in codes and current and in_session
        if FENCED_INSTANCE_ID in codes or (forgotten and not isinstance(request, JoinGroupRequest)):
            self._lost = True
            self._join_no_more()  # or aiokafka would take the place back, and the two go on for ever
            self._on_replaced(
                ConfigError(
                    f"HAYATE_INSTANCE_ID={self.instance_id}: another process has joined group "
                    f"{self._coordinator.group_id} with this id and has this one's partitions; give each worker an id "
                    "of its own, then start this one again"
                )
            )


def _codes(request: Any, answer: Any) -> Iterator[int]:
    """The error codes of an answer to a request about membership."""
    if isinstance(request, OffsetCommitRequest):
        for _, partitions in answer.topics:
            yield from (code for _, code in partitions)
    elif isinstance(request, HeartbeatRequest | JoinGroupRequest | SyncGroupRequest):
        yield answer.error_code
