"""The true range of a bar: what average true range, channels and directional movement measure moves in."""

from streams.indicators.indicator import compiled


@compiled
def true_range(high: float, low: float, previous: float) -> float:
    """Return the largest of high - low, |high - previous| and |low - previous|, in units of price.

    `previous` is the close of the bar before (J. W. Wilder, 1978); from the first bar, which has none, TA-Lib and
    what follows it take no range.
    """
    return max(high - low, abs(high - previous), abs(low - previous))
