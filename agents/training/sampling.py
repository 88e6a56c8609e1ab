"""What all kinds of member share: the rows that the slower ones learn from, and what is said without the extra."""

from typing import Final

import numpy as np

from streams.columns import I64

MOST_ROWS: Final = 120_000
"""The forest, the logistic regression and the MLP learn from at most so many rows: more costs minutes."""
EXTRA: Final = "training needs the extra `train`: pip install '.[train]'"


def spaced(n: int) -> I64:
    """At most MOST_ROWS of n rows, evenly spaced."""
    return np.arange(n) if n <= MOST_ROWS else np.linspace(0, n - 1, MOST_ROWS).astype(np.int64)
