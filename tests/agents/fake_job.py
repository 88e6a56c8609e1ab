"""A job whose state shows every mistake: what comes out depends on every record before it, in their order."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import ConsumerRecord

from agents.job import Rows
from agents.lane import Lane
from streams.kafka.checkpoint import Checkpoint
from streams.kafka.outlet import Outlet, Record
from streams.kafka.rejection import POISON, REASON
from tests.agents.fake_kafka import FakeKafka, Value

TICKS, FEATURES, REJECTED, CHANGELOG = "ticks", "features", "rejected", "changelog"
MODULUS = 1_000_003


def tick(key: str, number: int) -> Value:
    """An input record; a negative number is rejected."""
    return key.encode(), b"%d" % number, ()


def step(total: int, number: int) -> int:
    """The fold: it does not commute, and skipping or repeating a number shows for ever."""
    return (total * 31 + number + 7) % MODULUS


@dataclass
class LocalStore:
    """What survives a process on its disk: rows, and the changelog offset they are at."""

    rows: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Key -> source offset, total."""
    persisted: int = -1

    def recover(self, kafka: FakeKafka, partition: int = 0) -> None:
        """Apply the changelog behind `persisted`, as the real table does: never an older row over a newer one."""
        log = kafka.log(CHANGELOG, partition)
        for record in log[self.persisted + 1 :]:
            offset, total = map(int, record.value.split(b":"))
            key = record.key.decode()
            if offset >= self.rows.get(key, (-1, 0))[0]:
                self.rows[key] = (offset, total)
        self.persisted = len(log) - 1


class FoldRows:
    """agents.job.Rows."""

    def __init__(self, job: "FoldJob", rows: dict[str, tuple[int, int]]) -> None:
        self._job = job
        self._rows = rows
        self._end = 0

    async def to_changelog(self) -> None:
        """Write and wait."""
        outlet = self._job.changelog
        await outlet.open()
        for key, (offset, total) in self._rows.items():
            outlet.put([(key.encode(), b"%d:%d" % (offset, total), (), None)])
        await outlet.wait_acknowledged(outlet.put_count)
        end = outlet.end_at(outlet.put_count)
        assert end is not None, "this broker always says where the records are"
        self._end = end

    def to_store(self) -> None:
        """Rows and changelog offset at once."""
        self._job.store.rows.update(self._rows)
        self._job.store.persisted = self._end - 1


class FoldJob:
    """agents.job.Job."""

    streams: tuple[str, ...] = (FEATURES, REJECTED)

    def __init__(self, store: LocalStore, producer: Callable[[], Any], partition: int = 0) -> None:
        self.store = store
        self.changelog = Outlet(producer, CHANGELOG, partition)
        self.opened: Checkpoint | None = None
        self.notes: list[Any] = []
        self.explode: dict[int, Exception] = {}
        """Offset -> what `process` raises in its middle: folded, not emitted."""
        self.singly: list[int] = []
        """Offsets of records that came alone."""
        self.stored_calls = 0
        self._rows: dict[str, tuple[int, int]] = {}
        self._dirty: set[str] = set()
        self._seen = -1

    def open(self, partition: int, checkpoint: Checkpoint | None) -> None:
        """Rows are read when their key is first seen."""
        assert partition == 0
        self.opened = checkpoint
        self._seen = -1 if checkpoint is None else checkpoint.seen

    def process(self, lane: Lane, records: Sequence[ConsumerRecord]) -> None:
        """Fold and emit."""
        if len(records) == 1:
            self.singly.append(records[0].offset)
        for record in records:
            key, number = record.key.decode(), int(record.value)
            self._seen = record.offset
            if number < 0:
                lane.emit(REJECTED, record.offset, Record(record.key, record.value), "rejected")
                continue
            offset, total = self._rows.get(key) or self.store.rows.get(key, (-1, 0))
            if record.offset <= offset:
                continue
            total = step(total, number)
            self._rows[key] = (record.offset, total)
            self._dirty.add(key)
            if record.offset in self.explode:
                raise self.explode[record.offset]
            lane.emit(FEATURES, record.offset, Record(record.key, b"%d" % total), record.offset)

    def reject(self, lane: Lane, record: ConsumerRecord, detail: str) -> None:
        """As poison."""
        self._seen = record.offset
        headers = [(REASON, POISON), ("detail", detail.encode())]
        lane.emit(REJECTED, record.offset, Record(record.key, record.value, headers), "poison")

    def seen(self) -> int:
        """Offset of the newest record."""
        return self._seen

    async def settle(self, ends: Mapping[str, int]) -> None:
        """Nothing goes elsewhere than to Kafka."""

    def rows(self) -> Rows | None:
        """What changed since the last call."""
        rows = {key: self._rows[key] for key in sorted(self._dirty)}
        self._dirty.clear()
        return FoldRows(self, rows) if rows else None

    def stored(self) -> None:
        """Count."""
        self.stored_calls += 1

    def acknowledged(self, stream: str, notes: Sequence[Any]) -> None:
        """Remember."""
        assert stream in self.streams
        self.notes += notes

    async def close(self) -> None:
        """Nothing more is written."""
        await self.changelog.close()


def reference(
    ticks: Sequence[ConsumerRecord], poison: Collection[int] = ()
) -> dict[str, list[tuple[int, bytes, bytes]]]:
    """Topic -> source offset, key and value of each record that one run over the whole log must write, in order, where
    the offsets in `poison` cannot be processed."""
    totals: dict[bytes, int] = {}
    expected: dict[str, list[tuple[int, bytes, bytes]]] = {FEATURES: [], REJECTED: []}
    for record in ticks:
        number = int(record.value)
        if number < 0 or record.offset in poison:
            expected[REJECTED].append((record.offset, record.key, record.value))
        else:
            totals[record.key] = step(totals.get(record.key, 0), number)
            expected[FEATURES].append((record.offset, record.key, b"%d" % totals[record.key]))
    return expected
