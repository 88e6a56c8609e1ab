"""A seeded market of made-up symbols: quotes and trades with bursts, for load, tests and demonstrations.

The model, per event (a tick of any symbol):

- **Arrivals** are a Hawkes process per symbol in its cluster form [1]: spontaneous events are Poisson, and every event
  has Poisson(`BRANCHING`) children after exponential delays of mean `DELAY_S`. The expected rate is exactly `rate`
  over all symbols; the variance of long counts is `1 / (1 - BRANCHING)^2` = 25 times Poisson's: bursts and lulls.
- **Activity** falls with the rank as in Zipf's law: symbol k gets a share proportional to `1 / k`. At 200 symbols the
  first has 17% of the ticks and the last 0.085%.
- **Fair value** `m`, in steps of the price grid, moves by `m * VOLATILITY * normal`, is pulled to where it began by
  `PULL` (so a soak of days stays within some 5%), and follows each trade by `IMPACT` of the half-spread.
- **Quotes** (60% of the ticks) set `bid = floor(m - h)` and `ask = ceil(m + h)` on the grid with a random half-spread
  h >= 0, and at least one step between them. A symbol's first tick is a quote.
- **Trades** (40%) happen at the bid (`side` sell) or the ask (buy) of the symbol's last quote; the side is that of the
  trade before with probability `PERSISTENCE`.

Prices are quote currency, on grids of 0.01, 0.05, 0.1 or 0.25, and begin at 2,000 to 50,000 steps; sizes are whole lots
>= 1. `seq` counts each symbol's ticks from 1, venue and clock are `sim`, symbols `SIM001`, `SIM002`, ...; event times
increase strictly over all symbols.

[1] A. G. Hawkes, D. Oakes: A cluster process representation of a self-exciting process, J. Appl. Prob. 11 (1974).
"""

import math
from collections.abc import Iterator
from itertools import count
from typing import Final

import numpy as np

from streams.columns import F64, I64
from streams.errors import ConfigError
from streams.records import Side, Tick

BRANCHING: Final = 0.8
DELAY_S: Final = 0.25
VOLATILITY: Final = 5e-5
PULL: Final = 5e-6
IMPACT: Final = 0.1
TRADE_SHARE: Final = 0.4
PERSISTENCE: Final = 0.6
VENUE: Final = "sim"

_GRIDS: Final = (100, 20, 10, 4)
"""Steps per unit of price; a price is a whole number divided by one, which is the nearest double to its decimal."""
_EVENTS_AT_ONCE: Final = 256
"""Expected events drawn in one go: few enough to take about a millisecond."""
_MIN_WINDOW_S: Final = 0.02


def simulate(symbols: int = 200, rate: float = 1000.0, *, seed: int, start_ns: int = 0) -> Iterator[Tick]:
    """Return an endless market of `symbols` symbols with `rate` ticks/s in total from `start_ns` on.

    The same arguments give the same ticks (with the same NumPy: its distributions may change between versions).

    Raises:
        ConfigError: fewer than one symbol, a rate that is not finite and above 0, or a negative seed.
    """
    if symbols < 1:
        raise ConfigError(f"symbols={symbols}: give 1 or more")
    if not 0 < rate < math.inf:
        raise ConfigError(f"rate={rate}: give a number of ticks per second above 0")
    if seed < 0:
        raise ConfigError(f"seed={seed}: give 0 or more")
    return _ticks(symbols, rate, np.random.default_rng(seed), start_ns)


