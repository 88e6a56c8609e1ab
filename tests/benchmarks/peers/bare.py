"""The limit: a bare aiokafka loop that consumes, decodes, encodes a record of the same size and produces, computing
nothing and keeping nothing. Its records go out as whole batches, the fastest way that the client has.
"""

import asyncio
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from aiokafka.structs import TopicPartition
from numpy import zeros

from streams.feature_records import FeatureEncoder
from streams.feature_set import FeatureSet
from streams.records import Tick
from tests.benchmarks.peers.contestant import Job

BATCH_BYTES = 512 * 1024
AT_ONCE = 1_000
"""Records of one partition that are encoded in one go."""
UNDERWAY = 4
"""Batches of a partition that wait for their turn, and for their acknowledgement."""


class Encoder:
    """Records of the size of a feature record, all with the same numbers; what these lack, the schema's name has."""

    def __init__(self, name: str, record_bytes: int) -> None:
        loaded = FeatureSet.load(name)
        self._decode = msgspec.json.Decoder(Tick).decode
        self._values = [100.0 + place / 3 for place in range(len(loaded.outputs))]
        self._encode = FeatureEncoder(loaded.outputs, loaded.version).encode
        [first] = self._encoded(["ticks-0-100000"], ["SIM001"], [1_790_000_000_000_000_000], [100.25])
        padded = loaded.version + "x" * max(0, record_bytes - len(first))
        self._encode = FeatureEncoder(loaded.outputs, padded).encode

    def encode(self, records: Sequence[ConsumerRecord]) -> list[bytes]:
        """One record of each tick."""
        ticks = [self._decode(record.value) for record in records]
        return self._encoded(
            [f"ticks-{record.partition}-{record.offset}" for record in records],
            [tick.symbol for tick in ticks],
            [tick.ts_ns or 0 for tick in ticks],
            [tick.price or 100.0 for tick in ticks],
        )

    def _encoded(
        self, ids: Sequence[str], symbols: Sequence[str], ts_ns: Sequence[int], prices: Sequence[float]
    ) -> list[bytes]:
        values, flags = [self._values] * len(ids), zeros((len(ids), len(self._values)), "u1")
        return [value for value, _, _ in self._encode(ids, symbols, ts_ns, prices, values, flags)]


async def run(job: Job) -> None:
    """Until the process is ended."""
    encoder = Encoder(job.feature_set, job.record_bytes)
    consumer = AIOKafkaConsumer(bootstrap_servers=job.servers, fetch_max_wait_ms=100)
    tps = [TopicPartition(job.source, partition) for partition in range(job.partitions)]
    consumer.assign(tps)
    producer = AIOKafkaProducer(
        bootstrap_servers=job.servers,
        acks="all",
        enable_idempotence=True,
        max_batch_size=BATCH_BYTES,
        max_request_size=8 * 1024 * 1024,
    )
    async with consumer, producer, asyncio.TaskGroup() as group:
        await consumer.seek_to_beginning(*tps)
        lines: dict[int, asyncio.Queue[Any]] = {tp.partition: asyncio.Queue(UNDERWAY) for tp in tps}
        for partition, line in lines.items():
            group.create_task(send(producer, job.target, partition, line))
        while True:
            for tp, records in (await consumer.getmany(timeout_ms=1_000, max_records=AT_ONCE * len(tps))).items():
                for batch in batches(producer, records, encoder.encode(records)):
                    await lines[tp.partition].put(batch)


def batches(producer: AIOKafkaProducer, records: Sequence[ConsumerRecord], values: Sequence[bytes]) -> Iterator[Any]:
    """As few batches as hold the records."""
    batch = producer.create_batch()
    for record, value in zip(records, values, strict=True):
        headers = list(record.headers)
        if batch.append(key=record.key, value=value, timestamp=None, headers=headers) is None:
            batch.close()
            yield batch
            batch = producer.create_batch()
            batch.append(key=record.key, value=value, timestamp=None, headers=headers)
    batch.close()
    yield batch


async def send(producer: AIOKafkaProducer, topic: str, partition: int, line: "asyncio.Queue[Any]") -> None:
    """Send the batches of one partition, the next one as soon as the one before is on its way."""
    underway: deque[Any] = deque()
    while True:
        underway.append(await producer.send_batch(await line.get(), topic, partition=partition))
        while underway and (underway[0].done() or len(underway) > UNDERWAY):
            await underway.popleft()


if __name__ == "__main__":
    uvloop.install()
    asyncio.run(run(Job.read(sys.argv[1])))
