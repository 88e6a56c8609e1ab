"""What every member of the ensemble is to it: a rule now, a trained model later."""

from collections.abc import Mapping
from typing import Protocol

from streams.columns import F64


class Member(Protocol):
    """One opinion about the direction of the price. A member keeps no state and changes nothing that it is given."""

    @property
    def name(self) -> str:
        """Name in the `members` and `weights` of a signal, unique in its ensemble."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The outputs of the feature set that it reads."""

    def probability_up(self, columns: Mapping[str, F64], price: F64) -> F64:
        """The probability that the price is higher at the horizon, for n records.

        Args:
            columns: at least `inputs`, each [n], contiguous; NaN where a value is null.
            price: [n], last trade price in the quote currency, contiguous; NaN before the first trade.

        Returns:
            [n] in (0, 1); NaN where the member abstains because an input is not ready. A row depends on its own inputs
            only, to the last bit, whatever else is in the batch.
        """
