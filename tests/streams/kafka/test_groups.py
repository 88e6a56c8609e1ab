"""A group seen from outside, on a real Kafka."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from deploy.local import Endpoints
from streams.errors import RetryError, TopicError
from streams.kafka import groups
from streams.kafka.admin import cluster_id, topic_ids
from streams.kafka.groups import Group

MakeTopic = Callable[..., Awaitable[str]]


@pytest.fixture
async def joined(services: Endpoints, make_topic: MakeTopic) -> AsyncIterator[tuple[str, AIOKafkaConsumer]]:
    """A topic with a group of one static member on it."""
    topic = await make_topic("input")
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=services.bootstrap_servers, group_id=f"{topic}-group", group_instance_id="me"
    )
    await consumer.start()
    yield topic, consumer
    await consumer.stop()


async def test_a_group_that_never_was(admin: AIOKafkaAdminClient, topic_prefix: str) -> None:
    group = Group(admin, f"{topic_prefix}nobody")
    assert await group.members() == []
    assert await group.commits() == {}
    await group.forget([TopicPartition("x", 0)])
    await group.forget([])
    await group.commit({})
    assert await group.commits() == {}


async def test_commits_are_set_read_and_removed(admin: AIOKafkaAdminClient, make_topic: MakeTopic) -> None:
    tps = [TopicPartition(await make_topic(name), 0) for name in ("a", "b")]
    group = Group(admin, f"{tps[0].topic}-group")
    commits = {tps[0]: OffsetAndMetadata(5, '{"ends":{}}'), tps[1]: OffsetAndMetadata(0, "")}
    await group.commit(commits)
    assert await group.commits() == commits
    await group.forget(tps[:1])
    assert await group.commits() == {tps[1]: commits[tps[1]]}
    await group.forget(tps)
    assert await group.commits() == {}


async def test_members_and_what_is_refused_while_there_are_some(
    admin: AIOKafkaAdminClient, joined: tuple[str, AIOKafkaConsumer]
) -> None:
    topic, _ = joined
    group = Group(admin, f"{topic}-group")
    (member,) = await group.members()
    assert member.instance_id == "me"
    assert member.member_id.startswith("me-")
    assert str(member) == f"me at {member.host}"
    assert str(member._replace(instance_id=None)) == f"{member.member_id} at {member.host}"
    tp = TopicPartition(topic, 0)
    with pytest.raises(KafkaError):
        await group.commit({tp: OffsetAndMetadata(1, "")})
    with pytest.raises(KafkaError):
        await group.forget([tp])


async def test_a_coordinator_that_loads_is_asked_again(
    admin: AIOKafkaAdminClient, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a restart of the broker; in the end it is named."""
    find, calls = admin.find_coordinator, 0

    async def loading_once(group: str) -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise GroupCoordinatorNotAvailableError
        return await find(group)

    monkeypatch.setattr(admin, "find_coordinator", loading_once)
    assert await Group(admin, f"{topic_prefix}g").members() == []
    assert calls == 2
    monkeypatch.setattr(groups, "PATIENCE_S", -1.0)
    calls = 0
    with pytest.raises(RetryError, match=f"coordinator of group {topic_prefix}g is not ready .* try again"):
        await Group(admin, f"{topic_prefix}g").members()


async def test_a_topic_made_anew_has_another_id(admin: AIOKafkaAdminClient, make_topic: MakeTopic) -> None:
    name, other = await make_topic("a"), await make_topic("b")
    before = await topic_ids(admin, [name, other, name, "there-is-none"])
    assert before.keys() == {name, other}
    assert all(len(id_) == 32 for id_ in before.values())
    assert before[name] != before[other]
    await admin.delete_topics([name])
    while await topic_ids(admin, [name]):
        pass  # the broker's answer lags behind its deed
    await make_topic("a")
    after = await topic_ids(admin, [name, other])
    assert after[other] == before[other]
    assert after[name] not in before.values()


async def test_ids_of_a_broker_that_has_none(admin: AIOKafkaAdminClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def too_old(_: Any) -> Any:
        raise NotImplementedError("Support for TopicIdsRequest v7 has not yet been added")

    monkeypatch.setattr(admin, "_send_request", too_old)
    assert await topic_ids(admin, ["a"]) == {}


async def test_a_topic_that_kafka_does_not_describe(
    admin: AIOKafkaAdminClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refused:
        topics = ((29, "a", None),)

    async def refuse(_: Any) -> Any:
        return Refused

    monkeypatch.setattr(admin, "_send_request", refuse)
    with pytest.raises(TopicError, match="topic a: Kafka does not describe it: TopicAuthorizationFailedError"):
        await topic_ids(admin, ["a"])


async def test_a_cluster_has_one_id(admin: AIOKafkaAdminClient) -> None:
    first = await cluster_id(admin)
    assert first
    assert await cluster_id(admin) == first
