"""Triple exponential moving average.

`tema_n` = 3 a - 3 b + c, in units of price: a is the exponential average of the price over n trades (see `ema`), b that
of a, c that of b, each started with the mean of the first n values of the one before. It lags less than `dema_n` and
may leave the range of the prices. n is 2 to 10,000; always spelled out.

- State: 3 slots, a, b and c.
- Warm-up: 3 n - 2 trades.
- Flat market: exactly that price.
- Accuracy: within 6 (n + 1) units in the last place of the highest price so far.
- Source: P. Mulloy, Smoothing Data with Less Lag (Stocks & Commodities, 1994); TA-Lib's TEMA (its default
  compatibility).
"""

from typing import Any, Final

from streams.indicators.indicator import Family, Parameter, compiled
from streams.indicators.smoothing import smooth


@compiled
def step(state: Any, out: Any, count: int, close: float, period: int) -> None:
    """Take one trade."""
    weight = 2.0 / (period + 1)
    skipped = period - 1
    state[0] = smooth(state[0], count, close, period, weight)
    if count > skipped:
        state[1] = smooth(state[1], count - skipped, state[0], period, weight)
    if count > 2 * skipped:
        state[2] = smooth(state[2], count - 2 * skipped, state[1], period, weight)
        out[0] = state[2] + 3.0 * (state[0] - state[1])


TEMA: Final = Family(
    name="tema",
    outputs=("tema",),
    parameters=(Parameter("period", 20, 2, 10_000),),
    short=False,
    inputs=("count", "close"),
    state_size=lambda _period: 3,
    warmup=lambda period: (3 * period - 2,),
    step=step,
    group="trend",
)
