"""A broker that a test holds in its hand, in the place of aiokafka's producer."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatch


class Broker:
    """Stands in for aiokafka's producer: keeps batches, and confirms them when and as the test says."""

    def __init__(self, partitions: int = 4) -> None:
        self.log: dict[int, list[Any]] = {partition: [] for partition in range(partitions)}
        self.batches: list[tuple[int, int]] = []
        self.settings: dict[str, Any] = {}
        self.answering = asyncio.Event()
        self.answering.set()
        self.held: dict[int, asyncio.Event] = {}
        self.refusal: Callable[[int], KafkaError | None] = lambda _: None
        self.start_error: Exception | None = None
        self.stopped = 0
        self.cut_off = 0
        self.starting = asyncio.Event()
        self.starting.set()

    # The parts of AIOKafkaProducer that are used.
    def __call__(self, **settings: Any) -> "Broker":
        self.settings = settings
        return self

    @property
    def client(self) -> "Broker":
        return self

    @property
    def _sender(self) -> "Broker":
        return self

    @property
    def _message_accumulator(self) -> "Broker":
        return self

    _batch_ttl = 0.0
    send = _get_conn = _metadata_update = None

    async def start(self) -> None:
        await self.starting.wait()
        if self.start_error is not None:
            raise self.start_error

    async def stop(self) -> None:
        self.stopped += 1

    async def close(self) -> None:
        """Close the connections (as the client) and the loop that sends (as the sender)."""
        self.cut_off += 1

    async def fetch_all_metadata(self) -> "Broker":
        return self

    def partitions_for_topic(self, topic: str) -> Iterable[int] | None:
        return set(self.log) if topic == "ticks" else None

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(self.settings["max_batch_size"], 0)

    async def send_batch(self, batch: BatchBuilder, topic: str, *, partition: int) -> "asyncio.Future[None]":
        assert topic == "ticks"
        assert batch.closed()
        return asyncio.ensure_future(self._answer(batch, partition))

    async def _answer(self, batch: BatchBuilder, partition: int) -> None:
        await self.answering.wait()
        if partition in self.held:
            await self.held[partition].wait()
        error = self.refusal(partition)
        if error is not None:
            raise error
        records = list(DefaultRecordBatch(bytes(batch._build())))
        self.batches.append((partition, len(records)))
        self.log[partition] += records
