"""How often a client that cannot reach its broker, or hears of no leader, tries: on real sockets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.metadata import MetadataResponse_v0
from aiokafka.structs import TopicPartition

from streams.kafka.client import guard_requests
from streams.kafka.pace import FIRST_S, LONGEST_S, Pace

TOPIC = "in"
LOOK_S = 2.0
NO_LEADER = -1


@asynccontextmanager
async def dropping() -> AsyncIterator[tuple[int, list[object]]]:
    """A port that takes connections and drops them; and one entry for each that it took."""
    taken: list[object] = []

    def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001
        taken.append(writer)
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], taken


def knowing(port: int, leader: int, client: AIOKafkaClient | None = None) -> AIOKafkaClient:
    """A guarded client that knows one broker and one partition, with or without a leader."""
    client = client or AIOKafkaClient(bootstrap_servers=f"127.0.0.1:{port}")
    guard_requests(client)
    answer = MetadataResponse_v0([(1, "127.0.0.1", port)], [(0, TOPIC, [(0, 0, leader, [1], [1])])])
    client.cluster.update_metadata(answer)
    client._topics = {TOPIC}
    client._sync_task = asyncio.create_task(client._md_synchronizer())
    return client


async def looks(client: Any) -> None:
    """Ask for new metadata, and again as soon as that has failed: as aiokafka's producer and fetcher do it."""
    while True:
        await client.force_metadata_update()


async def sends(client: Any) -> None:
    """Somebody who tries a connection with pauses of his own."""
    while True:
        await client.ready(1)
        await asyncio.sleep(0.01)


async def a_while(*tasks: Awaitable[None]) -> float:
    """Run tasks that have no end; the seconds for which they ran."""
    begun = asyncio.get_running_loop().time()
    running = [asyncio.ensure_future(task) for task in tasks]
    done, _ = await asyncio.wait(running, timeout=LOOK_S)
    for task in running:
        task.cancel()
    await asyncio.wait(running)
    assert not done, [task.exception() for task in done]
    return asyncio.get_running_loop().time() - begun


@pytest.mark.parametrize("leader", [1, NO_LEADER], ids=["leader", "no-leader"])
async def test_few_attempts_while_the_broker_is_away(leader: int) -> None:
    """However many ask, and however often. Without the pauses there are thousands."""
    async with dropping() as (port, taken):
        client = knowing(port, leader)
        seconds = await a_while(looks(client), looks(client), sends(client), sends(client))
        await client.close()
    growing = 10
    """The first pauses are short."""
    assert 2 <= len(taken) <= growing + 2 * seconds / (LONGEST_S / 2)


async def test_a_producer_whose_partitions_have_no_leader() -> None:
    """What a broker leaves behind that stops in good order: aiokafka's sender then asks without a pause."""
    async with dropping() as (port, taken):
        producer = AIOKafkaProducer(bootstrap_servers=f"127.0.0.1:{port}")
        client = knowing(port, NO_LEADER, producer.client)
        producer._message_accumulator._append_batch(
            producer._message_accumulator.create_builder(), TopicPartition(TOPIC, 0)
        )
        seconds = await a_while(producer._sender._sender_routine())
        await client.close()
    assert 2 <= len(taken) <= 10 + 2 * seconds / (LONGEST_S / 2)


async def test_metadata_without_leaders_is_looked_at_with_pauses_and_with_them_at_once() -> None:
    """The broker answers: that alone is no reason to ask it as fast as it can."""
    asked = 0
    leaders = iter([NO_LEADER] * 5 + [1] * 1_000_000)
    cluster = SimpleNamespace(leader=1)
    cluster.topics = lambda exclude_internal_topics: {TOPIC}  # noqa: ARG005
    cluster.partitions_for_topic = lambda topic: {0}  # noqa: ARG005
    cluster.available_partitions_for_topic = lambda topic: {0} - {cluster.leader}  # noqa: ARG005

    async def update(cluster: Any, topics: Any) -> bool:  # noqa: ARG001
        nonlocal asked
        asked += 1
        cluster.leader = 0 if next(leaders) == NO_LEADER else 1
        return True

    client: Any = SimpleNamespace(_get_conn=None, _metadata_update=update, send=None)
    guard_requests(client)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for _ in range(6):
        assert await client._metadata_update(cluster, {TOPIC})
    assert loop.time() - begun >= (FIRST_S + 2 * FIRST_S + 4 * FIRST_S + 8 * FIRST_S + LONGEST_S) / 2 - 0.05
    assert asked == 6
    pauses: list[float] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "sleep", _noting(pauses))
        for _ in range(100):
            await client._metadata_update(cluster, {TOPIC})
    assert not pauses


def _noting(pauses: list[float]) -> Callable[[float], Awaitable[None]]:
    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    return sleep


async def test_a_broker_that_is_back_is_found() -> None:
    """Within the longest pause: the broker's first taker gets the connection."""
    port = await _closed_port()
    client: Any = knowing(port, 1)
    for _ in range(12):
        assert not await client._get_conn(1)
    found = asyncio.Event()

    def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001
        found.set()
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1", port):
        asking = asyncio.create_task(client._get_conn(1))
        await asyncio.wait_for(found.wait(), LONGEST_S + 5.0)
        await asking
    await client.close()


async def _closed_port() -> int:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = int(server.sockets[0].getsockname()[1])
    server.close()
    await server.wait_closed()
    return port


async def test_pauses_grow_are_drawn_and_end_with_success(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the upper half of what doubles up to the longest."""
    pauses: list[float] = []
    monkeypatch.setattr(asyncio, "sleep", _noting(pauses))
    pace = Pace(Random(1))
    assert await pace.pause()
    assert not pauses
    for _ in range(100):
        pace.note(succeeded=False)
        assert await pace.pause()
    longest = [min(FIRST_S * 2**i, LONGEST_S) for i in range(100)]
    assert all(0.4 * most <= pause <= most for pause, most in zip(pauses, longest, strict=True))
    assert len(set(pauses)) == 100
    pace.note(succeeded=True)
    pauses.clear()
    assert await pace.pause()
    assert not pauses


async def test_who_waits_while_another_fails_has_failed_as_well() -> None:
    """One attempt answers for all who waited for it; a success lets all of them through."""
    pace = Pace(Random(1))
    pace.note(succeeded=False)
    waiting = [asyncio.create_task(pace.pause()) for _ in range(3)]
    await asyncio.sleep(0)
    pace.note(succeeded=False)
    assert await asyncio.gather(*waiting) == [False] * 3
    waiting = [asyncio.create_task(pace.pause()) for _ in range(3)]
    await asyncio.sleep(0)
    pace.note(succeeded=True)
    assert await asyncio.gather(*waiting) == [True] * 3
