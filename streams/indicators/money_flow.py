"""Money flow: a bar's volume, weighed by where in its range the bar closed."""

from streams.indicators.indicator import compiled


@compiled
def money_flow(high: float, low: float, close: float, volume: float) -> float:
    """((close - low) - (high - close)) / (high - low) x volume, in units of quantity; 0 of a bar without range.

    Between -volume (closed at the low) and +volume (closed at the high).
    """
    reach = high - low
    if reach > 0.0:
        return ((close - low) - (high - close)) / reach * volume
    return 0.0
