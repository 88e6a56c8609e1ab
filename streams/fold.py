"""The parts of the fold that are the same for every feature set: what the generated loop of streams/kernel.py calls.

Rows and their slots: streams/layout.py. Segments of sessions: streams/sessions.py.
"""

from math import inf, isnan, nan
from typing import Any, Final

from streams.indicators.indicator import compiled
from streams.layout import (
    ASK,
    ASK_SIZE,
    BAR_TRADES,
    BID,
    BID_SIZE,
    CLOSE,
    CLOSED,
    DIFFERENT,
    DOLLARS,
    END_S,
    HIGH,
    LAST_CLOSE,
    LOW,
    OPEN,
    PRICE,
    QUOTE_S,
    QUOTES,
    SEQ_HIGH,
    SEQ_LOW,
    SIGN,
    SIGNED,
    SIZED_QUOTES,
    SIZED_TRADES,
    START_NS,
    START_S,
    TOUCHED,
    TRADE_S,
    TRADES,
    VOLUME,
)

S: Final = 1_000_000_000
"""Nanoseconds in a second."""
DAY_NS: Final = 86_400 * S
LAST_SEQ: Final = 2**63 - 1


@compiled
def time_at(row: Any, at: int) -> int:
    """The time, in nanoseconds, that two slots hold."""
    return int(row[at]) * S + int(row[at + 1])


@compiled
def put_time(row: Any, at: int, ns: int) -> None:
    """Write a time into two slots."""
    seconds = ns // S
    row[at] = float(seconds)
    row[at + 1] = float(ns - seconds * S)


@compiled
def trade_sign(side: int, price: float, bid: float, ask: float, last: float, different: float) -> tuple[int, int]:
    """Who was the aggressor of a trade (+1 buyer, -1 seller, 0 unknown), and what told it.

    1: the venue. 2: the quote in force before (bid 0: none), above its middle bought, below sold (Lee and Ready 1991).
    3: at the middle or without a quote, the tick rule: above the last different price bought, below sold. 0: nothing.
    `last` and `different` are the prices before, 0 for none.
    """
    if side != 0:
        return (1 if side > 0 else -1), 1
    if bid > 0.0:
        middle = (bid + ask) / 2.0
        if price > middle:
            return 1, 2
        if price < middle:
            return -1, 2
    before = last if price != last else different
    if before > 0.0:
        return (1 if price > before else -1), 3
    return 0, 0


@compiled
def take_trade(row: Any, ns: int, price: float, size: float, sign: int) -> None:
    """Count a trade, and keep its time, price, sign and the last different price."""
    if price != row[PRICE]:
        row[DIFFERENT] = row[PRICE]
    row[PRICE] = price
    row[TRADES] += 1.0
    row[SIGN] = float(sign)
    put_time(row, TRADE_S, ns)
    if size > 0.0:
        row[SIZED_TRADES] += 1.0


@compiled
def take_quote(row: Any, ns: int, bid: float, ask: float, bid_size: float, ask_size: float) -> None:
    """Put a quote in force."""
    row[QUOTES] += 1.0
    row[BID] = bid
    row[ASK] = ask
    row[BID_SIZE] = bid_size
    row[ASK_SIZE] = ask_size
    put_time(row, QUOTE_S, ns)
    if not (isnan(bid_size) or isnan(ask_size)):
        row[SIZED_QUOTES] += 1.0


@compiled
def drop_quote(row: Any) -> None:
    """Leave no quote in force."""
    row[BID] = 0.0
    row[ASK] = 0.0
    row[BID_SIZE] = 0.0
    row[ASK_SIZE] = 0.0


@compiled
def leaves_out(row: Any, seq: int) -> bool:
    """Take a sequence number (none if negative); whether it is not the one after the last."""
    if seq < 0 or seq == LAST_SEQ:
        return False
    following = (int(row[SEQ_HIGH]) << 32) + int(row[SEQ_LOW])
    row[SEQ_HIGH] = float((seq + 1) >> 32)
    row[SEQ_LOW] = float((seq + 1) & 0xFFFFFFFF)
    return following not in {0, seq}


