"""Whether a member's generation is the group's, asked of a real coordinator."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import GroupCoordinatorNotAvailableError
from aiokafka.structs import TopicPartition

from deploy.local import Endpoints
from streams.kafka.generation import is_current
from tests.streams.kafka.conftest import MakeTopic


class Coordinator:
    """What is asked of aiokafka's; `answer` is what a heartbeat does."""

    def __init__(self, answer: "Callable[[Coordinator], bool]", generation: int = 3) -> None:
        self.generation = generation
        self._rejoin_needed_fut = asyncio.get_running_loop().create_future()
        self._performed_join_prepare = False
        self._answer = answer
        self.asked = 0

    async def ensure_coordinator_known(self) -> None:
        """It is."""

    async def _do_heartbeat(self) -> bool:
        self.asked += 1
        return self._answer(self)


class Consumer:
    """One with that coordinator."""

    def __init__(self, coordinator: Coordinator) -> None:
        self._coordinator = coordinator


def rejoin(coordinator: Coordinator) -> bool:
    """The group is rebalancing: aiokafka says True."""
    coordinator._rejoin_needed_fut.set_result(None)
    return True


def move_on(coordinator: Coordinator) -> bool:
    """Another generation by the time of the answer."""
    coordinator.generation += 1
    return True


@pytest.mark.parametrize(
    ("answer", "current"),
    [(lambda _: True, True), (lambda _: False, False), (rejoin, False), (move_on, False)],
)
async def test_answers(answer: Callable[[Coordinator], bool], current: bool) -> None:
    coordinator = Coordinator(answer)
    consumer: Any = Consumer(coordinator)
    assert await is_current(consumer) is current
    assert coordinator.asked == 1


@pytest.mark.parametrize("how", ["never", "again", "now"])
async def test_nobody_is_asked_while_it_joins(how: str) -> None:
    coordinator = Coordinator(lambda _: True, generation=-1 if how == "never" else 3)
    if how == "again":
        coordinator._rejoin_needed_fut.set_result(None)
    coordinator._performed_join_prepare = how == "now"
    consumer: Any = Consumer(coordinator)
    assert not await is_current(consumer)
    assert coordinator.asked == 0


async def test_no_coordinator_is_an_error() -> None:
    def away(_: Coordinator) -> bool:
        raise GroupCoordinatorNotAvailableError

    consumer: Any = Consumer(Coordinator(away))
    with pytest.raises(GroupCoordinatorNotAvailableError):
        await is_current(consumer)


async def test_a_real_member_and_one_that_was_evicted(make_topic: MakeTopic, services: Endpoints) -> None:
    topic = await make_topic("in")
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=services.bootstrap_servers,
        group_id=f"g{uuid4().hex[:8]}",
        session_timeout_ms=30_000,
        heartbeat_interval_ms=25_000,  # so that it hears of nothing by itself
    )
    await consumer.start()
    try:
        async with asyncio.timeout(60):
            while TopicPartition(topic, 0) not in consumer.assignment():
                await consumer.getmany(timeout_ms=100)
        assert await is_current(consumer)
        coordinator = consumer._coordinator
        member, coordinator.member_id = coordinator.member_id, "somebody-else"
        assert not await is_current(consumer)
        assert coordinator.member_id != member, "it joins again"
    finally:
        await consumer.stop()
