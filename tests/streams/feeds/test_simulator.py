import math
from collections import Counter, defaultdict
from itertools import islice, pairwise, takewhile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.errors import ConfigError
from streams.feeds.simulator import BRANCHING, TRADE_SHARE, simulate
from streams.records import Tick

START_NS = 1_790_000_000_000_000_000


def on_grid(price: float) -> bool:
    return any(round(price * steps) / steps == price for steps in (100, 20, 10, 4))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**63), st.integers(1, 300), st.floats(0.01, 1e6))
def test_every_market_is_a_possible_one(seed: int, symbols: int, rate: float) -> None:
    last_ns = START_NS - 1
    seq: Counter[str] = Counter()
    quote: dict[str, Tick] = {}
    for tick in islice(simulate(symbols, rate, seed=seed, start_ns=START_NS), 600):
        assert tick.ts_ns is not None
        assert tick.ts_ns > last_ns
        last_ns = tick.ts_ns
        seq[tick.symbol] += 1
        assert tick.seq == seq[tick.symbol]
        assert 1 <= int(tick.symbol.removeprefix("SIM")) <= symbols
        assert (tick.venue, tick.clock, tick.ts) == ("sim", "sim", None)
        if tick.price is None:
            assert tick.bid is not None
            assert tick.ask is not None
            assert 0 < tick.bid < tick.ask < math.inf
            assert on_grid(tick.bid)
            assert on_grid(tick.ask)
            assert min(tick.bid_size or 0, tick.ask_size or 0) >= 1
            assert (tick.side, tick.size) == (None, 0.0)
            quote[tick.symbol] = tick
        else:
            last = quote[tick.symbol]
            assert tick.price == (last.ask if tick.side == "buy" else last.bid)
            assert tick.side in ("buy", "sell")
            assert tick.size >= 1
            assert (tick.bid, tick.ask, tick.bid_size, tick.ask_size) == (None, None, None, None)


def test_same_seed_same_market_and_another_seed_another() -> None:
    first = list(islice(simulate(50, 500.0, seed=7), 5000))
    assert list(islice(simulate(50, 500.0, seed=7), 5000)) == first
    assert list(islice(simulate(50, 500.0, seed=8), 5000)) != first


def test_start_only_shifts_the_times() -> None:
    at_zero = list(islice(simulate(5, 10.0, seed=7), 500))
    later = list(islice(simulate(5, 10.0, seed=7, start_ns=START_NS), 500))
    assert [(t.ts_ns or 0) + START_NS for t in at_zero] == [t.ts_ns for t in later]
    assert [(t.symbol, t.price, t.bid) for t in at_zero] == [(t.symbol, t.price, t.bid) for t in later]


@pytest.mark.parametrize("rate", [1.0, 1000.0, 100_000.0])
def test_rate_is_the_asked_one_from_the_first_moment_on(rate: float) -> None:
    # Ticks of the first 40 delays (10 s) or, at the highest rate, 50,000 ticks; mean over seeds.
    seconds = min(10.0, 50_000 / rate)
    counts = [
        sum(1 for _ in takewhile(lambda t: (t.ts_ns or 0) < seconds * 1e9, simulate(20, rate, seed=seed)))
        for seed in range(12)
    ]
    expected = rate * seconds
    # Five standard errors of a Hawkes count, whose variance is at most 1 / (1 - n)^2 times Poisson's.
    assert abs(np.mean(counts) - expected) < 5 * math.sqrt(expected / (1 - BRANCHING) ** 2 / len(counts))


def test_activity_falls_as_zipf_says() -> None:
    counts = Counter(tick.symbol for tick in islice(simulate(200, 1000.0, seed=1), 200_000))
    harmonic = sum(1 / k for k in range(1, 201))
    for rank in (1, 2, 5, 20):
        assert counts[f"SIM{rank:03d}"] / 200_000 == pytest.approx(1 / rank / harmonic, rel=0.25)
    assert 0 < counts["SIM200"] < 600


def test_trades_have_their_share() -> None:
    ticks = list(islice(simulate(200, 1000.0, seed=2), 100_000))
    assert sum(tick.price is not None for tick in ticks) / len(ticks) == pytest.approx(TRADE_SHARE, abs=0.01)


def test_arrivals_come_in_bursts() -> None:
    counts: Counter[int] = Counter()
    for tick in takewhile(lambda t: (t.ts_ns or 0) < 400e9, simulate(1, 50.0, seed=3)):
        counts[(tick.ts_ns or 0) // 2_000_000_000] += 1
    per_window = np.array([counts[window] for window in range(200)])
    assert per_window.var() / per_window.mean() > 5  # 1 for a Poisson process


def test_prices_move_and_stay_near_their_beginning() -> None:
    mids: dict[str, list[float]] = defaultdict(list)
    for tick in islice(simulate(3, 1000.0, seed=4), 300_000):
        if tick.bid is not None and tick.ask is not None:
            mids[tick.symbol].append((tick.bid + tick.ask) / 2)
    for series in mids.values():
        assert len(set(series)) > 20
        assert max(abs(mid / series[0] - 1) for mid in series) < 0.15
        assert max(abs(b / a - 1) for a, b in pairwise(series)) < 0.01


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"symbols": 0}, "symbols=0"),
        ({"rate": 0.0}, r"rate=0\.0"),
        ({"rate": math.nan}, "rate=nan"),
        ({"rate": math.inf}, "rate=inf"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_impossible_markets_are_refused_at_once(arguments: dict[str, float], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        simulate(**{"seed": 1, **arguments})  # type: ignore[arg-type]  # the table mixes ints and floats
