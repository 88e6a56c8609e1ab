"""Ticks from Kafka records: decoded and checked once, at the edge, each with a verdict of its own."""

import math
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
from aiokafka import ConsumerRecord

from streams.columns import TickColumns
from streams.errors import TickRejected
from streams.feeds.partitions import SymbolPartitions
from streams.feeds.rfc3339 import event_time_ns
from streams.headers import header
from streams.records import KIND, MAX_TICK_BYTES, SYMBOL_PATTERN, Tick

NAN: Final = math.nan
MAX_TS_NS: Final = 2**63 - 1
_SYMBOL = re.compile(SYMBOL_PATTERN)
_SIDES: Final = {None: 0, "buy": 1, "sell": -1}
KINDS_WITHOUT_RECORD: Final = frozenset({b"clock", b"reference"})


class Rejection(NamedTuple):
    """One record that is not folded: it goes to `ticks-rejected` as it came."""

    record: ConsumerRecord
    reason: str
    detail: str


class Decoded(NamedTuple):
    """A micro-batch: the ticks as columns, beside each its symbol and record, and what was rejected."""

    columns: TickColumns
    symbols: list[str]
    records: list[ConsumerRecord]
    rejected: list[Rejection]
    marks: int
    """Clock marks and reference copies, which yield no feature record of their own."""


class TickDecoder:
    """Decodes the records of the `ticks` topic; remembers which keys belong to a partition (bounded)."""

    def __init__(self, partitions: int, *, any_partition: bool = False) -> None:
        self._any_partition = any_partition
        self._decode = msgspec.json.Decoder(Tick).decode
        self._places = SymbolPartitions(partitions)

    def decode(self, records: Sequence[ConsumerRecord]) -> Decoded:
        """Decode and check each record for itself: one bad tick spoils nobody else's."""
        rows: list[tuple[int, int, float, float, float, float, float, float, int]] = []
        symbols: list[str] = []
        accepted: list[ConsumerRecord] = []
        rejected: list[Rejection] = []
        marks = 0
        for record in records:
            try:
                if record.headers and (kind := header(record.headers, KIND)) is not None:
                    if kind not in KINDS_WITHOUT_RECORD:
                        raise TickRejected("unknown-kind", f"header '{KIND}' is {kind[:32]!r}; ticks have none")
                    marks += 1
                    continue
                tick = self._tick(record)
                rows.append((record.offset, *_numbers(tick)))
            except TickRejected as error:
                rejected.append(Rejection(record, error.reason, error.detail))
            else:
                symbols.append(tick.symbol)
                accepted.append(record)
        return Decoded(_columns(rows), symbols, accepted, rejected, marks)

    def _tick(self, record: ConsumerRecord) -> Tick:
        value = record.value
        if value is None:
            raise TickRejected("bad-json", "the value is null; send a JSON object")
        if len(value) > MAX_TICK_BYTES:
            raise TickRejected("too-large", f"{len(value)} bytes; a tick has at most {MAX_TICK_BYTES}")
        try:
            tick = self._decode(value)
        except msgspec.ValidationError as error:
            raise TickRejected("invalid", _cut(str(error))) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise TickRejected("bad-json", str(error)) from None
        self._check_place(record, tick.symbol)
        return tick

    def _check_place(self, record: ConsumerRecord, symbol: str) -> None:
        if _SYMBOL.fullmatch(symbol) is None:
            raise TickRejected("bad-symbol", f"symbol {symbol[:64]!r} does not match {SYMBOL_PATTERN}")
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


def _numbers(tick: Tick) -> tuple[int, float, float, float, float, float, float, int]:
    price, bid, ask = tick.price, tick.bid, tick.ask
    if (tick.ts_ns is None) == (tick.ts is None):
        raise TickRejected("bad-time", "give exactly one of ts_ns (integer nanoseconds) and ts (RFC 3339)")
    try:
        ts_ns = event_time_ns(tick)
    except ValueError as error:
        raise TickRejected("bad-time", f"ts {(tick.ts or '')[:64]!r}: {error}") from None
    if not 0 < ts_ns <= MAX_TS_NS:
        raise TickRejected("bad-time", f"ts_ns {ts_ns} is outside 1..2^63-1")
    if price is None and (bid is None or ask is None):
        raise TickRejected("empty", "neither a price nor both bid and ask")
    for name, value in (("price", price), ("bid", bid), ("ask", ask)):
        if value is not None and not 0 < value < math.inf:
            raise TickRejected(f"bad-{name}", f"{name} {value!r} is not a positive finite number")
    for name, value in (("size", tick.size), ("bid_size", tick.bid_size), ("ask_size", tick.ask_size)):
        if value is not None and not 0 <= value < math.inf:
            raise TickRejected("bad-size", f"{name} {value!r} is not a finite number >= 0")
    return (
        ts_ns,
        NAN if price is None else price,
        tick.size,
        NAN if bid is None else bid,
        NAN if ask is None else ask,
        NAN if tick.bid_size is None else tick.bid_size,
        NAN if tick.ask_size is None else tick.ask_size,
        _SIDES[tick.side],
    )


def _columns(rows: "list[tuple[int, int, float, float, float, float, float, float, int]]") -> TickColumns:
    offset, ts_ns, *numbers, side = zip(*rows, strict=True) if rows else ((),) * 9
    # Two arrays and their rows, not eight arrays: most batches hold one tick or two.
    integers, floats = np.array((offset, ts_ns), np.int64), np.array(numbers, np.float64)
    price, size, bid, ask, bid_size, ask_size = floats
    return TickColumns(
        offset=integers[0],
        ts_ns=integers[1],
        price=price,
        size=size,
        bid=bid,
        ask=ask,
        bid_size=bid_size,
        ask_size=ask_size,
        side=np.array(side, np.int8),
    )
