"""Membership: who ends when two are one, and how a member leaves, at whatever moment."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import ConnectionGroup
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.commit import OffsetCommitRequest
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, SyncGroupRequest
from aiokafka.structs import TopicPartition

from deploy.local import Endpoints
from streams.errors import ConfigError
from streams.kafka.groups import Group
from streams.kafka.membership import FENCED_INSTANCE_ID, Membership
from streams.kafka.requests import LeaveRequest

MakeTopic = Callable[..., Awaitable[str]]
SESSION_S = 10.0
UNKNOWN_MEMBER_ID = 25
REBALANCE_IN_PROGRESS = 27
HEARTBEAT = HeartbeatRequest("g", 1, "me")
SYNC = SyncGroupRequest("g", 1, "me", "i", [])
JOIN = JoinGroupRequest("g", 1, 1, "me", "i", "consumer", [])
COMMIT = OffsetCommitRequest("g", 1, "me", -1, [])


class Answer:
    """Of the coordinator to heartbeat, join or sync, and to a commit."""

    def __init__(self, code: int) -> None:
        self.error_code = code
        self.topics = [("t", [(0, 0), (1, code)])]


class FakeCoordinator:
    """What a membership touches of aiokafka's coordinator."""

    def __init__(self) -> None:
        self.group_id, self.member_id, self.coordinator_id = "g", "me", 1
        self.answers: list[int] = []
        self.left: list[tuple[Any, ...]] = []
        self.error: Exception | None = None
        self._closing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._heartbeat_task: asyncio.Task[Any] | None = asyncio.create_task(asyncio.sleep(3600))
        self._commit_refresh_task: asyncio.Task[Any] | None = None
        self._coordination_task: asyncio.Task[Any] = asyncio.create_task(self._coordinate())
        self._client = self

    async def _coordinate(self) -> None:
        await self._closing

    async def _send_req(self, _: Any) -> Answer:
        return Answer(self.answers.pop(0))

    async def send(self, node: int, request: Any, *, group: Any) -> None:
        if self.error is not None:
            raise self.error
        self.left.append((node, request, group))


class Scene:
    """A membership attached to a fake coordinator, with its clock and what it complained of."""

    def __init__(self, instance_id: str | None = "i", *, stay: bool = False) -> None:
        self.time = 1_000.0
        self.replaced: list[ConfigError] = []
        self.coordinator = FakeCoordinator()
        self.membership = Membership(
            session_timeout_s=SESSION_S, stay=stay, on_replaced=self.replaced.append, now=lambda: self.time
        )
        self.membership.instance_id = instance_id
        consumer: Any = type("Consumer", (), {"_coordinator": self.coordinator})
        self.membership.attach(consumer)

    async def ask(self, request: Any, code: int) -> None:
        """Send a request through what aiokafka calls."""
        self.coordinator.answers.append(code)
        assert (await self.coordinator._send_req(request)).error_code == code


@pytest.mark.parametrize("request_", [HEARTBEAT, SYNC, COMMIT], ids=["heartbeat", "sync", "commit"])
@pytest.mark.parametrize("alive", [0, REBALANCE_IN_PROGRESS])
async def test_forgotten_within_the_session_is_replaced(request_: Any, alive: int) -> None:
    """The coordinator knew this member a moment ago: only another one with its name can have taken its place."""
    scene = Scene()
    await scene.ask(HEARTBEAT, alive)
    scene.time += SESSION_S - 0.1
    await scene.ask(request_, UNKNOWN_MEMBER_ID)
    (error,) = scene.replaced
    assert str(error) == (
        "HAYATE_INSTANCE_ID=i: another process has joined group g with this id and has this one's partitions; give "
        "each worker an id of its own, then start this one again"
    )


@pytest.mark.parametrize("request_", [HEARTBEAT, SYNC, JOIN, COMMIT], ids=["heartbeat", "sync", "join", "commit"])
async def test_fenced_is_replaced_whenever(request_: Any) -> None:
    scene = Scene()
    await scene.ask(request_, FENCED_INSTANCE_ID)
    assert len(scene.replaced) == 1
    assert scene.coordinator._closing.done(), "it does not take the place back"
    await scene.ask(request_, FENCED_INSTANCE_ID)
    assert len(scene.replaced) == 1, "said once"
    await scene.membership.leave()
    assert scene.coordinator.left == [], "the place is another's"