def _ticks(symbols: int, rate: float, rng: np.random.Generator, start_ns: int) -> Iterator[Tick]:
    names = [f"SIM{number:03d}" for number in range(1, symbols + 1)]
    grid = rng.choice(_GRIDS, symbols).tolist()
    began = (10.0 ** rng.uniform(3.3, 4.7, symbols)).tolist()
    half = rng.uniform(0.4, 2.0, symbols).tolist()
    lot = (10.0 ** rng.uniform(0.0, 2.0, symbols)).tolist()
    fair = list(began)
    bid, ask, seq = [0] * symbols, [0] * symbols, [0] * symbols
    buying = [False] * symbols
    last_ns = start_ns - 1
    for times_ns, who in _arrivals(symbols, rate, rng):
        n = len(who)
        draws = zip(
            times_ns.tolist(),
            who.tolist(),
            rng.standard_normal(n).tolist(),
            *rng.random((2, n)).tolist(),
            *rng.standard_exponential((2, n)).tolist(),
            strict=True,
        )
        for since_ns, i, move, kind, chance, small, large in draws:
            last_ns = max(last_ns + 1, start_ns + since_ns)
            seq[i] += 1
            m = fair[i]
            m += m * VOLATILITY * move + PULL * (began[i] - m)
            if kind < TRADE_SHARE and seq[i] > 1:
                buy = buying[i] = buying[i] == (chance < PERSISTENCE)
                fair[i] = m + IMPACT * half[i] if buy else m - IMPACT * half[i]
                side: Side = "buy" if buy else "sell"
                yield Tick(
                    symbol=names[i],
                    ts_ns=last_ns,
                    price=(ask[i] if buy else bid[i]) / grid[i],
                    size=float(1 + int(large * lot[i])),
                    side=side,
                    seq=seq[i],
                    venue=VENUE,
                    clock=VENUE,
                )
            else:
                fair[i] = m
                h = half[i] * chance
                bid[i] = low = max(1, math.floor(m - h))
                ask[i] = high = max(low + 1, math.ceil(m + h))
                yield Tick(
                    symbol=names[i],
                    ts_ns=last_ns,
                    bid=low / grid[i],
                    ask=high / grid[i],
                    bid_size=float(1 + int(small * 5.0 * lot[i])),
                    ask_size=float(1 + int(large * 5.0 * lot[i])),
                    seq=seq[i],
                    venue=VENUE,
                    clock=VENUE,
                )


def _arrivals(symbols: int, rate: float, rng: np.random.Generator) -> Iterator[tuple[I64, I64]]:
    """Yield windows of event times (nanoseconds since the start, ascending) and the symbols (from 0) they belong to."""
    shares: F64 = np.cumsum(1.0 / np.arange(1, symbols + 1))
    shares /= shares[-1]
    window_s = max(_EVENTS_AT_ONCE / rate, _MIN_WINDOW_S)
    # What events before the start would still excite, so that the expected rate is `rate` from the first moment on:
    # on average rate * BRANCHING * DELAY_S children are underway, and an exponential delay forgets its beginning.
    underway = rng.poisson(rate * BRANCHING * DELAY_S)
    later_at: F64 = rng.exponential(DELAY_S, underway)
    later_who: I64 = np.searchsorted(shares, rng.random(underway), side="right").astype(np.int64)
    for number in count():
        end_s = (number + 1) * window_s
        spontaneous = rng.poisson(rate * (1.0 - BRANCHING) * window_s)
        at: F64 = number * window_s + window_s * rng.random(spontaneous)
        who: I64 = np.searchsorted(shares, rng.random(spontaneous), side="right").astype(np.int64)
        due = later_at < end_s
        at, who = np.concatenate((later_at[due], at)), np.concatenate((later_who[due], who))
        later_at, later_who = later_at[~due], later_who[~due]
        all_at, all_who = [at], [who]
        while len(at):
            children = rng.poisson(BRANCHING, len(at))
            at = np.repeat(at, children) + rng.exponential(DELAY_S, int(children.sum()))
            who = np.repeat(who, children)
            due = at < end_s
            later_at, later_who = np.concatenate((later_at, at[~due])), np.concatenate((later_who, who[~due]))
            at, who = at[due], who[due]
            all_at.append(at)
            all_who.append(who)
        at, who = np.concatenate(all_at), np.concatenate(all_who)
        order = np.argsort(at, kind="stable")
        yield (at[order] * 1e9).astype(np.int64), who[order]
