"""Plain-Python definitions that the ensemble is compared with, and made-up markets to compare on."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import fmean, pstdev

import numpy as np
from hypothesis import strategies as st

from streams.columns import F64

AVERAGES = ("sma_5", "sma_20", "sma_50", "ema_12", "ema_26")
DIFFERENCES = ("macd", "macd_signal", "macd_hist")
BANDS = ("bb_upper", "bb_middle", "bb_lower")
OUTPUTS = [*AVERAGES, "rsi_14", *DIFFERENCES, *BANDS, "bb_percent_b", "bb_bandwidth"]

Row = dict[str, float]
"""The outputs by name, and `price`; NaN where null."""


def columns_of(rows: Sequence[Mapping[str, float]]) -> tuple[dict[str, F64], F64]:
    """The rows as a member gets them."""
    return {name: np.array([row[name] for row in rows]) for name in OUTPUTS}, np.array([row["price"] for row in rows])


def matrix_of(rows: Sequence[Mapping[str, float]]) -> tuple[F64, F64]:
    """The rows as the ensemble gets them."""
    values = np.array([[row[name] for name in OUTPUTS] for row in rows], dtype=np.float64)
    return values.reshape(len(rows), len(OUTPUTS)), np.array([row["price"] for row in rows], dtype=np.float64)


@st.composite
def rows(draw: st.DrawFn, *, nulls: bool = False, flat: bool = True) -> Row:
    """One record of any market: any price level, any width of the bands, averages within five deviations."""
    price = draw(st.floats(1e-3, 1e6))
    width = draw(st.sampled_from([1e-6, 1e-4, 1e-2, 0.05] + [0.0] * flat))
    sd = price * width
    apart = {name: draw(st.floats(-5, 5)) for name in (*AVERAGES, "bb_middle")}
    row = {name: price + sd * far for name, far in apart.items()}
    row["price"] = price
    row["bb_upper"], row["bb_lower"] = row["bb_middle"] + 2 * sd, row["bb_middle"] - 2 * sd
    row["macd"], row["macd_signal"] = sd * draw(st.floats(-2, 2)), sd * draw(st.floats(-2, 2))
    row["macd_hist"] = row["macd"] - row["macd_signal"]
    row["rsi_14"] = draw(st.floats(0, 100)) if sd > 0 else 50.0
    row["bb_percent_b"] = (price - row["bb_lower"]) / (4 * sd) if sd > 0 else math.nan
    row["bb_bandwidth"] = 4 * sd / row["bb_middle"]
    if nulls:
        for name in draw(st.sets(st.sampled_from([*OUTPUTS, "price"]), max_size=4)):
            row[name] = math.nan
    return row


def mirrored(row: Row) -> Row:
    """The market with every move reversed, seen from the present price."""
    mirror = dict(row)
    for name in (*AVERAGES, *BANDS):
        mirror[name] = 2 * row["price"] - row[name]
    mirror["bb_upper"], mirror["bb_lower"] = mirror["bb_lower"], mirror["bb_upper"]
    for name in DIFFERENCES:
        mirror[name] = -row[name]
    mirror["rsi_14"] = 100 - row["rsi_14"]
    mirror["bb_percent_b"] = 1 - row["bb_percent_b"]
    return mirror


def scaled(row: Row, factor: float) -> Row:
    """The market in another unit of the price."""
    return {
        name: value if name in ("rsi_14", "bb_percent_b", "bb_bandwidth") else value * factor
        for name, value in row.items()
    }


def features(prices: Sequence[float]) -> Row:
    """The outputs after the last of `prices` (at least 60), from their textbook definitions."""
    changes = [after - before for before, after in pairwise(prices)]
    gains = averaged([max(change, 0.0) for change in changes], 14, 1 / 14)[-1]
    losses = averaged([max(-change, 0.0) for change in changes], 14, 1 / 14)[-1]
    slow = ema(prices, 26)
    fast = ema(prices, 12)[-len(slow) :]
    macd = [a - b for a, b in zip(fast, slow, strict=True)]
    signal = ema(macd, 9)[-1]
    middle, sd = fmean(prices[-20:]), pstdev(prices[-20:])
    return {
        **{f"sma_{n}": fmean(prices[-n:]) for n in (5, 20, 50)},
        "ema_12": ema(prices, 12)[-1],
        "ema_26": slow[-1],
        "rsi_14": 50.0 if gains + losses == 0 else 100 * gains / (gains + losses),
        "macd": macd[-1],
        "macd_signal": signal,
        "macd_hist": macd[-1] - signal,
        "bb_upper": middle + 2 * sd,
        "bb_middle": middle,
        "bb_lower": middle - 2 * sd,
        "bb_percent_b": math.nan if sd == 0 else (prices[-1] - middle + 2 * sd) / (4 * sd),
        "bb_bandwidth": 4 * sd / middle,
        "price": prices[-1],
    }


def averaged(numbers: Sequence[float], seed: int, share: float) -> list[float]:
    """The mean of the first `seed` numbers, then moved by `share` of the way to each next one."""
    out = [fmean(numbers[:seed])]
    for number in numbers[seed:]:
        out.append(out[-1] + share * (number - out[-1]))
    return out


def ema(numbers: Sequence[float], period: int) -> list[float]:
    """The exponential average of `period`, from its seed on."""
    return averaged(numbers, period, 2 / (period + 1))


def logistic(log_odds: float) -> float:
    """The probability of these log-odds, written by the hyperbolic tangent."""
    return (1 + math.tanh(log_odds / 2)) / 2


def bounded(x: float) -> float:
    """`x`, or the nearer end of [-1, 1]."""
    return sorted((-1.0, x, 1.0))[1]


def is_flat(row: Row) -> bool:
    """Whether the bands have no width worth the name."""
    return (row["bb_upper"] - row["bb_lower"]) / row["price"] <= 4e-9


def trend(row: Row) -> float:
    """The trend rule's probability."""
    if is_flat(row):
        return 0.5
    sd = (row["bb_upper"] - row["bb_lower"]) / 4
    pairs = (("ema_12", "ema_26"), ("sma_5", "sma_20"), ("sma_20", "sma_50"))
    return logistic(fmean(bounded((row[fast] - row[slow]) / sd) for fast, slow in pairs))


