"""The reader of single partitions on a real broker; what it reads is tested with the tails."""

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import TopicPartition

from deploy.local import Endpoints
from streams.kafka.log_reader import LogReader


async def test_leaders_are_known_from_the_start(services: Endpoints, topic_prefix: str) -> None:
    """Or lanes that begin wait for them in turns, 100 ms each."""
    names = [f"{topic_prefix}{name}" for name in "ab"]
    admin = AIOKafkaAdminClient(bootstrap_servers=services.bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(name, 1, 1) for name in names])
    await admin.close()
    log = LogReader(services.bootstrap_servers, names)
    await log.start()
    try:
        assert all(log._client.cluster.partitions_for_topic(name) == {0} for name in names)
        assert await log.bounds(TopicPartition(names[0], 0)) == (0, 0)
    finally:
        await log.stop()


async def test_without_a_list_no_topic_is_asked_for(services: Endpoints) -> None:
    """And not all of them, as aiokafka understands an empty one."""
    log = LogReader(services.bootstrap_servers)
    await log.start()
    try:
        assert log._client.cluster.topics() == set()
    finally:
        await log.stop()
