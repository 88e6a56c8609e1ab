"""Stoikov's microprice, fitted offline to recorded quotes: the table, its lookup, and the name of the indicator.

    name = fit(bid, ask, bid_size, ask_size, tick=0.01).name    # 'microprice_0.01_0.62_1.31_0.4_1.12'

The book is a Markov chain over its state x: the bucket of the queue imbalance I = (qb - qa) / (qb + qa), and the spread
in ticks. From one quote to the next the mid either stays or moves:

- Q[x, y]: probability that it stays and the state is then y;
- R[x] K: expected move of the mid, in ticks (0 where it stays);
- T[x, y]: probability that it moves and the state is then y.

G1 = (I - Q)^-1 R K is the expected move at the next move, B = (I - Q)^-1 T the state after it, and g = G1 + B G1 +
B^2 G1 + ... until it is still: how far the mid is expected to end up from where it is.

Every transition is counted together with its mirror image (bid and ask exchanged): without that the sample's own drift
makes the sum diverge. So g(-I) = -g(I), and 0 at I = 0, exactly. Buckets are therefore odd in number and lie mirrored
about 0; spreads of `spreads` ticks and more are one state. A crossed, locked or one-sided quote, or one without sizes,
breaks the chain, as does a NaN.

Source: S. Stoikov, The Micro-Price: a High-Frequency Estimator of Future Prices (2018), sections 3 and 4.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from streams.columns import F64, I64
from streams.errors import ConfigError
from streams.indicators.microprice import MICROPRICE

STILL: Final = 1e-12
"""In ticks: the sum has ended when no term is larger."""
MOST_MOVES: Final = 100_000
"""Moves of the mid after which a sum that goes on is taken to have no end."""
MOST_VISITS: Final = 1e12
"""Visits of one state that no number of quotes can have had: the matrix is singular but for rounding."""


@dataclass(frozen=True, slots=True)
class MicropriceFit:
    """What the quotes of one instrument say about where its mid ends up."""

    tick: float
    """In units of price."""
    table: F64
    """[spreads, buckets], g in ticks: row s is a spread of s + 1 ticks, the last row wider ones too; buckets ascend in
    imbalance. NaN where no quote was."""
    visits: F64
    """[spreads, buckets], quotes and mirrored quotes that were followed by another one."""
    imbalance: F64
    """[spreads, buckets], mean imbalance of those quotes."""
    half_spread: F64
    """[spreads], mean of half the spread of those quotes, in ticks."""
    gain: float
    power: float
    """g of spreads of one tick is about sign(I) half_spread gain |I|^power: least squares, weighted by the visits."""
    wide_gain: float
    wide_power: float
    """The same for the wider spreads."""

    @property
    def name(self) -> str:
        """The indicator for a feature set, rounded to 4 decimals: `microprice_tick_gain_power_widegain_widepower`."""
        shape = (round(value, 4) for value in (self.gain, self.power, self.wide_gain, self.wide_power))
        return MICROPRICE.indicator(self.tick, *shape).name

    @property
    def distance(self) -> float:
        """Root of the mean square, over the visits, of power law less table, in ticks: what the name leaves out."""
        off = np.nan_to_num(self.smooth() - self.table)
        return float(np.sqrt(np.sum(self.visits * off * off) / np.sum(self.visits)))

    def smooth(self) -> F64:
        """The power laws at the table's places, [spreads, buckets], in ticks."""
        narrow = np.arange(len(self.table))[:, None] == 0
        size = np.abs(self.imbalance)
        share = np.where(narrow, self.gain * size**self.power, self.wide_gain * size**self.wide_power)
        smooth: F64 = np.sign(self.imbalance) * self.half_spread[:, None] * share
        return smooth

    def lookup(self, bid: ArrayLike, ask: ArrayLike, bid_size: ArrayLike, ask_size: ArrayLike) -> F64:
        """Microprices by the table itself, in units of price; NaN where a quote has no state or none was seen there."""
        quotes = _columns(bid, ask, bid_size, ask_size)
        spreads, buckets = self.table.shape
        state, _ = _states(quotes, self.tick, spreads, buckets)
        known = state >= 0
        moves = np.where(known, self.table.ravel()[np.where(known, state, 0)], np.nan)
        prices: F64 = (quotes[0] + quotes[1]) / 2 + moves * self.tick
        return prices


