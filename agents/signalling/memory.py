"""What the ensemble remembers of the symbols of one partition, in memory and as rows of the table `ensemble-state`."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from agents.decision.emission import NOTHING_YET, Emission, Emitted
from agents.decision.following import Following
from agents.decision.maturing import Kept
from agents.idle_symbols import IdleSymbols
from tables.ensemble_state import SymbolMemory, decode_memory, encode_memory, floats
from tables.indicator_state import IndicatorStateTable, PartitionRows, RowWrite


class EnsembleMemory:
    """Of one lane. Without a table nothing outlives the process, and nothing has to."""

    def __init__(
        self,
        emission: Emission,
        table: IndicatorStateTable | None,
        producer: Callable[[], Any],
        *,
        evict_after_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`evict_after_s`: seconds without a record after which a symbol leaves memory, by `clock`; 0: never."""
        self._emission = emission
        self._table = table
        self._producer = producer
        self._saved: PartitionRows | None = None
        self._loaded: dict[str, SymbolMemory] = {}
        """Rows as they were read, until their model is met."""
        self._offsets: dict[str, int] = {}
        """Symbol -> offset in `features` of the last record that counts in its memory."""
        self._now: dict[str, int] = {}
        self._emitted: dict[str, Emitted] = {}
        self._serving: dict[str, Following] = {}
        self._dirty: set[str] = set()
        self._idle = IdleSymbols(evict_after_s, clock)

    def open(self, partition: int) -> None:
        """Take up the partition's rows; each is read when its symbol is first seen."""
        if self._table is not None:
            self._saved = self._table.partition_rows(partition, self._producer)

    def fresh(self, symbols: Sequence[str], offsets: Sequence[int]) -> list[int] | None:
        """Places of the records that do not count in a row yet; None for all. Of the others every output exists."""
        self._idle.touch(symbols)
        if self._saved is None:
            return None
        for symbol in symbols:
            if symbol not in self._offsets:
                self._load(symbol)
        kept = [i for i, (symbol, at) in enumerate(zip(symbols, offsets, strict=True)) if at > self._offsets[symbol]]
        return None if len(kept) == len(symbols) else kept

    def resume(self, following: Following, symbols: Iterable[str]) -> None:
        """Let the follower of the model that serves these symbols go on where their rows left it."""
        if self._saved is None:
            return
        for symbol in symbols:
            before = self._serving.get(symbol)
            if before is following:
                continue
            self._serving[symbol] = following
            # A model that served the symbol before, and serves again, begins anew: its row says nothing of it either.
            following.forget(symbol)
            found = self._loaded.pop(symbol, None)
            if found is not None and found.model == following.model:
                following.restore(symbol, _kept(found), floats(found.weights))

    def emits(self, symbol: str, action: int, ts_ns: int) -> bool:
        """Whether this decision becomes a signal, by the policy; remembered if so."""
        if not self._emission.remembers:
            return True
        if not self._emission.emits(self._emitted.get(symbol, NOTHING_YET), action, ts_ns):
            return False
        self._emitted[symbol] = Emitted(action, ts_ns)
        if self._saved is not None:
            self._dirty.add(symbol)
        return True

    def advance(self, symbols: Sequence[str], offsets: Sequence[int], ts_ns: Sequence[int]) -> None:
        """These records count now."""
        if self._saved is None:
            return
        self._offsets.update(zip(symbols, offsets, strict=True))
        for symbol, now in zip(symbols, ts_ns, strict=True):
            self._now[symbol] = max(now, self._now.get(symbol, now))
        # What was not emitted changes nothing in a row: a replay decides about it anew, from the same row.
        self._dirty.update(symbol for symbol in symbols if symbol in self._serving)

    def rows(self) -> RowWrite | None:
        """Copies of the rows that changed since the last call; None where there are none."""
        if self._saved is None or not self._dirty:
            return None
        rows = {symbol: encode_memory(self._offsets[symbol], self._memory(symbol)) for symbol in sorted(self._dirty)}
        self._dirty.clear()
        return self._saved.write(rows)

    def let_go(self) -> list[str]:
        """Symbols that had no record for long, forgotten: their rows are in the table, and come back from there."""
        gone = self._idle.take(self._dirty)
        for symbol in gone:
            for known in (self._loaded, self._offsets, self._now, self._emitted, self._serving):
                known.pop(symbol, None)
        return gone

    async def close(self) -> None:
        """Write nothing more."""
        if self._saved is not None:
            await self._saved.close()

    def _load(self, symbol: str) -> None:
        assert self._saved is not None, "open comes first"
        value = self._saved.get(symbol)
        if value is None:
            self._offsets[symbol] = -1
            return
        offset, memory = decode_memory(value, symbol)
        self._offsets[symbol], self._now[symbol] = offset, memory.now_ns
        self._emitted[symbol] = Emitted(memory.action, memory.emitted_ns)
        if memory.model:
            self._loaded[symbol] = memory

    def _memory(self, symbol: str) -> SymbolMemory:
        emitted = self._emitted.get(symbol, NOTHING_YET)
        following = self._serving.get(symbol)
        if following is None or symbol not in following:
            found = self._loaded.get(symbol)
            if found is None:
                return SymbolMemory(emitted.action, emitted.ts_ns, self._now[symbol])
            # Its model is away: the weights wait for it. Prices of its decisions' future were missed, so they go.
            return SymbolMemory(
                emitted.action, emitted.ts_ns, self._now[symbol], found.model, found.weights, math.nan, math.nan
            )
        kept, weights = following.keep(symbol)
        return SymbolMemory(
            action=emitted.action,
            emitted_ns=emitted.ts_ns,
            now_ns=kept.now_ns,
            model=following.model,
            weights=_bytes(weights),
            price=kept.price,
            mid=kept.mid,
            ts_ns=kept.ts_ns.astype("<i8").tobytes(),
            base=_bytes(kept.base),
            quoted=kept.quoted.astype(np.uint8).tobytes(),
            payload=_bytes(kept.payload),
        )


def _kept(memory: SymbolMemory) -> Kept:
    ts_ns = np.frombuffer(memory.ts_ns, "<i8").astype(np.int64)
    return Kept(
        memory.now_ns,
        memory.price,
        memory.mid,
        ts_ns,
        floats(memory.base),
        np.frombuffer(memory.quoted, np.uint8).astype(np.bool_),
        floats(memory.payload).reshape(len(ts_ns), -1) if len(ts_ns) else np.empty((0, 0)),
    )


def _bytes(numbers: np.ndarray[Any, Any]) -> bytes:
    return numbers.astype("<f8", copy=False).tobytes()
