"""The audit of some symbols of one partition: ticks, feature records and rejects, put together by source offset."""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

import msgspec
from aiokafka import ConsumerRecord

from streams.audit.difference import Difference
from streams.audit.event import Event, event_of_clock, events_of
from streams.audit.finding import Finding
from streams.audit.left_out import without_left_out
from streams.audit.served import decode
from streams.audit.symbol import Recomputed
from streams.audit.symbol_audit import SymbolAudit
from streams.headers import header, integer
from streams.kafka.rejection import REASON
from streams.quality.rules import NO_FILTERS, QualityFilters
from streams.records import SOURCE
from streams.ticks import TickDecoder

KEPT: Final = 256
"""Served records of a symbol that are remembered, to be compared with copies and with Redis."""

UNSEEN: Final = frozenset({"late", "poison"})
"""Reasons for which a tick's sequence number is not counted as one that came."""


class Waiting(NamedTuple):
    """A tick, or a mark, that is to be folded next."""

    event: Event
    symbol: str
    """Empty for a clock mark, which concerns all."""


class PartitionAudit:
    """Pure: records in, findings out. Who reads them is agents/audit/auditor.py."""

    def __init__(
        self,
        topic: str,
        partition: int,
        decoder: TickDecoder,
        make: Callable[[str], Recomputed],
        *,
        every: int = 1,
        filters: QualityFilters = NO_FILTERS,
    ) -> None:
        """`topic`: full name of `ticks`. `make`: a fresh recomputation of a symbol. `every`: see SymbolAudit."""
        self._prefix = f"{topic}-{partition}-"
        self._decoder = decoder
        self._make = make
        self._every = every
        self._filters = filters
        self.audits: dict[str, SymbolAudit] = {}
        self._keys: set[bytes | None] = {None}
        self._queue: deque[Waiting] = deque()
        self._served: dict[int, tuple[str, bytes]] = {}
        self._rejected: dict[int, str] = {}
        self._recent: dict[str, OrderedDict[str, bytes]] = {}
        self.ticks_upto = -1
        """Newest tick that was put in."""
        self.features_upto = -1
        """Newest source offset of which a feature record was read, of any symbol."""
        self.rejected_upto = -1
        self.served_from = 0
        """Ticks before this one had feature records that are gone."""
        self.passed = -1
        """Every tick up to here has been held against what was served."""

    def add(self, symbol: str, recomputed: Recomputed | None = None) -> SymbolAudit:
        """Audit a symbol: from its first tick on, or from where `recomputed` is."""
        audit = self.audits[symbol] = SymbolAudit(symbol, recomputed or self._make(symbol), every=self._every)
        self._keys.add(symbol.encode())
        self._recent[symbol] = OrderedDict()
        return audit

    def remove(self, symbol: str) -> SymbolAudit:
        """Audit it no more."""
        self._keys.discard(symbol.encode())
        self._recent.pop(symbol)
        self._queue = deque(waiting for waiting in self._queue if waiting.symbol != symbol)
        self._served = {src: found for src, found in self._served.items() if found[0] != symbol}
        return self.audits.pop(symbol)

    @property
    def head(self) -> int | None:
        """Offset of the tick that is to be judged next, None where none waits."""
        return self._queue[0].event.offset if self._queue else None

    @property
    def waiting(self) -> int:
        """Ticks and records that wait for one another."""
        return len(self._queue) + len(self._served)

    def put_ticks(self, records: Sequence[ConsumerRecord]) -> None:
        """The next records of `ticks`."""
        if not records:
            return
        ours = [record for record in records if record.key in self._keys]
        decoded = self._decoder.decode(ours)
        events = zip(events_of(decoded.columns), decoded.symbols, strict=True)
        found = [Waiting(event, symbol) for event, symbol in events if symbol in self.audits]
        found += [Waiting(event_of_clock(mark), "") for mark in decoded.clocks]
        self._queue.extend(sorted(found, key=lambda waiting: waiting.event.offset))
        self.ticks_upto = records[-1].offset

    def put_features(self, records: Sequence[ConsumerRecord]) -> None:
        """The next records of `features`."""
        for record in records:
            source = integer(header(record.headers, SOURCE))
            self.features_upto = max(self.features_upto, source)
            if record.key not in self._keys or record.key is None:
                continue
            symbol = record.key.decode()
            kept = self._recent[symbol].get(f"{self._prefix}{source}")
            known = kept if source not in self._served else self._served[source][1]
            if known is not None:
                self._copy(symbol, source, known, record.value)
            elif source > self.passed and source > self.audits[symbol].recomputed.memory.offset:
                self._served[source] = (symbol, record.value)

    def put_rejected(self, records: Iterable[ConsumerRecord]) -> None:
        """The next records of `ticks-rejected`."""
        for record in records:
            source = integer(header(record.headers, SOURCE))
            self.rejected_upto = max(self.rejected_upto, source)
            if record.key in self._keys:
                reason = (header(record.headers, REASON) or b"").decode()
                self._rejected[source] = reason
                if source <= self.passed and record.key is not None:
                    self._rejected_after_all(record.key.decode(), source, reason)

    def advance(self, *, final: bool = False) -> None:
        """Fold and compare as far as it is known what became of each tick.

        `final`: nothing more will come of rejects, so a tick that has neither a record nor a reject has none.
        """
        while self._queue:
            event, symbol = self._queue[0]
            if symbol and not self._known(event, symbol, final=final):
                break
            self._queue.popleft()
            if not symbol:
                for audit in self.audits.values():
                    audit.recomputed.fold(event)
            elif event.offset > self.audits[symbol].recomputed.memory.offset:
                self._judge(self.audits[symbol], event)
            self.passed = max(self.passed, event.offset)
        if not self._queue:
            self.passed = max(self.passed, min(self.ticks_upto, self.features_upto))
        self._forget()

    def findings(self, *, final: bool = False) -> list[Finding]:
        """What there is to say since the last call."""
        return [finding for audit in self.audits.values() for finding in audit.findings(final=final)]

    def recent(self, symbol: str, id_: str) -> bytes | None:
        """What the topic has under an id, if it came not long ago."""
        return self._recent[symbol].get(id_)

    def _known(self, event: Event, symbol: str, *, final: bool) -> bool:
        """Whether it is known what became of a tick. One of a warm-up has no record, but may have been rejected."""
        source = event.offset
        if source in self._served or source in self._rejected:
            return True
        if event.kind == "gap" or (event.kind == "warm" and not self._filters.of(symbol).judges):
            return True
        if source <= self.audits[symbol].recomputed.memory.offset:
            return True
        return self.features_upto > source and (self.rejected_upto > source or final)

    def _judge(self, audit: SymbolAudit, event: Event) -> None:
        id_ = f"{self._prefix}{event.offset}"
        late = audit.recomputed.is_late(event)
        reason = self._rejected.pop(event.offset, None)
        found = self._served.pop(event.offset, None)
        rules, level = self._filters.of(audit.symbol), audit.recomputed.memory.level
        if reason is not None:
            if found is not None:
                self._both(audit, id_, event.ts_ns, reason)
            if reason == "late" and not late:
                audit.report("record", id_, event.ts_ns, f"{audit.symbol}: {id_} was rejected as late and is not")
            if reason == "jump" and event.is_quote and not event.is_trade:
                level.takes(event.ts_ns, (event.bid + event.ask) / 2, rules)
            audit.recomputed.pass_over(event, counts=reason not in UNSEEN)
            return
        if found is not None and late:
            audit.report("record", id_, event.ts_ns, f"{audit.symbol}: {id_} is late and was folded")
            return
        folded = without_left_out(event, rules, level) if event.kind != "gap" and not late else event
        if found is not None:
            self._check(audit, folded, id_, found[1])
            return
        if event.kind == "tick" and event.offset >= self.served_from:
            audit.report("missing", id_, event.ts_ns, f"{audit.symbol}: {id_} has neither a record nor a reject")
        audit.fold(folded)

    def _rejected_after_all(self, symbol: str, source: int, reason: str) -> None:
        """A reject that came when its tick had been judged: there must not have been a record."""
        audit, id_ = self.audits[symbol], f"{self._prefix}{source}"
        if id_ in self._recent[symbol]:
            self._both(audit, id_, audit.recomputed.now_ns, reason)

    def _both(self, audit: SymbolAudit, id_: str, ts_ns: int, reason: str) -> None:
        audit.report("record", id_, ts_ns, f"{audit.symbol}: {id_} has a record and a reject ({reason})")

    def _check(self, audit: SymbolAudit, event: Event, id_: str, value: bytes) -> None:
        try:
            served = decode(value)
        except msgspec.DecodeError as error:
            audit.report("record", id_, event.ts_ns, f"{audit.symbol}: {id_} is no feature record: {error}")
            audit.fold(event)
            return
        recent = self._recent[audit.symbol]
        recent[id_] = value
        if len(recent) > KEPT:
            recent.popitem(last=False)
        audit.check(event, served, id_)

    def _copy(self, symbol: str, source: int, known: bytes, value: bytes) -> None:
        audit, id_ = self.audits[symbol], f"{self._prefix}{source}"
        if value == known:
            audit.counts.copies += 1
        else:
            ts_ns = audit.recomputed.now_ns
            audit.report("copy", id_, ts_ns, f"{symbol}: {id_} was served twice, with other bytes the second time")

    def _forget(self) -> None:
        """Drop what is behind; a feature record of what is no tick is one too many."""
        for source in [source for source in self._served if source < self.passed]:
            symbol, value = self._served.pop(source)
            id_, ts_ns = f"{self._prefix}{source}", self.audits[symbol].recomputed.now_ns
            shown = [Difference("record", "field", value[:200].decode(errors="replace"), None)]
            self.audits[symbol].report("extra", id_, ts_ns, f"{symbol}: {id_} is no tick and has a record", shown)
        for source in [source for source in self._rejected if source < self.passed]:
            del self._rejected[source]
