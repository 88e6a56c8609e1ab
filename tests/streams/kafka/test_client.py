"""aiokafka's client, guarded: its failures are Kafka's errors, and it waits for Kafka at the start."""

import asyncio
from typing import Any

import pytest
import uvloop
from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError, RequestTimedOutError
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.structs import TopicPartition

from deploy.local import Endpoints
from streams.kafka import client as guarded
from streams.kafka.client import guard_client, guard_requests, guard_stop
from tests.streams.kafka.conftest import MakeTopic


async def connected(services: Endpoints) -> Any:
    """A guarded client with a connection to the broker, and the broker's number."""
    client = AIOKafkaClient(bootstrap_servers=services.bootstrap_servers)
    guard_requests(client)
    await client.bootstrap()
    return client, client.get_random_node()


def test_a_write_to_a_connection_that_is_gone_is_kafkas_error(services: Endpoints) -> None:
    """On uvloop, as the worker runs: between the end of the transport and the callback that tells of it."""

    async def scenario() -> None:
        client, node = await connected(services)
        assert (await client.send(node, MetadataRequest([]))).brokers
        connection = client._conns[node, 0]
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Any] = loop.create_future()

        def ask() -> None:
            assert connection.connected(), "the answer cut off hides the end behind it"
            try:
                answered.set_result(connection.send(MetadataRequest([])))
            except Exception as error:  # noqa: BLE001 - raised below
                answered.set_exception(error)

        connection._reader.feed_data(b"\0\0")  # half of an answer's length
        connection._writer.transport.abort()
        loop.call_soon(ask)  # behind the loss of the connection, and before its reader wakes up
        with pytest.raises(KafkaConnectionError, match="handler is closed"):
            await answered
        assert not connection.connected()
        assert (await client.send(node, MetadataRequest([]))).brokers, "the next one has a new connection"
        await client.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())


async def test_requests_that_time_out_together(services: Endpoints) -> None:
    """The second finds the connection that it wants to close taken away by the first's next try."""
    client, node = await connected(services)
    assert await client.ready(node)
    connection = client._conns[node, 0]

    async def hang() -> None:
        client._conns.clear()  # what `_get_conn` does with a closed one, before it connects anew
        raise TimeoutError

    connection.send = lambda *_, **__: asyncio.ensure_future(hang())
    with pytest.raises(RequestTimedOutError):
        await client.send(node, MetadataRequest([]))
    connection.close()
    assert (await client.send(node, MetadataRequest([]))).brokers
    await client.close()


async def test_a_worker_waits_for_kafka_at_its_start(services: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    """And says so; any other failure is raised."""
    monkeypatch.setattr(guarded, "RETRY_S", 0.0)
    client = AIOKafkaClient(bootstrap_servers=services.bootstrap_servers)
    failures: list[BaseException] = [KafkaConnectionError("away"), KafkaConnectionError("away"), ValueError("else")]
    bootstrap = client.bootstrap

    async def failing() -> None:
        if failures:
            raise failures.pop(0)
        await bootstrap()

    client.bootstrap = failing
    guard_client(client)
    with pytest.raises(ValueError, match="else"):
        await client.bootstrap()
    await client.bootstrap()
    assert client.get_random_node() is not None
    await client.close()


async def test_a_consumer_whose_fetch_just_failed_stops(services: Endpoints, make_topic: MakeTopic) -> None:
    """With its connections closed, and without a CancelledError that nobody asked for."""
    topic = await make_topic("in")
    consumer: Any = AIOKafkaConsumer(bootstrap_servers=services.bootstrap_servers, retry_backoff_ms=60_000)
    guard_stop(consumer)
    await consumer.start()
    failed = asyncio.Event()
    send = consumer._client.send

    async def failing(node: int, request: Any, **more: Any) -> Any:
        if type(request).__name__ == "FetchRequest":
            failed.set()
            raise KafkaConnectionError("gone")
        return await send(node, request, **more)

    consumer._client.send = failing
    consumer.assign([TopicPartition(topic, 0)])
    await consumer.seek_to_beginning()
    await failed.wait()
    await consumer.stop()
    assert not any(connection.connected() for connection in consumer._client._conns.values())
    await consumer.stop()


async def test_an_error_of_a_stop_is_raised() -> None:
    """It is not swallowed."""
    consumer: Any = AIOKafkaConsumer(bootstrap_servers="127.0.0.1:1")
    stop = consumer.stop

    async def fail() -> None:
        raise ZeroDivisionError

    consumer.stop = fail
    guard_stop(consumer)
    with pytest.raises(ZeroDivisionError):
        await consumer.stop()
    await stop()