@compiled
def extend_bar(row: Any, at: int, ns: int, length_ns: int, price: float, size: float, signed: float) -> None:
    """Take a trade into the open bar of the interval whose slots begin at `at`; where there is none, open one.

    A time bar (length_ns > 0) starts on its grid, the others at their first trade.
    """
    if row[at + BAR_TRADES] == 0.0:
        put_time(row, at + START_S, ns // length_ns * length_ns if length_ns > 0 else ns)
        row[at + OPEN] = price
        row[at + HIGH] = -inf
        row[at + LOW] = inf
        row[at + VOLUME] = 0.0
        row[at + DOLLARS] = 0.0
        row[at + SIGNED] = 0.0
    row[at + BAR_TRADES] += 1.0
    row[at + HIGH] = max(row[at + HIGH], price)
    row[at + LOW] = min(row[at + LOW], price)
    row[at + CLOSE] = price
    row[at + VOLUME] += size
    row[at + DOLLARS] += price * size
    row[at + SIGNED] += signed


@compiled
def write_bar(row: Any, at: int, end_ns: int, tick: int, index: int, interval: int, bar: Any) -> None:
    """Write the open bar, which closes now, as a row of `Folded.bars` (streams.bars.ClosedBar)."""
    volume = row[at + VOLUME]
    # Within the bar's range also where rounding would carry it a last digit beyond.
    mean = min(max(row[at + DOLLARS] / volume, row[at + LOW]), row[at + HIGH]) if volume > 0.0 else nan
    bar[0] = tick
    bar[1] = index
    bar[2] = interval
    bar[3] = row[at + CLOSED]
    bar[4] = row[at + START_S]
    bar[5] = row[at + START_NS]
    put_time(bar, 6, end_ns)
    bar[8] = row[at + OPEN]
    bar[9] = row[at + HIGH]
    bar[10] = row[at + LOW]
    bar[11] = row[at + CLOSE]
    bar[12] = volume
    bar[13] = row[at + BAR_TRADES]
    bar[14] = mean
    bar[15] = row[at + SIGNED]
    bar[16] = row[at + TOUCHED]


@compiled
def close_bar(row: Any, at: int, end_ns: int) -> None:
    """Leave no bar open, and keep the end and the close of the one that was."""
    row[at + CLOSED] += 1.0
    put_time(row, at + END_S, end_ns)
    row[at + LAST_CLOSE] = row[at + CLOSE]
    row[at + BAR_TRADES] = 0.0
    row[at + TOUCHED] = 0.0


@compiled
def segment_at(segments: Any, start: int, stop: int, ns: int) -> int:
    """The last of segments[start:stop] that begins at `ns` or before, start - 1 for none."""
    low, high = start, stop
    while low < high:
        middle = (low + high) // 2
        if segments[middle, 0] <= ns:
            low = middle + 1
        else:
            high = middle
    return low - 1


@compiled
def session_at(segments: Any, start: int, stop: int, ns: int) -> tuple[int, float, int]:
    """Start of the session (seconds since the epoch, 0 outside), seconds since it (NaN outside), and the phase.

    Phases: 0 closed, 1 open, 2 break. Without segments (start == stop) the session is the UTC day.
    """
    if start == stop:
        day = ns // DAY_NS * DAY_NS
        return day // S, (ns - day) / S, 1
    i = segment_at(segments, start, stop, ns)
    if i < start:
        return 0, nan, 0
    begun = segments[i, 2]
    if ns < segments[i, 1]:
        return begun // S, (ns - begun) / S, 1
    if i + 1 < stop and segments[i + 1, 2] == begun:
        return begun // S, (ns - begun) / S, 2
    return 0, nan, 0


@compiled
def open_until(segments: Any, start: int, stop: int, ns: int) -> int:
    """How many nanoseconds the calendar was open before `ns`, counted from its first segment."""
    i = segment_at(segments, start, stop, ns)
    if i < start:
        return 0
    return int(segments[i, 3] + min(ns, segments[i, 1]) - segments[i, 0])


@compiled
def open_between(segments: Any, start: int, stop: int, begin_ns: int, end_ns: int) -> int:
    """How many nanoseconds of the span were in session; all of them without segments."""
    if start == stop:
        return end_ns - begin_ns
    return int(open_until(segments, start, stop, end_ns) - open_until(segments, start, stop, begin_ns))
