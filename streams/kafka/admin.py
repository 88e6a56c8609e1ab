"""A connected admin client, and what aiokafka's own cannot ask: the identity of topics."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import IncompatibleBrokerVersion, KafkaError, UnknownTopicOrPartitionError, for_code

from streams.errors import RetryError, TopicError
from streams.kafka.access import KafkaAccess
from streams.kafka.requests import TopicIdsRequest


@asynccontextmanager
async def connected_admin(where: str | KafkaAccess) -> AsyncIterator[AIOKafkaAdminClient]:
    """Admin client of the Kafka at `where`: a URL (`kafka://host:port`), or the access that the settings say.

    Raises:
        RetryError: no broker answers there.
    """
    access = KafkaAccess.at(where)
    client = AIOKafkaAdminClient(**access.client)
    try:
        try:
            await client.start()
        except (KafkaError, OSError) as error:
            raise RetryError(f"Kafka at {access} does not answer ({error}): {access.remedy}") from error
        yield client
    finally:
        await client.close()


async def topic_ids(admin: AIOKafkaAdminClient, names: Iterable[str]) -> dict[str, str]:
    """Name -> the id that Kafka gave the topic when it was made (32 hexadecimal digits); a topic of the same name made
    anew has another one. Topics that do not exist are left out; empty for a broker before 2.8, which has no ids.

    Raises:
        TopicError: Kafka refuses to describe one.
    """
    try:
        answer = await admin._send_request(TopicIdsRequest(sorted(set(names))))
    except (IncompatibleBrokerVersion, NotImplementedError):  # what aiokafka 0.14 raises for a version not spoken
        return {}
    found: dict[str, str] = {}
    for code, name, topic_id, *_ in answer.topics:
        error = for_code(code)
        if code == 0:
            found[name] = topic_id.hex
        elif error is not UnknownTopicOrPartitionError:
            raise TopicError(f"topic {name}: Kafka does not describe it: {error.__name__}; see its access rights")
    return found


async def cluster_id(admin: AIOKafkaAdminClient) -> str:
    """What tells this Kafka from every other, whatever address it is reached by."""
    return str((await admin.describe_cluster())["cluster_id"])
