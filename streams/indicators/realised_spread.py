"""Realised spread and price impact: what became of the effective spread.

`realised_spread_k`, for the trade k trades ago, stamped now, when it became known: with its price p, its sign d (1
bought, -1 sold), m the mid in force before it and m' the mid in force before the present trade, in basis points,

- `realised_spread` = 20,000 d (p - m') / m: what the maker kept;
- `price_impact` = 20,000 d (m' - m) / m: what the market moved the taker's way.

Their sum is that trade's effective spread. The horizon is k trades, so that what waits for it is bounded; k is 1 to
10,000; always spelled out. Only on trades, whose sign it needs.

- State: 3 k slots: ring of price, sign and mid of the last k trades.
- Warm-up: k + 1 trades.
- Flat market: that trade's effective spread, and 0.
- Undefined: where that trade has no sign or either mid is missing.
- Source: R. Huang, H. Stoll, Dealer versus Auction Markets (1996); their horizon is in minutes, ours in trades.
"""

from math import isnan, nan
from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled


@compiled
def step(state: Any, out: Any, count: int, close: float, sign: int, mid: float, horizon: int) -> None:
    """Take one trade."""
    slot = 3 * ((count - 1) % horizon)
    if count > horizon:
        price = state[slot]
        bought = state[slot + 1]
        before = state[slot + 2]
        if bought != 0.0 and not isnan(before) and not isnan(mid):
            out[0] = 2e4 * bought * ((price - mid) / before)
            out[1] = 2e4 * bought * ((mid - before) / before)
        else:
            out[0] = nan
            out[1] = nan
    state[slot] = close
    state[slot + 1] = sign
    state[slot + 2] = mid


REALISED_SPREAD: Final = Family(
    name="realised_spread",
    outputs=("realised_spread", "price_impact"),
    parameters=(Parameter("horizon", 20, 1, 10_000),),
    short=False,
    inputs=("count", "close", "sign", "mid"),
    state_size=lambda horizon: 3 * horizon,
    warmup=lambda horizon: (horizon + 1,) * 2,
    step=step,
    group="microstructure",
    needs=("quote",),
)
