"""Ticks from Kafka records: decoded and checked once, at the edge, each with a verdict of its own."""

import math
import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeVar

import msgspec
import numpy as np
from aiokafka import ConsumerRecord

from streams.columns import GAP, TICK, WARM, TickColumns
from streams.errors import TickRejected
from streams.feeds.partitions import SymbolPartitions
from streams.feeds.rfc3339 import event_time_ns
from streams.headers import MAX_DIGITS, header
from streams.marks import (
    CLOCK_KIND,
    GAP_KIND,
    REFERENCE_KIND,
    WARM_KIND,
    Clock,
    ClockMark,
    GapMark,
    Reference,
    clock_id,
)
from streams.quality.rules import NO_FILTERS, QualityFilters
from streams.records import KIND, MAX_TICK_BYTES, SYMBOL_PATTERN, Tick

T = TypeVar("T")

NAN: Final = math.nan
INF: Final = math.inf
MAX_TS_NS: Final = 2**63 - 1
_SYMBOL = re.compile(SYMBOL_PATTERN)
_SIDES: Final = {None: 0, "buy": 1, "sell": -1}
NO_SEQUENCE: Final = -1
UNKNOWN: Final = -1
"""Arrival of a record that the broker did not stamp."""
LOG_APPEND_TIME: Final = 1
"""Timestamp type of a record that the broker stamped; what producers stamp is no arrival."""
NS_PER_MS: Final = 1_000_000
_Row = tuple[int, int, float, float, float, float, float, float, int, int, float, int, int, int]


class Rejection(NamedTuple):
    """One record that is not folded: it goes to `ticks-rejected` as it came."""

    record: ConsumerRecord
    reason: str
    detail: str


class Decoded(NamedTuple):
    """A micro-batch: the ticks (and gap marks) as columns, beside each its symbol and record; what was rejected; and
    the clock marks and copies of reference symbols that stand between them."""

    columns: TickColumns
    symbols: list[str]
    records: list[ConsumerRecord]
    rejected: list[Rejection]
    marks: int
    """Clock marks and copies of reference symbols, which yield no feature record of their own."""
    clocks: Sequence[Clock] = ()
    references: Sequence[Reference] = ()


class TickDecoder:
    """Decodes the records of the `ticks` topic; remembers which keys belong to a partition (bounded)."""

    def __init__(self, partitions: int, *, any_partition: bool = False, filters: QualityFilters = NO_FILTERS) -> None:
        """`filters`: which symbols are allowed, and which conditions; the rest of them is the engine's."""
        self._filters = filters
        self._judge_conditions = filters.judge_conditions
        self._any_partition = any_partition
        self._decode = msgspec.json.Decoder(Tick).decode
        self._decode_clock = msgspec.json.Decoder(ClockMark).decode
        self._decode_gap = msgspec.json.Decoder(GapMark).decode
        self._places = SymbolPartitions(partitions)

    def decode(self, records: Sequence[ConsumerRecord]) -> Decoded:
        """Decode and check each record for itself: one bad tick spoils nobody else's."""
        rows: list[_Row] = []
        symbols: list[str] = []
        accepted: list[ConsumerRecord] = []
        rejected: list[Rejection] = []
        clocks: list[Clock] = []
        references: list[Reference] = []
        for record in records:
            try:
                kind = header(record.headers, KIND) if record.headers else None
                if kind is None or kind == WARM_KIND:
                    tick = self._tick(record)
                    self._check_place(record, tick.symbol)
                    barred = self._judge_conditions and self._filters.of(tick.symbol).bars(tick.conditions)
                    symbol = tick.symbol
                    row = _row(record.offset, tick, TICK if kind is None else WARM, _arrival_ns(record), barred)
                else:
                    if kind == CLOCK_KIND:
                        clocks.append(self._clock(record, len(rows)))
                        continue
                    if kind == REFERENCE_KIND:
                        references.append(self._reference(record, len(rows)))
                        continue
                    symbol, row = self._gap(record, kind)
                rows.append(row)
            except TickRejected as error:
                rejected.append(Rejection(record, error.reason, error.detail))
            else:
                symbols.append(symbol)
                accepted.append(record)
        return Decoded(_columns(rows), symbols, accepted, rejected, len(clocks) + len(references), clocks, references)

    def _tick(self, record: ConsumerRecord) -> Tick:
        return _json(record, self._decode)

    def _clock(self, record: ConsumerRecord, place: int) -> Clock:
        mark = _json(record, self._decode_clock)
        _check_time(mark.ts_ns)
        return Clock(place, record.offset, clock_id(mark.clock), mark.ts_ns)

    def _reference(self, record: ConsumerRecord, place: int) -> Reference:
        tick = self._tick(record)
        _, ts_ns, price, *_ = _row(record.offset, tick, TICK)
        return Reference(place, record.offset, tick.symbol, price, ts_ns)

    def _gap(self, record: ConsumerRecord, kind: bytes) -> tuple[str, _Row]:
        if kind != GAP_KIND:
            raise TickRejected("unknown-kind", f"header '{KIND}' is {kind[:32]!r}; ticks have none")
        mark = _json(record, self._decode_gap)
        self._check_place(record, mark.symbol)
        _check_time(mark.ts_ns)
        numbers = (NAN, 0.0, NAN, NAN, NAN, NAN)
        return mark.symbol, (record.offset, mark.ts_ns, *numbers, 0, NO_SEQUENCE, 0.0, GAP, UNKNOWN, False)

    def _check_place(self, record: ConsumerRecord, symbol: str) -> None:
        if symbol not in self._places:
            # Only those that pass are remembered there.
            if _SYMBOL.fullmatch(symbol) is None:
                raise TickRejected("bad-symbol", f"symbol {symbol[:64]!r} does not match {SYMBOL_PATTERN}")
            self._filters.check_allowed(symbol)
        if self._any_partition and record.key is None:
            return
        if record.key is None:
            raise TickRejected("no-key", f"set the record's key to the symbol, {symbol!r}")
        key, partition = self._places[symbol]
        if record.key != key:
            raise TickRejected(
                "key-mismatch", f"the key is {record.key[:64]!r}, the symbol {symbol!r}; make them equal"
            )
        if partition != record.partition and not self._any_partition:
            raise TickRejected(
                "wrong-partition",
                f"key {symbol!r} belongs to partition {partition} by murmur2, this is {record.partition}; "
                "librdkafka clients need partitioner=murmur2_random",
            )


