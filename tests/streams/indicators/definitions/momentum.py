"""What the momentum indicators are, by the obvious way: whole windows at every step, in sixty digits."""

from decimal import Decimal

from tests.streams.indicators.definitions.exact import (
    HUNDRED,
    NAN,
    ZERO,
    Series,
    changes,
    ema,
    exact,
    full_windows,
    mean,
    negative,
    positive,
    rolling_mean,
    rows,
    sixty_digits,
    wilder,
)
from tests.streams.indicators.stepping import Definition, Row, Steps

STILL = Decimal("1e-9")
VANISHED = Decimal("1e-14")
ROUNDING = Decimal("1e-14")


def places(highs: Series, lows: Series, values: Series, n: int, least: Decimal = ZERO) -> Series:
    """Where each value stands in the range of the last n steps, 0 to 100; 50 in none."""
    found: Series = []
    for high, low, value in zip(full_windows(highs, n), full_windows(lows, n), values, strict=True):
        if high is None or low is None or value is None:
            found.append(None)
        elif max(high) - min(low) <= max(least, ROUNDING * (max(high) + min(low))):
            found.append(Decimal(50))
        else:
            found.append(HUNDRED * (value - min(low)) / (max(high) - min(low)))
    return found


def raw_stochastic(steps: Steps, k: int) -> Series:
    return places([*exact(steps.high)], [*exact(steps.low)], [*exact(steps.close)], k)


@sixty_digits
def stochf(steps: Steps, k: int, d: int) -> list[Row]:
    fast = raw_stochastic(steps, k)
    return rows(fast, rolling_mean(fast, d))


@sixty_digits
def stoch(steps: Steps, k: int, s: int, d: int) -> list[Row]:
    slow = rolling_mean(raw_stochastic(steps, k), s)
    return rows(slow, rolling_mean(slow, d))


def rises_and_falls(closes: list[Decimal], n: int) -> tuple[Series, Series]:
    return wilder(positive(changes(closes)), n), wilder(negative(changes(closes)), n)


def rsi(closes: list[Decimal], n: int) -> Series:
    values: Series = []
    for close, rise, fall in zip(closes, *rises_and_falls(closes, n), strict=True):
        if rise is None or fall is None:
            values.append(None)
        elif rise + fall < VANISHED * min(close, Decimal(1)):
            values.append(Decimal(50))
        else:
            values.append(HUNDRED * rise / (rise + fall))
    return values


@sixty_digits
def stochrsi(steps: Steps, n: int, k: int, s: int, d: int) -> list[Row]:
    index = rsi(exact(steps.close), n)
    slow = rolling_mean(places(index, index, index, k, STILL), s)
    return rows(slow, rolling_mean(slow, d))


@sixty_digits
def ppo(steps: Steps, fast: int, slow: int) -> list[Row]:
    closes = exact(steps.close)
    return rows(
        [
            None if f is None or s is None else HUNDRED * (f - s) / s
            for f, s in zip(ema(closes, fast), ema(closes, slow), strict=True)
        ]
    )


@sixty_digits
def roc(steps: Steps, n: int) -> list[Row]:
    p = exact(steps.close)
    return rows([HUNDRED * (p[i] / p[i - n] - 1) if i >= n else None for i in range(len(p))])


@sixty_digits
def mom(steps: Steps, n: int) -> list[Row]:
    p = exact(steps.close)
    return rows([p[i] - p[i - n] if i >= n else None for i in range(len(p))])


@sixty_digits
def cci(steps: Steps, n: int) -> list[Row]:
    typical = [sum(hlc, ZERO) / 3 for hlc in zip(*map(exact, (steps.high, steps.low, steps.close)), strict=True)]
    values: Series = []
    for window in full_windows(typical, n):
        if window is None:
            values.append(None)
            continue
        middle = mean(window)
        spread = mean([abs(value - middle) for value in window])
        flat = spread <= ROUNDING * window[-1]
        values.append(ZERO if flat else (window[-1] - middle) / (Decimal("0.015") * spread))
    return rows(values)


