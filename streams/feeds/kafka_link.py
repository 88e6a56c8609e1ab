"""The connection of a producer of ticks: made, and closed whatever state it is in."""

import asyncio
from contextlib import suppress
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from streams.errors import RetryError, TopicError
from streams.kafka.access import KafkaAccess
from streams.kafka.client import guard_requests

_CLOSE_TIMEOUT_S: Final = 2.0


async def connect(
    access: KafkaAccess, topic: str, *, timeout_s: float, compression: str | None, max_batch_bytes: int
) -> tuple[Any, int]:
    """Return a started, idempotent aiokafka producer and the number of partitions of `topic`.

    Raises:
        RetryError: no broker answers within `timeout_s`.
        TopicError: the topic does not exist.
    """
    kafka = AIOKafkaProducer(
        **access.client,
        acks="all",
        enable_idempotence=True,
        compression_type=compression,
        max_batch_size=max_batch_bytes,
        request_timeout_ms=int(timeout_s * 1000),
    )
    # aiokafka 0.14 fails a batch that waited without a leader for longer than the request timeout, which the broker
    # may have written already. How long is too long, the caller decides.
    kafka._message_accumulator._batch_ttl = float("inf")
    guard_requests(kafka.client)
    try:
        async with asyncio.timeout(timeout_s):
            await kafka.start()
            # All topics, not this one: a request that names a topic makes some brokers create it.
            cluster = await kafka.client.fetch_all_metadata()
    except (KafkaError, OSError) as error:  # TimeoutError is an OSError
        await kafka.stop()
        why = str(error) or f"nothing within {timeout_s:g} s"
        raise RetryError(f"Kafka at {access} does not answer ({why}): {access.remedy}") from error
    found = cluster.partitions_for_topic(topic)
    if not found:
        await kafka.stop()
        raise TopicError(f"topic {topic!r} does not exist on {access}: create the topics with `faust -A app topics`")
    return kafka, len(found)


async def disconnect(kafka: Any, *, clean: bool) -> None:
    """Close the connections; `clean`: nothing is unacknowledged."""
    if clean:
        await kafka.stop()
        return
    # aiokafka 0.14 never gives up an idempotent batch: stop() would wait for ever on a broker that is gone. So the
    # connections go first, and then the sender, whose requests have failed by that.
    kafka._closed = True
    await kafka.client.close()
    with suppress(TimeoutError):
        async with asyncio.timeout(_CLOSE_TIMEOUT_S):
            await kafka._sender.close()
