"""The first offsets of a promotion: ahead of the present, so that every worker knows of it before it gets there."""

import asyncio
import math
import time
from typing import Final

from aiokafka.structs import TopicPartition

from streams.errors import RetryError
from streams.kafka.log_reader import LogReader

LEAD_S: Final = 3.0
"""How far ahead, at the rate of the last seconds."""
RATE_S: Final = 10.0
ANSWER_S: Final = 15.0


async def first_offsets(log: LogReader, topic: str, partitions: int, lead_s: float = LEAD_S) -> dict[int, int]:
    """Partition -> the offset that its end is likely to reach in `lead_s` seconds, and the next but one at least.

    Raises:
        RetryError: Kafka does not answer.
    """

    async def first(partition: int) -> int:
        tp = TopicPartition(topic, partition)
        since = await log.offset_at(tp, int((time.time() - RATE_S) * 1000))
        _, end = await log.bounds(tp)
        rate = 0.0 if since is None else max(0, end - since) / RATE_S
        return end + max(1, math.ceil(rate * lead_s))

    try:
        async with asyncio.timeout(ANSWER_S):
            found = await asyncio.gather(*(first(partition) for partition in range(partitions)))
    except TimeoutError:
        raise RetryError(f"{topic}: Kafka does not say where it ends; run this again once it answers") from None
    return dict(enumerate(found))
