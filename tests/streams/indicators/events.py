"""Histories of single events to try indicators on: trades with signs, mids, sessions and a reference; quotes; ticks."""

import numpy as np
from hypothesis import strategies as st

from streams.columns import F64
from tests.streams.indicators.histories import PRICE, QUANTITIES, bars, ticks, walk
from tests.streams.indicators.stepping import Steps, before

SESSIONS = (0.0, 86_400.0, 172_800.0, 259_200.0)
SIZES = (0.0, 1.0, 1.0, 2.0, 3.0, 5.0, 0.1, 1e4, float("nan"))
SECONDS = (0.0, 0.0, 1e-9, 0.25, 1.0, 7.0, 61.0, 86_400.0)


def around(closes: F64, seed: int) -> dict[str, F64]:
    """What comes with trades at `closes`: signs and mids of which some are missing, sessions, a reference that begins
    after a while."""
    rng = np.random.default_rng(seed)
    n = len(closes)
    sign = rng.choice([-1.0, 0.0, 1.0], n, p=[0.45, 0.1, 0.45])
    mid = closes * (1 - sign * 1e-4 * rng.random(n))
    mid[rng.random(n) < 0.05] = np.nan
    session = np.asarray(SESSIONS)[np.minimum(np.arange(n) * 3 // max(n, 1) + 1, 3)]
    session[rng.random(n) < 0.1] = 0.0
    reference = walk(seed + 100, n, start=4e4)
    reference[: n // 10] = np.nan
    return {"sign": sign, "mid": mid, "session": session, "reference": reference}


def seeded_trades(seed: int, n: int, *, gridded: bool = True) -> Steps:
    """Trades on a grid of 0.01 with repeats, or on a walk without."""
    closes = ticks(seed, n) if gridded else walk(seed, n)
    volume = np.random.default_rng(seed).choice([0.0, 0.5, 1.0, 1.0, 2.5, 40.0], n)
    return Steps(close=closes, volume=volume, **around(closes, seed))


def seeded_bars(seed: int, n: int) -> Steps:
    """Bars of four prices each, with their own sums."""
    made = bars(walk(seed, 4 * n), seed=seed)
    rng = np.random.default_rng(seed)
    within = made.low + rng.random(n) * (made.high - made.low)
    return Steps(
        **{name: made[name] for name in ("open", "high", "low", "close", "volume")},
        dollars=within * made.volume,
        signed=made.volume * rng.uniform(-1, 1, n),
        **around(made.close, seed),
    )


def quotes(bid: F64, width: F64, bid_size: F64, ask_size: F64, alone: F64) -> Steps:
    """Quotes of which those marked `alone` come after one that had one side only."""
    given = {"bid": bid, "ask": bid + width, "bid_size": bid_size, "ask_size": ask_size}
    return Steps(
        **given, **{f"previous_{name}": np.where(alone != 0, np.nan, before(values)) for name, values in given.items()}
    )


def seeded_quotes(seed: int, n: int) -> Steps:
    """Quotes around a walk on a grid, now and then locked, crossed, or without sizes."""
    rng = np.random.default_rng(seed)
    bid = ticks(seed, n)
    width = np.round(0.01 * rng.choice([-1, 0, 1, 1, 1, 2, 3], n), 2)
    sizes = rng.choice(SIZES, (2, n))
    return quotes(bid, width, sizes[0], sizes[1], rng.choice([0.0, 0.0, 0.0, 1.0], n))


def timed(dt: F64, is_trade: F64) -> Steps:
    """Ticks `dt` seconds apart, trades or quotes, one exchange session with closed hours around it."""
    n = len(dt)
    now = np.cumsum(dt)
    last = np.maximum.accumulate(np.where(is_trade != 0, np.arange(n), -1))
    since = np.where(last >= 0, now - now[np.maximum(last, 0)], np.nan)
    inside = (now > 5.0) & (now < 500.0)
    return Steps(
        dt=np.concatenate(([np.nan], dt[1:])),
        is_trade=is_trade,
        since_trade=since,
        since_open=np.where(inside, now - 5.0, np.nan),
        phase=np.where(inside, 1.0, 0.0),
    )


def seeded_ticks(seed: int, n: int) -> Steps:
    """Ticks at times that are multiples of 1/4 s, the first ones quotes."""
    rng = np.random.default_rng(seed)
    is_trade = (rng.random(n) < 0.5).astype(np.float64)
    is_trade[:2] = 0.0
    return timed(rng.choice([0.0, 0.25, 1.0, 7.0, 61.0], n), is_trade)


@st.composite
def trade_events(draw: st.DrawFn, longest: int = 40) -> Steps:
    """Trades at any prices, of any signs, with or without mids, through sessions, beside a reference."""
    n = draw(st.integers(1, longest))
    known = draw(st.lists(PRICE, min_size=1, max_size=6))

    def column(values: st.SearchStrategy[float]) -> F64:
        return np.array(draw(st.lists(values, min_size=n, max_size=n)))

    price = st.one_of(PRICE, st.sampled_from(known), st.sampled_from(known))
    reference = column(price)
    reference[: draw(st.integers(0, n))] = np.nan
    return Steps(
        close=column(price),
        volume=column(st.sampled_from(QUANTITIES)),
        sign=column(st.sampled_from([-1.0, 0.0, 1.0])),
        mid=column(st.one_of(price, price, st.just(float("nan")))),
        session=np.sort(column(st.sampled_from(SESSIONS[1:]))) * column(st.sampled_from([0.0, 1.0, 1.0, 1.0])),
        reference=reference,
    )


@st.composite
def quote_events(draw: st.DrawFn, longest: int = 40) -> Steps:
    """Quotes at few prices or any, locked and crossed ones too, with sizes or without."""
    n = draw(st.integers(1, longest))

    def column(values: st.SearchStrategy[float]) -> F64:
        return np.array(draw(st.lists(values, min_size=n, max_size=n)))

    return quotes(
        column(st.sampled_from([100.0, 100.01, 100.02])) + column(st.sampled_from([0.0, 0.0, 1e5])),
        column(st.sampled_from([-0.01, 0.0, 0.01, 0.01, 0.02, 0.05])),
        column(st.sampled_from(SIZES)),
        column(st.sampled_from(SIZES)),
        column(st.sampled_from([0.0, 0.0, 0.0, 1.0])),
    )


@st.composite
def tick_events(draw: st.DrawFn, longest: int = 40) -> Steps:
    """Ticks at equal, near and far times, trades or quotes."""
    n = draw(st.integers(1, longest))
    dt = draw(st.lists(st.sampled_from(SECONDS), min_size=n, max_size=n))
    is_trade = draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=n, max_size=n))
    return timed(np.array(dt), np.array(is_trade))
