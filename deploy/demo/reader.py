"""Reads what the worker writes, with a plain consumer, as any user of the topics would."""

import time
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.demo.tally import Tally
from streams.kafka.access import KafkaAccess
from streams.kafka.topics import FEATURES, REJECTED, SIGNALS
from streams.settings import Settings


class Reader:
    """Fills a tally from `features`, `signals` and `ticks-rejected`, all partitions, from their beginning.

    It belongs to no consumer group: `async with Reader(settings, tally) as reader: await reader.run()`. Once the block
    is entered nothing that is written later can be missed.
    """

    def __init__(self, settings: Settings, tally: Tally) -> None:
        self._settings = settings
        self._tally = tally
        self._consumer: Any = None

    async def __aenter__(self) -> Self:
        """Connect."""
        settings = self._settings
        self._consumer = AIOKafkaConsumer(
            **KafkaAccess.of(settings).client,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            # An answer as soon as there is a record: the latency shown is the worker's, not this reader's patience.
            fetch_min_bytes=1,
            fetch_max_wait_ms=100,
        )
        await self._consumer.start()
        self._consumer.assign(
            [
                TopicPartition(settings.topic(name), partition)
                for name in (FEATURES, SIGNALS, REJECTED)
                for partition in range(settings.partitions)
            ]
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Disconnect."""
        await self._consumer.stop()

    async def run(self) -> None:
        """Read for ever."""
        tally = self._tally
        features, signals, rejected = (self._settings.topic(name) for name in (FEATURES, SIGNALS, REJECTED))
        while True:
            polled = await self._consumer.getmany(timeout_ms=1000)
            now_ns = time.time_ns()
            for tp, records in polled.items():
                for record in records:
                    if tp.topic == signals:
                        tally.signal(tp.partition, record.key.decode(), record.value, record.headers, now_ns)
                    elif tp.topic == features:
                        tally.feature(tp.partition, record.key.decode(), record.value, record.headers)
                    elif tp.topic == rejected:
                        tally.reject(tp.partition, record.headers)
