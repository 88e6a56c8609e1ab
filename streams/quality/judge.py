"""The filters as the kernel runs them: one tick, its symbol's limits, and what its row remembers.

Order, the first that finds something gives the verdict: from the future, duplicate, late, outside trading hours,
condition, then the trade: price range, size range, jump; then the quote: empty side, price range, crossed, locked,
spread, jump. Of a tick that is both, a quote with something wrong is left out, and the trade stays.

What is remembered, for trades (ticks with a price, quote or not) and pure quotes apart:

- the highest KEEPS sequence numbers that came, whatever became of their ticks afterwards, but for those from the
  future;
- a rolling reference, and what was too far from it: of the prices that all other filters let pass.

Memory: streams/quality/memory.py. Limits: streams/quality/limits.py. What each filter is for: docs/filters.md.
"""

from math import isnan, nan
from typing import Any

from streams.columns import (
    APPLIED,
    CLOSED,
    CONDITION,
    CROSSED,
    DUPLICATE,
    FUTURE,
    JUMPED,
    LATE,
    LOCKED,
    PRICE_RANGE,
    SIZE_RANGE,
    SPREAD,
    ZERO_SIDED,
)
from streams.fold import segment_at
from streams.layout import (
    FILTERED_QUOTES,
    FILTERED_TRADES,
    LEFT_OUT,
    OPEN_FROM,
    OPEN_UNTIL,
    REFERENCE,
    SEQ_HIGH,
    SEQ_LOW,
)
from streams.quality.limits import (
    BOTH_SIDES,
    DUPLICATES,
    EARLY_NS,
    FUTURE_NS,
    HOURS,
    LATE_NS,
    NOT_CROSSED,
    NOT_LOCKED,
    PRICE_MAX,
    PRICE_MIN,
    QUOTE_JUMP_BPS,
    RESTART_NS,
    SIZE_MAX,
    SIZE_MIN,
    SPREAD_BPS,
    TRADE_JUMP_BPS,
)
from streams.quality.memory import came_before, jumps, uncounted


@uncounted
def is_closed(places: Any, r: int, limits: Any, hours: Any, ns: int) -> bool:
    """Whether `ns` is outside of the trading hours, each stretch of which counts from somewhat before to somewhat
    after. `places` keep the one that was found last: a search for every tick would cost more than all the rest.
    """
    if places[r, OPEN_FROM] <= ns < places[r, OPEN_UNTIL]:
        return False
    start, stop = int(limits[HOURS]), int(limits[HOURS + 1])
    early_ns, late_ns = int(limits[EARLY_NS]), int(limits[LATE_NS])
    i = segment_at(hours, start, stop, ns + early_ns)
    if i < start or ns >= hours[i, 1] + late_ns:
        return True
    places[r, OPEN_FROM] = hours[i, 0] - early_ns
    places[r, OPEN_UNTIL] = hours[i, 1] + late_ns
    return False


@uncounted
def quote_fault(limits: Any, bid: float, ask: float, bid_size: float, ask_size: float) -> int:  # noqa: PLR0911
    """What is wrong with a quote, APPLIED for nothing; a side that is not there is NaN."""
    one_sided = isnan(bid) or isnan(ask)
    empty = one_sided or bid_size == 0.0 or ask_size == 0.0 or isnan(bid_size) != isnan(ask_size)
    if empty and limits[BOTH_SIDES] > 0.0:
        return ZERO_SIDED
    if one_sided:
        return APPLIED
    if min(bid, ask) < limits[PRICE_MIN] or max(bid, ask) > limits[PRICE_MAX]:
        return PRICE_RANGE
    if bid > ask and limits[NOT_CROSSED] > 0.0:
        return CROSSED
    if bid == ask and limits[NOT_LOCKED] > 0.0:
        return LOCKED
    if (ask - bid) * 2e4 > limits[SPREAD_BPS] * (bid + ask):
        return SPREAD
    return APPLIED


@uncounted
def judge(  # noqa: PLR0911, PLR0912 - one verdict after the other
    row: Any, places: Any, r: int, limits: Any, hours: Any, ns: int, arrival_ns: int, seq: int, barred: int,
    price: float, size: float, bid: float, ask: float, bid_size: float, ask_size: float, late: bool,
) -> tuple[int, bool, float]:  # fmt: skip
    """The verdict on a tick (APPLIED, LATE or what a filter found), whether its quote counts, and of one that jumped
    the reference that it was compared with.

    `arrival_ns`: -1 for unknown, then nothing is from the future. `late`: whether it is, by the lateness allowed.
    """
    if arrival_ns >= 0 and float(ns - arrival_ns) > limits[FUTURE_NS]:
        return FUTURE, True, nan
    is_trade = not isnan(price)
    at = FILTERED_TRADES if is_trade else FILTERED_QUOTES
    if limits[DUPLICATES] > 0.0 and came_before(row, at, seq, ns, limits[RESTART_NS]):
        return DUPLICATE, True, nan
    if late:
        return LATE, True, nan
    if limits[HOURS] != limits[HOURS + 1] and is_closed(places, r, limits, hours, ns):
        return CLOSED, True, nan
    if barred != 0:
        return CONDITION, True, nan
    if is_trade:
        if price < limits[PRICE_MIN] or price > limits[PRICE_MAX]:
            return PRICE_RANGE, True, nan
        if size > 0.0 and (size < limits[SIZE_MIN] or size > limits[SIZE_MAX]):
            return SIZE_RANGE, True, nan
        reference = row[at + REFERENCE]
        if limits[TRADE_JUMP_BPS] >= 0.0 and jumps(row, at, ns, price, limits[TRADE_JUMP_BPS], limits):
            return JUMPED, True, reference
    if isnan(bid) and isnan(ask):
        return APPLIED, True, nan
    fault = quote_fault(limits, bid, ask, bid_size, ask_size)
    compared = nan
    if fault == APPLIED and limits[QUOTE_JUMP_BPS] >= 0.0 and not (isnan(bid) or isnan(ask)):
        before = row[FILTERED_QUOTES + REFERENCE]
        middle = (bid + ask) / 2.0
        if jumps(row, FILTERED_QUOTES, ns, middle, limits[QUOTE_JUMP_BPS], limits):
            fault, compared = JUMPED, before
    if fault != APPLIED and is_trade:
        row[LEFT_OUT] += 1.0
        return APPLIED, False, nan
    return fault, True, compared


@uncounted
def pass_over(row: Any, seq: int) -> None:
    """A tick that a filter rejected came all the same: its number is not one that was left out (streams/fold.py).

    Not number 0: it follows none, and a row that has none yet looks as if 0 were to come.
    """
    if seq > 0 and (int(row[SEQ_HIGH]) << 32) + int(row[SEQ_LOW]) == seq:
        row[SEQ_HIGH] = float((seq + 1) >> 32)
        row[SEQ_LOW] = float((seq + 1) & 0xFFFFFFFF)
