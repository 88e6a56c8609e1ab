"""Order-flow imbalance.

`ofi_n`, over the last n quote updates: with bid b and ask a, their sizes qb and qa, and ' for the quote before, an
update adds

    e = [b >= b'] qb - [b <= b'] qb' - [a <= a'] qa + [a >= a'] qa'

- `ofi` = sum of e, in units of quantity: > 0 where demand came or supply went;
- `ofi_normalised` = ofi / mean of (qb + qa) / 2 over the updates' new quotes, without unit.

Trades do not enter by themselves. A crossed quote, one with one side only, and one without sizes break the chain: the
update to it and the one from it have no e and add 0, and the quote has no depth and is left out of the mean. n is 1 to
10,000; always spelled out.

- State: 3 n + 6 slots: rolling sums of e, of depth, and of how many have a depth.
- Warm-up: n + 1 quotes (n updates).
- Flat market (the same quote again): 0.
- Undefined: where none of the n quotes has a depth; `ofi_normalised` also where their depth is 0.
- Accuracy: within n 2^-52 of the sum of the magnitudes of e; exact for whole quantities.
- Source: R. Cont, A. Kukanov, S. Stoikov, The Price Impact of Order Book Events (2014), equations 2 to 4.
"""

from math import isnan, nan
from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.rolling import RING, push_sum, slots


@compiled
def step(
    state: Any,
    out: Any,
    count: int,
    bid: float,
    ask: float,
    bid_size: float,
    ask_size: float,
    previous_bid: float,
    previous_ask: float,
    previous_bid_size: float,
    previous_ask_size: float,
    period: int,
) -> None:
    """Take one quote."""
    if count == 1:
        return
    whole = _whole(bid, ask, bid_size, ask_size)
    flow = 0.0
    if whole and _whole(previous_bid, previous_ask, previous_bid_size, previous_ask_size):
        if bid >= previous_bid:
            flow += bid_size
        if bid <= previous_bid:
            flow -= previous_bid_size
        if ask <= previous_ask:
            flow -= ask_size
        if ask >= previous_ask:
            flow += previous_ask_size
    updates = count - 1
    depths = RING + period
    net = push_sum(state, 0, updates, flow, period)
    depth = push_sum(state, depths, updates, (bid_size + ask_size) / 2.0 if whole else 0.0, period)
    known = push_sum(state, 2 * depths, updates, 1.0 if whole else 0.0, period)
    out[0] = net if known > 0.0 else nan
    out[1] = net / (depth / known) if depth > 0.0 else nan


@compiled
def _whole(bid: float, ask: float, bid_size: float, ask_size: float) -> bool:
    """Whether a quote has both sides with sizes and is not crossed."""
    return ask >= bid and not isnan(bid_size + ask_size)


OFI: Final = Family(
    name="ofi",
    outputs=("ofi", "ofi_normalised"),
    parameters=(Parameter("period", 50, 1, 10_000),),
    short=False,
    inputs=(
        "count",
        "bid",
        "ask",
        "bid_size",
        "ask_size",
        "previous_bid",
        "previous_ask",
        "previous_bid_size",
        "previous_ask_size",
    ),
    state_size=lambda period: 3 * slots(period),
    warmup=lambda period: (period + 1,) * 2,
    step=step,
    group="microstructure",
    on="quote",
    needs=("quote", "size"),
)