@sixty_digits
def cmo(steps: Steps, n: int) -> list[Row]:
    closes = exact(steps.close)
    values: Series = []
    for close, rise, fall in zip(closes, *rises_and_falls(closes, n), strict=True):
        if rise is None or fall is None:
            values.append(None)
        elif rise + fall < VANISHED * min(close, Decimal(1)):
            values.append(ZERO)
        else:
            values.append(HUNDRED * (rise - fall) / (rise + fall))
    return rows(values)


@sixty_digits
def willr(steps: Steps, n: int) -> list[Row]:
    return rows([None if place is None else place - HUNDRED for place in raw_stochastic(steps, n)])


@sixty_digits
def trix(steps: Steps, n: int) -> list[Row]:
    triple = ema(ema(ema(exact(steps.close), n), n), n)
    before = [None, *triple][: len(triple)]
    return rows(
        [None if e is None or f is None else HUNDRED * (e - f) / f for e, f in zip(triple, before, strict=True)]
    )


@sixty_digits
def ultosc(steps: Steps, first: int, second: int, third: int) -> list[Row]:
    high, low, close = map(exact, (steps.high, steps.low, steps.close))
    pressures: Series = [None]
    reaches: Series = [None]
    for h, low_, c, before in zip(high[1:], low[1:], close[1:], close, strict=False):
        pressures.append(c - min(low_, before))
        reaches.append(max(h, before) - min(low_, before))

    def shares(n: int) -> Series:
        found: Series = []
        for bought, moved in zip(full_windows(pressures, n), full_windows(reaches, n), strict=True):
            if bought is None or moved is None:
                found.append(None)
            else:
                found.append(sum(bought, ZERO) / sum(moved, ZERO) if any(moved) else Decimal("0.5"))
        return found

    return rows(
        [
            None if a is None or b is None or c is None else HUNDRED * (4 * a + 2 * b + c) / 7
            for a, b, c in zip(shares(first), shares(second), shares(third), strict=True)
        ]
    )


@sixty_digits
def mfi(steps: Steps, n: int) -> list[Row]:
    typical = [sum(hlc, ZERO) / 3 for hlc in zip(*map(exact, (steps.high, steps.low, steps.close)), strict=True)]
    flows = [t * v for t, v in zip(typical, exact(steps.volume), strict=True)]

    def sign(j: int) -> int:
        change = typical[j] - typical[j - 1]
        return 0 if abs(change) <= ROUNDING * (typical[j] + typical[j - 1]) else (1 if change > 0 else -1)

    values: list[Row] = []
    for i in range(len(flows)):
        window = range(max(i + 1 - n, 1), i + 1)
        rises = sum((flows[j] for j in window if sign(j) > 0), ZERO)
        falls = sum((flows[j] for j in window if sign(j) < 0), ZERO)
        if i < n or not any(flows[j] for j in window):
            values.append((NAN,))
        elif rises + falls == 0:
            values.append((50.0,))
        else:
            values.append((float(HUNDRED * rises / (rises + falls)),))
    return values


@sixty_digits
def tsi(steps: Steps, long: int, short: int) -> list[Row]:
    moved = changes(exact(steps.close))
    strengths = ema(ema(moved, long), short)
    sizes = ema(ema([None if change is None else abs(change) for change in moved], long), short)
    values: Series = []
    for strength, size in zip(strengths, sizes, strict=True):
        if strength is None or size is None:
            values.append(None)
        else:
            values.append(HUNDRED * strength / size if size else ZERO)
    return rows(values)


DEFINITIONS: dict[str, Definition] = {
    "cci": cci,
    "cmo": cmo,
    "mfi": mfi,
    "mom": mom,
    "ppo": ppo,
    "roc": roc,
    "stoch": stoch,
    "stochf": stochf,
    "stochrsi": stochrsi,
    "trix": trix,
    "tsi": tsi,
    "ultosc": ultosc,
    "willr": willr,
}
