"""What the trend indicators are, by the obvious way: whole windows at every step, in sixty digits."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from math import isqrt

from tests.streams.indicators.definitions.exact import (
    HUNDRED,
    NAN,
    ZERO,
    Series,
    ema,
    exact,
    full_windows,
    mean,
    rows,
    sixty_digits,
    wilder,
)
from tests.streams.indicators.definitions.stops import sar, supertrend
from tests.streams.indicators.stepping import Definition, Row, Steps


def each(values: Sequence[Decimal | None], n: int, of: Callable[[list[Decimal]], Decimal]) -> Series:
    """`of` every full window of n values."""
    return [None if window is None else of(window) for window in full_windows(values, n)]


def weighted_mean(window: list[Decimal]) -> Decimal:
    return sum((weight * value for weight, value in enumerate(window, 1)), ZERO) / sum(range(1, len(window) + 1))


def combined(*terms: tuple[int | Decimal, Series]) -> Series:
    """Sum of factor x value, None where a value is missing."""
    found: Series = []
    for values in zip(*(series for _, series in terms), strict=True):
        present = [value for value in values if value is not None]
        whole = len(present) == len(terms)
        found.append(sum((f * v for (f, _), v in zip(terms, present, strict=True)), ZERO) if whole else None)
    return found


def separate(*outputs: Series) -> list[Row]:
    """One row per step, each output NaN until it is there itself."""
    return [tuple(NAN if value is None else float(value) for value in step) for step in zip(*outputs, strict=True)]


@sixty_digits
def wma(steps: Steps, n: int) -> list[Row]:
    return rows(each(exact(steps.close), n, weighted_mean))


@sixty_digits
def hma(steps: Steps, n: int) -> list[Row]:
    closes = exact(steps.close)
    raised = combined((2, each(closes, n // 2, weighted_mean)), (-1, each(closes, n, weighted_mean)))
    return rows(each(raised, isqrt(n), weighted_mean))


@sixty_digits
def dema(steps: Steps, n: int) -> list[Row]:
    once = ema(exact(steps.close), n)
    return rows(combined((2, once), (-1, ema(once, n))))


@sixty_digits
def tema(steps: Steps, n: int) -> list[Row]:
    once = ema(exact(steps.close), n)
    twice = ema(once, n)
    return rows(combined((3, once), (-3, twice), (1, ema(twice, n))))


@sixty_digits
def t3(steps: Steps, n: int, factor: float) -> list[Row]:
    """((1 + v) EMA - v EMA EMA) to the third power, multiplied out."""
    v = Decimal(factor)
    chain: list[Series] = [[*exact(steps.close)]]
    for _ in range(6):
        chain.append(ema(chain[-1], n))
    factors = ((1 + v) ** 3, -3 * (1 + v) ** 2 * v, 3 * (1 + v) * v**2, -(v**3))
    return rows(combined(*zip(factors, chain[3:], strict=True)))


@sixty_digits
def kama(steps: Steps, n: int) -> list[Row]:
    p = exact(steps.close)
    fast, slow = Decimal(2) / 3, Decimal(2) / 31
    averages: Series = [None] * min(n, len(p))
    average = p[n - 1] if len(p) >= n else ZERO
    for i in range(n, len(p)):
        path = sum((abs(p[j] - p[j - 1]) for j in range(i + 1 - n, i + 1)), ZERO)
        efficiency = abs(p[i] - p[i - n]) / path if path else Decimal(1)
        average += (efficiency * (fast - slow) + slow) ** 2 * (p[i] - average)
        averages.append(average)
    return rows(averages)


@sixty_digits
def vwma(steps: Steps, n: int) -> list[Row]:
    p, v = exact(steps.close), exact(steps.volume)
    found: list[Row] = [(NAN,)] * min(n - 1, len(p))
    for i in range(n - 1, len(p)):
        window = range(i + 1 - n, i + 1)
        total = sum((v[j] for j in window), ZERO)
        found.append((float(sum((p[j] * v[j] for j in window), ZERO) / total) if total else NAN,))
    return found


@sixty_digits
def linreg(steps: Steps, n: int) -> list[Row]:
    found: list[Row] = []
    for window in full_windows(exact(steps.close), n):
        if window is None:
            found.append((NAN,) * 4)
            continue
        middle, average = Decimal(n - 1) / 2, mean(window)
        products = sum(((x - middle) * (p - average) for x, p in enumerate(window)), ZERO)
        slope = products / sum(((x - middle) ** 2 for x in range(n)), ZERO)
        spread = sum(((p - average) ** 2 for p in window), ZERO)
        r2 = float(slope * products / spread) if len(set(window)) > 1 else NAN
        found.append((float(average + slope * middle), float(slope), float(average - slope * middle), r2))
    return found


def highest(steps: Steps, n: int) -> Series:
    return each(exact(steps.high), n, max)


def lowest(steps: Steps, n: int) -> Series:
    return each(exact(steps.low), n, min)


def middle(steps: Steps, n: int) -> Series:
    half = Decimal("0.5")
    return combined((half, highest(steps, n)), (half, lowest(steps, n)))


@sixty_digits
def donchian(steps: Steps, n: int) -> list[Row]:
    return rows(highest(steps, n), middle(steps, n), lowest(steps, n))


@sixty_digits
def ichimoku(steps: Steps, conversion: int, base: int, span: int) -> list[Row]:
    half = Decimal("0.5")
    tenkan, kijun = middle(steps, conversion), middle(steps, base)
    return separate(tenkan, kijun, combined((half, tenkan), (half, kijun)), middle(steps, span))


@sixty_digits
def aroon(steps: Steps, n: int) -> list[Row]:
    def lateness(window: list[Decimal], extreme: Decimal) -> Decimal:
        return HUNDRED * max(x for x, value in enumerate(window) if value == extreme) / n

    up = each(exact(steps.high), n + 1, lambda window: lateness(window, max(window)))
    down = each(exact(steps.low), n + 1, lambda window: lateness(window, min(window)))
    return rows(up, down, combined((1, up), (-1, down)))


def true_ranges(steps: Steps) -> Series:
    """None for the first bar, which has no close before it."""
    high, low, close = exact(steps.high), exact(steps.low), exact(steps.close)
    return [None if i == 0 else max(high[i], close[i - 1]) - min(low[i], close[i - 1]) for i in range(len(steps))]


@sixty_digits
def keltner(steps: Steps, n: int, m: int, width: float) -> list[Row]:
    first = max(n, m + 1)
    typical: Series = [
        sum(prices, ZERO) / 3 for prices in zip(exact(steps.high), exact(steps.low), exact(steps.close), strict=True)
    ]
    average = ema([value if i >= first - n else None for i, value in enumerate(typical)], n)
    ranges = wilder([value if i >= first - m else None for i, value in enumerate(true_ranges(steps))], m)
    k = Decimal(width)
    return rows(combined((1, average), (k, ranges)), average, combined((1, average), (-k, ranges)))


def wilder_sums(values: Sequence[Decimal], n: int) -> Series:
    """The first n - 1 values summed up, then s += x - s / n; None until the first of those."""
    sums: Series = []
    total = ZERO
    for i, value in enumerate(values):
        total += value if i < n - 1 else value - total / n
        sums.append(None if i < n - 1 else total)
    return sums


@sixty_digits
def adx(steps: Steps, n: int) -> list[Row]:
    high, low = exact(steps.high), exact(steps.low)
    bars = range(1, len(steps))
    rises = [high[i] - high[i - 1] for i in bars]
    falls = [low[i - 1] - low[i] for i in bars]
    ranges = wilder_sums([value for value in true_ranges(steps) if value is not None], n)
    moves = [
        wilder_sums([a if a > 0 and a > b else ZERO for a, b in zip(own, other, strict=True)], n)
        for own, other in ((rises, falls), (falls, rises))
    ]
    found: list[Row] = [(NAN,) * 4] if len(steps) else []
    movements: list[Decimal] = []
    averages: list[Decimal] = []
    for total, plus, minus in zip(ranges, *moves, strict=True):
        if total is None or plus is None or minus is None:
            found.append((NAN,) * 4)
            continue
        directed = plus + minus
        movements.append(HUNDRED * abs(plus - minus) / directed if directed else ZERO)
        if len(movements) == n:
            averages.append(mean(movements))
        elif len(movements) > n:
            averages.append((averages[-1] * (n - 1) + movements[-1]) / n if directed else averages[-1])
        index = float(averages[-1]) if averages else NAN
        rating = float((averages[-1] + averages[-n]) / 2) if len(averages) >= n else NAN
        found.append(
            (
                index,
                float(HUNDRED * plus / total) if total else 0.0,
                float(HUNDRED * minus / total) if total else 0.0,
                rating,
            )
        )
    return found


DEFINITIONS: dict[str, Definition] = {
    "adx": adx,
    "aroon": aroon,
    "dema": dema,
    "donchian": donchian,
    "hma": hma,
    "ichimoku": ichimoku,
    "kama": kama,
    "keltner": keltner,
    "linreg": linreg,
    "sar": sar,
    "supertrend": supertrend,
    "t3": t3,
    "tema": tema,
    "vwma": vwma,
    "wma": wma,
}
"""By name of the family."""