async def test_a_session_that_ended_is_no_replacement() -> None:
    """Stopped for longer, or the broker was away: aiokafka joins again."""
    scene = Scene()
    await scene.ask(HEARTBEAT, 0)
    scene.time += SESSION_S
    await scene.ask(HEARTBEAT, UNKNOWN_MEMBER_ID)
    assert scene.replaced == []


async def test_never_answered_is_no_replacement() -> None:
    scene = Scene()
    await scene.ask(HEARTBEAT, UNKNOWN_MEMBER_ID)
    assert scene.replaced == []


async def test_being_synced_counts_as_an_answer() -> None:
    """Two that replace each other faster than they send heartbeats would else go on for ever."""
    scene = Scene()
    await scene.ask(SYNC, 0)
    await scene.ask(HEARTBEAT, UNKNOWN_MEMBER_ID)
    assert len(scene.replaced) == 1


async def test_a_join_with_an_old_member_id_is_tried_again() -> None:
    scene = Scene()
    await scene.ask(HEARTBEAT, 0)
    await scene.ask(JOIN, UNKNOWN_MEMBER_ID)
    assert scene.replaced == []


async def test_an_answer_to_what_this_member_was_before() -> None:
    """A commit under the old member id that is answered when aiokafka has joined again as another."""
    scene = Scene()
    await scene.ask(HEARTBEAT, 0)
    send = scene.membership._send

    async def joined_meanwhile(request: Any) -> Any:
        scene.coordinator.member_id = "me-2"
        return await send(request)

    scene.membership._send = joined_meanwhile
    await scene.ask(COMMIT, UNKNOWN_MEMBER_ID)
    assert scene.replaced == []


@pytest.mark.parametrize("code", [UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID])
async def test_a_dynamic_member_joins_again(code: int) -> None:
    scene = Scene(None)
    await scene.ask(HEARTBEAT, 0)
    await scene.ask(HEARTBEAT, code)
    assert scene.replaced == []


async def test_other_answers_are_nobodys_business() -> None:
    scene = Scene()
    await scene.ask(LeaveGroupRequest("g", "me"), 0)
    await scene.ask(HEARTBEAT, 0)
    await scene.ask(HEARTBEAT, 16)
    assert scene.replaced == []


@pytest.mark.parametrize("instance", [None, "i"])
async def test_leaving(instance: str | None) -> None:
    """By name or by member id, on the connection that JoinGroup does not block; aiokafka's tasks end."""
    scene = Scene(instance)
    await scene.ask(JOIN, 0)
    await scene.membership.leave()
    ((node, request, group),) = scene.coordinator.left
    assert isinstance(request, LeaveRequest)
    assert (node, group) == (1, ConnectionGroup.DEFAULT)
    assert request._values == ("g", [("me", instance)])
    assert scene.coordinator._coordination_task.done()
    assert scene.coordinator._heartbeat_task is not None
    assert scene.coordinator._heartbeat_task.done()
    await scene.membership.leave()
    assert len(scene.coordinator.left) == 1
    await scene.ask(HEARTBEAT, FENCED_INSTANCE_ID)
    assert scene.replaced == [], "it has left by itself"


