"""What every feature store promises: the record it takes, the answer it gives, and the protocol between them.

Two stores keep this contract and pass the same tests: `tables.feature_store.RealTimeFeatureStore` (Redis) and
`tables.features.store_memory.MemoryFeatureStore`.

Rules, the same for both:

1. Newest wins, by source offset within a symbol. A record whose offset is not greater than that of the newest record
   the symbol has changes nothing, neither the latest values nor a history second. Offsets of different partitions
   cannot be compared: a record of another partition counts as newer (a symbol moves when the partitions of `ticks`
   change). A symbol that comes from two partitions in turn has two states, and which of them is shown is not promised.
2. The latest values of a symbol are those of its newest record, all of it: a value that is null there is null, whatever
   an earlier record said. They live `latest_ttl_s` seconds from the last write.
3. The history of a feature holds one value a second of event time (UTC): that of the newest record of that second, and
   none if that record has a null there. It lives for the feature's `ttls` seconds from the last write of that second.
   Features that are not in the store's `ttls` keep none.
4. Between two flushes only the newest record of each (symbol, second) is kept; by rules 1 to 3 nothing visible is lost.
5. Records of the log (`FeatureFiller.fill`) come in any order and beside those of the stream. Each becomes the newest
   of its symbol, of its second, or of both where it is not older than what is there, and has what is left of its life.
   So filling goes backwards for nobody, and any stretch of the log may be filled again. Of two partitions the later
   event time is newer here.
6. NaN and infinities are null. Every other double reads back bit for bit.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

import msgspec

from tables.features.answers import FeatureHistory, LatestFeatures, PastFeatures
from tables.features.matrix import FeatureMatrix

MAX_HISTORY_SECONDS = 86_400
"""Longest range that one `history` call reads, in seconds."""


class FeatureWrite(msgspec.Struct, frozen=True, gc=False):
    """The features of one symbol after one source record.

    `partition` and `offset` are the source record's, `id` is that of the feature record, `price` is that of the last
    trade (None or NaN before the first), `values` are Python floats (no NumPy scalars or arrays) in the order of the
    store's names with NaN for null, `flags` is a JSON object (name -> flag) of the values that are not ready, `b""` or
    `b"{}"` where all are. Treat `values` as given away: it is read when the record is written.
    """

    symbol: str
    partition: int
    offset: int
    ts_ns: int
    id: str
    status: str
    price: float | None
    values: Sequence[float]
    flags: bytes = b""


class PastWrite(NamedTuple):
    """A record of the log, and how many seconds ago it was written there, rounded up."""

    write: FeatureWrite
    age_s: int


class FeatureFiller(Protocol):
    """The way from the topic into a store: records of the log, and how far a partition is filled with them."""

    async def fill(self, writes: Sequence[PastWrite]) -> int:
        """Store records of the log; how many changed anything. RetryError where the store is away."""

    async def watermark(self, partition: int) -> int | None:
        """Offset in the topic up to which the view of `partition` is filled; None where none is known."""

    async def advance(self, partition: int, expected: int | None, offset: int) -> bool:
        """Move the watermark from `expected` to `offset`; False, and nothing moved, where it is not `expected`."""


class FeatureStore(Protocol):
    """A materialised view of the newest features and their recent history."""

    @property
    def pending(self) -> int:
        """Records put and not stored yet."""

    @property
    def written(self) -> int:
        """Records stored."""

    @property
    def ignored(self) -> int:
        """Records that were not newer than their symbol's (rule 1), as seen by the store when it wrote."""

    @property
    def dropped(self) -> int:
        """Records lost: history seconds beyond the bound, and records that the store refused for good."""

    @property
    def errors(self) -> int:
        """Attempts to write that failed, and records refused."""

    @property
    def up(self) -> bool:
        """Whether the last attempt to reach the store succeeded."""

    @property
    def filler(self) -> FeatureFiller:
        """Fills the store from the topic, without waiting for what was put."""

    async def start(self) -> None:
        """Connect and begin to write. A store that is away is no error: it is tried again until it answers."""

    def put_many(self, writes: Iterable[FeatureWrite], on_stored: Callable[[], None] | None = None) -> None:
        """Take the records of one micro-batch, in offset order per symbol; never waits, never fails for a store away.

        `on_stored` is called once, on the event loop or before this returns, when each of these records or a newer one
        of its symbol is stored (or was dropped for the bound). Calls come in the order of the puts; during a long
        outage the oldest of them are left out, so that memory stays bounded: a later call stands for all before it.

        Raises:
            ValueError: a record has another number of values than the store has names.
        """

    async def flush(self, timeout_s: float = 10.0) -> None:
        """Return when all that was put so far is stored; RetryError if it is not within `timeout_s` seconds."""

    async def stop(self, timeout_s: float = 5.0) -> None:
        """Flush for at most `timeout_s` seconds and close; what is left then is counted in a warning."""

    async def latest(
        self, symbol: str, names: Sequence[str] | None = None, *, now_ns: int | None = None
    ) -> LatestFeatures | None:
        """Newest features of `symbol` (of `names` only, if given), from one record; None if there are none."""

    async def latest_many(
        self, symbols: Sequence[str], names: Sequence[str] | None = None, *, now_ns: int | None = None
    ) -> FeatureMatrix:
        """Newest features of `symbols` as a matrix, all of one feature set."""

    async def history(
        self, symbol: str, name: str, start_ns: int, end_ns: int, *, now_ns: int | None = None
    ) -> FeatureHistory:
        """The seconds that begin in [start_ns, end_ns) and have a value of `name`.

        At most `MAX_HISTORY_SECONDS` seconds; ValueError beyond. ConfigError for a feature that keeps no history.
        """

    async def as_of(self, symbol: str, names: Sequence[str] | None, ts_ns: int) -> PastFeatures | None:
        """The last record of the newest second that was over at `ts_ns`; None if there is none."""

    async def symbols(self) -> list[str]:
        """Symbols that have latest features, sorted."""
