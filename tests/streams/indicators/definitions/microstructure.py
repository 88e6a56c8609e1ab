"""What the microstructure indicators are, by the obvious way: every window anew at every step, exact."""

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import erf, exp, fsum, inf, isnan, sqrt
from typing import Final

import numpy as np

from streams.columns import F64
from tests.streams.indicators.definitions.exact import NAN, ZERO, exact, mean, sixty_digits
from tests.streams.indicators.stepping import Definition, Row, Steps

UNCLAIMED: Final = inf
"""Stands where rounding of the inputs decides which side of a border the exact value is on: anything will do."""

Quote = tuple[float, float, float, float]
"""bid, ask, bid_size, ask_size."""


def quotes_of(steps: Steps, prefix: str = "") -> list[Quote]:
    names = ("bid", "ask", "bid_size", "ask_size")
    return list(zip(*(steps[prefix + name].tolist() for name in names), strict=True))


def lean_of(quote: Quote) -> float:
    """(qb - qa) / (qb + qa)."""
    _, _, bid_size, ask_size = quote
    if isnan(bid_size) or isnan(ask_size) or bid_size == ask_size == 0:
        return NAN
    return float((Fraction(bid_size) - Fraction(ask_size)) / (Fraction(bid_size) + Fraction(ask_size)))


def spread(steps: Steps) -> list[Row]:
    found: list[Row] = []
    for bid, ask, _, _ in quotes_of(steps):
        width = Fraction(ask) - Fraction(bid)
        middle = (Fraction(ask) + Fraction(bid)) / 2
        state = (width > 0) - (width < 0)
        found.append((float(width), float(10_000 * width / middle), state) if state > 0 else (NAN, NAN, state))
    return found


def mid(steps: Steps) -> list[Row]:
    return [(float((Fraction(bid) + Fraction(ask)) / 2),) for bid, ask, _, _ in quotes_of(steps)]


def queue_imbalance(steps: Steps) -> list[Row]:
    return [(lean_of(quote),) for quote in quotes_of(steps)]


def weighted_mid(steps: Steps) -> list[Row]:
    found: list[Row] = []
    for quote in quotes_of(steps):
        if isnan(lean_of(quote)):
            found.append((NAN,))
            continue
        bid, ask, bid_size, ask_size = map(Fraction, quote)
        found.append((float((bid_size * ask + ask_size * bid) / (bid_size + ask_size)),))
    return found


def microprice(steps: Steps, tick: float, gain: float, power: float, wide_gain: float, wide_power: float) -> list[Row]:
    found: list[Row] = []
    for quote in quotes_of(steps):
        lean = lean_of(quote)
        width = Fraction(quote[1]) - Fraction(quote[0])
        if width <= 0 or isnan(lean):
            found.append((NAN, NAN))
            continue
        one_tick = round(width / Fraction(tick)) <= 1
        share = gain * abs(lean) ** power if one_tick else wide_gain * abs(lean) ** wide_power
        moved = (1 if lean > 0 else -1) * width / 2 * Fraction(share)
        middle = Fraction(quote[0]) + width / 2
        found.append((float(middle + moved), float(10_000 * moved / middle)))
    return found


def whole(quote: Quote) -> bool:
    """Whether it has two sides with sizes that are not crossed."""
    return not any(map(isnan, quote)) and quote[0] <= quote[1]


def ofi(steps: Steps, n: int) -> list[Row]:
    flows: list[Fraction] = []
    depths: list[Fraction | None] = []
    found: list[Row] = []
    for i, (now, last) in enumerate(zip(quotes_of(steps), quotes_of(steps, "previous_"), strict=True)):
        flow = Fraction(0)
        if whole(now) and whole(last):
            b, a, qb, qa = map(Fraction, now)
            old_b, old_a, old_qb, old_qa = map(Fraction, last)
            flow = (b >= old_b) * qb - (b <= old_b) * old_qb - (a <= old_a) * qa + (a >= old_a) * old_qa
        flows.append(flow)
        depths.append((Fraction(now[2]) + Fraction(now[3])) / 2 if whole(now) else None)
        known = [depth for depth in depths[max(i + 1 - n, 0) :] if depth is not None]
        if i < n or not known:
            found.append((NAN, NAN))
            continue
        total = sum(flows[i + 1 - n :])
        depth = sum(known) / len(known)
        found.append((float(total), float(total / depth) if depth else NAN))
    return found


