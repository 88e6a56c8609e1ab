"""Whoever can decide about a batch of feature records: the rules, or a version of a trained ensemble."""

from typing import Protocol

from agents.decision.decisions import Decisions
from streams.columns import F64


class Decider(Protocol):
    """`EnsembleSystem` (rules) and `ModelVersion` (trained) are deciders. It keeps no state between records."""

    @property
    def model(self) -> str:
        """As signals name it: `name@version`."""

    @property
    def names(self) -> tuple[str, ...]:
        """Its members, in the order of the columns of `Decisions.members`."""

    @property
    def horizon_ms(self) -> int:
        """How far ahead it looks."""

    def decide(self, values: F64, price: F64) -> Decisions:
        """Decide about n records.

        Args:
            values: [n, k] in the order of the outputs that it was made for; NaN where a value is null.
            price: [n], last trade price in the quote currency; NaN before the first trade.
        """
