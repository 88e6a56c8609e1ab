"""What waits to be written: the newest record of each (symbol, second), within a bound."""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from tables.features.contract import FeatureWrite
from tables.features.keys import NS

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Batch:
    """All that waited at one moment, in the order of the puts, so in ascending offset order within a symbol."""

    writes: list[FeatureWrite]
    callbacks: deque[Callable[[], None]]
    """To be called once all of it is stored."""
    newest: dict[str, FeatureWrite]
    """Of each symbol; the others are history only."""
    sent: int = 0
    """How many of `writes` are done with."""
    waiters: list[Callable[[], None]] = field(default_factory=list)
    """As `callbacks`, but never left out: each has somebody waiting."""

    def shed_history(self) -> None:
        """Keep the newest record of each symbol only, of what is not sent yet."""
        self.writes[self.sent :] = {write.symbol: write for write in self.writes[self.sent :]}.values()

    def overtaken(self, write: FeatureWrite) -> bool:
        """Whether a newer one of the same symbol follows."""
        return self.newest[write.symbol] is not write

    def finish(self) -> None:
        """Tell all who asked that the batch is stored."""
        for stored in (*self.callbacks, *self.waiters):
            try:
                stored()
            except Exception:
                # A caller's callback: the flush goes on, and the log tells whose fault it is.
                logger.exception("a callback of the feature store failed: %r", stored)


def newest_of_seconds(symbols: Sequence[str], ts_ns: Sequence[int]) -> list[int]:
    """Places of the records that `Pending` would keep of consecutive ones: of a symbol's second the last one. In a
    backlog these are few, and the others need not be made."""
    places = {(symbol, ts // NS): place for place, (symbol, ts) in enumerate(zip(symbols, ts_ns, strict=True))}
    return sorted(places.values())


class Pending:
    """Gathers records until they are taken; plain and synchronous, one event loop only.

    At most `bound` (symbol, second) entries are kept after each put, the newest record of every symbol always among
    them, so the floor is the number of symbols; beyond it the oldest entries that are only history go first, counted
    in `dropped`. What was taken for an attempt under way is not counted in, so at worst twice the bound is held. An
    entry takes about 0.8 kB with 14 values, 2.3 kB with 60.
    """

    def __init__(self, bound: int, width: int) -> None:
        self.bound = bound
        self.width = width
        self.dropped = 0
        self.ignored = 0
        self._limit = bound
        self._entries: dict[tuple[str, int], FeatureWrite] = {}
        self._newest: dict[str, FeatureWrite] = {}
        self._callbacks: deque[Callable[[], None]] = deque(maxlen=bound)
        self._waiters: list[Callable[[], None]] = []

    def __len__(self) -> int:
        return len(self._entries)

    def put_many(self, writes: Iterable[FeatureWrite], on_stored: Callable[[], None] | None = None) -> None:
        """Add `writes`; one that is not newer than what its symbol has here is ignored (rule 1 of the contract).

        Raises:
            ValueError: a record has not `width` values; those before it are added.
        """
        entries, newest, width = self._entries, self._newest, self.width
        for write in writes:
            if len(write.values) != width:
                raise ValueError(f"{write.id}: {len(write.values)} values for the {width} names of the store")
            symbol = write.symbol
            last = newest.get(symbol)
            if last is not None and write.offset <= last.offset and write.partition == last.partition:
                self.ignored += 1
                continue
            newest[symbol] = write
            key = (symbol, write.ts_ns // NS)
            # Removed first, so that the order of the entries stays that of the offsets.
            entries.pop(key, None)
            entries[key] = write
        if on_stored is not None:
            self._callbacks.append(on_stored)
        if len(entries) > self._limit:
            self._trim()

    def wait(self, waiter: Callable[[], None]) -> None:
        """Have `waiter` called once all that is here now is stored."""
        self._waiters.append(waiter)

    def take(self) -> Batch:
        """Hand over everything and begin anew."""
        batch = Batch(list(self._entries.values()), self._callbacks, self._newest, waiters=self._waiters)
        self._clear()
        return batch

    def restore(self, batch: Batch) -> None:
        """Take back what of `batch` was not sent, as the elder of what came since."""
        entries, callbacks, waiters = self._entries, self._callbacks, self._waiters
        self._clear()
        self._callbacks.extend(batch.callbacks)
        self._callbacks.extend(callbacks)
        self._waiters = batch.waiters + waiters
        self.put_many(batch.writes[batch.sent :])
        self.put_many(entries.values())

    def _clear(self) -> None:
        self._entries, self._newest = {}, {}
        self._callbacks, self._waiters = deque(maxlen=self.bound), []
        self._limit = self.bound

    def _trim(self) -> None:
        # A sixteenth more than needed is dropped, and the next trim waits for as many more: a scan per put would be
        # quadratic during an outage.
        slack = self.bound // 16
        excess = len(self._entries) - self.bound + slack
        history = [key for key, write in self._entries.items() if self._newest[write.symbol] is not write]
        for key in history[:excess]:
            del self._entries[key]
        self.dropped += min(excess, len(history))
        self._limit = max(self.bound, len(self._entries) + slack)
