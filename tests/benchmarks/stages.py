"""Where the time of a tick goes in a backlog, stage by stage, in one process:

    python -m tests.benchmarks.stages [--ticks 160000] [--rounds 5] [--sets default,classics]

The worker's own parts one after the other, in chunks as a lane cuts them, without Kafka and Redis: microseconds a tick,
median of the rounds. What the operating system, the event loop, acknowledgements and checkpoints add is in the
throughput, not here.
"""

import argparse
import gc
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

from aiokafka.consumer.fetcher import READ_UNCOMMITTED, PartitionRecords
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition
from prometheus_client import CollectorRegistry

from agents.lane import MAX_CHUNK
from agents.metrics import Metrics
from agents.working_rows import WorkingRows
from streams.engine import RealTimeFeatureEngine
from streams.feature_records import FeatureEncoder
from streams.feature_set import FeatureSet
from streams.records import PREVIOUS, SENT_NS, SOURCE
from streams.ticks import TickDecoder
from tables.features.commands import FeatureCommands
from tables.features.contract import FeatureWrite
from tables.features.keys import FeatureKeys
from tables.features.library import OVERTAKEN
from tables.features.pending import newest_of_seconds
from tests.agents.features_bench import FakeRows
from tests.benchmarks import load

BATCH_BYTES = 512 * 1024
PARTITIONS = 8
SYMBOLS = 200


class Stages:
    """One pass of a partition's backlog, with a clock at each stage."""

    def __init__(self, name: str) -> None:
        self.spent: defaultdict[str, float] = defaultdict(float)
        loaded = FeatureSet.load(name)
        engine = RealTimeFeatureEngine(loaded)
        engine.warm_up()
        self._decoder = TickDecoder(PARTITIONS)
        self._rows = WorkingRows(engine, Metrics(CollectorRegistry()))
        self._rows.open(FakeRows({}))  # type: ignore[arg-type]  # has what is asked for
        self._encoder = FeatureEncoder(loaded.outputs, loaded.version)
        self._commands = FeatureCommands(
            FeatureKeys(),
            schema=loaded.version,
            names=loaded.outputs,
            ttls=dict.fromkeys(loaded.history, 300),
            latest_ttl_s=3_600,
        )

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Take the time."""
        begin = time.perf_counter()
        yield
        self.spent[name] += time.perf_counter() - begin

    def run(self, fetched: list[bytes]) -> int:
        """All of it; returns the number of ticks."""
        count = 0
        for data in fetched:
            with self.stage("unpack (aiokafka)"):
                records: list[Any] = list(_unpacked(data))
            count += len(records)
            for start in range(0, len(records), MAX_CHUNK):
                self._chunk(records[start : start + MAX_CHUNK])
        return count

    def _chunk(self, records: list[Any]) -> None:
        with self.stage("decode"):
            decoded = self._decoder.decode(records)
        with self.stage("fold"):
            (part,) = self._rows.fold(decoded)
        columns, symbols, folded = part.columns, part.symbols, part.folded
        with self.stage("encode"):
            offsets, times, prices = columns.offset.tolist(), columns.ts_ns.tolist(), folded.price.tolist()
            ids = [f"ticks-0-{offset}" for offset in offsets]
            values = (row.tolist() for row in folded.values)
            encoded = self._encoder.encode(ids, symbols, times, prices, values, folded.flags)
        with self.stage("batch for Kafka (aiokafka)"):
            builder = new_builder()
            for i, (value, _, _) in enumerate(encoded):
                headers = [(SOURCE, b"%d" % offsets[i]), (PREVIOUS, b"%d" % offsets[i]), *records[i].headers]
                if builder.append(timestamp=None, key=records[i].key, value=value, headers=headers) is None:
                    bytes(builder._build())
                    builder = new_builder()
            bytes(builder._build())
        with self.stage("commands for Redis"):
            for i in newest_of_seconds(symbols, times):
                _, status, flags = encoded[i]
                row = folded.values[i].tolist()
                write = FeatureWrite(symbols[i], 0, offsets[i], times[i], ids[i], status, prices[i], row, flags)
                self._commands.put(write, OVERTAKEN)


def new_builder() -> BatchBuilder:
    """As the producer makes one."""
    return BatchBuilder(BATCH_BYTES, 0, is_transactional=False)


def fetched(ticks: int) -> list[bytes]:
    """Record batches of the first partition of the market, as the broker gives them."""
    line, *_ = load.market(ticks=ticks, symbols=SYMBOLS, partitions=PARTITIONS)
    sent, batches, builder = [(SENT_NS, b"%d" % time.time_ns())], [], new_builder()
    for key, value in line:
        if builder.append(timestamp=None, key=key, value=value, headers=sent) is None:
            batches.append(bytes(builder._build()))
            builder = new_builder()
            builder.append(timestamp=None, key=key, value=value, headers=sent)
    return [*batches, bytes(builder._build())]


def _unpacked(data: bytes) -> PartitionRecords:
    tp = TopicPartition("ticks", 0)
    return PartitionRecords(tp, MemoryRecords(data), [], 0, None, None, True, READ_UNCOMMITTED)


def measure(name: str, batches: list[bytes], rounds: int) -> dict[str, float]:
    """Microseconds a tick of each stage."""
    found = defaultdict(list)
    for _ in range(rounds):
        stages = Stages(name)
        # As the worker does when it is ready.
        gc.collect()
        gc.freeze()
        count = stages.run(batches)
        for stage, seconds in stages.spent.items():
            found[stage].append(seconds / count * 1e6)
    return {stage: median(each) for stage, each in found.items()}


def main() -> None:
    """Command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--ticks", type=int, default=160_000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--sets", type=lambda text: text.split(","), default=["default", "classics"])
    given = options.parse_args()
    batches = fetched(given.ticks)
    tables = {name: measure(name, batches, given.rounds) for name in given.sets}
    for name, stages in tables.items():
        print(name)
        for stage, us in (stages | {"together": sum(stages.values())}).items():
            print(f"  {stage:28} {us:6.2f} us a tick")


if __name__ == "__main__":
    main()
