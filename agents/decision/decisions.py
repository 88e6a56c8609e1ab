"""What the ensemble has decided about a batch of feature records, as columns."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

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

UNUSABLE: Final = "unusable"
"""Reason of a decision that no member took part in though its inputs have come: they are no finite numbers, or no
member made a distribution of them."""

MEMBER: Final = "member:"
"""With the member's name, the reason of a decision that was made without it because it failed."""

STACKER: Final = "stacker"
"""Reason of a decision that pools the members by weight because the stacker failed."""

NO_FLAGS: Final = np.zeros(0, np.bool_)


@dataclass(frozen=True, slots=True)
class Decisions:
    """n decisions of an ensemble of m members, each for the next `horizon_ms` milliseconds."""

    probability_up: F64
    """[n] in (0, 1), that the price is higher at the horizon; 0.5 where no member answered."""
    confidence: F64
    """[n] in [0, 1]: |2 p - 1| of the rules, |P(up) - P(down)| of a version; 0 where no member answered."""
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
    """[n], why the decision is not the whole ensemble's own: `warming`, `no-member`, `unusable`, `member:<name>`,
    `stacker`, what a lower rung of the ladder says, or None."""
    names: tuple[str, ...]
    """[m], the members' names, in the order of the columns."""
    horizon_ms: int
    classes: F64 | None = None
    """[n, 3], P(down), P(flat), P(up) of the ensemble, NaN where no member answered; None: it knows no flat (rules)."""
    high: NDArray[np.bool_] = field(default_factory=lambda: NO_FLAGS)
    """[n], whether the decision is in the high-confidence tier; all False if not given."""
    fallback: NDArray[np.bool_] = field(default_factory=lambda: NO_FLAGS)
    """[n], whether a lower rung than the whole ensemble answered; all False if not given."""

    def __post_init__(self) -> None:
        for name in ("high", "fallback"):
            if getattr(self, name) is NO_FLAGS:
                object.__setattr__(self, name, np.zeros(len(self.probability_up), np.bool_))

    def __len__(self) -> int:
        return len(self.probability_up)
