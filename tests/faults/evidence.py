"""What a run left behind, and what it should have: the checker's input."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.e2e.offline import BarRecord


class Entry(NamedTuple):
    """One record of a topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    ts_ms: int = 0
    """The record's timestamp: when the broker appended it, where the topic has LogAppendTime."""


@dataclass(frozen=True)
class Evidence:
    """What a run left behind."""

    topic: str
    """Full name of `ticks`, which ids begin with."""
    ticks: Sequence[Entry]
    acknowledged: Mapping[tuple[int, int], bytes | None]
    """(partition, offset) -> value of every tick that the producer was told is stored."""
    features: Sequence[Entry]
    signals: Sequence[Entry]
    rejected: Sequence[Entry]
    bars: Sequence[Entry]
    changelog: Sequence[Entry]
    latest: Mapping[str, Mapping[str, str]]
    """Symbol -> its `latest` hash in Redis."""
    stores: Mapping[str, Mapping[tuple[int, str], bytes]] = field(default_factory=dict)
    """Name of a local store -> (partition, symbol) -> row."""
    final_store: str | None = None
    """Store of a worker that had every partition at the end and stopped in good order: its rows are the final ones."""


@dataclass(frozen=True)
class Truth:
    """What the ticks of a log give offline."""

    features: Mapping[str, bytes]
    """Id -> record."""
    signals: Mapping[str, bytes]
    rejected: Mapping[str, str]
    """Id -> reason."""
    bars: Mapping[str, BarRecord]
    rows: Mapping[tuple[int, str], bytes]
    """(partition, symbol) -> final row."""
    rows_at: Mapping[tuple[int, str, int], bytes]
    """(partition, symbol, source offset) -> row after that record, for every row that the evidence holds."""
