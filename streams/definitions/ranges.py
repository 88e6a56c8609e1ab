"""The true range: the reach of a bar, the close before it included."""


def true_range(high: float, low: float, previous: float) -> float:
    """max(high, previous) - min(low, previous)."""
    return max(high, previous) - min(low, previous)
