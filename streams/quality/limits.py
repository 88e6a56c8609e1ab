"""Where each limit of a symbol's filters stands in its row of limits: an argument of the kernel, not part of it.

So other limits need no other kernel, no other feature set and no other rows of state. A limit that is not set is one
that nothing exceeds.
"""

from typing import Final

ANY: Final = 0
"""1 where anything is judged."""
FUTURE_NS: Final = 1
DUPLICATES: Final = 2
"""1 where a sequence number must not come twice."""
RESTART_NS: Final = 3
HOURS: Final = 4
"""Where the segments of the trading hours begin, and in the next column end; equal: round the clock."""
EARLY_NS: Final = 6
LATE_NS: Final = 7
PRICE_MIN: Final = 8
PRICE_MAX: Final = 9
SIZE_MIN: Final = 10
SIZE_MAX: Final = 11
BOTH_SIDES: Final = 12
"""1 where quotes with an empty side, crossed or locked ones are refused: these three."""
NOT_CROSSED: Final = 13
NOT_LOCKED: Final = 14
SPREAD_BPS: Final = 15
TRADE_JUMP_BPS: Final = 16
QUOTE_JUMP_BPS: Final = 17
WEIGHT: Final = 18
"""Of a new price in the rolling reference."""
AGREE_BPS: Final = 19
REARM_TICKS: Final = 20
REARM_NS: Final = 21
LIMITS: Final = 22