def mean_reversion(row: Row) -> float:
    """The mean-reversion rule's probability, by %B instead of the distance to the middle."""
    if is_flat(row):
        return 0.5
    percent_b = (row["price"] - row["bb_lower"]) / (row["bb_upper"] - row["bb_lower"])
    stretch = outside(percent_b, 0.25, 0.75) / 0.5
    heat = outside(row["rsi_14"], 40, 60) / 30
    return logistic(-(bounded(stretch) + bounded(heat)) / 2)


def outside(x: float, low: float, high: float) -> float:
    """How far x lies above `high` (positive) or below `low` (negative), 0 between them."""
    return max(x - high, 0.0) - max(low - x, 0.0)


def momentum(row: Row) -> float:
    """The momentum rule's probability."""
    if is_flat(row):
        return 0.5
    sd = (row["bb_upper"] - row["bb_lower"]) / 4
    return logistic(fmean([bounded(row["macd_hist"] / (sd / 2)), bounded((row["price"] - row["ema_12"]) / sd / 2)]))


RULES = {"trend": trend, "mean_reversion": mean_reversion, "momentum": momentum}


def pooled(opinions: Sequence[float], weights: Sequence[float]) -> tuple[float, list[float]]:
    """The logarithmic pool by weighted geometric means of p and of 1 - p, and the shares."""
    total = math.fsum(w for p, w in zip(opinions, weights, strict=True) if 0 <= p <= 1)
    if total == 0:
        return math.nan, [0.0] * len(weights)
    shares = [w / total if 0 <= p <= 1 else 0.0 for p, w in zip(opinions, weights, strict=True)]
    up = down = 1.0
    for p, share in zip(opinions, shares, strict=True):
        if share > 0:
            kept = min(max(p, 1e-6), 1 - 1e-6)
            up *= kept**share
            down *= (1 - kept) ** share
    return up / (up + down), shares
