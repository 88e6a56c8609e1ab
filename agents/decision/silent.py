"""The member of an ensemble for a feature set that none of the others can read."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from streams.columns import F64


class Silent:
    """Abstains always: its signals say to hold, and why."""

    name: Final = "none"
    inputs: Final[tuple[str, ...]] = ()

    def probability_up(self, columns: Mapping[str, F64], price: F64) -> F64:  # noqa: ARG002 - the protocol's
        """All NaN."""
        return np.full(price.shape, np.nan)
