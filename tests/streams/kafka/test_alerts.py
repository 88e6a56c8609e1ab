"""Reading `alerts`, and the tail of a topic that others write to as well; from a log in memory."""

import json

import msgspec
from aiokafka import ConsumerRecord
from aiokafka.structs import TopicPartition

from agents.alerts_commands import as_object, described
from streams.kafka.alerts import AlertSelection, find_alerts
from streams.kafka.tail import TailReader
from streams.records import Alert
from tests.agents.fake_kafka import record


class MemoryLog:
    """Two records at a time."""

    def __init__(self, records: list[ConsumerRecord]) -> None:
        self.records = records

    async def start(self) -> None:
        """Nothing to connect."""

    async def stop(self) -> None:
        """Nothing to close."""

    def _of(self, tp: TopicPartition) -> list[ConsumerRecord]:
        return [one for one in self.records if one.partition == tp.partition]

    async def bounds(self, tp: TopicPartition) -> tuple[int, int]:
        return 0, len(self._of(tp))

    async def offset_at(self, tp: TopicPartition, time_ms: int) -> int | None:
        return next((one.offset for one in self._of(tp) if one.timestamp >= time_ms), None)

    async def fetch(self, tp: TopicPartition, offset: int) -> tuple[list[ConsumerRecord], int]:
        found = self._of(tp)[offset : offset + 2]
        return found, offset + len(found)


def alert(number: int, kind: str, symbol: str = "ES") -> bytes:
    one = Alert(f"ticks-0-{number}|{kind}", kind, symbol, number, "info", f"{symbol}: words", {})
    return msgspec.json.encode(one)


def written(values: list[bytes | None], partition: int = 0) -> list[ConsumerRecord]:
    return [record("alerts", partition, i, (b"ES", value, [])) for i, value in enumerate(values)]


def log() -> MemoryLog:
    first = [alert(1, "drift"), None, alert(2, "audit-value", "NQ"), alert(1, "drift"), b"{"]
    return MemoryLog(written(first) + written([alert(3, "risk-high", "NQ")], 1))


async def test_alerts_are_counted_by_id_and_what_is_none_is_told() -> None:
    found = await find_alerts(log(), "alerts", 2, AlertSelection(), limit=2)
    assert (found.total, found.unreadable, len(found.alerts)) == (3, 2, 2)
    assert found.kinds == {"drift": 1, "audit-value": 1, "risk-high": 1}
    assert found.ends == {0: 5, 1: 1}
    lines = list(described(found))
    assert lines[0] == "3 alerts, and 2 records that are none"
    assert "the newest 2:" in lines
    assert json.loads(as_object(found))["by_symbol"] == {"NQ": 2, "ES": 1}


async def test_a_selection_and_what_came_since() -> None:
    found = await find_alerts(log(), "alerts", 2, AlertSelection(kinds=("audit-*",)), limit=9)
    assert [one.alert.id for one in found.alerts] == ["ticks-0-2|audit-value"]
    found = await find_alerts(log(), "alerts", 2, AlertSelection(symbols=("N?",)), limit=9, after={0: 3, 1: 0})
    assert [one.alert.kind for one in found.alerts] == ["risk-high"]
    found = await find_alerts(log(), "alerts", 2, AlertSelection(since_ms=2**60), limit=9)
    assert (found.total, found.ends) == (0, {0: 5, 1: 1})


async def test_the_tail_of_a_shared_topic_leaves_the_records_of_others_out() -> None:
    headers = [[("src", b"7"), ("part", b"drift")], [], [("src", b"9"), ("part", b"risk-high")], []]
    records = [record("alerts", 0, i, (b"ES", b"{}", each)) for i, each in enumerate(headers)]
    tail = await TailReader(MemoryLog(records), frozenset({"alerts"})).read("alerts", 0, 8, 1)
    assert (tail.last, tail.existing, tail.end) == (9, {9}, 4)
    assert tail.has(9, "risk-high")
    assert not tail.has(9, "drift")
