"""What the context indicators are, by the obvious way: every window anew at every step, exact."""

from decimal import Decimal
from itertools import pairwise
from math import isnan

from tests.streams.indicators.definitions.exact import NAN, exact, ln, mean, sixty_digits
from tests.streams.indicators.definitions.microstructure import UNCLAIMED
from tests.streams.indicators.definitions.volume import session_starts, standard_scores
from tests.streams.indicators.stepping import Definition, Row, Steps


@sixty_digits
def ret(steps: Steps, n: int) -> list[Row]:
    close = exact(steps.close)
    return [(float(ln(close[i] / close[i - n])) if i >= n else NAN,) for i in range(len(close))]


def zscore(steps: Steps, n: int) -> list[Row]:
    return standard_scores(exact(steps.close), n)


@sixty_digits
def drawdown(steps: Steps) -> list[Row]:
    close, high = exact(steps.close), exact(steps.high)
    return [(float(close[i] / max(high[start : i + 1]) - 1),) for i, start in enumerate(session_starts(steps))]


def session_time(steps: Steps) -> list[Row]:
    return list(zip(steps.since_open.tolist(), steps.phase.tolist(), strict=True))


def gap(steps: Steps, seconds: float) -> list[Row]:
    now = 0.0
    trades: list[float] = []
    found: list[Row] = []
    for i in range(len(steps)):
        now += 0.0 if i == 0 else float(steps.dt[i])
        if steps.is_trade[i]:
            waited = now - trades[-1] if trades else 0.0
            trades.append(now)
        else:
            waited = now - trades[-1] if trades else NAN
        found.append((NAN if isnan(waited) else float(waited > seconds),))
    return found


@sixty_digits
def opening_gap(steps: Steps) -> list[Row]:
    opens, close = exact(steps.open), exact(steps.close)
    return [
        (float(10_000 * (opens[start] / close[start - 1] - 1)) if start else NAN,) for start in session_starts(steps)
    ]


def pairs_of(steps: Steps) -> list[tuple[Decimal, Decimal] | None]:
    """Per step but the first, the reference's and the symbol's own return; None without a reference."""
    found: list[tuple[Decimal, Decimal] | None] = []
    rows = zip(steps.close.tolist(), steps.reference.tolist(), strict=True)
    for (p, q), (own, theirs) in pairwise(rows):
        if isnan(q) or isnan(theirs):
            found.append(None)
        else:
            found.append((ln(Decimal(theirs) / Decimal(q)), ln(Decimal(own) / Decimal(p))))
    return found


def moments_of(steps: Steps, n: int) -> list[tuple[Decimal, Decimal, Decimal] | float]:
    """Per step, variance of the reference's returns, of the symbol's own, and covariance, over the last n pairs."""
    found: list[tuple[Decimal, Decimal, Decimal] | float] = [NAN]
    there: list[tuple[Decimal, Decimal]] = []
    for pair in pairs_of(steps):
        if pair is not None:
            there.append(pair)
        if len(there) < n:
            found.append(NAN)
            continue
        x, y = zip(*there[-n:], strict=True)
        variances = [mean([value * value for value in values]) - mean(values) ** 2 for values in (x, y)]
        squares = [mean([value * value for value in values]) for values in (x, y)]
        if any(s > 0 and v < Decimal("1e-12") * s for v, s in zip(variances, squares, strict=True)):
            found.append(UNCLAIMED)
            continue
        shared = mean([a * b for a, b in zip(x, y, strict=True)]) - mean(x) * mean(y)
        found.append((variances[0], variances[1], shared))
    return found


@sixty_digits
def beta(steps: Steps, n: int) -> list[Row]:
    return [(m if isinstance(m, float) else float(m[2] / m[0]) if m[0] > 0 else NAN,) for m in moments_of(steps, n)]


@sixty_digits
def correlation(steps: Steps, n: int) -> list[Row]:
    return [
        (m if isinstance(m, float) else float(m[2] / (m[0] * m[1]).sqrt()) if m[0] > 0 and m[1] > 0 else NAN,)
        for m in moments_of(steps, n)
    ]


@sixty_digits
def rel_strength(steps: Steps, n: int) -> list[Row]:
    found: list[Row] = [(NAN,)] * min(n, len(steps))
    for i in range(n, len(steps)):
        then = Decimal(float(steps.reference[i - n]))
        if then.is_nan():
            found.append((NAN,))
            continue
        own = ln(Decimal(float(steps.close[i])) / Decimal(float(steps.close[i - n])))
        found.append((float(own - ln(Decimal(float(steps.reference[i])) / then)),))
    return found


DEFINITIONS: dict[str, Definition] = {
    "beta": beta,
    "correlation": correlation,
    "drawdown": drawdown,
    "gap": gap,
    "opening_gap": opening_gap,
    "rel_strength": rel_strength,
    "ret": ret,
    "session_time": session_time,
    "zscore": zscore,
}
"""By name of the family."""
