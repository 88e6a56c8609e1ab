"""Ichimoku kinko hyo: the equilibrium lines.

`ichimoku` (9, 26, 52) or `ichimoku_t_k_s`, in units of price. With M(n) the middle of the highest high and the lowest
low of the last n bars including the newest (a trade is a bar of one price):

- `ichimoku_tenkan` = M(t), the conversion line; `ichimoku_kijun` = M(k), the base line;
- `ichimoku_senkou_a` = (tenkan + kijun) / 2 and `ichimoku_senkou_b` = M(s), the edges of the cloud.

All four are stamped with the bar at which they become known. Charts draw the cloud k bars (26) further on: the cloud
drawn at a bar is this one k bars before. The chikou line is the close itself, drawn k bars back, and so no output.
t is 2 to 10,000, k above t and s above k, to 10,000.

- State: 4 (t + k + s) + 12 slots, deques of falling highs and of rising lows.
- Warm-up: t bars for tenkan, k for kijun and senkou_a, s for senkou_b.
- Flat market: all four are exactly that price.
- Source: G. Hosoda (Ichimoku Sanjin), Ichimoku Kinko Hyo (1969); each M is TA-Lib's MIDPRICE, which has no more of it.
"""

from typing import Any, Final

from streams.indicators.extremes import push_max, push_min, slots
from streams.indicators.indicator import Family, Parameter, compiled


@compiled
def step(state: Any, out: Any, count: int, high: float, low: float, conversion: int, base: int, span: int) -> None:
    """Take one bar."""
    at = 4 * conversion + 4
    tenkan = _middle(state, 0, count, high, low, conversion)
    kijun = _middle(state, at, count, high, low, base)
    out[0] = tenkan
    out[1] = kijun
    out[2] = 0.5 * tenkan + 0.5 * kijun
    out[3] = _middle(state, at + 4 * base + 4, count, high, low, span)


@compiled
def _middle(state: Any, at: int, count: int, high: float, low: float, period: int) -> float:
    """Take one bar into the two deques that begin at `state[at]` and return the middle of their extremes."""
    highest = push_max(state, at, count, high, period)
    lowest = push_min(state, at + 2 * period + 2, count, low, period)
    return 0.5 * highest + 0.5 * lowest


def _check(conversion: int, base: int, span: int) -> str | None:
    if conversion < base < span:
        return None
    return (
        f"conversion={conversion}, base={base} and span={span} must rise; "
        "write ichimoku_conversion_base_span, for example ichimoku_9_26_52"
    )


ICHIMOKU: Final = Family(
    name="ichimoku",
    outputs=("ichimoku_tenkan", "ichimoku_kijun", "ichimoku_senkou_a", "ichimoku_senkou_b"),
    parameters=(
        Parameter("conversion", 9, 2, 10_000),
        Parameter("base", 26, 2, 10_000),
        Parameter("span", 52, 2, 10_000),
    ),
    short=True,
    inputs=("count", "high", "low"),
    state_size=lambda conversion, base, span: 2 * (slots(conversion) + slots(base) + slots(span)),
    warmup=lambda conversion, base, span: (conversion, base, base, span),
    step=step,
    group="trend",
    check=_check,
)
