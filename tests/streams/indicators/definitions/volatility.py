"""What the volatility indicators are, by the obvious way: whole windows at every step, in sixty digits."""

from decimal import Decimal
from itertools import pairwise

from tests.streams.indicators.definitions.exact import (
    HUNDRED,
    NAN,
    ZERO,
    Series,
    exact,
    full_windows,
    ln,
    mean,
    rolling_mean,
    rows,
    sixty_digits,
    wilder,
)
from tests.streams.indicators.stepping import Definition, Row, Steps

PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494")


def variance(values: list[Decimal], divisor: int) -> Decimal:
    if len(set(values)) == 1:
        return ZERO
    middle = mean(values)
    return sum(((value - middle) ** 2 for value in values), ZERO) / divisor


def log_returns(steps: Steps) -> Series:
    p = exact(steps.close)
    return [None, *(ln(now / before) for before, now in pairwise(p))]


@sixty_digits
def stddev(steps: Steps, n: int) -> list[Row]:
    windows = full_windows(exact(steps.close), n)
    return rows([None if window is None else variance(window, n).sqrt() for window in windows])


def average_range(steps: Steps, n: int) -> Series:
    high, low, close = map(exact, (steps.high, steps.low, steps.close))
    ranges: Series = [None]
    for h, low_, before in zip(high[1:], low[1:], close, strict=False):
        ranges.append(max(h - low_, abs(h - before), abs(low_ - before)))
    return wilder(ranges, n)


@sixty_digits
def atr(steps: Steps, n: int) -> list[Row]:
    return rows(average_range(steps, n))


@sixty_digits
def natr(steps: Steps, n: int) -> list[Row]:
    averages = average_range(steps, n)
    return rows([None if a is None else HUNDRED * a / c for a, c in zip(averages, exact(steps.close), strict=True)])


@sixty_digits
def rv(steps: Steps, n: int) -> list[Row]:
    windows = full_windows(log_returns(steps), n)
    return rows([None if window is None else sum((r * r for r in window), ZERO) for window in windows])


@sixty_digits
def bipower(steps: Steps, n: int) -> list[Row]:
    values: list[Row] = []
    for window in full_windows(log_returns(steps), n):
        if window is None:
            values.append((NAN, NAN))
            continue
        realised = sum((r * r for r in window), ZERO)
        products = sum((abs(r) * abs(q) for q, r in pairwise(window)), ZERO)
        variation = PI / 2 * n / (n - 1) * products
        share = float(max(1 - variation / realised, ZERO)) if realised else NAN
        values.append((float(variation), share))
    return values


@sixty_digits
def parkinson(steps: Steps, n: int) -> list[Row]:
    bars = [ln(h / low) ** 2 / (4 * ln(Decimal(2))) for h, low in zip(exact(steps.high), exact(steps.low), strict=True)]
    return rows(rolling_mean(bars, n))


@sixty_digits
def garman_klass(steps: Steps, n: int) -> list[Row]:
    bars = [
        ln(h / low) ** 2 / 2 - (2 * ln(Decimal(2)) - 1) * ln(c / o) ** 2
        for o, h, low, c in zip(*map(exact, (steps.open, steps.high, steps.low, steps.close)), strict=True)
    ]
    return rows(rolling_mean(bars, n))


def driftless(steps: Steps) -> list[Decimal]:
    return [
        ln(h / c) * ln(h / o) + ln(low / c) * ln(low / o)
        for o, h, low, c in zip(*map(exact, (steps.open, steps.high, steps.low, steps.close)), strict=True)
    ]


@sixty_digits
def rogers_satchell(steps: Steps, n: int) -> list[Row]:
    return rows(rolling_mean(driftless(steps), n))


@sixty_digits
def yang_zhang(steps: Steps, n: int) -> list[Row]:
    opens, closes = exact(steps.open), exact(steps.close)
    jumps: Series = [None, *(ln(o / before) for o, before in zip(opens[1:], closes, strict=False))]
    bodies: Series = [None, *(ln(c / o) for c, o in zip(closes[1:], opens[1:], strict=True))]
    inside: Series = [None, *driftless(steps)[1:]]
    k = Decimal("0.34") / (Decimal("1.34") + Decimal(n + 1) / (n - 1))
    values: Series = []
    for v, w, r in zip(full_windows(jumps, n), full_windows(bodies, n), full_windows(inside, n), strict=True):
        if v is None or w is None or r is None:
            values.append(None)
        else:
            values.append(variance(v, n - 1) + k * variance(w, n - 1) + (1 - k) * mean(r))
    return rows(values)


@sixty_digits
def ewma_vol(steps: Steps, decay: float) -> list[Row]:
    d = Decimal(decay)
    # The most returns whose joint weight is not yet 0.99 by more than one of them.
    needed = max(int(Decimal("0.01").ln() / d.ln()), 1)
    weighted = weights = ZERO
    values: Series = []
    for i, r in enumerate(log_returns(steps)):
        if r is not None:
            weighted, weights = d * weighted + r * r, d * weights + 1
        values.append((weighted / weights).sqrt() if i >= needed else None)
    return rows(values)


DEFINITIONS: dict[str, Definition] = {
    "atr": atr,
    "bipower": bipower,
    "ewma_vol": ewma_vol,
    "garman_klass": garman_klass,
    "natr": natr,
    "parkinson": parkinson,
    "rogers_satchell": rogers_satchell,
    "rv": rv,
    "stddev": stddev,
    "yang_zhang": yang_zhang,
}
