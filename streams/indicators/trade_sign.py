"""Sign of the trade: who was the aggressor.

`trade_sign`, for the last trade:

- `trade_sign`: 1 bought, -1 sold, 0 unknown;
- `trade_sign_rule`: what told it. 1 the venue's flag; 2 the quote in force before the trade (above its mid bought,
  below sold); 3 the tick rule, at the mid or without a quote: bought above the last different price, sold below; 0
  nothing, of an unknown sign.

- State: none; the last different price stands in the symbol's row.
- Warm-up: 1 trade.
- Flat market: 0 where no price ever differed and nothing else tells, else the tick rule's last.
- Source: C. Lee, M. Ready, Inferring Trade Direction from Intraday Data (1991), without their delay of five seconds:
  quote and trade come in the order of the log.
"""

from typing import Any, Final

from streams.indicators.indicator import Family, compiled


@compiled
def step(_state: Any, out: Any, sign: int, rule: int) -> None:
    """Take one trade."""
    out[0] = sign
    out[1] = rule


TRADE_SIGN: Final = Family(
    name="trade_sign",
    outputs=("trade_sign", "trade_sign_rule"),
    parameters=(),
    short=True,
    inputs=("sign", "rule"),
    state_size=lambda: 0,
    warmup=lambda: (1, 1),
    step=step,
    group="microstructure",
)
