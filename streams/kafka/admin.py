"""A connected admin client."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from streams.errors import RetryError
from streams.kafka_url import bootstrap_servers


@asynccontextmanager
async def connected_admin(url: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """Admin client of the Kafka at `url` (`kafka://host:port`).

    Raises:
        RetryError: no broker answers there.
    """
    servers = bootstrap_servers(url)
    client = AIOKafkaAdminClient(bootstrap_servers=servers)
    try:
        try:
            await client.start()
        except (KafkaError, OSError) as error:
            raise RetryError(
                f"Kafka at {', '.join(servers)} does not answer ({error}): start it, or correct HAYATE_KAFKA_URL"
            ) from error
        yield client
    finally:
        await client.close()
