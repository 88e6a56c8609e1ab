"""What the ensemble has decided about a batch of feature records, as columns."""

from dataclasses import dataclass
from typing import Final

from streams.columns import F64, U8
from streams.records import Action

HOLD: Final = 0
BUY: Final = 1
SELL: Final = 2
ACTIONS: Final[tuple[Action, ...]] = ("hold", "buy", "sell")
"""Names of the action codes, by code."""

WARMING: Final = "warming"
"""Reason of a decision that no member took part in: their inputs are not ready."""

NO_MEMBER: Final = "no-member"
"""Reason of a decision on a feature set that no member of the ensemble can read."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """n decisions of an ensemble of m members, each for the next `horizon_ms` milliseconds."""

    probability_up: F64
    """[n] in (0, 1), that the price is higher at the horizon; 0.5 where no member answered."""
    confidence: F64
    """[n] in [0, 1): |2 p - 1|; 0 where no member answered."""
    action: U8
    """[n], codes into `ACTIONS`; hold where no member answered."""
    expected_return_bps: F64
    """[n], basis points of the price over the horizon; NaN where no member answered or the bands are not ready."""
    risk: F64
    """[n], one standard deviation of the price in basis points of it; NaN where the bands are not ready."""
    members: F64
    """[n, m], each member's probability; NaN where it abstained."""
    weights: F64
    """[m], sums to 1: the share of each member when all of them answer."""
    effective_weights: F64
    """[n, m], the shares that were used: rows sum to 1 over the members that answered, or to 0 where none did."""
    reason: list[str | None]
    """[n], why the decision is not the ensemble's own: `warming`, `no-member`, or None."""
    names: tuple[str, ...]
    """[m], the members' names, in the order of the columns."""
    horizon_ms: int

    def __len__(self) -> int:
        return len(self.probability_up)