def trade_sign(steps: Steps) -> list[Row]:
    return list(zip(steps.sign.tolist(), steps.rule.tolist(), strict=True))


def signed_volume(steps: Steps, n: int) -> list[Row]:
    signed = [Fraction(value) for value in steps.signed.tolist()]
    return [
        (float(sum(signed[i + 1 - n : i + 1])) if i + 1 >= n and steps.volume[: i + 1].any() else NAN,)
        for i in range(len(steps))
    ]


def bucket_balances(volume: list[float], signed: list[Fraction], size: float) -> list[list[Fraction]]:
    """After every step, |bought - sold| / size of the full buckets so far, or of the last thousand of them."""
    full: list[Fraction] = []
    found: list[list[Fraction]] = []
    held = inside = Fraction(0)
    whole_size, nearly = Fraction(size), Fraction(size) * (1 - Fraction(1, 10**9))
    for quantity, balance in zip(map(Fraction, volume), signed, strict=True):
        rest = quantity
        while held + rest >= nearly:
            taken = min(rest, whole_size - held)
            full = [*full, abs(inside + taken * balance / quantity) / whole_size][-1000:]
            rest -= taken
            held = inside = Fraction(0)
            if rest > 1000 * whole_size:
                rest -= whole_size * (rest // whole_size - 1000)
        if quantity:
            held += rest
            inside += rest * balance / quantity
        found.append(full)
    return found


def means_of_last(buckets: list[list[Fraction]], n: int) -> list[Row]:
    return [(float(sum(full[-n:]) / n) if len(full) >= n else NAN,) for full in buckets]


def vpin(steps: Steps, size: float, n: int) -> list[Row]:
    signed = [Fraction(value) for value in steps.signed.tolist()]
    return means_of_last(bucket_balances(steps.volume.tolist(), signed, size), n)


@sixty_digits
def vpin_bulk(steps: Steps, size: float, n: int, m: int) -> list[Row]:
    changes = np.diff(steps.close).tolist()
    signed: list[Fraction] = []
    for i in range(m, len(steps)):
        window = [Decimal(change) for change in changes[i - m : i]]
        middle = mean(window)
        deviation = mean([(change - middle) ** 2 for change in window]).sqrt()
        if window[-1] == 0:
            lean = 0.0
        elif deviation == 0:
            lean = 1.0 if window[-1] > 0 else -1.0
        else:
            lean = 2 * (0.5 * (1 + erf(float(window[-1] / deviation) / sqrt(2)))) - 1
        signed.append(Fraction(lean) * Fraction(float(steps.volume[i])))
    return [(NAN,)] * min(m, len(steps)) + means_of_last(bucket_balances(steps.volume[m:].tolist(), signed, size), n)


@sixty_digits
def kyle(steps: Steps, n: int) -> list[Row]:
    keep = Decimal(1.0 - 1.0 / n)
    pairs: list[tuple[Decimal, Decimal]] = []
    found: list[Row] = []
    for i in range(len(steps)):
        if i > 0 and steps.sign[i - 1] != 0 and not isnan(steps.mid[i] - steps.mid[i - 1]):
            x = Decimal(float(steps.sign[i - 1] * steps.volume[i - 1]))
            pairs.append((x, Decimal(float(steps.mid[i])) - Decimal(float(steps.mid[i - 1]))))
        found.append((slope(pairs, keep) if len(pairs) >= n and i >= n else NAN,))
    return found


def slope(pairs: list[tuple[Decimal, Decimal]], keep: Decimal) -> float:
    """Of weighted least squares: the newest pair weighs 1, every earlier one `keep` as much as the next."""
    weights = [keep**age for age in range(len(pairs) - 1, -1, -1)]

    def average(values: list[Decimal]) -> Decimal:
        return sum((w * value for w, value in zip(weights, values, strict=True)), ZERO) / sum(weights, ZERO)

    x, y = [x for x, _ in pairs], [y for _, y in pairs]
    x_mean, y_mean = average(x), average(y)
    squares = average([(value - x_mean) ** 2 for value in x])
    products = average([(a - x_mean) * (b - y_mean) for a, b in zip(x, y, strict=True)])
    if squares == 0:
        return NAN
    if squares < Decimal("1e-12") * x_mean**2:
        return UNCLAIMED
    return float(products / squares)


def amihud(steps: Steps, n: int) -> list[Row]:
    close = [Fraction(price) for price in steps.close.tolist()]
    dollars = [Fraction(value) for value in steps.dollars.tolist()]
    ratios = [abs(close[i] / close[i - 1] - 1) / dollars[i] if i and dollars[i] else None for i in range(len(steps))]
    found: list[Row] = []
    for i in range(len(steps)):
        there = [ratio for ratio in ratios[max(i + 1 - n, 0) : i + 1] if ratio is not None]
        found.append((float(sum(there) / len(there)) if i >= n and there else NAN,))
    return found


@sixty_digits
def roll(steps: Steps, n: int) -> list[Row]:
    close = exact(steps.close)
    changes = [now - before for before, now in pairwise(close)]
    found: list[Row] = []
    for i in range(len(steps)):
        if i < n + 1:
            found.append((NAN,))
            continue
        x, y = changes[i - n : i], changes[i - n - 1 : i - 1]
        shared = mean([a * b for a, b in zip(x, y, strict=True)]) - mean(x) * mean(y)
        if abs(shared) < Decimal("1e-10") * mean([a * a for a in x + y]):
            found.append((UNCLAIMED,))
        else:
            found.append((NAN if shared > 0 else float(2 * (-shared).sqrt()),))
    return found


def effective_spread(steps: Steps, n: int) -> list[Row]:
    paid: list[Fraction | None] = []
    found: list[Row] = []
    for i, (price, sign, middle) in enumerate(zip(*columns(steps, "close", "sign", "mid"), strict=True)):
        known = sign != 0 and not isnan(middle)
        paid.append(20_000 * int(sign) * (Fraction(price) / Fraction(middle) - 1) if known else None)
        there = [value for value in paid[max(i + 1 - n, 0) :] if value is not None]
        found.append((float(sum(there) / len(there)) if i + 1 >= n and there else NAN,))
    return found


def realised_spread(steps: Steps, k: int) -> list[Row]:
    found: list[Row] = [(NAN, NAN)] * min(k, len(steps))
    price, sign, middle = columns(steps, "close", "sign", "mid")
    for i in range(k, len(steps)):
        then = i - k
        if sign[then] == 0 or isnan(middle[then]) or isnan(middle[i]):
            found.append((NAN, NAN))
            continue
        p, m, later = Fraction(price[then]), Fraction(middle[then]), Fraction(middle[i])
        direction = int(sign[then])
        found.append((float(20_000 * direction * (p - later) / m), float(20_000 * direction * (later - m) / m)))
    return found


def columns(steps: Steps, *names: str) -> list[list[float]]:
    return [steps[name].tolist() for name in names]


def intensity(steps: Steps, tau: float) -> list[Row]:
    def kernel(i: int, events: F64) -> float:
        return fsum(exp(-fsum(steps.dt[j + 1 : i + 1]) / tau) / tau for j in range(i + 1) if events[j])

    return [(kernel(i, np.ones(len(steps))), kernel(i, steps.is_trade)) for i in range(len(steps))]


def trade_age(steps: Steps) -> list[Row]:
    return [(value,) for value in steps.since_trade.tolist()]


DEFINITIONS: dict[str, Definition] = {
    "amihud": amihud,
    "effective_spread": effective_spread,
    "intensity": intensity,
    "kyle": kyle,
    "microprice": microprice,
    "mid": mid,
    "ofi": ofi,
    "queue_imbalance": queue_imbalance,
    "realised_spread": realised_spread,
    "roll": roll,
    "signed_volume": signed_volume,
    "spread": spread,
    "trade_age": trade_age,
    "trade_sign": trade_sign,
    "vpin": vpin,
    "vpin_bulk": vpin_bulk,
    "weighted_mid": weighted_mid,
}
"""By name of the family."""