def _cut(text: str) -> str:
    """msgspec quotes a wrong enum value whole; the field, which it names last, is kept."""
    return text if len(text) <= 200 else f"{text[:100]} ... {text[-100:]}"


def _json(record: ConsumerRecord, decode: Callable[[bytes], T]) -> T:
    value = record.value
    if value is None:
        raise TickRejected("bad-json", "the value is null; send a JSON object")
    if len(value) > MAX_TICK_BYTES:
        raise TickRejected("too-large", f"{len(value)} bytes; a tick has at most {MAX_TICK_BYTES}")
    try:
        return decode(value)
    except msgspec.ValidationError as error:
        raise TickRejected("invalid", _cut(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TickRejected("bad-json", str(error)) from None


def _check_time(ts_ns: int) -> None:
    if not 0 < ts_ns <= MAX_TS_NS:
        raise TickRejected("bad-time", f"ts_ns {ts_ns} is outside 1..2^63-1")


def _arrival_ns(record: ConsumerRecord) -> int:
    """When the broker appended it, by LogAppendTime."""
    return record.timestamp * NS_PER_MS if record.timestamp_type == LOG_APPEND_TIME else UNKNOWN


def _sequence(seq: int | str | None) -> int:
    """A venue's sequence number; -1 where it has none, or one that does not count (a hash, a UUID)."""
    if isinstance(seq, str):
        seq = int(seq) if seq.isascii() and seq.isdigit() and len(seq) <= MAX_DIGITS else NO_SEQUENCE
    return seq if seq is not None and 0 <= seq <= MAX_TS_NS else NO_SEQUENCE


def _bad_number(tick: Tick) -> TickRejected:
    """Says which of its numbers cannot be."""
    for name, value in (("price", tick.price), ("bid", tick.bid), ("ask", tick.ask)):
        if value is not None and not 0 < value < INF:
            return TickRejected(f"bad-{name}", f"{name} {value!r} is not a positive finite number")
    for name, value in (("size", tick.size), ("bid_size", tick.bid_size), ("ask_size", tick.ask_size)):
        if value is not None and not 0 <= value < INF:
            return TickRejected("bad-size", f"{name} {value!r} is not a finite number >= 0")
    raise AssertionError("all of its numbers are in order")


def _row(offset: int, tick: Tick, kind: int, arrival_ns: int = UNKNOWN, barred: bool = False) -> _Row:
    price, bid, ask = tick.price, tick.bid, tick.ask
    if (tick.ts_ns is None) == (tick.ts is None):
        raise TickRejected("bad-time", "give exactly one of ts_ns (integer nanoseconds) and ts (RFC 3339)")
    try:
        ts_ns = event_time_ns(tick)
    except ValueError as error:
        raise TickRejected("bad-time", f"ts {(tick.ts or '')[:64]!r}: {error}") from None
    _check_time(ts_ns)
    if price is None and (bid is None or ask is None):
        raise TickRejected("empty", "neither a price nor both bid and ask")
    size, bid_size, ask_size = tick.size, tick.bid_size, tick.ask_size
    if not (
        (price is None or 0 < price < INF)
        and (bid is None or 0 < bid < INF)
        and (ask is None or 0 < ask < INF)
        and 0 <= size < INF
        and (bid_size is None or 0 <= bid_size < INF)
        and (ask_size is None or 0 <= ask_size < INF)
    ):
        raise _bad_number(tick)
    return (
        offset,
        ts_ns,
        NAN if price is None else price,
        size,
        NAN if bid is None else bid,
        NAN if ask is None else ask,
        NAN if bid_size is None else bid_size,
        NAN if ask_size is None else ask_size,
        _SIDES[tick.side],
        _sequence(tick.seq),
        clock_id(tick.clock),
        kind,
        arrival_ns,
        barred,
    )


def _columns(rows: list[_Row]) -> TickColumns:
    offset, ts_ns, *numbers, side, seq, clock, kind, arrival_ns, barred = (
        zip(*rows, strict=True) if rows else ((),) * 14
    )
    # Three arrays and their rows, not fourteen arrays: most batches hold one tick or two.
    integers = np.array((offset, ts_ns, seq, arrival_ns), np.int64)
    price, size, bid, ask, bid_size, ask_size, clocks = np.array((*numbers, clock), np.float64)
    sides, kinds, bars = np.array((side, kind, barred), np.int8)
    return TickColumns(
        offset=integers[0],
        ts_ns=integers[1],
        price=price,
        size=size,
        bid=bid,
        ask=ask,
        bid_size=bid_size,
        ask_size=ask_size,
        side=sides,
        seq=integers[2],
        clock=clocks,
        kind=kinds,
        reference=np.empty((len(rows), 0)),
        arrival_ns=integers[3],
        barred=bars,
    )
