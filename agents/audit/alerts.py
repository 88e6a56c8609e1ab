"""Findings as records of the topic `alerts`."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from streams.audit.finding import Finding, alert_of
from streams.feeds.partitions import partition_of

log = logging.getLogger(__name__)

SEND_S: Final = 10.0


class AlertWriter:
    """Key and partition are the symbol's, as everywhere."""

    def __init__(self, producer: AIOKafkaProducer, topic: str, partitions: int) -> None:
        self._producer, self._topic, self._partitions = producer, topic, partitions
        self._encode = msgspec.json.Encoder().encode

    async def tell(self, findings: Sequence[Finding]) -> None:
        """Write them, and wait for the acknowledgements; what cannot be written is logged, the audit goes on."""
        for finding in findings:
            log.warning("audit: %s: %s", finding.kind, finding.message)
            key = finding.symbol.encode()
            value = self._encode(alert_of(finding))
            try:
                async with asyncio.timeout(SEND_S):
                    await self._producer.send_and_wait(
                        self._topic, value, key=key, partition=partition_of(key, self._partitions)
                    )
            except (KafkaError, TimeoutError) as error:
                log.error("audit: that alert was not written to %s: %r", self._topic, error)
