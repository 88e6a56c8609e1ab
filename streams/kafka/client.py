"""aiokafka's client with its holes closed. Each guard names the version and the symptom it is for."""

import asyncio
import logging
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError, RequestTimedOutError

from streams.kafka.pace import pace_client

log = logging.getLogger(__name__)

RETRY_S: Final = 0.5


def guard_client(client: AIOKafkaClient) -> None:
    """Give a client of a worker the patience that the rest of it has: with `guard_requests`, and at its start.

    aiokafka 0.14 tries each address once, and faust 0.15.3 then ends the worker with a traceback: seen where the broker
    was restarted in the second between the worker's first question to it and its joining.
    """
    guard_requests(client)
    bootstrap = client.bootstrap

    async def patient() -> None:
        while True:
            try:
                await bootstrap()
            except KafkaConnectionError as error:
                log.warning("%s; trying again", error)
                await asyncio.sleep(RETRY_S)
            else:
                return

    client.bootstrap = patient


def guard_requests(client: AIOKafkaClient) -> None:
    """Have a request that fails raise what its callers expect, and pause between attempts (streams/kafka/pace.py).

    aiokafka 0.14: of two requests that time out together (after SIGCONT, or when a hanging broker comes back) the
    first closes their connection and is tried again, and the second looks for that connection to close it: KeyError,
    which no caller handles. In a heartbeat or a fetch it ends the worker.
    """
    pace_client(client)
    send, connection = client.send, client._get_conn

    async def guarded_send(*args: Any, **kwargs: Any) -> Any:
        try:
            return await send(*args, **kwargs)
        except KeyError as error:
            raise RequestTimedOutError from error

    async def guarded_connection(*args: Any, **kwargs: Any) -> Any:
        found = await connection(*args, **kwargs)
        if found is not None and "send" not in vars(found):
            _guard_connection(found)
        return found

    client.send, client._get_conn = guarded_send, guarded_connection


def guard_stop(consumer: AIOKafkaConsumer) -> None:
    """Have a consumer's `stop` end, and end everything.

    aiokafka 0.14 cancels its fetches there and awaits each: one that just failed and waits for its next try raises the
    CancelledError, out of `stop`. Whoever called it takes that for a cancellation of its own (seen: recovery, with a
    broker that was killed, ended without a word), and the connections stay open.
    """
    stop = consumer.stop

    async def guarded() -> None:
        stopping = asyncio.ensure_future(stop())
        await asyncio.wait([stopping])
        if stopping.cancelled():
            await consumer._client.close()
        else:
            stopping.result()

    consumer.stop = guarded


def _guard_connection(connection: AIOKafkaConnection) -> None:
    """aiokafka 0.14 expects an OSError from a write to a connection that is gone. uvloop 0.22 raises a RuntimeError
    ("the handler is closed") between the end of a connection and its being told: seen at the kill of a broker, where it
    ended the worker; in aiokafka's own task it would end every further look at the metadata."""
    send = connection.send

    def guarded(request: Any, expect_response: bool = True) -> Any:
        try:
            return send(request, expect_response)
        except RuntimeError as error:
            connection.close(reason=CloseReason.CONNECTION_BROKEN)
            raise KafkaConnectionError(f"Connection at {connection.host}:{connection.port} broken: {error}") from error

    connection.send = guarded
