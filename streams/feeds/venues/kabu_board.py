"""kabu STATION's board message, and what its codes mean.

https://kabucom.github.io/kabusapi/reference/ (GET /board/{symbol}; the push has the same fields)
"""

from typing import Final

import msgspec
from msgspec import Struct

_PRICE_STATUS: Final = {
    2: "discontinuous",
    3: "itayose",
    4: "system-failure",
    5: "suspended",
    6: "halted",
    7: "halt-lifted",
    8: "close",
    9: "system-stop",
    10: "approximate",
    11: "reference",
    12: "circuit-breaker",
    13: "failure-lifted",
    14: "breaker-lifted",
    15: "resumed",
    16: "withheld",
    17: "withheld-lifted",
    18: "file-failure",
    19: "file-recovered",
    20: "strategy",
    21: "dynamic-breaker",
    22: "dynamic-lifted",
    23: "itayose-trade",
}
"""`CurrentPriceStatus` other than 1 (a trade of the continuous session)."""
_SIGN: Final = {
    "0102": "special-quote",
    "0103": "caution-quote",
    "0107": "pre-open",
    "0108": "pre-halt-special",
    "0109": "post-close",
    "0116": "pre-open-apart",
    "0117": "pre-open-match",
    "0118": "sequential-quote",
    "0119": "pre-halt-seq",
    "0120": "run-up-or-down",
}
"""`BidSign` and `AskSign` other than 0000 (nothing) and 0101 (an ordinary quote)."""


class Board(Struct, frozen=True, gc=False):
    """One push. `BidPrice` is the best SELL quote and `AskPrice` the best BUY: here they have the names of the world.

    Prices are yen (or index points), sizes shares (or contracts). What was not delivered yet is null.
    """

    symbol: str = msgspec.field(name="Symbol")
    price: float | None = msgspec.field(name="CurrentPrice", default=None)
    price_time: str | None = msgspec.field(name="CurrentPriceTime", default=None)
    price_status: int | None = msgspec.field(name="CurrentPriceStatus", default=None)
    opening_time: str | None = msgspec.field(name="OpeningPriceTime", default=None)
    volume: float | None = msgspec.field(name="TradingVolume", default=None)
    volume_time: str | None = msgspec.field(name="TradingVolumeTime", default=None)
    ask: float | None = msgspec.field(name="BidPrice", default=None)
    ask_size: float | None = msgspec.field(name="BidQty", default=None)
    ask_time: str | None = msgspec.field(name="BidTime", default=None)
    ask_sign: str | None = msgspec.field(name="BidSign", default=None)
    bid: float | None = msgspec.field(name="AskPrice", default=None)
    bid_size: float | None = msgspec.field(name="AskQty", default=None)
    bid_time: str | None = msgspec.field(name="AskTime", default=None)
    bid_sign: str | None = msgspec.field(name="AskSign", default=None)


def trade_condition(status: int | None) -> tuple[str, ...]:
    """Return the condition of a price: none in the continuous session, `status-<n>` of a code that is new to us."""
    if status is None or status == 1:
        return ()
    return (_PRICE_STATUS.get(status, f"status-{status}"[:16]),)


def quote_conditions(*signs: str | None) -> tuple[str, ...]:
    """Return the conditions of a quote, each once: none of an ordinary one, `sign-<code>` of a code new to us."""
    special = (sign for sign in signs if sign and sign not in ("0000", "0101"))
    return tuple(dict.fromkeys(_SIGN.get(sign, f"sign-{sign}"[:16]) for sign in special))
