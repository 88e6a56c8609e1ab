"""Histories of trades and bars to try indicators on: made by seeds, and made by hypothesis."""

import numpy as np
from hypothesis import strategies as st

from streams.columns import F64
from tests.streams.indicators.stepping import Steps

QUANTITIES = (0.0, 0.0, 1e-8, 0.5, 1.0, 1.0, 2.5, 1e6)
"""Of trades and bars, also none and some that dwarf the others."""


def walk(seed: int, n: int, start: float = 100.0, volatility: float = 1e-3) -> F64:
    """A geometric random walk."""
    prices: F64 = start * np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0, volatility, n)))
    return prices


def ticks(seed: int, n: int) -> F64:
    """On a grid of 0.01, between bid and ask, with many repeats and now and then a jump."""
    rng = np.random.default_rng(seed)
    mid = 10_000 + np.cumsum(rng.choice([-1, 0, 0, 0, 0, 0, 0, 1], n) + rng.choice([0] * 50 + [-30, 30], n))
    prices: F64 = np.round((mid + rng.integers(0, 2, n)) * 0.01, 2)
    return prices


def prices(n: int) -> dict[str, F64]:
    """Kinds of market, each of n prices."""
    noise = np.random.default_rng(5).normal(0.0, 1e-6, n)
    return {
        "walk": walk(1, n),
        "wild walk": walk(2, n, volatility=0.2),
        "constant": np.full(n, 101.37),
        "rising": np.linspace(50.0, 80.0, n),
        "falling": np.linspace(80.0, 50.0, n),
        "ticks": ticks(3, n),
        "flat stretches": np.repeat(walk(4, n // 60 + 1), 60)[:n],
        "tiny moves on 1e5": 1e5 + noise,
        "tiny moves and a trend": 1e5 + noise + 1e-7 * np.arange(n),
        "tiny prices": walk(6, n, start=3e-9),
        "a bad tick": np.where(np.arange(n) == n // 3, 1e9, walk(7, n)),
    }


def trades(closes: F64, seed: int = 1) -> Steps:
    """One trade a step, of quantities that may be 0."""
    return Steps(close=closes, volume=np.random.default_rng(seed).choice(QUANTITIES, len(closes)))


def bars(closes: F64, every: int = 4, seed: int = 2) -> Steps:
    """Bars of `every` prices each."""
    made = closes[: len(closes) // every * every].reshape(-1, every)
    volume = np.random.default_rng(seed).choice(QUANTITIES, len(made))
    return Steps(open=made[:, 0], high=made.max(axis=1), low=made.min(axis=1), close=made[:, -1], volume=volume)


def markets(n: int) -> dict[str, Steps]:
    """Every kind of market as n trades and as n bars."""
    found = {f"{name}, trades": trades(made) for name, made in prices(n).items()}
    return found | {f"{name}, bars": bars(made) for name, made in prices(4 * n).items()}


PRICE = st.one_of(
    st.floats(1e-3, 1e6), st.sampled_from([100.0, 100.01, 100.02, 100.03, 1e5, 1e5 + 1e-6, 1e5 + 2e-6, 3e-9])
)


@st.composite
def histories(draw: st.DrawFn, longest: int = 60) -> Steps:
    """Trades or bars at any prices, with repeats, runs, jumps and quantities of 0."""
    n = draw(st.integers(1, longest))
    volume = draw(st.lists(st.sampled_from(QUANTITIES), min_size=n, max_size=n))
    known = draw(st.lists(PRICE, min_size=1, max_size=6))
    price = st.one_of(PRICE, st.sampled_from(known), st.sampled_from(known))
    closes = draw(st.lists(price, min_size=n, max_size=n))
    if draw(st.booleans()):
        return Steps(close=closes, volume=volume)
    others = np.array([draw(st.lists(price, min_size=n, max_size=n)) for _ in range(3)] + [closes])
    return Steps(open=others[0], high=others.max(axis=0), low=others.min(axis=0), close=closes, volume=volume)
