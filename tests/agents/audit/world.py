"""The logs of one partition in memory, as `streams.kafka.log_reader.LogReader` shows them."""

from aiokafka import ConsumerRecord
from aiokafka.structs import TopicPartition


class MemoryLog:
    """Records by partition; offsets need not be dense, and the front may be trimmed."""

    def __init__(self, at_once: int = 500) -> None:
        self.records: dict[TopicPartition, list[ConsumerRecord]] = {}
        self.begin: dict[TopicPartition, int] = {}
        self.at_once = at_once

    def put(self, topic: str, records: list[ConsumerRecord], partition: int = 0) -> None:
        self.records.setdefault(TopicPartition(topic, partition), []).extend(records)

    async def bounds(self, tp: TopicPartition) -> tuple[int, int]:
        there = self.records.get(tp, [])
        return self.begin.get(tp, 0), there[-1].offset + 1 if there else self.begin.get(tp, 0)

    async def fetch(self, tp: TopicPartition, offset: int) -> tuple[list[ConsumerRecord], int]:
        assert offset >= self.begin.get(tp, 0), f"{tp} begins at {self.begin[tp]}, not {offset}"
        found = [record for record in self.records.get(tp, []) if record.offset >= offset][: self.at_once]
        return found, found[-1].offset + 1 if found else offset
