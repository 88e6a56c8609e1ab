"""Imbalance of two sizes: which side of the book is the longer queue."""

from math import nan

from streams.indicators.indicator import compiled


@compiled
def imbalance(bid_size: float, ask_size: float) -> float:
    """(bid_size - ask_size) / (bid_size + ask_size), -1 to 1; NaN where both are 0 or either is NaN."""
    both = bid_size + ask_size
    if both > 0.0:
        return (bid_size - ask_size) / both
    return nan
