"""Kaufman's adaptive moving average.

`kama_n`: k += c^2 (price - k) at every trade, in units of price, where c = ER (2/3 - 2/31) + 2/31 and ER, the
efficiency ratio, is |price - price n trades ago| / sum of |change| over the n trades, 0 (noise, k moves like a slow
average) to 1 (a straight move, like a fast one); 2/3 and 2/31 are the weights of exponential averages over 2 and 30
trades. k starts as the n-th price and takes its first step at the next. n is 2 to 10,000; always spelled out.

- State: 2 n + 3 slots: k, ring of the last n prices, and the sum of the last n changes with its ring.
- Warm-up: n + 1 trades.
- Flat market: exactly that price where it was always flat. In a window without any change ER is 1, as in TA-Lib, so
  that the average closes up to the price.
- Accuracy: within 250 + 4 n units in the last place of the highest price so far, after any number of trades; ER itself
  within n 2^-51, relative.
- Source: P. Kaufman, Smarter Trading (1995); TA-Lib's KAMA, whose sum of changes loses digits to
  a large change that came and went.
"""

from typing import Any, Final

from streams.indicators import rolling
from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.rolling import push_sum

AVERAGE: Final = 0
RING: Final = 1
FAST: Final = 2.0 / 3.0
SLOW: Final = 2.0 / 31.0


@compiled
def step(state: Any, out: Any, count: int, close: float, previous: float, period: int) -> None:
    """Take one trade."""
    slot = RING + (count - 1) % period
    if count <= period:
        state[AVERAGE] = close
    if count > 1:
        path = push_sum(state, RING + period, count - 1, abs(close - previous), period)
        if count > period:
            efficiency = min(abs(close - state[slot]) / path, 1.0) if path > 0.0 else 1.0
            root = efficiency * (FAST - SLOW) + SLOW
            state[AVERAGE] += root * root * (close - state[AVERAGE])
    state[slot] = close
    out[0] = state[AVERAGE]


KAMA: Final = Family(
    name="kama",
    outputs=("kama",),
    parameters=(Parameter("period", 10, 2, 10_000),),
    short=False,
    inputs=("count", "close", "previous"),
    state_size=lambda period: RING + period + rolling.slots(period),
    warmup=lambda period: (period + 1,),
    step=step,
    group="trend",
)
