"""What the volume indicators are, by the obvious way: whole windows and sessions at every step, exact."""

from decimal import Decimal
from fractions import Fraction

from tests.streams.indicators.definitions.exact import NAN, ZERO, ema, exact, mean, rows, sixty_digits
from tests.streams.indicators.stepping import Definition, Row, Steps


def session_starts(steps: Steps) -> list[int]:
    """Per step, the index of the first step of its session: what is outside of any belongs to the one before."""
    starts: list[int] = []
    current = steps.session[0] if len(steps) else 0.0
    start = 0
    for i, session in enumerate(steps.session.tolist()):
        if session not in {0.0, current}:
            current, start = session, i
        starts.append(start)
    return starts


def windows(values: list[Decimal], n: int) -> list[list[Decimal]]:
    """At every step the last n values, or as many as there are."""
    return [values[max(i + 1 - n, 0) : i + 1] for i in range(len(values))]


def ever(values: list[Decimal]) -> list[bool]:
    """Whether any value up to each step is not 0."""
    return [any(values[: i + 1]) for i in range(len(values))]


def flows(steps: Steps) -> list[Decimal]:
    """Money flow of each bar."""
    columns = zip(*map(exact, (steps.high, steps.low, steps.close, steps.volume)), strict=True)
    return [
        volume * ((close - low) - (high - close)) / (high - low) if high > low else ZERO
        for high, low, close, volume in columns
    ]


def vwap(steps: Steps) -> list[Row]:
    columns = (steps.dollars, steps.volume, steps.close)
    dollars, volume, close = ([Fraction(value) for value in column.tolist()] for column in columns)
    if (steps.high == steps.low).all():
        # The product that is handed over is rounded; that of the trade is not.
        dollars = [price * quantity for price, quantity in zip(close, volume, strict=True)]
    found: list[Row] = []
    for i, start in enumerate(session_starts(steps)):
        quantity = sum(volume[start : i + 1])
        if quantity == 0:
            found.append((NAN, NAN))
            continue
        average = sum(dollars[start : i + 1]) / quantity
        found.append((float(average), float(10_000 * (close[i] - average) / average)))
    return found


@sixty_digits
def obv(steps: Steps) -> list[Row]:
    close, volume = exact(steps.close), exact(steps.volume)
    there = ever(volume)
    total = ZERO
    found: list[Row] = []
    for i in range(len(steps)):
        direction = 1 if i == 0 else (close[i] > close[i - 1]) - (close[i] < close[i - 1])
        total += direction * volume[i]
        found.append((float(total) if there[i] else NAN,))
    return found


@sixty_digits
def ad(steps: Steps) -> list[Row]:
    flow = flows(steps)
    return [(float(sum(flow[: i + 1], ZERO)) if there else NAN,) for i, there in enumerate(ever(exact(steps.volume)))]


def started_with_first(values: list[Decimal], n: int) -> list[Decimal]:
    """Exponential average of weight 2 / (n + 1) that starts with the first value."""
    start = ema(values[:1] * n, n)[n - 1 :] if values else []
    averages = [average for average in start if average is not None]
    for value in values[1:]:
        averages.append(averages[-1] + (value - averages[-1]) * 2 / (n + 1))
    return averages


@sixty_digits
def adosc(steps: Steps, fast: int, slow: int) -> list[Row]:
    flow = flows(steps)
    line = [sum(flow[: i + 1], ZERO) for i in range(len(flow))]
    pairs = zip(started_with_first(line, fast), started_with_first(line, slow), strict=True)
    there = ever(exact(steps.volume))
    return [(float(f - s) if i + 1 >= slow and there[i] else NAN,) for i, (f, s) in enumerate(pairs)]


@sixty_digits
def cmf(steps: Steps, n: int) -> list[Row]:
    flow, volume = windows(flows(steps), n), windows(exact(steps.volume), n)
    return [
        (float(sum(flow[i], ZERO) / sum(volume[i], ZERO)) if i + 1 >= n and any(volume[i]) else NAN,)
        for i in range(len(steps))
    ]


@sixty_digits
def standard_scores(values: list[Decimal], n: int) -> list[Row]:
    """(value - mean) / population deviation of the last n."""
    found: list[Row] = []
    for window in windows(values, n):
        if len(window) < n or len(set(window)) == 1:
            found.append((NAN,))
            continue
        middle = mean(window)
        deviation = mean([(value - middle) ** 2 for value in window]).sqrt()
        found.append((float((window[-1] - middle) / deviation),))
    return found


def volume_z(steps: Steps, n: int) -> list[Row]:
    return standard_scores(exact(steps.volume), n)


@sixty_digits
def rvol(steps: Steps, n: int) -> list[Row]:
    return [
        (float(window[-1] / mean(window)) if len(window) == n and any(window) else NAN,)
        for window in windows(exact(steps.volume), n)
    ]


@sixty_digits
def dollar_volume(steps: Steps, n: int) -> list[Row]:
    dollars = exact(steps.dollars)
    there = ever(dollars)
    total = rows([sum(window, ZERO) if len(window) == n else None for window in windows(dollars, n)])
    return [row if there[i] else (NAN,) for i, row in enumerate(total)]


DEFINITIONS: dict[str, Definition] = {
    "ad": ad,
    "adosc": adosc,
    "cmf": cmf,
    "dollar_volume": dollar_volume,
    "obv": obv,
    "rvol": rvol,
    "volume_z": volume_z,
    "vwap": vwap,
}
"""By name of the family."""
