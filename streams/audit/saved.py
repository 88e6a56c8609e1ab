"""Begins a recomputation at a saved row: the one place here that knows where a row has what."""

from math import nan
from typing import Final

from streams import layout
from streams.audit.open_bar import OpenBar
from streams.audit.quote_level import QuoteLevel
from streams.audit.symbol import Recomputed, S
from streams.columns import F64
from streams.definitions.definition import Quote
from streams.layout import NEVER, TO_GO

_CAME: Final = {
    "quote": layout.QUOTES,
    "trade size": layout.SIZED_TRADES,
    "quote size": layout.SIZED_QUOTES,
}


def resume(symbol: Recomputed, offset: int, ts_ns: int, row: F64) -> None:
    """Bring a fresh recomputation to where the row (of the same feature set) is.

    `offset`: of the last record judged; `ts_ns`: event time of the last tick, `layout.NEVER` for none.
    """
    m = symbol.memory
    m.offset, m.last_ns = offset, None if ts_ns == NEVER else ts_ns
    m.clock = float(row[layout.CLOCK])
    if row[layout.TICKS] > 0:
        m.tick_ns = _time(row, layout.TICK_S)
    if row[layout.TRADES] > 0:
        m.price, m.trade_ns = float(row[layout.PRICE]), _time(row, layout.TRADE_S)
        m.different = float(row[layout.DIFFERENT]) or nan
    if row[layout.BID] > 0:
        m.quote = Quote(*(float(row[slot]) for slot in range(layout.BID, layout.ASK_SIZE + 1)))
    if row[layout.QUOTES] > 0:
        m.quote_ns = _time(row, layout.QUOTE_S)
    following = (int(row[layout.SEQ_HIGH]) << 32) + int(row[layout.SEQ_LOW])
    m.seq = following - 1 if following else None
    m.level = _level(row[layout.FILTERED_QUOTES : layout.FILTERED_QUOTES + layout.JUMP])
    m.came = {name for name, slot in _CAME.items() if row[slot] > 0}
    _bars(symbol, row)
    _crosses(symbol, row)
    for name, model in symbol.models.items():
        place = symbol.set.layout.places[name]
        interval = place.indicator.interval
        model.resume(
            int(row[place.at]),
            int(row[place.at + TO_GO]),
            row[place.states].tolist(),
            row[place.outputs].tolist(),
            m.price if interval is None else symbol.bars[interval.name].close,
        )


def _bars(symbol: Recomputed, row: F64) -> None:
    for interval, at in zip(symbol.set.intervals, symbol.set.layout.bars, strict=True):
        bars = symbol.bars[interval.name]
        if row[at + layout.CLOSED] > 0:
            bars.end_ns, bars.close = _time(row, at + layout.END_S), float(row[at + layout.LAST_CLOSE])
        missing = bool(row[at + layout.TOUCHED] > 0)
        if row[at + layout.BAR_TRADES] == 0:
            bars.missing = missing
            continue
        opened, high, low, close, volume, dollars, signed = row[at + layout.OPEN : at + layout.SIGNED + 1].tolist()
        trades = int(row[at + layout.BAR_TRADES])
        start = _time(row, at + layout.START_S)
        bars.open = OpenBar(start, opened, high, low, close, volume, dollars, signed, trades, missing)


def _level(slots: F64) -> QuoteLevel:
    return QuoteLevel(
        float(slots[layout.REFERENCE]) or None,
        float(slots[layout.CANDIDATE]),
        int(slots[layout.AGREEING]),
        _time(slots, layout.FAR_S),
    )


def _crosses(symbol: Recomputed, row: F64) -> None:
    crosses = [derived.name for derived in symbol.set.options.derived if derived.kind == "cross"]
    for place, name in enumerate(crosses, symbol.set.layout.derived):
        if row[place]:
            symbol.memory.sides[name] = float(row[place])


def _time(row: F64, at: int) -> int:
    return int(row[at]) * S + int(row[at + 1])
