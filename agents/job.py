"""What a lane asks of its work and of its surroundings."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from aiokafka import ConsumerRecord
from faust.types import TP

from streams.kafka.checkpoint import Checkpoint

if TYPE_CHECKING:
    from agents.lane import Lane


class Broker(Protocol):
    """What a lane needs of Faust's consumer (streams.kafka.transport.Consumer)."""

    async def reread(self, tp: TP, offset: int) -> int:
        """Read `tp` again from `offset`; batches polled after that carry the returned epoch."""

    def told(self, tp: TP, end: int) -> None:
        """What `tp` holds up to `end` is known and need not be read; nor, for a while, what comes behind it."""

    def untold(self, tp: TP) -> None:
        """`tp` has to be read again."""

    async def commit_with_metadata(self, offsets: Mapping[TP, tuple[int, str]], timeout_s: float) -> None:
        """Commit offsets with metadata, refused for a partition that is another worker's."""

    async def committed_with_metadata(self, tp: TP, timeout_s: float) -> tuple[int, str] | None:
        """Committed offset and metadata, None without a commit."""


class Rows(Protocol):
    """The rows of one checkpoint, written in two steps around the commit."""

    async def to_changelog(self) -> None:
        """Write the rows to the changelog and wait until they are acknowledged."""

    def to_store(self) -> None:
        """Write the rows and the changelog's offset to the local store, in one step."""


class Job(Protocol):
    """The work of a lane. All of it is synchronous: state changes only between awaits, so that a snapshot is always
    that of a whole batch."""

    streams: tuple[str, ...]
    """Full names of the output topics; output goes to the partition number of the input."""

    def open(self, partition: int, checkpoint: Checkpoint | None) -> None:
        """Take up work where the last checkpoint left it."""

    def process(self, lane: "Lane", records: Sequence[ConsumerRecord]) -> None:
        """Work on contiguous records and emit their outputs through `lane`, which holds them back until this returns.
        Where it raises, nothing of the batch comes out, but what the job remembers may be half changed: the job is not
        used any more (agents/quarantine.py)."""

    def reject(self, lane: "Lane", record: ConsumerRecord, detail: str) -> None:
        """Emit the rejection of a record that cannot be processed, and remember nothing else of it."""

    def seen(self) -> int:
        """`Checkpoint.seen` of everything processed so far."""

    async def settle(self, ends: Mapping[str, int]) -> None:
        """Wait, for a bounded time, until what was handed elsewhere than to Kafka is stored there; `ends` is where each
        output stream ends by what is acknowledged."""

    def rows(self) -> Rows | None:
        """Snapshot of the rows that changed since the last call; None where there are none."""

    def stored(self) -> None:
        """Every snapshot taken so far is in the local store."""

    def acknowledged(self, stream: str, notes: Sequence[Any]) -> None:
        """The outputs that were emitted with these notes are acknowledged."""

    async def close(self) -> None:
        """Nothing more is written; wait until it is known of everything sent whether it was written."""