def fit(
    bid: ArrayLike,
    ask: ArrayLike,
    bid_size: ArrayLike,
    ask_size: ArrayLike,
    *,
    tick: float,
    buckets: int = 11,
    spreads: int = 3,
) -> MicropriceFit:
    """Fit the microprice to the quotes of one instrument, one after the other as they came.

    `tick` is the least price step in units of price; `buckets` is odd and at least 3, `spreads` at least 1.

    Raises:
        ConfigError: for parameters out of range, arrays of different lengths, or quotes from which no fit can be made.
    """
    if not tick > 0.0 or buckets < 3 or buckets % 2 == 0 or spreads < 1:
        raise ConfigError(
            f"microprice fit: tick={tick}, buckets={buckets}, spreads={spreads}; "
            "give a tick above 0, an odd number of buckets from 3 on, and 1 spread or more"
        )
    quotes = _columns(bid, ask, bid_size, ask_size)
    state, lean = _states(quotes, tick, spreads, buckets)
    chained = (state[:-1] >= 0) & (state[1:] >= 0)
    x, y = state[:-1][chained], state[1:][chained]
    # In half ticks the mid is a whole number, and whether it moved is no matter of rounding.
    mid = np.rint((quotes[0] + quotes[1]) / tick)
    moves = np.diff(mid)[chained] / 2.0
    if not np.any(moves):
        raise ConfigError(f"microprice fit: the mid never moves in {len(mid)} quotes; give more of them")
    table, visits = _table(x, y, moves, spreads, buckets)

    shape = (spreads, buckets)
    half = (quotes[1] - quotes[0])[:-1][chained] / tick / 2.0
    leaning = np.bincount(x, lean[:-1][chained], spreads * buckets).reshape(shape)
    seen = np.bincount(x, minlength=spreads * buckets).reshape(shape)
    with np.errstate(invalid="ignore"):
        imbalance = (leaning - leaning[:, ::-1]) / (seen + seen[:, ::-1])
        half_spread = np.bincount(x // buckets, half, spreads) / seen.sum(axis=1)
    gain, power = _power_law(table[:1], visits[:1], imbalance[:1], half_spread[:1])
    wide = _power_law(table[1:], visits[1:], imbalance[1:], half_spread[1:])
    return MicropriceFit(tick, table, visits, imbalance, half_spread, gain, power, *wide)


def _columns(*columns: ArrayLike) -> tuple[F64, F64, F64, F64]:
    """Bids, asks, bid sizes and ask sizes as arrays of one length."""
    bid, ask, bid_size, ask_size = (np.asarray(values, dtype=np.float64) for values in columns)
    shapes = [values.shape for values in (bid, ask, bid_size, ask_size)]
    if len(set(shapes)) > 1 or bid.ndim != 1:
        raise ConfigError(
            f"microprice fit: bid, ask, bid_size, ask_size have the shapes {shapes}; give four columns of one length"
        )
    return bid, ask, bid_size, ask_size


def _states(quotes: tuple[F64, F64, F64, F64], tick: float, spreads: int, buckets: int) -> tuple[I64, F64]:
    """Per quote the number of its state, row x buckets + bucket, -1 of a quote that has none; and its imbalance."""
    bid, ask, bid_size, ask_size = quotes
    with np.errstate(invalid="ignore", divide="ignore"):
        lean: F64 = (bid_size - ask_size) / (bid_size + ask_size)
        width = np.rint((ask - bid) / tick)
        whole = np.isfinite(lean) & (width >= 1.0)
    middle = (buckets - 1) // 2
    # Rounded by the size, so that a book and its mirror image never fall on different sides of a border.
    off = np.minimum(np.floor(np.abs(lean) * (buckets / 2.0) + 0.5), middle)
    bucket = middle + np.sign(lean) * off
    row = np.clip(width, 1, spreads) - 1
    state: I64 = np.where(whole, np.nan_to_num(row * buckets + bucket), -1).astype(np.int64)
    return state, lean


def _table(x: I64, y: I64, moves: F64, spreads: int, buckets: int) -> tuple[F64, F64]:
    """g in ticks and the number of visits, [spreads, buckets], from transitions x -> y that moved the mid."""
    n = spreads * buckets
    # The mirrored bucket stands at the same distance from the row's other end.
    mirrored = np.arange(n).reshape(spreads, buckets)[:, ::-1].ravel()
    x, y, moves = np.concatenate((x, mirrored[x])), np.concatenate((y, mirrored[y])), np.concatenate((moves, -moves))
    moved = moves != 0.0
    visits = np.bincount(x, minlength=n).astype(np.float64)
    each = np.maximum(visits, 1.0)
    stay = np.bincount(x[~moved] * n + y[~moved], minlength=n * n).reshape(n, n) / each[:, None]
    after = np.bincount(x[moved] * n + y[moved], minlength=n * n).reshape(n, n) / each[:, None]
    try:
        # Entries are expected visits before the mid moves.
        inverse = np.linalg.inv(np.eye(n) - stay)
        endless = bool(np.max(inverse) > MOST_VISITS)
    except np.linalg.LinAlgError:
        endless = True
    if endless:
        raise ConfigError("microprice fit: from some states the mid never moves; give more quotes or fewer buckets")
    term = inverse @ (np.bincount(x, moves, n) / each)
    onward = inverse @ after
    total = np.zeros(n)
    for _ in range(MOST_MOVES):
        # What is left of symmetry to rounding would otherwise stay in the sum for ever.
        term = (term - term[mirrored]) / 2.0
        total += term
        if np.max(np.abs(term)) < STILL:
            break
        term = onward @ term
    else:
        raise ConfigError(
            f"microprice fit: no end after {MOST_MOVES} moves of the mid; give more quotes or fewer buckets"
        )
    total[visits == 0.0] = np.nan
    return total.reshape(spreads, buckets), visits.reshape(spreads, buckets)


def _power_law(table: F64, visits: F64, imbalance: F64, half_spread: F64) -> tuple[float, float]:
    """Gain and power that come nearest, least squares weighted by the visits; (0, 1) where nothing is to be fitted."""
    use = (visits > 0.0) & (np.abs(imbalance) > 0.0)
    if not use.any():
        return 0.0, 1.0
    size = np.abs(imbalance[use])
    half = np.broadcast_to(half_spread[:, None], table.shape)[use]
    target = table[use] * np.sign(imbalance[use])
    weight = visits[use]

    def best(power: float) -> tuple[float, float, float]:
        curve = half * size**power
        gain = max(float(np.sum(weight * curve * target) / np.sum(weight * curve * curve)), 0.0)
        return float(np.sum(weight * (target - gain * curve) ** 2)), gain, power

    powers = np.geomspace(0.1, 10.0, 2001)
    _, gain, power = min(best(float(power)) for power in powers)
    return gain, power
