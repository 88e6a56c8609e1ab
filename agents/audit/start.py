"""Where the audit of a symbol begins: at the log's first tick, or at a saved row from which every tick is there."""

from collections.abc import Collection
from dataclasses import dataclass

from aiokafka.structs import TopicPartition

from agents.audit.feed import Log
from streams.errors import StateError
from streams.feature_set import FeatureSet
from tables.indicator_state import Row, decode_row
from tables.state_log import Head


@dataclass(frozen=True, slots=True)
class Start:
    """Of one symbol."""

    row: Row | None
    """None: with its first tick."""

    @property
    def source(self) -> int:
        """Offset of the last tick that is behind it, -1 for none."""
        return -1 if self.row is None else self.row.offset

    def __str__(self) -> str:
        return "the log's start" if self.row is None else f"the row at {self.row.offset}"


async def find_starts(
    log: Log,
    changelog: TopicPartition,
    feature_set: FeatureSet,
    symbols: Collection[str],
    *,
    first_tick: int,
    since: int | None,
) -> dict[str, Start]:
    """Where each symbol can begin; those that cannot yet are left out.

    `first_tick`: offset of the first record that the partition of `ticks` still holds. `since`: None begins as early as
    there is anything, which is at the start where the log still has it; else at the first row that is not before that
    offset of `ticks`, or at the newest one where none is.

    Rows of another feature set are no start.
    """
    if first_tick == 0 and since is None:
        return {symbol: Start(None) for symbol in symbols}
    wanted = {symbol.encode(): symbol for symbol in symbols}
    least = max(first_tick, since or 0) - 1
    found: dict[str, bytes] = {}
    offsets: dict[str, int] = {}
    at, end = await log.bounds(changelog)
    while at < end:
        records, following = await log.fetch(changelog, at)
        for record in records:
            symbol = wanted.get(record.key)
            head = Head.of(record.value) if symbol is not None and record.value is not None else None
            if symbol is None or head is None or head.layout != feature_set.layout_hash:
                continue
            if head.offset < first_tick - 1:
                continue
            known = offsets.get(symbol)
            # The earliest one that is not before `least`; until there is one, the newest.
            if known is None or known < least:
                found[symbol], offsets[symbol] = record.value, head.offset
        if following <= at:
            break
        at = following
    starts = {symbol: Start(_decoded(symbol, value, feature_set)) for symbol, value in found.items()}
    if first_tick == 0:
        # A symbol without a row has had no tick before its first row is written.
        starts |= {symbol: Start(None) for symbol in symbols if symbol not in starts}
    return starts


def _decoded(symbol: str, value: bytes, feature_set: FeatureSet) -> Row:
    try:
        return decode_row(value, symbol=symbol, layout=feature_set.layout_hash, width=feature_set.width)
    except StateError as error:
        raise StateError(f"the audit cannot begin at that row: {error}") from error