async def test_what_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A coordination task that waits for JoinGroup, or for a callback, for ever."""
    monkeypatch.setattr("streams.kafka.membership.CLOSE_TIMEOUT_S", 0.01)
    scene = Scene()
    scene.coordinator._coordination_task = asyncio.create_task(asyncio.sleep(3600))
    await scene.membership.leave()
    await asyncio.wait([scene.coordinator._coordination_task])
    assert scene.coordinator._coordination_task.cancelled()


async def test_one_that_never_asked_to_join_has_nothing_to_leave() -> None:
    scene = Scene()
    await scene.membership.leave()
    assert scene.coordinator.left == []
    assert scene.coordinator._closing.done()


@pytest.mark.parametrize(("instance", "leaves"), [("i", 0), (None, 1)])
async def test_staying_is_for_static_members(instance: str | None, leaves: int) -> None:
    scene = Scene(instance, stay=True)
    await scene.ask(JOIN, 0)
    await scene.membership.leave()
    assert len(scene.coordinator.left) == leaves


@pytest.mark.parametrize("error", [KafkaConnectionError("gone"), TimeoutError()])
async def test_a_coordinator_that_does_not_hear_it(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    await scene.ask(JOIN, 0)
    scene.coordinator.error = error
    await scene.membership.leave()
    assert "did not leave the group" in caplog.text
    assert scene.coordinator._coordination_task.done()


async def test_before_there_is_a_coordinator() -> None:
    membership = Membership(session_timeout_s=1, stay=False, on_replaced=lambda _: None)
    await membership.leave()


class Real:
    """Members of one group on a real Kafka."""

    def __init__(self, services: Endpoints, topic: str) -> None:
        self.services, self.topic, self.group = services, topic, f"{topic}-group"
        self.consumers: list[AIOKafkaConsumer] = []
        self.replaced: asyncio.Queue[ConfigError] = asyncio.Queue()

    async def member(
        self, instance_id: str | None, *, join: bool = True, rebalance_timeout_s: float = 60
    ) -> Membership:
        """A consumer that has joined, or is joining."""
        membership = Membership(session_timeout_s=SESSION_S, stay=False, on_replaced=self.replaced.put_nowait)
        membership.instance_id = instance_id
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.services.bootstrap_servers,
            group_id=self.group,
            enable_auto_commit=False,
            session_timeout_ms=int(SESSION_S * 1000),
            rebalance_timeout_ms=int(rebalance_timeout_s * 1000),
            heartbeat_interval_ms=100,
            fetch_max_wait_ms=50,
        )
        membership.prepare(consumer)
        await consumer.start()
        self.consumers.append(consumer)
        membership.attach(consumer)
        consumer.subscribe([self.topic])
        if join:
            async with asyncio.timeout(30):
                while consumer.assignment() != {TopicPartition(self.topic, 0)}:
                    await consumer.getmany(timeout_ms=50)
        return membership


@pytest.fixture
async def real(services: Endpoints, make_topic: MakeTopic) -> AsyncIterator[Real]:
    """A group of the test's own."""
    scene = Real(services, await make_topic("input"))
    yield scene
    for consumer in scene.consumers:
        await consumer.stop()


async def until_members(admin: AIOKafkaAdminClient, group: str, count: int) -> list[str | None]:
    """Instance ids of the members, once there are so many."""
    async with asyncio.timeout(30):
        while True:
            members = await Group(admin, group).members()
            if len(members) == count:
                return [member.instance_id for member in members]


@pytest.mark.parametrize("instance", [None, "one"])
async def test_a_member_leaves_at_once(real: Real, admin: AIOKafkaAdminClient, instance: str | None) -> None:
    """Far sooner than its session ends, which the coordinator would wait for else."""
    membership = await real.member(instance)
    assert await until_members(admin, real.group, 1) == [instance]
    await membership.leave()
    assert await Group(admin, real.group).members() == []


@pytest.mark.parametrize("instance", [None, "two"])
async def test_one_that_is_joining_leaves(real: Real, admin: AIOKafkaAdminClient, instance: str | None) -> None:
    """Its JoinGroup waits for the first member, which is not there to join again."""
    await real.member("one")
    first = real.consumers[0]._coordinator
    first._heartbeat_task.cancel()  # it learns nothing of the rebalance
    second = await real.member(instance, join=False)
    assert set(await until_members(admin, real.group, 2)) == {"one", instance}
    await second.leave()
    assert [member.instance_id for member in await Group(admin, real.group).members()] == ["one"]


async def test_of_two_with_one_name_the_older_ends(real: Real, admin: AIOKafkaAdminClient) -> None:
    """Within a heartbeat; the newer one keeps the place."""
    await real.member("one")
    await real.member("one", join=False)
    async with asyncio.timeout(30):
        error = await real.replaced.get()
    assert "HAYATE_INSTANCE_ID=one" in str(error)
    older, newer = (consumer._coordinator for consumer in real.consumers)
    await asyncio.wait([older._coordination_task])
    (member,) = await Group(admin, real.group).members()
    assert (member.instance_id, member.member_id) == ("one", newer.member_id)
    assert real.replaced.empty()
