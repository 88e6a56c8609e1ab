"""Faust's aiokafka producer with its holes closed. Each guard names the version and the symptom it is for."""

from collections.abc import Mapping
from typing import Any

import aiokafka
from faust.exceptions import NotReady
from faust.transport.drivers import aiokafka as driver

from streams.kafka.client import guard_client


class Producer(driver.Producer):
    """Faust's producer: idempotent, patient where aiokafka would tear holes, and two of them.

    aiokafka has one request on its way to a broker; what comes next waits for that answer. So the features have a
    connection of their own, and signals and changelog rows, which can wait, have the other.
    """

    _later: aiokafka.AIOKafkaProducer | None = None

    async def on_start(self) -> None:
        """Connect both."""
        await super().on_start()
        self._later = self._new_producer()
        await self._later.start()

    async def on_stop(self) -> None:
        """Disconnect both."""
        await super().on_stop()
        if self._later is not None:
            await self._later.stop()

    def _settings_extra(self) -> Mapping[str, Any]:
        return {**super()._settings_extra(), "acks": "all", "enable_idempotence": True}

    def _new_producer(self, transactional_id: str | None = None) -> aiokafka.AIOKafkaProducer:
        producer = super()._new_producer(transactional_id)
        # aiokafka 0.14 fails a batch that waited longer than the request timeout and still sends the later ones: a
        # hole in the output. Ours wait for as long as the broker is away; outlets bound how much waits.
        producer._message_accumulator._batch_ttl = float("inf")
        guard_client(producer.client)
        return producer

    @property
    def urgent(self) -> aiokafka.AIOKafkaProducer:
        """The aiokafka producer of what latency is measured to first: features, and rejects beside them."""
        return self._ensure_producer()

    @property
    def later(self) -> aiokafka.AIOKafkaProducer:
        """The aiokafka producer of signals and changelog rows."""
        if self._later is None:
            raise NotReady("Producer service not yet started")
        return self._later
