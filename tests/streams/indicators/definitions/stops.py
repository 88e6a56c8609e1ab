"""What the stops that turn are. In doubles: which way they turn may hang on the last digit."""

from tests.streams.indicators.definitions.exact import NAN
from tests.streams.indicators.stepping import Row, Steps


def supertrend(steps: Steps, n: int, multiple: float) -> list[Row]:
    high, low, close = steps.high.tolist(), steps.low.tolist(), steps.close.tolist()
    found: list[Row] = [(NAN, NAN)] * min(n, len(close))
    average = 0.0
    uppers: list[float] = []
    lowers: list[float] = []
    rising = True
    for i in range(1, len(close)):
        before = close[i - 1]
        moved = max(high[i] - low[i], abs(high[i] - before), abs(low[i] - before))
        average += (moved - average) / i if i <= n else (moved - average) * (1 / n)
        if i < n:
            continue
        centre = high[i] / 2 + low[i] / 2
        upper, lower = centre + multiple * average, centre - multiple * average
        if uppers:
            upper = upper if before > uppers[-1] else min(upper, uppers[-1])
            lower = lower if before < lowers[-1] else max(lower, lowers[-1])
        uppers.append(upper)
        lowers.append(lower)
        if rising and close[i] < lower:
            rising = False
        elif not rising and close[i] > upper:
            rising = True
        found.append((lower, 1.0) if rising else (upper, -1.0))
    return found


def sar(steps: Steps, acceleration: float, maximum: float) -> list[Row]:
    """As a long position; a short one is long in a mirror, where every price is below zero."""
    high, low = steps.high.tolist(), steps.low.tolist()
    if len(high) < 2:
        return [(NAN,)] * len(high)

    def tops_and_bottoms(i: int, sign: int) -> tuple[list[float], list[float]]:
        """Of the bar and the one before, which is not looked at before the first position."""
        bars = (i, max(i - 1, 1))
        return (
            ([high[j] for j in bars], [low[j] for j in bars])
            if sign > 0
            else (
                [-low[j] for j in bars],
                [-high[j] for j in bars],
            )
        )

    sign = -1 if low[0] - low[1] > max(high[1] - high[0], 0.0) else 1
    stop = low[0] if sign > 0 else -high[0]
    extreme, factor = tops_and_bottoms(1, sign)[0][0], acceleration
    found: list[Row] = [(NAN,)]
    for i in range(1, len(high)):
        tops, bottoms = tops_and_bottoms(i, sign)
        if bottoms[0] <= stop:
            stop = -max(extreme, *tops)
            sign = -sign
            tops, bottoms = tops_and_bottoms(i, sign)
            extreme, factor = tops[0], acceleration
            found.append((sign * stop,))
        else:
            found.append((sign * stop,))
            if tops[0] > extreme:
                extreme, factor = tops[0], min(factor + acceleration, maximum)
        stop = min(stop + factor * (extreme - stop), *bottoms)
    return found
